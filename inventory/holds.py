"""Holds: placed, paid, consumed, released, expired. Each ends once, and its boxes move with it.

Whether a hold has expired is decided under its lock by the database's clock; the sweeper only writes it down.
"""

import uuid
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import Session

from inventory import buckets, lots, safety, stock_rules
from inventory.models import Hold, Lot, Pool
from inventory.states import HoldKind, HoldState, MovementKind, lets, may_move
from inventory.stock_rules import Destination
from marketplace import audit, errors
from marketplace.access import STAFF
from marketplace.context import Context
from marketplace.language import Text
from marketplace.values import new_id

BATCH: Final = 200
"""How many expired holds are written down in one unit of work."""

Purpose = tuple[str, uuid.UUID]
"""What a hold is for: the kind of thing and its id, in the package above."""


class PoolNotFound(errors.NotFound):
    title = Text(en="There is no such pool.", zh="没有该货源池。")


class HoldNotFound(errors.NotFound):
    title = Text(en="There is no such hold.", zh="没有该保留。")


class HoldExpired(errors.Gone):
    """The hold's time is over; its boxes are free for everybody."""

    title = Text(en="The hold has expired.", zh="保留已过期。")


class HoldNotActive(errors.Conflict):
    """The hold is paid, being paid, released or expired already."""

    title = Text(en="The hold is no longer active.", zh="该保留已不可用。")


class HoldLimit(errors.Conflict):
    """What the buyer holds and bought of this would pass the most that one buyer may have."""

    title = Text(en="One buyer may not have that many boxes of this.", zh="超过每位买家限购箱数。")


class SoldOut(errors.Conflict):
    """Fewer boxes are left than asked for."""

    title = Text(en="Not that many boxes are left.", zh="剩余箱数不足。")


class PledgeNeeded(errors.Conflict):
    """Boxes of the pledge are held or sold already: it cannot be taken back."""

    title = Text(en="Boxes of this pledge are promised to buyers.", zh="该承诺货源已被买家保留或购买。")


class CountersBroken(Exception):
    """Counters that do not fit their holds: a broken promise of our code, never of the caller."""


def place_on_lots(
    session: Session,
    ctx: Context,
    *,
    kind: str,
    cooperative_id: uuid.UUID,
    boxes: int,
    pack_grams: int,
    variety: str,
    grade: str,
    purpose: Purpose,
    delivered_on: date | None = None,
    destination: Destination | None = None,
    pool_id: uuid.UUID | None = None,
    until: datetime | None = None,
) -> list[Hold]:
    """Hold whole boxes of a cooperative's lots, first expired first out: one hold for each lot.

    A pledge names its `pool_id`; without `until` a hold does not expire. Raises NotEnoughInStore.
    """
    stocks = lots.offered(session, variety=variety, grade=grade, cooperative_id=cooperative_id, locked=True)
    asked: dict[str, Any] = {
        "pack_grams": pack_grams,
        "on": delivered_on or ctx.today,
        "destination": destination,
        "safety": safety.kept(session, variety=variety, grade=grade),
    }
    try:
        takes = stock_rules.take(stocks, boxes=boxes, **asked)
    except stock_rules.TooFewBoxes as short:
        raise lots.NotEnoughInStore(
            cooperative_id=cooperative_id,
            requested_boxes=boxes,
            available_boxes=short.available_boxes,
            **asdict(stock_rules.withheld_boxes(stocks, **asked)),
        ) from short
    placed = []
    for take in takes:
        hold = Hold(
            id=new_id(),
            kind=HoldKind(kind),
            state=HoldState.ACTIVE,
            cooperative_id=cooperative_id,
            lot_id=take.lot_id,
            pool_id=pool_id,
            boxes=take.boxes,
            pack_grams=pack_grams,
            quantity_grams=take.boxes * pack_grams,
            purpose_kind=purpose[0],
            purpose_id=purpose[1],
            created_at=ctx.now,
            expires_at=until,
            version=1,
        )
        _add(session, ctx, hold)
        _move_lot(session, ctx, hold, MovementKind.HELD, held_grams=hold.quantity_grams)
        placed.append(hold)
    return placed


