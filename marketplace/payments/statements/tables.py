"""Statements as CSV: the columns of each bank's file are found by a mapping, every bad line is named. Pure.

A new bank is a new `Mapping`: what its columns are called, how it writes days, directions and currencies.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from marketplace.payments.statements.lines import (
    ACCOUNT_MAX,
    NAME_MAX,
    TEXT_MAX,
    BadLine,
    CellRefused,
    Entry,
    Reading,
    StatementRefused,
    bounded,
    clean,
    key_of,
    minor_of,
    refused,
)
from marketplace.payments.statements.states import Direction, LineFault, StatementFault, StatementFormat
from marketplace.values import MINOR_DIGITS

HEADING_WITHIN: Final = 30
"""Banks write a few lines of their own above the heading."""
_DELIMITERS: Final = (",", ";", "\t")
_YEARS: Final = (2000, 2099)


@dataclass(frozen=True, slots=True, kw_only=True)
class BankTable:
    """How one bank writes its statement. Each column is named by any of its headings."""

    key: tuple[str, ...]
    booked_on: tuple[str, ...]
    currency: tuple[str, ...]
    amount: tuple[str, ...] = ()
    """One column of amounts needs one of directions; else there is a column for each direction."""
    direction: tuple[str, ...] = ()
    credit: tuple[str, ...] = ()
    debit: tuple[str, ...] = ()
    remittance: tuple[str, ...] = ()
    """All of these that are there make the text."""
    counterparty_name: tuple[str, ...] = ()
    counterparty_account: tuple[str, ...] = ()
    days: tuple[str, ...] = (r"(\d{4})-(\d{2})-(\d{2})",)
    directions: Mapping[str, Direction]
    currencies: Mapping[str, str]
    currency_default: str | None = None
    """Of files without a column of currencies."""


_ISO_CURRENCIES: Final = {code: code for code in MINOR_DIGITS}

TABLES: Final[dict[StatementFormat, BankTable]] = {
    StatementFormat.GENERIC_CSV: BankTable(
        key=("entry_key",),
        booked_on=("booked_on",),
        currency=("currency",),
        amount=("amount",),
        direction=("direction",),
        remittance=("remittance",),
        counterparty_name=("counterparty_name",),
        counterparty_account=("counterparty_account",),
        directions={"credit": Direction.CREDIT, "debit": Direction.DEBIT},
        currencies=_ISO_CURRENCIES,
    ),
    StatementFormat.CHINESE_CSV: BankTable(
        key=("交易流水号", "银行流水号", "流水号"),
        booked_on=("交易日期", "记账日期", "入账日期"),
        currency=("币种", "货币"),
        credit=("收入金额", "贷方发生额", "收入"),
        debit=("支出金额", "借方发生额", "支出"),
        remittance=("附言", "摘要", "用途", "备注"),
        counterparty_name=("对方户名", "对方名称"),
        counterparty_account=("对方账号", "对方帐号"),
        days=(
            r"(\d{4})-(\d{2})-(\d{2})",
            r"(\d{4})(\d{2})(\d{2})",
            r"(\d{4})/(\d{2})/(\d{2})",
        ),
        directions={},
        currencies={
            **_ISO_CURRENCIES,
            "人民币": "CNY",
            "人民币元": "CNY",
            "RMB": "CNY",
            "美元": "USD",
            "欧元": "EUR",
            "港币": "HKD",
            "日元": "JPY",
        },
        currency_default="CNY",
    ),
}


def decoded(data: bytes) -> str:
    """A file's text: UTF-8 with or without a byte order mark, else GB18030. Raises StatementRefused."""
    if not data.strip():
        raise refused(StatementFault.EMPTY)
    if (place := data.find(b"\0")) >= 0:
        raise refused(StatementFault.NUL, line=data.count(b"\n", 0, place) + 1)
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError as problem:
            line = data.count(b"\n", 0, problem.start) + 1
    raise refused(StatementFault.ENCODING, line=line)


def read(data: bytes, statement_format: StatementFormat) -> Reading:
    """The file's entries and bad lines. Raises StatementRefused."""
    table, text = TABLES[statement_format], decoded(data)
    for delimiter in _DELIMITERS:
        heading = _heading(text, delimiter, table)
        if heading is not None:
            return _read(text, delimiter, table, *heading)
    raise refused(StatementFault.NO_HEADING)


def _heading(text: str, delimiter: str, table: BankTable) -> tuple[int, list[str]] | None:
    """The line of the heading, and its names."""
    rows = _rows(text, delimiter)
    try:
        for _, (line, cells) in zip(range(HEADING_WITHIN), rows, strict=False):
            names = [clean(cell) for cell in cells]
            if _is_heading(names, table):
                return line, names
    except StatementRefused:
        pass
    return None


def _is_heading(names: Sequence[str], table: BankTable) -> bool:
    needed = [table.key, table.booked_on]
    needed += [table.amount, table.direction] if table.amount else [table.credit, table.debit]
    if table.currency_default is None:
        needed.append(table.currency)
    return all(any(name in names for name in each) for each in needed)


