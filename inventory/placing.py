"""Holds that use cases place on pools, not shoppers at the door: presale and game holds, and boxes taken again.

How long each kind lives, and who renews it, stands in `hold_policy`.
"""

import uuid
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from inventory import hold_policy, holds, room, waitlist
from inventory.models import Hold, Pool
from inventory.refusals import HoldNotActive, SoldOut
from inventory.states import HoldKind, HoldState
from marketplace.context import Context

_MOMENT: Final = timedelta(minutes=1)
"""Boxes taken again are held no longer than their transaction lasts."""


class NotTaken(StrEnum):
    """Why boxes that were let go could not be taken again."""

    SOLD_OUT = "sold_out"
    OVER_LIMIT = "over_limit"


def place_for(
    session: Session,
    ctx: Context,
    *,
    kind: HoldKind,
    pool_id: uuid.UUID,
    owner_id: uuid.UUID,
    boxes: int,
    until: datetime | None = None,
    price: tuple[int, str] | None = None,
    reason: str | None = None,
) -> Hold:
    """Hold boxes of a pool for somebody, for as long as the kind lives or until then; those in line come first.

    `price`: of a box, in minor units of a currency, where it is not the pool's.

    The window of the sale and the limits of shoppers are the caller's to ask about. Raises PoolNotFound, SoldOut.
    """
    waitlist.offer(session, ctx, pool_id=pool_id)
    pool = room.found(session, ctx, pool_id=pool_id, boxes=boxes)
    if pool is None:
        raise _sold_out(session, pool_id, boxes)
    return _put(
        session,
        ctx,
        pool,
        kind=kind,
        owner_id=owner_id,
        boxes=boxes,
        until=until,
        price=price,
        reason=reason,
    )


def supersede(
    session: Session,
    ctx: Context,
    *,
    hold_id: uuid.UUID,
    kind: HoldKind,
    owner_id: uuid.UUID | None = None,
    until: datetime | None = None,
    reason: str | None = None,
) -> Hold:
    """Another hold, of the same owner unless told, takes over all open boxes of this one; they are never free in
    between.

    Raises HoldNotFound, HoldExpired, HoldNotActive.
    """
    old = holds.locked(session, hold_id)
    holds.check_lives(session, old)
    boxes = holds.take_out(session, ctx, old, HoldState.SUPERSEDED, "hold.supersede", reason=reason)
    assert old.pool_id is not None
    assert old.owner_id is not None
    pool, _ = room.locked(session, old.pool_id)
    return _put(
        session,
        ctx,
        pool,
        kind=kind,
        owner_id=owner_id or old.owner_id,
        boxes=boxes,
        until=until,
        reason=reason,
        instead_of=(old.id, boxes),
    )


def take_again(session: Session, ctx: Context, *, hold_id: uuid.UUID) -> Hold | NotTaken:
    """Sell the very boxes of a shopper's hold that has ended, if so many are free: for money that came late.

    Those in line come first, and the buyer's limits hold. Raises HoldNotFound, HoldNotActive.
    """
    old = holds.locked(session, hold_id)
    if old.kind != HoldKind.CART or old.state not in (HoldState.EXPIRED, HoldState.RELEASED):
        raise HoldNotActive(state=old.state)
    assert old.pool_id is not None
    return _sold_at_once(
        session, ctx, old, pool_id=old.pool_id, boxes=old.boxes, reason=f"again, for {old.id}"
    )


def sold_hold(session: Session, *, hold_id: uuid.UUID) -> Hold:
    """The locked hold of boxes that a shopper has bought. Raises HoldNotFound, HoldNotActive."""
    hold = holds.locked(session, hold_id)
    if hold.kind != HoldKind.CART or hold.state != HoldState.CONSUMED:
        raise HoldNotActive(state=hold.state)
    return hold


def take_elsewhere(
    session: Session, ctx: Context, *, hold_id: uuid.UUID, pool_id: uuid.UUID
) -> Hold | NotTaken:
    """Sell as many boxes of another pool to whoever bought those of the hold, which are still to be taken back.

    Those in line come first, and the buyer's limits hold. Raises HoldNotFound, HoldNotActive.
    """
    old = sold_hold(session, hold_id=hold_id)
    reason = f"instead of {old.id}"
    return _sold_at_once(session, ctx, old, pool_id=pool_id, boxes=old.consumed_boxes, reason=reason)


def _sold_at_once(
    session: Session, ctx: Context, old: Hold, *, pool_id: uuid.UUID, boxes: int, reason: str
) -> Hold | NotTaken:
    """A hold for the owner of the old one, consumed as soon as it is placed."""
    assert old.owner_id is not None
    waitlist.offer(session, ctx, pool_id=pool_id)
    pool = room.found(session, ctx, pool_id=pool_id, boxes=boxes)
    if pool is None:
        return NotTaken.SOLD_OUT
    if room.over_limit(session, pool, owner_id=old.owner_id, boxes=boxes):
        return NotTaken.OVER_LIMIT
    hold = _put(
        session,
        ctx,
        pool,
        kind=HoldKind.CART,
        owner_id=old.owner_id,
        boxes=boxes,
        until=holds.clock(session) + _MOMENT,
        reason=reason,
    )
    hold.state = HoldState.CONVERTING
    return holds.consume(session, ctx, hold_id=hold.id)


def _put(
    session: Session,
    ctx: Context,
    pool: Pool,
    *,
    kind: HoldKind,
    owner_id: uuid.UUID,
    boxes: int,
    until: datetime | None,
    reason: str | None,
    price: tuple[int, str] | None = None,
    instead_of: tuple[uuid.UUID, int] | None = None,
) -> Hold:
    now = holds.clock(session)
    end, latest = hold_policy.end_of(kind, now=now, until=until)
    assert end is not None, "every kind on pools ends some day"
    return room.put(
        session,
        ctx,
        pool,
        kind=kind,
        owner_id=owner_id,
        boxes=boxes,
        ends=(end, latest),
        now=now,
        price=price,
        reason=reason,
        instead_of=instead_of,
    )


def _sold_out(session: Session, pool_id: uuid.UUID, boxes: int) -> SoldOut:
    pool, now = room.locked(session, pool_id)
    following = select(func.min(Hold.expires_at)).where(
        Hold.pool_id == pool_id,
        Hold.lot_id.is_(None),
        Hold.state == HoldState.ACTIVE,
        Hold.expires_at > now,
    )
    return SoldOut(
        requested_boxes=boxes,
        available_boxes=pool.available_boxes,
        next_expires_at=session.scalar(following),
    )