def place_on_pool(
    session: Session,
    ctx: Context,
    *,
    pool_id: uuid.UUID,
    boxes: int,
    minutes: int,
    unit_price_minor: int,
    currency: str,
    purpose: Purpose,
    live_max_of_owner: int | None = None,
) -> Hold:
    """Hold boxes of a pool for the actor, for some minutes of the database's clock.

    `live_max_of_owner`: the most boxes that the actor may hold and have bought for this purpose.
    Raises SoldOut, HoldLimit, PoolNotFound.
    """
    if ctx.actor.id is None:
        raise errors.Forbidden
    if live_max_of_owner is not None:
        _check_limit(session, ctx.actor.id, purpose, boxes=boxes, boxes_max=live_max_of_owner)
    moved = buckets.move_pool(session, pool_id, held=boxes)
    while moved is None:
        _make_room(session, ctx, pool_id, boxes)
        moved = buckets.move_pool(session, pool_id, held=boxes)

    pool, now = moved
    hold = Hold(
        id=new_id(),
        kind=HoldKind.CART,
        state=HoldState.ACTIVE,
        pool_id=pool.id,
        owner_id=ctx.actor.id,
        pack_id=pool.pack_id,
        boxes=boxes,
        pack_grams=pool.pack_grams,
        quantity_grams=boxes * pool.pack_grams,
        unit_price_minor=unit_price_minor,
        currency=currency,
        purpose_kind=purpose[0],
        purpose_id=purpose[1],
        created_at=now,
        expires_at=now + timedelta(minutes=minutes),
        version=1,
    )
    _add(session, ctx, hold)
    return hold


def start_payment(session: Session, ctx: Context, *, hold_id: uuid.UUID) -> Hold:
    """The owner goes to pay: from now on the hold does not expire. Raises HoldNotFound, -Expired, -NotActive."""
    hold = _own(session, ctx, hold_id)
    if hold.state == HoldState.EXPIRED or _is_over(session, hold):
        raise HoldExpired(expired_at=hold.expires_at)
    _change(session, ctx, hold, HoldState.CONVERTING, "hold.start_payment")
    return hold


def consume(session: Session, ctx: Context, *, hold_id: uuid.UUID) -> Hold:
    """The promise is kept: a pool's boxes are sold, a lot's fruit leaves the store.

    Raises HoldNotActive, LotStatusForbids.
    """
    hold = _locked(session, hold_id)
    _change(session, ctx, hold, HoldState.CONSUMED, "hold.consume")
    if hold.kind == HoldKind.CART:
        _move_pool(session, hold, held=-hold.boxes, sold=hold.boxes)
    else:
        _check_leaves(session, hold)
        grams = hold.quantity_grams
        _move_lot(session, ctx, hold, MovementKind.SHIPPED, on_hand_grams=-grams, held_grams=-grams)
    return hold


def release(session: Session, ctx: Context, *, hold_id: uuid.UUID) -> Hold:
    """The promise is taken back, whoever's it is. Raises HoldNotFound, HoldNotActive, PledgeNeeded."""
    return _release(session, ctx, _locked(session, hold_id))


def cull(session: Session, ctx: Context, *, hold_id: uuid.UUID, reason: str) -> Hold:
    """What was kept back is thrown away. Raises HoldNotFound, HoldNotActive."""
    hold = _locked(session, hold_id)
    _change(session, ctx, hold, HoldState.RELEASED, "hold.cull")
    grams = hold.quantity_grams
    _move_lot(session, ctx, hold, MovementKind.CULLED, on_hand_grams=-grams, held_grams=-grams, reason=reason)
    return hold


def release_purpose(session: Session, ctx: Context, *, purpose: Purpose) -> int:
    """Take back every live hold on lots for something; how many. Lots are locked in the order of their ids."""
    statement = select(Hold).where(
        Hold.purpose_kind == purpose[0],
        Hold.purpose_id == purpose[1],
        Hold.state == HoldState.ACTIVE,
        Hold.lot_id.is_not(None),
    )
    found = _take(session, statement.order_by(Hold.lot_id))
    for hold in found:
        _release(session, ctx, hold)
    return len(found)


def release_own(session: Session, ctx: Context, *, hold_id: uuid.UUID) -> Hold:
    """The owner gives the boxes back, unless the payment runs. Raises HoldNotFound, HoldNotActive."""
    hold = _own(session, ctx, hold_id)
    if hold.state != HoldState.ACTIVE:
        raise HoldNotActive(state=hold.state)
    return _release(session, ctx, hold)


