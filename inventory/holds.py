"""Holds: placed, paid, consumed, released, expired. Each ends once, and its boxes move with it.

Whether a hold has expired is decided under its lock by the database's clock; the sweeper only writes it down.
"""

import uuid
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import Session

from inventory import buckets, granting, lots, stock_rules, sweeping
from inventory.buckets import CountersBroken, PoolStep
from inventory.grant_rules import Ask, Cause, Line, Refused
from inventory.granting import Placed
from inventory.models import Hold, Lot, Pool
from inventory.states import HoldKind, HoldState, MovementKind, PoolMovementKind, lets, may_move
from inventory.stock_rules import Destination
from marketplace import audit, errors
from marketplace.access import STAFF
from marketplace.context import Context
from marketplace.language import Text
from marketplace.values import new_id

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
    """It would pass the most that one buyer may have. `counted_boxes`: bought, being paid, or lapsed just now."""

    title = Text(en="One buyer may not have that many boxes of this.", zh="超过每位买家限购箱数。")


class PoolNotSelling(errors.Conflict):
    """Boxes of this pool may not be held right now."""

    title = Text(en="These boxes are not on sale right now.", zh="当前不在售卖时间内。")


class SoldOut(errors.Conflict):
    """Fewer boxes are left than asked for; `next_expires_at` is when the next hold ends, unless it is paid.

    With Redis such a hold may be turned away before any work on it begins: then nothing is stored under its key, and
    the same key may be granted later.
    """

    title = Text(en="Not that many boxes are left.", zh="剩余箱数不足。")


class PledgeNeeded(errors.Conflict):
    """Boxes of the pledge are held or sold already: it cannot be taken back."""

    title = Text(en="Boxes of this pledge are promised to buyers.", zh="该承诺货源已被买家保留或购买。")


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
        _move_lot(session, ctx, hold, MovementKind.HOLD, held_grams=hold.quantity_grams)
        placed.append(hold)
    return placed


def place_on_pool(session: Session, ctx: Context, *, pool_id: uuid.UUID, boxes: int, minutes: int) -> Hold:
    """The actor's hold of a pool becomes `boxes`, for some minutes of the database's clock, at the pool's terms.

    Raises SoldOut, HoldLimit, PoolNotFound, PoolNotSelling. Requests that come through the door are granted many
    at once (`counter`); this is the same for one, in the caller's transaction.
    """
    if ctx.actor.id is None:
        raise errors.Forbidden
    ask = Ask(buyer_id=ctx.actor.id, lines=(Line(pool_id=pool_id, boxes=boxes),), minutes=minutes)
    [placed] = place_on_pools(session, ctx, ask)
    found = session.get(Hold, placed.hold_id, populate_existing=True)
    assert found is not None
    return found


def place_on_pools(session: Session, ctx: Context, ask: Ask) -> list[Placed]:
    """Grant one request of any number of pools, whole or not at all; raises what `place_on_pool` raises."""
    facts, [decision] = granting.decide(session, ctx, [ask])
    if isinstance(decision, Refused):
        raise refusal(decision, facts)
    writing = granting.Writing(facts)
    placed = writing.grant(ctx, ask, decision)
    writing.store(session)
    return placed


def refusal(refused: Refused, facts: granting.Facts) -> errors.Refusal:
    """What the rule's no means to the caller."""
    if refused.cause == Cause.NO_SUCH_POOL:
        return PoolNotFound()
    if refused.cause == Cause.NOT_SELLING:
        return PoolNotSelling()
    if refused.cause == Cause.OVER_LIMIT:
        return HoldLimit(
            requested_boxes=refused.requested, counted_boxes=refused.counted, boxes_max=refused.limit
        )
    return SoldOut(
        requested_boxes=refused.requested,
        available_boxes=refused.available,
        next_expires_at=facts.next_expires_at.get(refused.pool_id),
    )


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
        _move_pool(session, ctx, hold, PoolMovementKind.SOLD, sold=hold.boxes)
    else:
        _check_leaves(session, hold)
        grams = hold.quantity_grams
        _move_lot(session, ctx, hold, MovementKind.SHIP, on_hand_grams=-grams, held_grams=-grams)
    return hold


