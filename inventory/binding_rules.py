"""Which pledged lots serve boxes that were sold: late, when it is known when and where they are delivered. Pure.

Holds of shoppers are on a pool, never on a lot; only when boxes are about to be packed is it decided whose fruit it
is: fruit that is still good for long enough on the promised day, of it what must go first, and where two are alike
the cooperative that is furthest behind what it should have sold.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

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
    return keeps(pledged, good_until(delivered_on, destination))


def keeps(pledged: Pledged, until: date) -> bool:
    """Not stopped, and good on this day."""
    return lets(pledged.status, MovementKind.COMMITTED) and pledged.best_before_on >= until


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What one order needs: all of it or nothing."""

    id: uuid.UUID
    boxes: int
    suppliers: Mapping[uuid.UUID, int]
    """Cooperative → the boxes that were meant to come from it. What became of them since is seen when they leave."""
    shelf_days: int
    """So long its boxes must still be good after the day of delivery."""
    barred: frozenset[uuid.UUID] = frozenset()
    """Pledges that give it nothing more: what they gave before is in boxes already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Which wishes get which boxes, and which get none because there is not enough that is good for them."""

    parts: Mapping[uuid.UUID, tuple[Bound, ...]]
    left: tuple[uuid.UUID, ...]


def serve(pledges: Iterable[Pledged], wishes: Sequence[Wish], *, delivered_on: date) -> Served:
    """Each wish whole: first what is meant to come from its own suppliers, for all wishes; then the rest from anybody.

    Each time what must go first goes first. Those whose fruit must keep longest choose first, then by id: never by
    arrival. A wish that cannot have all of its boxes gets none, and those that it might have had stay for others.
    """
    stock = sorted(
        pledges, key=lambda each: (each.best_before_on, each.harvested_on, each.lot_id, each.hold_id)
    )
    room = {each.hold_id: each.boxes for each in stock}
    line = sorted(wishes, key=lambda each: (-each.shelf_days, each.id))
    given: dict[uuid.UUID, dict[uuid.UUID, int]] = {each.id: {} for each in line}

    def take(wish: Wish, wanted: int, supplier: uuid.UUID | None) -> int:
        got = 0
        until = delivered_on + timedelta(days=wish.shelf_days)
        for each in stock:
            part = min(wanted - got, room[each.hold_id])
            is_meant = supplier in {None, each.cooperative_id} and each.hold_id not in wish.barred
            if part and is_meant and keeps(each, until):
                room[each.hold_id] -= part
                given[wish.id][each.hold_id] = given[wish.id].get(each.hold_id, 0) + part
                got += part
        return got

    missing: dict[uuid.UUID, int] = {}
    for wish in line:
        wanted = wish.boxes
        for supplier, boxes in sorted(wish.suppliers.items()):
            wanted -= take(wish, min(wanted, boxes), supplier)
        missing[wish.id] = wanted
    left = []
    for wish in line:
        if missing[wish.id] and take(wish, missing[wish.id], None) < missing[wish.id]:
            left.append(wish.id)
            for hold_id, boxes in given.pop(wish.id).items():
                room[hold_id] += boxes
    parts = {
        wish_id: tuple(
            Bound(
                hold_id=each.hold_id,
                lot_id=each.lot_id,
                cooperative_id=each.cooperative_id,
                boxes=of[each.hold_id],
            )
            for each in stock
            if each.hold_id in of
        )
        for wish_id, of in given.items()
    }
    return Served(parts=parts, left=tuple(left))