def release_pledges(session: Session, ctx: Context, *, pool_id: uuid.UUID) -> int:
    """Give all of a pool's pledged fruit back to its cooperatives; how many holds. Raises PledgeNeeded."""
    statement = select(Hold).where(
        Hold.pool_id == pool_id, Hold.kind == HoldKind.PLEDGE, Hold.state == HoldState.ACTIVE
    )
    pledges = _take(session, statement.order_by(Hold.lot_id))
    for pledge in pledges:
        _release(session, ctx, pledge)
    return len(pledges)


def get(session: Session, ctx: Context, *, hold_id: uuid.UUID) -> Hold:
    """The hold, for its owner and staff; raises HoldNotFound."""
    hold = session.get(Hold, hold_id)
    if hold is None or not (ctx.actor.has(*STAFF) or (hold.owner_id and hold.owner_id == ctx.actor.id)):
        raise HoldNotFound
    return hold


def expire_due(session: Session, ctx: Context, *, batch: int = BATCH) -> int:
    """End the holds whose time is over, at most `batch`; how many. Holds that somebody works on are left alone.

    A pledge whose boxes buyers hold or bought stays until they are not.
    """
    pools = select(Hold.pool_id).where(_due_cart()).order_by(Hold.expires_at).limit(batch)
    done = 0
    for pool_id in sorted({each for each in session.scalars(pools) if each is not None}):
        if done < batch:
            done += _expire_carts(session, ctx, pool_id, batch=batch - done)
    return done + _expire_on_lots(session, ctx, batch=batch - done)


def _expire_carts(session: Session, ctx: Context, pool_id: uuid.UUID, *, batch: int) -> int:
    """The pool is locked first, so that two who tidy it up do not hide its holds from each other."""
    session.execute(select(Pool.id).where(Pool.id == pool_id).with_for_update(key_share=True))
    statement = select(Hold).where(Hold.pool_id == pool_id, _due_cart())
    found = _take(session, statement.order_by(Hold.expires_at).limit(batch), skip_locked=True)
    for hold in found:
        _change(session, ctx, hold, HoldState.EXPIRED, "hold.expire")
    if found and buckets.move_pool(session, pool_id, held=-sum(hold.boxes for hold in found)) is None:
        raise CountersBroken(pool_id)
    return len(found)


def _expire_on_lots(session: Session, ctx: Context, *, batch: int) -> int:
    is_needed = select(Pool.id).where(
        Pool.id == Hold.pool_id, Pool.boxes_pledged - Pool.boxes_held - Pool.boxes_sold < Hold.boxes
    )
    statement = select(Hold).where(Hold.kind != HoldKind.CART, _due(), ~is_needed.exists())
    done = 0
    for hold in _take(session, statement.order_by(Hold.pool_id, Hold.lot_id).limit(batch), skip_locked=True):
        if hold.pool_id is not None and buckets.move_pool(session, hold.pool_id, pledged=-hold.boxes) is None:
            continue
        _change(session, ctx, hold, HoldState.EXPIRED, "hold.expire")
        _move_lot(session, ctx, hold, MovementKind.RELEASED, held_grams=-hold.quantity_grams)
        done += 1
    return done


def _release(session: Session, ctx: Context, hold: Hold) -> Hold:
    _change(session, ctx, hold, HoldState.RELEASED, "hold.release")
    if hold.kind == HoldKind.CART:
        _move_pool(session, hold, held=-hold.boxes)
        return hold
    if hold.pool_id is not None and buckets.move_pool(session, hold.pool_id, pledged=-hold.boxes) is None:
        raise PledgeNeeded(boxes=hold.boxes)
    _move_lot(session, ctx, hold, MovementKind.RELEASED, held_grams=-hold.quantity_grams)
    return hold


def _check_limit(
    session: Session, owner_id: uuid.UUID, purpose: Purpose, *, boxes: int, boxes_max: int
) -> None:
    """One at a time for each owner and purpose, so that two holds at once cannot both find room."""
    name = f"hold:{owner_id}:{purpose[0]}:{purpose[1]}"
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))
    counts = or_(
        Hold.state.in_((HoldState.CONVERTING, HoldState.CONSUMED)),
        and_(Hold.state == HoldState.ACTIVE, Hold.expires_at > func.clock_timestamp()),
    )
    live_boxes = session.execute(
        select(func.coalesce(func.sum(Hold.boxes), 0)).where(
            Hold.owner_id == owner_id, Hold.purpose_kind == purpose[0], Hold.purpose_id == purpose[1], counts
        )
    ).scalar_one()
    if live_boxes + boxes > boxes_max:
        raise HoldLimit(requested_boxes=boxes, live_boxes=int(live_boxes), boxes_max=boxes_max)