def release(session: Session, ctx: Context, *, hold_id: uuid.UUID) -> Hold:
    """The promise is taken back, whoever's it is. Raises HoldNotFound, HoldNotActive, PledgeNeeded."""
    return _release(session, ctx, _locked(session, hold_id))


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


def expire_due(session: Session, ctx: Context, *, batch: int = sweeping.BATCH) -> int:
    """End the holds whose time is over, at most `batch`; how many. Holds that somebody works on are left alone.

    A pledge whose boxes buyers hold or bought stays until they are not.
    """
    done = 0
    for pool_id in sweeping.pools_due(session, batch=batch):
        if done < batch:
            done += sweeping.expire_carts(session, ctx, pool_id, batch=batch - done)
    return done + _expire_on_lots(session, ctx, batch=batch - done)


def _expire_on_lots(session: Session, ctx: Context, *, batch: int) -> int:
    is_needed = select(Pool.id).where(
        Pool.id == Hold.pool_id, Pool.boxes_pledged - Pool.boxes_held - Pool.boxes_sold < Hold.boxes
    )
    statement = select(Hold).where(Hold.kind != HoldKind.CART, _due(), ~is_needed.exists())
    done = 0
    for hold in _take(session, statement.order_by(Hold.pool_id, Hold.lot_id).limit(batch), skip_locked=True):
        if not _withdraw_pledge(session, ctx, hold):
            continue
        _change(session, ctx, hold, HoldState.EXPIRED, "hold.expire")
        _move_lot(session, ctx, hold, MovementKind.RELEASE, held_grams=-hold.quantity_grams)
        done += 1
    return done


def _release(session: Session, ctx: Context, hold: Hold) -> Hold:
    _change(session, ctx, hold, HoldState.RELEASED, "hold.release")
    if hold.kind == HoldKind.CART:
        _move_pool(session, ctx, hold, PoolMovementKind.RELEASED)
        return hold
    if not _withdraw_pledge(session, ctx, hold):
        raise PledgeNeeded(boxes=hold.boxes)
    _move_lot(session, ctx, hold, MovementKind.RELEASE, held_grams=-hold.quantity_grams)
    return hold


def _withdraw_pledge(session: Session, ctx: Context, hold: Hold) -> bool:
    """Whether the pool can do without the pledge's boxes; then they have left it."""
    if hold.pool_id is None:
        return True
    step = PoolStep(kind=PoolMovementKind.WITHDRAWN, hold_id=hold.id, pledged=-hold.boxes)
    return buckets.move_pool(session, ctx, hold.pool_id, step) is not None


def _due() -> ColumnElement[bool]:
    return and_(Hold.state == HoldState.ACTIVE, Hold.expires_at <= func.clock_timestamp())


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


def _move_pool(session: Session, ctx: Context, hold: Hold, kind: PoolMovementKind, *, sold: int = 0) -> None:
    """The hold's boxes leave what is held."""
    assert hold.pool_id is not None
    step = PoolStep(kind=kind, hold_id=hold.id, held=-hold.boxes, sold=sold)
    if buckets.move_pool(session, ctx, hold.pool_id, step) is None:
        raise CountersBroken(hold.id)


def _check_leaves(session: Session, hold: Hold) -> None:
    """Locks the lot: nobody stops it between this look and the move."""
    status = session.execute(
        select(Lot.status).where(Lot.id == hold.lot_id).with_for_update(key_share=True)
    ).scalar_one()
    if not lets(status, MovementKind.SHIP):
        raise lots.LotStatusForbids(lot_status=status)


def _move_lot(
    session: Session, ctx: Context, hold: Hold, kind: MovementKind, *, held_grams: int, on_hand_grams: int = 0
) -> Lot:
    assert hold.lot_id is not None
    lot = buckets.move_lot(
        session, ctx, hold.lot_id, kind, on_hand_grams=on_hand_grams, held_grams=held_grams, hold_id=hold.id
    )
    if lot is None:
        raise CountersBroken(hold.id)
    return lot
