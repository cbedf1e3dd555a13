"""Quality holds: part of a lot that an inspector keeps back, until it is released or culled as a whole.

A heap of grams, not of boxes: the hold has one box of so many grams.
"""

import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory import buckets, holds, lots
from inventory.models import Hold, Lot
from inventory.states import HoldKind, HoldState, MovementKind, lets
from marketplace import audit, errors
from marketplace.access import Role
from marketplace.context import Context
from marketplace.values import new_id


def place(session: Session, ctx: Context, *, lot_id: uuid.UUID, quantity_grams: int, reason: str) -> Hold:
    """Keep free fruit of a lot back. Raises LotNotFound, FruitPromised, LotStatusForbids."""
    lot = lots.locked(session, ctx, lot_ids=[lot_id])[lot_id]
    if not lets(lot.status, MovementKind.HELD):
        raise lots.LotStatusForbids(lot_status=str(lot.status))
    if quantity_grams > lot.free_grams:
        raise lots.FruitPromised(requested_grams=quantity_grams, available_grams=lot.free_grams)
    hold = Hold(
        id=new_id(),
        kind=HoldKind.QUALITY,
        state=HoldState.ACTIVE,
        cooperative_id=lot.cooperative_id,
        lot_id=lot_id,
        boxes=1,
        pack_grams=quantity_grams,
        quantity_grams=quantity_grams,
        purpose_kind="quality",
        purpose_id=lot_id,
        created_at=ctx.now,
        version=1,
    )
    session.add(hold)
    session.flush()
    moved = buckets.move_lot(
        session, ctx, lot_id, MovementKind.HELD, held_grams=quantity_grams, hold_id=hold.id, reason=reason
    )
    assert moved is not None, "the lot is locked and its free fruit was looked at"
    after = {"kind": "quality", "grams": quantity_grams, "reason": reason}
    audit.record(session, ctx, "hold.place", subject=("hold", hold.id), after=after)
    return hold


def release(session: Session, ctx: Context, *, hold_id: uuid.UUID) -> Hold:
    """The fruit is good: free again. Not for its cooperative. Raises Forbidden, HoldNotFound, HoldNotActive."""
    _check(session, ctx, hold_id)
    return holds.release(session, ctx, hold_id=hold_id)


def cull(session: Session, ctx: Context, *, hold_id: uuid.UUID, reason: str) -> Hold:
    """The fruit is thrown away. Not for its cooperative. Raises Forbidden, HoldNotFound, HoldNotActive."""
    _check(session, ctx, hold_id)
    return holds.cull(session, ctx, hold_id=hold_id, reason=reason)


def lot_of(session: Session, hold: Hold) -> Lot:
    """The lot as the hold left it."""
    return session.get_one(Lot, hold.lot_id, populate_existing=True)


def _check(session: Session, ctx: Context, hold_id: uuid.UUID) -> None:
    if not ctx.actor.has(Role.OPERATOR, Role.SYSTEM):
        raise errors.Forbidden
    if session.scalar(select(Hold.kind).where(Hold.id == hold_id)) != HoldKind.QUALITY:
        raise holds.HoldNotFound
