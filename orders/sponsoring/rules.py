"""What of a sponsor's money is due to a cooperative, what must be in escrow, and what a pool still has. Pure.

A cooperative's share becomes due in three tranches: by its confirmation, by the boxes taken in, by the boxes
delivered. Whatever the parts in which fruit comes and goes, the tranches of a share that is wholly delivered add up to
its price to the unit, and before that to no more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from marketplace.values import split_minor

WHOLE: Final = 1000
"""Permille of the whole."""


class Tranche(StrEnum):
    CONFIRMATION = "confirmation"
    INTAKE = "intake"
    DELIVERY = "delivery"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tranches:
    """Which part of the price each event makes due, in permille. Raises ValueError unless they add up to the whole."""

    confirmation: int = 300
    intake: int = 400
    delivery: int = 300

    def __post_init__(self) -> None:
        parts = (self.confirmation, self.intake, self.delivery)
        if min(parts) < 0 or sum(parts) != WHOLE:
            raise ValueError("tranches are not negative and add up to 1000 permille")


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a share's boxes have come: delivered ones were taken in, and those were confirmed."""

    boxes: int
    taken_in: int = 0
    delivered: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.delivered <= self.taken_in <= self.boxes:
            raise ValueError("0 <= delivered <= taken in <= boxes")

    def cut_to(self, boxes: int) -> "Progress":
        """The same when the cooperative keeps only so many: what is delivered stays. Raises ValueError below that."""
        return Progress(boxes=boxes, taken_in=min(self.taken_in, boxes), delivered=self.delivered)


def due(tranches: Tranches, progress: Progress, *, unit_price_minor: int) -> dict[Tranche, int]:
    """What is due of each tranche. Rounded down, but for the last: with the last box it takes what rounding left."""
    confirmed = progress.boxes * unit_price_minor * tranches.confirmation // WHOLE
    taken_in = progress.taken_in * unit_price_minor * tranches.intake // WHOLE
    if progress.delivered == progress.boxes:
        delivered = progress.boxes * unit_price_minor - confirmed - taken_in
    else:
        delivered = progress.delivered * unit_price_minor * tranches.delivery // WHOLE
    return {Tranche.CONFIRMATION: confirmed, Tranche.INTAKE: taken_in, Tranche.DELIVERY: delivered}


def escrow_needed(total_minor: int, permille: int) -> int:
    """What must be in escrow before anything is split: the agreed part, rounded up."""
    return -(-total_minor * permille // WHOLE)


def surplus(*, escrowed_minor: int, returned_minor: int, price_minor: int) -> int:
    """What the sponsor has paid in and is owed back: more than what is still bought costs."""
    return max(0, escrowed_minor - returned_minor - price_minor)


def parted(boxes: int, undelivered: Sequence[int]) -> list[int]:
    """Boxes that are given up at the end, over the shares in proportion to what each has not delivered.

    No share gives up more than that; raises ValueError if all together have fewer.
    """
    if boxes > sum(undelivered):
        raise ValueError("more boxes than are undelivered")
    return split_minor(boxes, list(undelivered)) if boxes else [0] * len(undelivered)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A sponsorship in boxes. What is in the pool is redeemed, held for somebody, or free."""

    bought: int
    allocated: int
    """Confirmed by cooperatives."""
    pooled: int
    redeemed: int
    held: int
    expired: int
    """Held for somebody once, and back in the pool: a history, no part of what there is."""
    taken_in: int
    delivered: int

    @property
    def free(self) -> int:
        return self.pooled - self.redeemed - self.held

    def counts(self) -> dict[str, int]:
        """By name, as statements show them."""
        names = (
            "bought",
            "allocated",
            "taken_in",
            "delivered",
            "pooled",
            "redeemed",
            "held",
            "free",
            "expired",
        )
        return {name: getattr(self, name) for name in names}
