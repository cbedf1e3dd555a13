"""How much a cooperative may be advanced before its fruit is delivered, and how exposed the marketplace is by it. Pure.

Three bounds, the least of which decides: what its progress has made due, what its pledged fruit covers at a cautious
price, and the money that is really there. Advances bear no interest and are repaid by netting (`rules.settle`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from marketplace import errors
from marketplace.language import Text
from orders.settlements.account import Account
from orders.settlements.parting import parted
from orders.sponsoring.rules import Progress, Tranche

PERMILLE: Final = 1_000


class AdvanceTooHigh(errors.Conflict):
    """More was asked for than may be advanced now: `offered_minor`, bound by `bound`."""

    title = Text(en="Not so much may be advanced now.", zh="目前不可预付这么多。")


class Bound(StrEnum):
    """What an advance is bound by."""

    PROGRESS = "progress"
    """Confirmed, taken in and delivered boxes have made no more due."""
    LIMIT = "limit"
    """The pledged fruit covers no more."""
    FUNDS = "funds"
    """No more money is cleared or in escrow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdvanceTerms:
    """Which part of the price each step makes due; which part of the pledged fruit's price is trusted. Permilles."""

    confirmation: int = 300
    intake: int = 400
    delivery: int = 300
    factor: int = 500

    def __post_init__(self) -> None:
        steps = (self.confirmation, self.intake, self.delivery)
        if min(steps) < 0 or sum(steps) > PERMILLE or not 0 <= self.factor <= PERMILLE:
            raise ValueError(
                "steps make no more than the price due, and no more than the fruit's price is trusted"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pledged:
    """What a cooperative has put up of one item: how far its boxes are, and the price of one."""

    progress: Progress
    unit_price_minor: int

    def __post_init__(self) -> None:
        if self.unit_price_minor < 0:
            raise ValueError("a price is not negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class Funds:
    """The money of a campaign. Cleared: received, and no buyer may withdraw it any more; what banks can still take back
    is not among it. Spoken for: advances, payouts and refunds that it must pay already.
    """

    cleared_minor: int
    escrowed_minor: int = 0
    spoken_for_minor: int = 0

    def __post_init__(self) -> None:
        if min(self.cleared_minor, self.escrowed_minor, self.spoken_for_minor) < 0:
            raise ValueError("no money is negative")

    @property
    def free_minor(self) -> int:
        return max(0, self.cleared_minor + self.escrowed_minor - self.spoken_for_minor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What may be advanced now, and what decides."""

    amount_minor: int
    bound: Bound
    due_minor: int
    """By progress, and not advanced yet."""
    room_minor: int
    """Of the limit."""
    funds_minor: int

    def check(self, asked_minor: int) -> None:
        """Raises AdvanceTooHigh."""
        if asked_minor > self.amount_minor:
            raise AdvanceTooHigh(offered_minor=self.amount_minor, bound=self.bound.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """What the marketplace would lose if a cooperative brought nothing more."""

    outstanding_minor: int
    owed_minor: int
    held_minor: int
    """Retention, which would be spent first."""
    limit_minor: int

    @property
    def exposed_minor(self) -> int:
        return max(0, self.outstanding_minor + self.owed_minor - self.held_minor)

    @property
    def used_permille(self) -> int | None:
        """Of the limit, rounded up; None without a limit."""
        return -(-self.outstanding_minor * PERMILLE // self.limit_minor) if self.limit_minor else None

    @property
    def is_beyond_limit(self) -> bool:
        return self.outstanding_minor > self.limit_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """All that an offer to one cooperative is made of."""

    terms: AdvanceTerms
    pledged: tuple[Pledged, ...]
    funds: Funds
    advanced_minor: int = 0
    outstanding_minor: int = 0

    def offer(self) -> Offer:
        return offer(
            self.terms,
            self.pledged,
            advanced_minor=self.advanced_minor,
            outstanding_minor=self.outstanding_minor,
            funds=self.funds,
        )


def made_due(terms: AdvanceTerms, pledged: Sequence[Pledged]) -> dict[Tranche, int]:
    """What the steps have made due of all items; each rounded down."""
    found = dict.fromkeys(Tranche, 0)
    for each in pledged:
        steps = (
            (Tranche.CONFIRMATION, each.progress.boxes, terms.confirmation),
            (Tranche.INTAKE, each.progress.taken_in, terms.intake),
            (Tranche.DELIVERY, each.progress.delivered, terms.delivery),
        )
        for tranche, boxes, permille in steps:
            found[tranche] += boxes * each.unit_price_minor * permille // PERMILLE
    return found


def limit(terms: AdvanceTerms, pledged: Sequence[Pledged]) -> int:
    """Pledged boxes × price × factor, rounded down."""
    worth = sum(each.progress.boxes * each.unit_price_minor for each in pledged)
    return worth * terms.factor // PERMILLE


def offer(
    terms: AdvanceTerms,
    pledged: Sequence[Pledged],
    *,
    advanced_minor: int,
    outstanding_minor: int,
    funds: Funds,
) -> Offer:
    """`advanced_minor`: ever, for these pledges, repaid or not. `outstanding_minor`: of all its advances."""
    due = max(0, sum(made_due(terms, pledged).values()) - advanced_minor)
    room = max(0, limit(terms, pledged) - outstanding_minor)
    bounds = {Bound.PROGRESS: due, Bound.LIMIT: room, Bound.FUNDS: funds.free_minor}
    bound = min(bounds, key=lambda each: bounds[each])
    return Offer(
        amount_minor=bounds[bound], bound=bound, due_minor=due, room_minor=room, funds_minor=funds.free_minor
    )


def shared(offers: Mapping[str, Offer], funds: Funds, *, seed: str) -> dict[str, int]:
    """What several cooperatives may be advanced out of the same money: all of their offers, or parts by them."""
    wanted = {each: min(found.due_minor, found.room_minor) for each, found in offers.items()}
    whole = sum(wanted.values())
    if whole <= funds.free_minor:
        return {each: wanted[each] for each in sorted(wanted)}
    return parted(funds.free_minor, wanted, seed=seed)


def exposure(account: Account, *, limit_minor: int) -> Exposure:
    return Exposure(
        outstanding_minor=account.advanced_minor,
        owed_minor=account.owed_minor,
        held_minor=account.held_minor,
        limit_minor=limit_minor,
    )
