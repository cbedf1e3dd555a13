"""Which pledged lots serve boxes that were sold: late, when it is known when and where they are delivered. Pure.

Holds of shoppers are on a pool, never on a lot; only when boxes are about to be packed is it decided whose fruit it
is: fruit that is still good for long enough on the promised day, of it what must go first, and where two are alike
the cooperative that is furthest behind what it should have sold.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from inventory.states import LotStatus, MovementKind, lets
from inventory.stock_rules import Destination, good_until


@dataclass(frozen=True, slots=True, kw_only=True)
class Pledged:
    """A pledge, its boxes that are not bound yet, and what must be known of its lot."""

    hold_id: uuid.UUID
    lot_id: uuid.UUID
    cooperative_id: uuid.UUID
    boxes: int
    harvested_on: date
    best_before_on: date
    status: LotStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """So many boxes out of one pledge."""

    hold_id: uuid.UUID
    lot_id: uuid.UUID
    cooperative_id: uuid.UUID
    boxes: int


class TooFewPledged(Exception):
    """The pledges have fewer boxes that are good for this than were asked for."""

    def __init__(self, available_boxes: int) -> None:
        self.available_boxes = available_boxes
        super().__init__(f"{available_boxes} boxes available")


def is_good(pledged: Pledged, *, delivered_on: date, destination: Destination | None) -> bool:
    """Not stopped, and good for as long after delivery as its destination asks."""
    return lets(pledged.status, MovementKind.COMMITTED) and pledged.best_before_on >= good_until(
        delivered_on, destination
    )


def choose(
    pledges: Iterable[Pledged],
    *,
    boxes: int,
    delivered_on: date,
    destination: Destination | None,
    ranks: Mapping[uuid.UUID, int],
) -> list[Bound]:
    """The pledges that give `boxes`, in the order in which they are emptied; raises TooFewPledged.

    `ranks`: 0 for the cooperative that is furthest behind; one without a rank comes after all that have one.
    """
    last = max(ranks.values(), default=0) + 1

    def order(each: Pledged) -> tuple[date, date, int, uuid.UUID, uuid.UUID]:
        rank = ranks.get(each.cooperative_id, last)
        return each.best_before_on, each.harvested_on, rank, each.lot_id, each.hold_id

    good = [each for each in pledges if is_good(each, delivered_on=delivered_on, destination=destination)]
    if (there := sum(each.boxes for each in good)) < boxes:
        raise TooFewPledged(there)
    bound: list[Bound] = []
    wanted = boxes
    for each in sorted(good, key=order):
        if part := min(wanted, each.boxes):
            bound.append(
                Bound(
                    hold_id=each.hold_id, lot_id=each.lot_id, cooperative_id=each.cooperative_id, boxes=part
                )
            )
            wanted -= part
    return bound
