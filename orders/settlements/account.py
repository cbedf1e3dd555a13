"""How a cooperative stands with the marketplace in one currency, from one settlement to the next. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date


class AmountsMixed(ValueError):
    """Two currencies, or a sum that cannot be. A broken promise of our own code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Kept back for claims until a day; then it is released."""

    reference: str
    amount_minor: int
    until: date

    def __post_init__(self) -> None:
        if self.amount_minor <= 0:
            raise AmountsMixed(self.amount_minor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Advance:
    """Paid before it was earned, without interest; `outstanding_minor` is not repaid yet."""

    reference: str
    paid_on: date
    outstanding_minor: int

    def __post_init__(self) -> None:
        if self.outstanding_minor <= 0:
            raise AmountsMixed(self.outstanding_minor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """So much of one retention or advance."""

    reference: str
    amount_minor: int
    of_minor: int
    """What there was of it."""
    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """`owed_minor`: what the cooperative owes because a statement or a refund found too little to take."""

    currency: str
    owed_minor: int = 0
    held: tuple[Held, ...] = ()
    advances: tuple[Advance, ...] = ()

    def __post_init__(self) -> None:
        if self.owed_minor < 0:
            raise AmountsMixed(self.owed_minor)
        for named in (self.held, self.advances):
            if len({each.reference for each in named}) < len(named):
                raise AmountsMixed("the same retention or advance twice")

    @property
    def held_minor(self) -> int:
        return sum(each.amount_minor for each in self.held)

    @property
    def advanced_minor(self) -> int:
        return sum(each.outstanding_minor for each in self.advances)

    @property
    def worth_minor(self) -> int:
        """What is the cooperative's own, less what it owes: no settlement changes this and the payout together."""
        return self.held_minor - self.advanced_minor - self.owed_minor

    def due_on(self, day: date) -> tuple[Held, ...]:
        """What is released on this day or was before."""
        return tuple(sorted((each for each in self.held if each.until <= day), key=_held_place))

    def without(self, gone: Iterable[Held]) -> "Account":
        names = {each.reference for each in gone}
        return replace(self, held=tuple(each for each in self.held if each.reference not in names))

    def owing(self, more_minor: int) -> "Account":
        return replace(self, owed_minor=self.owed_minor + more_minor)

    def holding(self, more: Held) -> "Account":
        return replace(self, held=(*self.held, more))

    def spent(self, wanted_minor: int) -> tuple[tuple[Taken, ...], "Account"]:
        """At most so much out of what is held, the earliest end first; and the account without it."""
        taken, left = [], []
        for each in sorted(self.held, key=_held_place):
            part = min(each.amount_minor, wanted_minor)
            wanted_minor -= part
            if part:
                taken.append(
                    Taken(
                        reference=each.reference,
                        amount_minor=part,
                        of_minor=each.amount_minor,
                        day=each.until,
                    )
                )
            if part < each.amount_minor:
                left.append(replace(each, amount_minor=each.amount_minor - part))
        return tuple(taken), replace(self, held=tuple(left))

    def repaid(self, available_minor: int) -> tuple[tuple[Taken, ...], "Account"]:
        """At most so much of the advances, the oldest first; and the account without it."""
        taken, left = [], []
        for each in sorted(self.advances, key=_advance_place):
            part = min(each.outstanding_minor, available_minor)
            available_minor -= part
            if part:
                taken.append(
                    Taken(
                        reference=each.reference,
                        amount_minor=part,
                        of_minor=each.outstanding_minor,
                        day=each.paid_on,
                    )
                )
            if part < each.outstanding_minor:
                left.append(replace(each, outstanding_minor=each.outstanding_minor - part))
        return tuple(taken), replace(self, advances=tuple(left))


def _held_place(each: Held) -> tuple[date, str]:
    return each.until, each.reference


def _advance_place(each: Advance) -> tuple[date, str]:
    return each.paid_on, each.reference
