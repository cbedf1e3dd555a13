"""What a transfer is, when it balances, and what it does to balances. Pure; integers only.

A transfer has two or more lines, each with one account, a side and an amount; debits and credits are the same sum, and
all accounts are of one currency. It is booked at once (`single`), or reserved first (`pending`) and then, once, posted
in all or a part (`post`) or given up (`void`).
"""

import re
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from marketplace.ledger.chart import CHART, Side
from marketplace.values import MINOR_DIGITS

AMOUNT_MAX: Final = 100_000_000_000_000_000
"""Of one line, in minor units: ten thousand times the largest total of an order, and far from what 64 bits hold."""
LINES_MAX: Final = 1_000
_WORD: Final = re.compile(r"[a-z][a-z_]{1,39}")
_NAMES: Final = uuid.UUID("0e1c63a4-6f4e-5d0b-9a53-3f1a5f6c8b21")
REVERSAL: Final = "reversal"
"""The kind of a transfer that takes another one back, whole."""


class NotATransfer(ValueError):
    """Lines that no ledger books. A broken promise of our own code."""


class Phase(StrEnum):
    SINGLE = "single"
    PENDING = "pending"
    POST = "post"
    VOID = "void"


BOOKED: Final = frozenset({Phase.SINGLE, Phase.POST})
"""Phases whose lines are money that has moved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose account it is, or what it is kept for."""

    kind: str
    id: uuid.UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What names an account; its id follows from its name, so that nobody has to look it up."""

    code: str
    currency: str
    owner: Owner | None = None

    @property
    def id(self) -> uuid.UUID:
        owner = "" if self.owner is None else f"{self.owner.kind}:{self.owner.id}"
        return uuid.uuid5(_NAMES, f"{self.code}|{owner}|{self.currency}")


@dataclass(frozen=True, slots=True)
class Line:
    account: Account
    side: Side
    amount_minor: int


def debit(account: Account, amount_minor: int) -> Line:
    return Line(account, Side.DEBIT, amount_minor)


def credit(account: Account, amount_minor: int) -> Line:
    return Line(account, Side.CREDIT, amount_minor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing that happened and moves money: it is booked once for its kind and source."""

    kind: str
    source_id: uuid.UUID
    lines: tuple[Line, ...]
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What is added to the counters of an account."""

    debits_posted: int = 0
    credits_posted: int = 0
    debits_pending: int = 0
    credits_pending: int = 0

    def __add__(self, other: "Change") -> "Change":
        return Change(
            self.debits_posted + other.debits_posted,
            self.credits_posted + other.credits_posted,
            self.debits_pending + other.debits_pending,
            self.credits_pending + other.credits_pending,
        )

    def balance_minor(self, side: Side) -> int:
        """What is booked, counted on the side on which the account grows."""
        booked = self.debits_posted - self.credits_posted
        return booked if side is Side.DEBIT else -booked

    def reserved_minor(self, side: Side) -> int:
        """What is reserved of it and not booked yet."""
        return self.credits_pending if side is Side.DEBIT else self.debits_pending

    def available_minor(self, side: Side) -> int:
        """What is booked and not reserved; money that is only expected does not count."""
        return self.balance_minor(side) - self.reserved_minor(side)


NO_CHANGE: Final = Change()


def check(fact: Fact) -> str:
    """The currency of a fact that may be booked. Raises NotATransfer."""
    if not _WORD.fullmatch(fact.kind):
        raise NotATransfer(f"{fact.kind} is no kind")
    return check_lines(fact.lines)


def check_lines(lines: Sequence[Line]) -> str:
    """Their currency. Raises NotATransfer unless they are lines of one transfer."""
    if not 2 <= len(lines) <= LINES_MAX:
        raise NotATransfer(f"a transfer has 2 to {LINES_MAX} lines, not {len(lines)}")
    accounts = {line.account for line in lines}
    if len(accounts) != len(lines):
        raise NotATransfer("an account stands in a transfer once: net its lines")
    [currency, *others] = {account.currency for account in accounts}
    if others or currency not in MINOR_DIGITS:
        raise NotATransfer(f"{[currency, *others]}: a transfer is in one currency that is known")
    for line in lines:
        _check_line(line)
    total = sum(line.amount_minor if line.side is Side.DEBIT else -line.amount_minor for line in lines)
    if total:
        raise NotATransfer(f"debits exceed credits by {total}")
    return currency


def _check_line(line: Line) -> None:
    amount, owner = line.amount_minor, line.account.owner
    if isinstance(amount, bool) or not isinstance(amount, int) or not 0 < amount <= AMOUNT_MAX:
        raise NotATransfer(f"{amount!r} is no amount of a line")
    if line.account.code not in CHART:
        raise NotATransfer(f"{line.account.code} is not in the chart of accounts")
    if owner is not None and not _WORD.fullmatch(owner.kind):
        raise NotATransfer(f"{owner.kind} is no kind of an owner")


def mirrored(lines: Iterable[Line]) -> tuple[Line, ...]:
    """The lines that take these back."""
    return tuple(Line(line.account, line.side.other, line.amount_minor) for line in lines)


def netted(lines: Iterable[Line]) -> tuple[Line, ...]:
    """One line for each account, with what is left of all its lines; none where nothing is left. As they came."""
    left: dict[Account, int] = {}
    for line in lines:
        signed = line.amount_minor if line.side is Side.DEBIT else -line.amount_minor
        left[line.account] = left.get(line.account, 0) + signed
    return tuple(
        debit(account, minor) if minor > 0 else credit(account, -minor)
        for account, minor in left.items()
        if minor
    )


def check_part(part: Sequence[Line], whole: Sequence[Line]) -> None:
    """Of a reservation all or less is posted, to the same accounts on the same sides. Raises NotATransfer."""
    check_lines(part)
    reserved = {(line.account, line.side): line.amount_minor for line in whole}
    for line in part:
        if line.amount_minor > reserved.get((line.account, line.side), 0):
            raise NotATransfer(f"{line.amount_minor} of {line.account.code} were not reserved")


def changes(
    phase: Phase, lines: Iterable[Line], *, reserved: Iterable[Line] = ()
) -> Iterator[tuple[Account, Change]]:
    """What a transfer does to its accounts; posting and voiding also end what was `reserved`."""
    for line in lines:
        if phase in BOOKED:
            yield line.account, _moved(line, line.amount_minor, is_booked=True)
        elif phase is Phase.PENDING:
            yield line.account, _moved(line, line.amount_minor, is_booked=False)
    for line in reserved:
        yield line.account, _moved(line, -line.amount_minor, is_booked=False)


def _moved(line: Line, minor: int, *, is_booked: bool) -> Change:
    if line.side is Side.DEBIT:
        return Change(debits_posted=minor) if is_booked else Change(debits_pending=minor)
    return Change(credits_posted=minor) if is_booked else Change(credits_pending=minor)


def summed(moves: Iterable[tuple[Account, Change]]) -> Mapping[Account, Change]:
    """By account."""
    found: dict[Account, Change] = {}
    for account, change in moves:
        found[account] = found.get(account, NO_CHANGE) + change
    return found
