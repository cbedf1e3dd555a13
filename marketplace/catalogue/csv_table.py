"""Tables as CSV text: read with every fault named by line and column, written safe for spreadsheets. Pure.

What guards a cell stands in marketplace/csv_cells.py.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from marshmallow import ValidationError, fields

from marketplace import errors
from marketplace.csv_cells import guarded, unguarded
from marketplace.language import Text

ROWS_MAX: Final = 5_000
_VALUE_SHOWN: Final = 100

Read = Callable[[str], Any]
"""From a cell's text to its value; raises errors.Invalid whose detail is the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: how its cells read. `optional`: it may be left out, and an empty cell reads as None."""

    name: str
    read: Read
    optional: bool = False
    unique: bool = False
    """No two rows of one file hold the same value here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with one cell; `column` is empty when it is the whole line."""

    line: int
    column: str
    value: str
    reason: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The values of one line by column; an optional column that the file leaves out is not among them."""

    line: int
    values: dict[str, Any]


@dataclass(slots=True)
class Table:
    """What a file holds: its good rows, and the faults of all others."""

    rows: list[Row] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


class CsvRefused(errors.Invalid):
    """The file has faults; `errors` names them by line and column, `faults` counts them. Nothing was changed."""

    title = Text(en="The file has faults; nothing was changed.", zh="文件有误，未作任何更改。")

    def __init__(self, faults: Sequence[Fault]) -> None:
        ordered = sorted(faults, key=lambda fault: fault.line)
        super().__init__(errors=[_member(fault) for fault in ordered])
        self.facts["faults"] = len(ordered)


def cell(shape: fields.Field[Any], says: Text) -> Read:
    """Read a cell by a field's rule; `says` is the reason given for whatever the rule refuses."""

    def read(text: str) -> Any:
        try:
            return shape.deserialize(text)
        except ValidationError:
            raise errors.Invalid(says) from None

    return read


def decode(data: bytes) -> str:
    """The text of a file in UTF-8, with or without a byte order mark; raises CsvRefused."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        reason = Text(en="The file is not in UTF-8.", zh="文件不是 UTF-8 编码。")
        raise CsvRefused([Fault(line=line, column="", value="", reason=reason)]) from None


def parse(text: str, columns: Sequence[Column]) -> Table:
    """Read the whole text: the first line names the columns, in any order; empty lines do not count."""
    table = Table()
    lines = _lines(text.removeprefix("\ufeff"), table)
    heading_line, heading = next(lines, (1, []))
    names = [name.strip() for name in heading]
    table.faults += _faults_of_heading(heading_line, names, columns)
    if table.faults:
        return table
    by_name = {column.name: column for column in columns}
    for number, (line, cells) in enumerate(lines):
        if number == ROWS_MAX:
            table.faults.append(_fault(line, "", "", _TOO_MANY_ROWS))
            break
        _read_row(table, line, cells, [by_name[name] for name in names])
    table.faults += _repetitions(table.rows, columns)
    return table


def write(columns: Sequence[Column], rows: Iterable[Mapping[str, Any]]) -> str:
    """The rows as CSV text with a heading, every line ended by CR LF; None becomes an empty cell."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([column.name for column in columns])
    for row in rows:
        values = (row[column.name] for column in columns)
        writer.writerow(["" if value is None else guarded(str(value)) for value in values])
    return out.getvalue()


_TOO_MANY_ROWS: Final = Text(
    en=f"A file has at most {ROWS_MAX:,} rows.", zh=f"每个文件最多 {ROWS_MAX:,} 行。"
)


def _lines(text: str, table: Table) -> Iterator[tuple[int, list[str]]]:
    """Each line with content and its number; the first that is no CSV becomes a fault and ends the reading."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error:
        reason = Text(en="This line is not CSV: look at its quotes.", zh="该行不是有效的 CSV，请检查引号。")
        table.faults.append(_fault(line, "", "", reason))


def _faults_of_heading(line: int, names: list[str], columns: Sequence[Column]) -> Iterator[Fault]:
    known = {column.name for column in columns}
    seen: set[str] = set()
    for name in names:
        if name not in known:
            yield _fault(line, name, name, Text(en="This column is not known.", zh="未知的列。"))
        elif name in seen:
            yield _fault(line, name, name, Text(en="This column is there twice.", zh="该列重复。"))
        seen.add(name)
    for column in columns:
        if not column.optional and column.name not in seen:
            yield _fault(line, column.name, "", Text(en="This column is missing.", zh="缺少该列。"))


def _read_row(table: Table, line: int, cells: list[str], columns: Sequence[Column]) -> None:
    if len(cells) != len(columns):
        reason = Text(
            en="This line has {have} cells, the heading has {want}.",
            zh="该行有 {have} 格，表头有 {want} 列。",
        ).format(have=len(cells), want=len(columns))
        table.faults.append(_fault(line, "", "", reason))
        return
    values: dict[str, Any] = {}
    faults: list[Fault] = []
    for column, raw in zip(columns, cells, strict=True):
        text = unguarded(raw)
        if column.optional and not text.strip():
            values[column.name] = None
            continue
        try:
            values[column.name] = column.read(text)
        except errors.Invalid as refusal:
            faults.append(_fault(line, column.name, text, refusal.detail or refusal.title))
    if faults:
        table.faults += faults
    else:
        table.rows.append(Row(line=line, values=values))


def _repetitions(rows: Sequence[Row], columns: Sequence[Column]) -> Iterator[Fault]:
    for column in columns:
        if not column.unique:
            continue
        first: dict[Any, int] = {}
        for row in rows:
            value = row.values.get(column.name)
            if value is not None and first.setdefault(value, row.line) != row.line:
                reason = Text(en="Line {line} has the same.", zh="与第 {line} 行重复。").format(
                    line=first[value]
                )
                yield _fault(row.line, column.name, str(value), reason)


def _fault(line: int, column: str, value: str, reason: Text) -> Fault:
    return Fault(line=line, column=column, value=value, reason=reason)


def _member(fault: Fault) -> dict[str, Any]:
    value = fault.value[:_VALUE_SHOWN]
    return {"line": fault.line, "column": fault.column[:_VALUE_SHOWN], "value": value, "detail": fault.reason}
