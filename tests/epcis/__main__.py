"""`python -m tests.epcis [--folder FOLDER]`: compare our schemas of EPCIS with GS1's. `make conformance`.

The folder holds GS1's EPCIS-JSON-Schema.json and its examples; EPCIS_SCHEMA names it, too. Ends with 1 when a document
is taken by one and refused by the other, with 2 when the folder is not there.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.epcis import gs1
from tests.epcis.conformance import Row, rows

SHOWN_MAX: Final = 20
_LINE: Final = "{:<42} {:>9} {:>9} {:>9} {:>9}"


def _line(row: Row) -> str:
    numbers = (row.documents, row.taken, row.refused, len(row.differences))
    return _LINE.format(row.name, *(f"{number:,}" for number in numbers))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; prints a row as soon as it is known."""
    parser = argparse.ArgumentParser(prog="make conformance", description=__doc__)
    parser.add_argument("--folder", type=Path, default=gs1.folder(), help="where GS1's schema lies")
    folder = parser.parse_args(arguments).folder
    schema = gs1.schema_in(folder)
    if schema is None:
        print(
            f"GS1's schema of EPCIS 2.0 is not at {folder}: nothing was compared. Get {gs1.NAME} from gs1/EPCIS and"
            f" name its folder: {gs1.VARIABLE}=… 未找到 GS1 的 EPCIS 架构文件，未作比对。",
            file=sys.stderr,
        )
        return 2
    validator = gs1.validator_of(schema)
    print(_LINE.format("documents", "compared", "taken", "refused", "differed"))
    total = Row("all")
    for row in rows(validator.is_valid, gs1.examples_in(folder)):
        print(_line(row), flush=True)
        for told in row.differences[:SHOWN_MAX]:
            print(f"    {told}")
        if len(row.differences) > SHOWN_MAX:
            print(f"    … and {len(row.differences) - SHOWN_MAX} more")
        total.taken += row.taken
        total.refused += row.refused
        total.differences += row.differences
    print(_line(total))
    return 1 if total.differences else 0


if __name__ == "__main__":
    sys.exit(main())
