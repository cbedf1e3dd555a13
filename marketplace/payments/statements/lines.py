"""What a statement's file holds once it is read: entries, and lines that are none. Pure."""

import re
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Final

from marketplace import errors
from marketplace.language import Text
from marketplace.payments.statements.states import FAULTS, LINES_MAX, Direction, LineFault, StatementFault
from marketplace.values import MINOR_DIGITS, TOTAL_MINOR_MAX

KEY_MAX: Final = 56
TEXT_MAX: Final = 2_000
NAME_MAX: Final = 200
ACCOUNT_MAX: Final = 60
VALUE_SHOWN: Final = 100

_KEY: Final = re.compile(rf"[A-Za-z0-9][A-Za-z0-9 ._:/+*-]{{0,{KEY_MAX - 1}}}")
_AMOUNT: Final = re.compile(r"([0-9]+)(?:\.([0-9]+))?", re.ASCII)
_SEPARATED: Final = re.compile(r"[0-9][,'’ \u00a0\u202f，][0-9]", re.ASCII)
_UNSEEN: Final = re.compile(
    "[\x00-\x20\x7f-\xa0\u061c\u200b-\u200f\u2028-\u202f\u2066-\u2069\u3000\ufeff\ud800-\udfff]+"
)
"""Blanks of all kinds, control characters, and what turns the direction."""


class StatementRefused(errors.Invalid):
    """The file cannot be read as a statement, or no line of it is good; `errors` names lines. Nothing was stored."""

    title = Text(en="The statement cannot be read; nothing was stored.", zh="无法读取对账单，未作任何更改。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One movement of an account as its bank tells it."""

    line: int
    key: str
    """The bank's own number of it, by which it is known again."""
    direction: Direction
    amount_minor: int
    currency: str
    booked_on: date
    remittance: str = ""
    counterparty_name: str = ""
    counterparty_account: str = ""
    is_reversal: bool = False

    @property
    def facts(self) -> tuple[str, int, str]:
        """What must be the same when its number comes again."""
        return str(self.direction), self.amount_minor, self.currency


@dataclass(frozen=True, slots=True, kw_only=True)
class BadLine:
    """A line that is no entry; `cell` names the column, and is empty when it is the whole line."""

    line: int
    cell: str
    value: str
    fault: LineFault


@dataclass(slots=True)
class Reading:
    entries: list[Entry] = field(default_factory=list)
    bad: list[BadLine] = field(default_factory=list)

    def count(self, line: int) -> None:
        """Raises StatementRefused when the file has too many lines."""
        if len(self.entries) + len(self.bad) >= LINES_MAX:
            raise refused(StatementFault.TOO_MANY_LINES, line=line)


class CellRefused(Exception):
    """A cell does not hold what it must."""

    def __init__(self, fault: LineFault, *, column: str = "", value: str = "") -> None:
        self.fault, self.column, self.value = fault, column, value
        super().__init__(fault)

    def at(self, line: int, column: str = "", value: str = "") -> BadLine:
        shown = clean(self.value or value)[:VALUE_SHOWN]
        return BadLine(line=line, cell=(self.column or column)[:60], value=shown, fault=self.fault)


def refused(fault: StatementFault, *, line: int = 1) -> StatementRefused:
    said = FAULTS[fault]
    return StatementRefused(said, errors=[{"line": line, "fault": str(fault), "detail": said}])


def clean(text: str) -> str:
    """One line, each run of blanks and unseen characters as one blank."""
    return _UNSEEN.sub(" ", text).strip()


def key_of(text: str) -> str:
    """The bank's own number. Raises CellRefused."""
    found = clean(text).removeprefix("'").strip()
    if not found:
        raise CellRefused(LineFault.KEY_MISSING, value=text)
    if not _KEY.fullmatch(found):
        raise CellRefused(LineFault.KEY_UNREADABLE, value=text)
    return found


def bounded(text: str, high: int) -> str:
    """Raises CellRefused when it is longer."""
    found = clean(text)
    if len(found) > high:
        raise CellRefused(LineFault.TEXT_TOO_LONG, value=found)
    return found


def minor_of(text: str, currency: str, *, may_end_in_zeros: bool = False) -> int:
    """An amount above zero in minor units, exactly; no sign, no separators, no more decimals than the currency has.

    `may_end_in_zeros`: decimals that are too many but zero do not count, for formats in which a point is a point.
    Raises CellRefused.
    """
    found = clean(text)
    match = _AMOUNT.fullmatch(found)
    if match is None:
        raise CellRefused(_unreadable(found), value=text)
    units, decimals, digits = match[1].lstrip("0"), match[2] or "", MINOR_DIGITS[currency]
    if may_end_in_zeros:
        decimals = decimals.rstrip("0")
    if len(decimals) > digits:
        raise CellRefused(LineFault.AMOUNT_DECIMALS, value=text)
    is_long = len(units) > len(str(TOTAL_MINOR_MAX))
    minor = TOTAL_MINOR_MAX + 1 if is_long else int(f"0{units}{decimals.ljust(digits, '0')}")
    if not 0 < minor <= TOTAL_MINOR_MAX:
        raise CellRefused(LineFault.AMOUNT_TOO_LARGE if minor else LineFault.AMOUNT_ZERO, value=text)
    return minor


def _unreadable(found: str) -> LineFault:
    """What is wrong with what is not digits with a point at most."""
    if not found:
        return LineFault.AMOUNT_MISSING
    if found[0] in "-−－(（" or found[-1] in "-−－":
        return LineFault.AMOUNT_NEGATIVE
    if found[0] in "=+@":
        return LineFault.AMOUNT_FORMULA
    return LineFault.AMOUNT_SEPARATED if _SEPARATED.search(found) else LineFault.AMOUNT_UNREADABLE


@dataclass(slots=True)
class Weeded:
    """Of a file: what is new, how many lines are known already, and what is no entry."""

    new: list[Entry] = field(default_factory=list)
    duplicates: int = 0
    bad: list[BadLine] = field(default_factory=list)


def weed(reading: Reading, known: dict[str, tuple[str, int, str]]) -> Weeded:
    """Each number of the bank once; `known`: those that are stored, with their facts.

    What is stored may be told in other words by another file. Inside one file a line that differs in anything is no
    repetition: it may be other money, and is shown.
    """
    out = Weeded(bad=list(reading.bad))
    first: dict[str, Entry] = {}
    for entry in reading.entries:
        before = first.setdefault(entry.key, entry)
        stored = known.get(entry.key)
        if before is not entry:
            is_same = replace(before, line=entry.line) == entry
        else:
            is_same = stored is None or stored == entry.facts
        if is_same and before is entry and stored is None:
            out.new.append(entry)
        elif is_same:
            out.duplicates += 1
        else:
            out.bad.append(BadLine(line=entry.line, cell="key", value=entry.key, fault=LineFault.KEY_DIFFERS))
    out.bad.sort(key=lambda each: each.line)
    return out
