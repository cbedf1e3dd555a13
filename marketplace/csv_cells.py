"""Cells of a CSV file that no spreadsheet runs as a formula, and the file that it opens with Chinese text. Pure.

A spreadsheet runs a cell that starts with = + - @ tab or CR. Such a cell is written with an apostrophe before it,
which reading takes off again; cells that start with apostrophes followed by one of these get one more, so that what was
written always reads back as it was. A plain number is no formula, also below zero.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Final

_DANGEROUS: Final = re.compile(r"'*[=+\-@\t\r]")
_GUARDED: Final = re.compile(r"'+[=+\-@\t\r]")
_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?")


def guarded(text: str) -> str:
    return f"'{text}" if _DANGEROUS.match(text) else text


def unguarded(text: str) -> str:
    return text[1:] if _GUARDED.match(text) else text


def guarded_text_or_number(text: str) -> str:
    """For cells that people add up: a number stays one."""
    return text if _NUMBER.fullmatch(text) else guarded(text)


def file_of(header: Sequence[str], rows: Iterable[Sequence[str | int]]) -> bytes:
    """UTF-8 with a byte order mark, without which spreadsheets take Chinese for something else; lines end in CR LF."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(header)
    for row in rows:
        writer.writerow([guarded_text_or_number(str(value)) for value in row])
    return out.getvalue().encode("utf-8-sig")