@dataclass(frozen=True, slots=True)
class _Line:
    """One line's cells by role."""

    table: BankTable
    places: Mapping[str, int]
    cells: Sequence[str]

    def cell(self, wanted: Sequence[str]) -> tuple[str, str]:
        """The first of these columns that the file has: its name and cell."""
        found = next((name for name in wanted if name in self.places), "")
        return found, (self.cells[self.places[found]] if found else "")

    def text(self) -> str:
        parts = [self.cells[self.places[name]] for name in self.table.remittance if name in self.places]
        return " | ".join(filter(None, map(clean, parts)))


def _read(text: str, delimiter: str, table: BankTable, heading: int, names: list[str]) -> Reading:
    known = [
        name
        for wanted in (
            table.key,
            table.booked_on,
            table.currency,
            table.amount,
            table.direction,
            table.credit,
            table.debit,
            table.remittance,
            table.counterparty_name,
            table.counterparty_account,
        )
        for name in wanted
    ]
    if any(names.count(name) > 1 for name in known):
        raise refused(StatementFault.HEADING_TWICE, line=heading)
    reading = Reading()
    places = {name: names.index(name) for name in known if name in names}
    for line, cells in _rows(text, delimiter):
        if line <= heading:
            continue
        reading.count(line)
        if len(cells) != len(names):
            shown = clean(delimiter.join(cells))[:100]
            reading.bad.append(BadLine(line=line, cell="", value=shown, fault=LineFault.CELLS_DIFFER))
            continue
        try:
            reading.entries.append(_entry(line, _Line(table, places, cells)))
        except CellRefused as problem:
            reading.bad.append(problem.at(line))
    return reading


def _entry(line: int, cells: _Line) -> Entry:
    table = cells.table
    with _Cell(*cells.cell(table.key)) as (_, raw):
        key = key_of(raw)
    with _Cell(*cells.cell(table.booked_on)) as (_, raw):
        booked_on = _day(raw, table.days)
    with _Cell(*cells.cell(table.currency)) as (_, raw):
        currency = table.currencies.get(clean(raw) or table.currency_default or "")
        if currency is None:
            raise CellRefused(LineFault.CURRENCY_UNKNOWN)
    direction, (column, raw) = _direction(cells)
    with _Cell(column, raw):
        minor = minor_of(raw, currency)
    with _Cell(table.remittance[0], ""):
        remittance = bounded(cells.text(), TEXT_MAX)
    with _Cell(*cells.cell(table.counterparty_name)) as (_, raw):
        name = bounded(raw, NAME_MAX)
    with _Cell(*cells.cell(table.counterparty_account)) as (_, raw):
        account = bounded(raw.strip().removeprefix("'"), ACCOUNT_MAX)
    return Entry(
        line=line,
        key=key,
        direction=direction,
        amount_minor=minor,
        currency=currency,
        booked_on=booked_on,
        remittance=remittance,
        counterparty_name=name,
        counterparty_account=account,
    )


def _direction(cells: _Line) -> tuple[Direction, tuple[str, str]]:
    """Which way the money went, and the cell that says how much. Raises CellRefused."""
    table = cells.table
    if table.amount:
        column, word = cells.cell(table.direction)
        direction = table.directions.get(clean(word).lower())
        if direction is None:
            raise CellRefused(LineFault.DIRECTION_UNKNOWN, column=column, value=word)
        return direction, cells.cell(table.amount)
    came, went = cells.cell(table.credit), cells.cell(table.debit)
    if _says_nothing(came[1]) == _says_nothing(went[1]):
        fault = LineFault.AMOUNT_MISSING if _says_nothing(came[1]) else LineFault.AMOUNT_TWICE
        raise CellRefused(fault, column=came[0], value=came[1])
    return (Direction.DEBIT, went) if _says_nothing(came[1]) else (Direction.CREDIT, came)


def _says_nothing(cell: str) -> bool:
    """An empty cell, or the zero or dash that banks put in the other column."""
    return re.fullmatch(r"0*(\.0*)?|-+", clean(cell)) is not None


def _day(text: str, forms: Sequence[str]) -> date:
    found = clean(text)
    for form in forms:
        match = re.fullmatch(form, found, re.ASCII)
        if match is None:
            continue
        year, month, day = map(int, match.groups())
        if _YEARS[0] <= year <= _YEARS[1]:
            try:
                return date(year, month, day)
            except ValueError:
                break
    raise CellRefused(LineFault.DAY_UNREADABLE)


class _Cell:
    """Inside, what is refused is refused of this cell."""

    def __init__(self, column: str, raw: str) -> None:
        self._where = (column, raw)

    def __enter__(self) -> tuple[str, str]:
        return self._where

    def __exit__(self, _kind: object, problem: BaseException | None, _trace: object) -> None:
        if isinstance(problem, CellRefused):
            problem.column = problem.column or self._where[0]
            problem.value = problem.value or self._where[1]


def _rows(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Each line with content and its number. Raises StatementRefused for what is no CSV."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=delimiter)
    line = 1
    try:
        for cells in reader:
            if any(map(str.strip, cells)):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error:
        raise refused(StatementFault.NOT_CSV, line=line) from None
