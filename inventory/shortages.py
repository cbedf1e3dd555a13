"""A pool that lacks fruit: what its pledges really have, and sold boxes taken back from buyers.

Holds are locked before the pool and the lots, as everywhere: what is cut and what is withdrawn is locked together.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, case, func, or_, select, true
from sqlalchemy.orm import Session

from inventory import buckets, on_lots, promise_parts
from inventory.buckets import CountersBroken, PoolStep
from inventory.capacity import pledging
from inventory.models import Hold, Lot, Movement, Pool
from inventory.refusals import PoolNotFound
from inventory.states import PLEDGES, HoldState, LotStatus, MovementKind, PoolMovementKind
from marketplace import audit
from marketplace.context import Context

_OWED = (
    select((func.sum(Movement.committed_delta_grams) / Hold.pack_grams).label("boxes"))
    .where(Movement.hold_id == Hold.id)
    .correlate(Hold)
    .lateral()
)
"""What the lot of a pledge owes to parcels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pledged:
    """What a cooperative put into a pool and no lot owes to a parcel yet, in boxes, and what of it lies in lots that
    may leave the store.
    """

    cooperative_id: uuid.UUID
    pledged: int
    there: int


def standings(session: Session, *, pool_id: uuid.UUID) -> list[Pledged]:
    """The pool's pledges by cooperative, without what is in parcels (`bound_boxes`). Fruit of a stopped lot, under
    quarantine or recalled, is not there, nor is what is only forecast or was found missing.
    """
    boxes = Hold.boxes - Hold.released_boxes - Hold.consumed_boxes - func.coalesce(_OWED.c.boxes, 0)
    there = case((Lot.status == LotStatus.AVAILABLE, boxes), else_=0)
    rows = session.execute(
        select(Hold.cooperative_id, func.sum(boxes), func.sum(there))
        .outerjoin(Lot, Lot.id == Hold.lot_id)
        .outerjoin(_OWED, true())
        .where(Hold.pool_id == pool_id, Hold.kind.in_(sorted(PLEDGES)))
        .group_by(Hold.cooperative_id)
        .having(func.sum(boxes) > 0)
        .order_by(Hold.cooperative_id)
    )
    return [Pledged(cooperative_id=row[0], pledged=int(row[1]), there=int(row[2])) for row in rows]


def bound_boxes(session: Session, *, pool_id: uuid.UUID) -> int:
    """Sold boxes that nobody looks for any more: a lot owes them to a parcel, they have left, or their buyers have the
    money back instead.
    """
    boxes = session.scalar(
        select(func.sum(Hold.consumed_boxes + func.coalesce(_OWED.c.boxes, 0)))
        .outerjoin(_OWED, true())
        .where(Hold.pool_id == pool_id, Hold.kind.in_(sorted(PLEDGES)))
    )
    return int(boxes or 0)


def settle(
    session: Session, ctx: Context, *, pool_id: uuid.UUID, cuts: Mapping[uuid.UUID, int], reason: str
) -> int:
    """Take so many sold boxes back from each of these holds, and let go of pledges whose lots are stopped, or whose
    fruit never came or was found missing; what a stopped lot owes to parcels stays with it.

    How many pledged boxes left the pool: all that are not there, as far as nobody holds or bought them any more.
    Raises PoolNotFound.
    """
    pledging.lock(session, pool_ids=[pool_id])
    bought = _locked(session, select(Hold).where(Hold.id.in_(cuts)).order_by(Hold.id))
    stopped = _locked(
        session,
        select(Hold)
        .outerjoin(Lot, Lot.id == Hold.lot_id)
        .where(
            Hold.pool_id == pool_id,
            Hold.kind.in_(sorted(PLEDGES)),
            Hold.state == HoldState.ACTIVE,
            or_(Lot.status != LotStatus.AVAILABLE, Hold.lot_id.is_(None)),
        )
        .order_by(Hold.lot_id, Hold.id),
    )
    pool = session.get(Pool, pool_id, with_for_update={"key_share": True}, populate_existing=True)
    if pool is None:
        raise PoolNotFound
    steps = [_cut(session, ctx, hold, cuts[hold.id], reason) for hold in bought]
    room = pool.available_boxes + sum(cuts[hold.id] for hold in bought)
    gone: list[tuple[Hold, int]] = []
    owed = on_lots.committed_boxes(session, [hold.id for hold in stopped])
    for hold in stopped:
        boxes = min(hold.open_boxes - owed.get(hold.id, 0), room)
        if boxes:
            gone.append((hold, boxes))
            room -= boxes
    steps += [
        PoolStep(kind=PoolMovementKind.WITHDRAWN, hold_id=hold.id, pledged=-boxes) for hold, boxes in gone
    ]
    if steps and buckets.move_pool(session, ctx, pool_id, *steps) is None:
        raise CountersBroken(pool_id)
    for hold, boxes in gone:
        _let_go(session, ctx, hold, boxes, reason)
    return sum(boxes for _, boxes in gone)


def _cut(session: Session, ctx: Context, hold: Hold, boxes: int, reason: str) -> PoolStep:
    """The one way out of a hold that was consumed: its boxes were sold, and are not there."""
    if hold.state != HoldState.CONSUMED or hold.lot_id is not None or not 0 < boxes <= hold.consumed_boxes:
        raise CountersBroken(hold.id)
    before = {"state": str(hold.state), "consumed_boxes": hold.consumed_boxes}
    hold.consumed_boxes -= boxes
    hold.released_boxes += boxes
    hold.version += 1
    hold.reason = reason
    if not hold.consumed_boxes:
        hold.state = HoldState.RELEASED
    after = {"state": str(hold.state), "consumed_boxes": hold.consumed_boxes, "reason": reason}
    audit.record(session, ctx, "hold.cut", subject=("hold", hold.id), before=before, after=after)
    return PoolStep(kind=PoolMovementKind.CUT, hold_id=hold.id, sold=-boxes)


def _let_go(session: Session, ctx: Context, hold: Hold, boxes: int, reason: str) -> None:
    """The hold's boxes have left the pool; now they leave the lot, or the forecast is free of them."""
    was = on_lots.parts_of(session, hold)
    before = {"state": str(hold.state), "open_boxes": was.open_boxes}
    hold.released_boxes += boxes
    hold.version += 1
    hold.reason = reason
    if not hold.open_boxes:
        hold.state = HoldState.RELEASED
        hold.resolved_at = ctx.now
    if hold.lot_id is not None:
        on_lots.move(session, ctx, hold, MovementKind.RELEASED, was, promise_parts.give_back(was, boxes))
    elif hold.capacity_id is not None:
        pledging.give_back(session, ctx, hold, boxes=boxes)
    after = {"state": str(hold.state), "open_boxes": hold.open_boxes, "reason": reason}
    audit.record(session, ctx, "hold.release", subject=("hold", hold.id), before=before, after=after)


def _locked(session: Session, statement: Select[Hold]) -> Sequence[Hold]:
    locking = statement.with_for_update(of=Hold, key_share=True)
    return session.scalars(locking.execution_options(populate_existing=True)).all()