def _make_room(session: Session, ctx: Context, pool_id: uuid.UUID, boxes: int) -> None:
    """Returns if another try may succeed. Looks at the counters last: rivals may have made room meanwhile.

    Raises PoolNotFound, SoldOut; a pool that is sold out for good is not locked for it.
    """
    has_lapsed = select(select(Hold.id).where(Hold.pool_id == pool_id, _due_cart()).exists())
    if session.scalar(has_lapsed) and _expire_carts(session, ctx, pool_id, batch=BATCH):
        return
    pool = session.get(Pool, pool_id, populate_existing=True)
    if pool is None:
        raise PoolNotFound
    if pool.available_boxes < boxes:
        raise SoldOut(requested_boxes=boxes, available_boxes=pool.available_boxes)


def _due() -> ColumnElement[bool]:
    return and_(Hold.state == HoldState.ACTIVE, Hold.expires_at <= func.clock_timestamp())


def _due_cart() -> ColumnElement[bool]:
    return and_(Hold.kind == HoldKind.CART, _due())


def _is_over(session: Session, hold: Hold) -> bool:
    """Asked when the lock is had: the time spent waiting for it counts."""
    now = session.execute(select(func.clock_timestamp())).scalar_one()
    return hold.expires_at is not None and hold.expires_at <= now


def _take(session: Session, statement: Select[Hold], *, skip_locked: bool = False) -> Sequence[Hold]:
    locked = statement.with_for_update(of=Hold, key_share=True, skip_locked=skip_locked)
    return session.scalars(locked.execution_options(populate_existing=True)).all()


def _locked(session: Session, hold_id: uuid.UUID) -> Hold:
    found = _take(session, select(Hold).where(Hold.id == hold_id))
    if not found:
        raise HoldNotFound
    return found[0]


def _own(session: Session, ctx: Context, hold_id: uuid.UUID) -> Hold:
    hold = _locked(session, hold_id)
    if hold.owner_id is None or hold.owner_id != ctx.actor.id:
        raise HoldNotFound
    return hold


def _add(session: Session, ctx: Context, hold: Hold) -> None:
    session.add(hold)
    session.flush()
    after = {"kind": str(hold.kind), "boxes": hold.boxes, "purpose": f"{hold.purpose_kind}:{hold.purpose_id}"}
    audit.record(session, ctx, "hold.place", subject=("hold", hold.id), after=after)


def _change(session: Session, ctx: Context, hold: Hold, after: HoldState, action: str) -> None:
    before = str(hold.state)
    if not may_move(hold.kind, before, after):
        raise HoldNotActive(state=before)
    hold.state = after
    hold.version += 1
    if after != HoldState.CONVERTING:
        hold.resolved_at = ctx.now
    audit.record(
        session, ctx, action, subject=("hold", hold.id), before={"state": before}, after={"state": str(after)}
    )


def _move_pool(session: Session, hold: Hold, *, held: int, sold: int = 0) -> None:
    assert hold.pool_id is not None
    if buckets.move_pool(session, hold.pool_id, held=held, sold=sold) is None:
        raise CountersBroken(hold.id)


def _check_leaves(session: Session, hold: Hold) -> None:
    """Locks the lot: nobody stops it between this look and the move."""
    status = session.execute(
        select(Lot.status).where(Lot.id == hold.lot_id).with_for_update(key_share=True)
    ).scalar_one()
    if not lets(status, MovementKind.SHIPPED):
        raise lots.LotStatusForbids(lot_status=status)


def _move_lot(
    session: Session,
    ctx: Context,
    hold: Hold,
    kind: MovementKind,
    *,
    held_grams: int,
    on_hand_grams: int = 0,
    reason: str | None = None,
) -> Lot:
    assert hold.lot_id is not None
    grams = {"on_hand_grams": on_hand_grams, "held_grams": held_grams}
    lot = buckets.move_lot(session, ctx, hold.lot_id, kind, hold_id=hold.id, reason=reason, **grams)
    if lot is None:
        raise CountersBroken(hold.id)
    return lot
