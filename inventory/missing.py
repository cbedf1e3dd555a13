"""Pledged boxes that are not there when they are to be packed: they leave their lot, and stay owed to the pool.

A pool never promises more than is pledged to it. So what a lot has not is not simply taken out of its pool: a hold of
kind `missing` takes its place, box for box, which lies in no lot. It is released when a shortage lets go of it, and
consumed when a buyer has the money back for the boxes.
"""

import uuid
from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory import buckets, holds, on_lots, promise_parts, room
from inventory.buckets import CountersBroken, PoolStep
from inventory.models import Hold, Lot
from inventory.states import HoldKind, HoldState, MovementKind, PoolMovementKind
from marketplace import audit
from marketplace.context import Context
from marketplace.values import new_id


def lock(session: Session, *, pool_ids: Collection[uuid.UUID]) -> None:
    """All running pledges of these pools, then the pools, then the lots that are pledged, each by id: whoever works on
    several lots of a pool does not wait in a circle.
    """
    pledges = session.scalars(
        select(Hold)
        .where(Hold.pool_id.in_(pool_ids), Hold.kind == HoldKind.PLEDGE, Hold.state == HoldState.ACTIVE)
        .order_by(Hold.id)
        .with_for_update(of=Hold, key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    for pool_id in sorted(pool_ids):
        room.locked(session, pool_id)
    lot_ids = {each.lot_id for each in pledges}
    session.execute(
        select(Lot.id).where(Lot.id.in_(lot_ids)).order_by(Lot.id).with_for_update(key_share=True)
    ).all()


def exchange(
    session: Session, ctx: Context, *, hold_id: uuid.UUID, boxes: int, is_gone: bool, reason: str
) -> Hold:
    """So many held boxes of a pledge are owed by its cooperative from now on, and no longer by its lot.

    `is_gone`: the fruit is not there, and is written off; else it stays in the lot, and is free. Raises HoldNotFound,
    HoldNotActive, HoldPart.
    """
    pledge = holds.locked(session, hold_id)
    assert pledge.pool_id is not None, "a pledge is of a pool"
    was = on_lots.parts_of(session, pledge)
    assert boxes <= was.held, "what is owed to a parcel is taken back first"
    action = "hold.cull" if is_gone else "hold.release"
    holds.take_out(session, ctx, pledge, HoldState.RELEASED, action, boxes=boxes, reason=reason)
    owed = Hold(
        id=new_id(),
        kind=HoldKind.MISSING,
        state=HoldState.ACTIVE,
        cooperative_id=pledge.cooperative_id,
        pool_id=pledge.pool_id,
        boxes=boxes,
        pack_grams=pledge.pack_grams,
        quantity_grams=boxes * pledge.pack_grams,
        purpose_kind=pledge.purpose_kind,
        purpose_id=pledge.purpose_id,
        reason=reason,
        created_at=ctx.now,
        version=1,
    )
    session.add(owed)
    session.flush()
    after = {"kind": str(owed.kind), "boxes": boxes, "instead_of": str(pledge.id), "reason": reason}
    audit.record(session, ctx, "hold.place", subject=("hold", owed.id), after=after)
    steps = (
        PoolStep(kind=PoolMovementKind.PLEDGED, hold_id=owed.id, pledged=boxes),
        PoolStep(kind=PoolMovementKind.WITHDRAWN, hold_id=pledge.id, pledged=-boxes),
    )
    if buckets.move_pool(session, ctx, pledge.pool_id, *steps) is None:
        raise CountersBroken(pledge.pool_id)
    kind = MovementKind.CULLED if is_gone else MovementKind.RELEASED
    on_lots.move(session, ctx, pledge, kind, was, promise_parts.give_back(was, boxes), reason=reason)
    return owed


def pay_instead(session: Session, ctx: Context, *, hold_id: uuid.UUID, boxes: int) -> None:
    """Buyers have the money back for so many boxes that were missing: they are owed no longer.

    Raises HoldNotFound, HoldNotActive, HoldPart.
    """
    owed = holds.locked(session, hold_id)
    holds.take_out(session, ctx, owed, HoldState.CONSUMED, "hold.pay_instead", boxes=boxes)
