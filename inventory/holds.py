"""Holds: placed, extended, paid, consumed, released, expired. Each box leaves its hold once, and moves with it.

Whether a hold has expired is decided under its lock by the database's clock; the sweeper only writes it down.
"""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import Session

from inventory import buckets, granting, measures, on_lots, promise_parts, sweeping
from inventory.buckets import CountersBroken, PoolStep
from inventory.capacity import pledging
from inventory.grant_rules import Ask, Cause, Line, Refused
from inventory.granting import Placed
from inventory.hold_policy import POLICIES
from inventory.models import Hold, Pool
from inventory.on_lots import Purpose, place_on_lots
from inventory.paying import start_payment
from inventory.refusals import (
    HoldExpired,
    HoldLimit,
    HoldNotActive,
    HoldNotExtendable,
    HoldNotFound,
    HoldPart,
    HouseholdLimit,
    NetworkLimit,
    PledgeNeeded,
    PoolNotFound,
    PoolNotSelling,
    SoldOut,
)
from inventory.states import BOUGHT, PLEDGES, HoldKind, HoldState, MovementKind, PoolMovementKind, may_move
from marketplace import audit, errors
from marketplace.access import STAFF
from marketplace.context import Context

__all__ = [
    "HoldExpired",
    "HoldLimit",
    "HoldNotActive",
    "HoldNotExtendable",
    "HoldNotFound",
    "HoldPart",
    "HouseholdLimit",
    "NetworkLimit",
    "PledgeNeeded",
    "PoolNotFound",
    "PoolNotSelling",
    "Purpose",
    "SoldOut",
    "check_lives",
    "clock",
    "come_back",
    "consume",
    "cull",
    "expire_due",
    "get",
    "locked",
    "own",
    "place_on_lots",
    "place_on_pool",
    "place_on_pools",
    "pledges_of",
    "refusal",
    "release",
    "release_own",
    "release_part",
    "release_pledges",
    "release_purpose",
    "start_payment",
    "stop_payment",
    "take_back",
    "take_back_all",
    "take_out",
    "time_is_over",
]

_LIMITS: Final[dict[Cause, type[errors.Refusal]]] = {
    Cause.OVER_LIMIT: HoldLimit,
    Cause.OVER_HOUSEHOLD_LIMIT: HouseholdLimit,
    Cause.OVER_NETWORK_LIMIT: NetworkLimit,
}


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
    """What the rule's no means to the caller; it is counted."""
    measures.REFUSED.labels(refused.cause.value).inc()
    if refused.cause == Cause.NO_SUCH_POOL:
        return PoolNotFound()
    if refused.cause == Cause.NOT_SELLING:
        return PoolNotSelling()
    if refused.cause in _LIMITS:
        return _LIMITS[refused.cause](
            requested_boxes=refused.requested, counted_boxes=refused.counted, boxes_max=refused.limit
        )
    return sold_out(
        refused.requested,
        available=refused.available,
        next_expires_at=facts.next_expires_at.get(refused.pool_id),
        waitlist=refused.waitlist,
    )


def sold_out(
    requested: int, *, available: int, next_expires_at: datetime | None, waitlist: str | None
) -> SoldOut:
    """The one refusal of boxes that are gone, whoever found it out."""
    place: dict[str, Any] = {"waitlist": waitlist} if waitlist else {}
    return SoldOut(
        requested_boxes=requested, available_boxes=available, next_expires_at=next_expires_at, **place
    )


def stop_payment(session: Session, ctx: Context, *, hold_id: uuid.UUID) -> Hold:
    """The payment failed: the hold lives again for what is left of its time, or it has expired by now.

    Raises HoldNotFound, HoldNotActive.
    """
    hold = locked(session, hold_id)
    if hold.state != HoldState.CONVERTING:
        raise HoldNotActive(state=hold.state)
    if time_is_over(session, hold):
        boxes = take_out(session, ctx, hold, HoldState.EXPIRED, "hold.expire")
        _move_pool(session, ctx, hold, PoolMovementKind.EXPIRED, boxes)
    else:
        _turn(session, ctx, hold, HoldState.ACTIVE, "hold.stop_payment")
    return hold


def consume(session: Session, ctx: Context, *, hold_id: uuid.UUID, boxes: int | None = None) -> Hold:
    """The promise is kept, wholly or in part: a pool's boxes are sold, a lot's fruit leaves the store.

    Raises HoldNotFound, HoldNotActive, HoldPart, LotStatusForbids.
    """
    hold = locked(session, hold_id)
    was = on_lots.parts_of(session, hold)
    taken = take_out(session, ctx, hold, HoldState.CONSUMED, "hold.consume", boxes=boxes)
    if hold.lot_id is None:
        _move_pool(session, ctx, hold, PoolMovementKind.SOLD, taken, sold=taken)
    else:
        on_lots.check_lets(session, hold, MovementKind.SHIPPED)
        on_lots.move(session, ctx, hold, MovementKind.SHIPPED, was, promise_parts.ship(was, taken))
    return hold


def release(
    session: Session,
    ctx: Context,
    *,
    hold_id: uuid.UUID,
    boxes: int | None = None,
    reason: str | None = None,
) -> Hold:
    """The promise is taken back, wholly or in part, whoever's it is.

    Raises HoldNotFound, HoldNotActive, HoldPart, PledgeNeeded.
    """
    return _release(session, ctx, locked(session, hold_id), boxes=boxes, reason=reason)


def take_back(session: Session, ctx: Context, *, hold_id: uuid.UUID, reason: str) -> Hold:
    """Sold boxes of a buyer come back into their pool, all of them. Raises HoldNotFound, HoldNotActive."""
    return take_back_all(session, ctx, hold_ids=[hold_id], reason=reason)[0]


def take_back_all(
    session: Session, ctx: Context, *, hold_ids: Collection[uuid.UUID], reason: str
) -> list[Hold]:
    """The same for many at once: holds are locked by id, then each of their pools is moved once."""
    found = _take(session, select(Hold).where(Hold.id.in_(hold_ids)).order_by(Hold.id))
    if len(found) < len(set(hold_ids)):
        raise HoldNotFound
    steps: dict[uuid.UUID, list[PoolStep]] = {}
    for hold in found:
        if hold.kind not in BOUGHT or hold.state != HoldState.CONSUMED or hold.pool_id is None:
            raise HoldNotActive(state=hold.state)
        steps.setdefault(hold.pool_id, []).append(_come_back(session, ctx, hold, hold.consumed_boxes, reason))
    session.flush()
    for pool_id in sorted(steps):
        if buckets.move_pool(session, ctx, pool_id, *steps[pool_id]) is None:
            raise CountersBroken(pool_id)
    return list(found)


def come_back(session: Session, ctx: Context, hold: Hold, *, boxes: int, reason: str) -> None:
    """So many of the boxes that a locked hold has consumed are its pool's again."""
    step = _come_back(session, ctx, hold, boxes, reason)
    session.flush()
    if hold.pool_id is None or buckets.move_pool(session, ctx, hold.pool_id, step) is None:
        raise CountersBroken(hold.id)


def _come_back(session: Session, ctx: Context, hold: Hold, boxes: int, reason: str) -> PoolStep:
    before = hold.consumed_boxes
    hold.consumed_boxes -= boxes
    hold.released_boxes += boxes
    hold.state = HoldState.CONSUMED if hold.consumed_boxes else HoldState.RELEASED
    hold.resolved_at, hold.reason = ctx.now, reason
    hold.version += 1
    audit.record(
        session,
        ctx,
        "hold.take_back",
        subject=("hold", hold.id),
        before={"state": str(HoldState.CONSUMED), "consumed_boxes": before},
        after={"state": str(hold.state), "reason": reason},
    )
    return PoolStep(kind=PoolMovementKind.RETURNED, hold_id=hold.id, sold=-boxes)


def cull(session: Session, ctx: Context, *, hold_id: uuid.UUID, reason: str) -> Hold:
    """What was kept back is thrown away. Raises HoldNotFound, HoldNotActive."""
    hold = locked(session, hold_id)
    was = on_lots.parts_of(session, hold)
    taken = take_out(session, ctx, hold, HoldState.RELEASED, "hold.cull", reason=reason)
    now = promise_parts.give_back(was, taken)
    on_lots.move(session, ctx, hold, MovementKind.CULLED, was, now, reason=reason)
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


def release_part(session: Session, ctx: Context, *, purpose: Purpose, boxes: int) -> None:
    """Take back so many boxes that lots hold for something; those in a pool go last. Raises PledgeNeeded, HoldPart."""
    statement = select(Hold).where(
        Hold.purpose_kind == purpose[0],
        Hold.purpose_id == purpose[1],
        Hold.state == HoldState.ACTIVE,
        Hold.lot_id.is_not(None),
    )
    left = boxes
    found = _take(session, statement.order_by(Hold.lot_id))
    for hold in sorted(found, key=lambda each: (each.pool_id is not None, each.lot_id)):
        if part := min(left, hold.open_boxes):
            _release(session, ctx, hold, boxes=part)
            left -= part
    if left:
        raise HoldPart(open_boxes=boxes - left)


def release_own(session: Session, ctx: Context, *, hold_id: uuid.UUID) -> Hold:
    """The owner gives the boxes back, unless the payment runs. Raises HoldNotFound, HoldNotActive."""
    hold = own(session, ctx, hold_id)
    if hold.state != HoldState.ACTIVE:
        raise HoldNotActive(state=hold.state)
    return _release(session, ctx, hold)


def release_carts(session: Session, ctx: Context, *, pool_id: uuid.UUID, batch: int, reason: str) -> int:
    """What people hold of a pool and have not ordered is free again, a batch of it; how many holds."""
    statement = select(Hold).where(
        Hold.pool_id == pool_id, Hold.owner_id.is_not(None), Hold.state == HoldState.ACTIVE
    )
    carts = _take(session, statement.order_by(Hold.id).limit(batch))
    for cart in carts:
        _release(session, ctx, cart, reason=reason)
    return len(carts)


def release_pledges(session: Session, ctx: Context, *, pool_id: uuid.UUID) -> int:
    """Give all of a pool's pledged fruit back to its cooperatives; how many holds. Raises PledgeNeeded."""
    found = pledges_of(session, pool_id=pool_id)
    for pledge in found:
        _release(session, ctx, pledge)
    return len(found)


def pledges_of(session: Session, *, pool_id: uuid.UUID, purpose: Purpose | None = None) -> Sequence[Hold]:
    """The pool's open pledges, all or those of one purpose, locked by lot, after the forecasts they draw on."""
    pledging.lock(session, pool_ids=[pool_id])
    statement = select(Hold).where(
        Hold.pool_id == pool_id, Hold.kind.in_(sorted(PLEDGES)), Hold.state == HoldState.ACTIVE
    )
    if purpose is not None:
        statement = statement.where(Hold.purpose_kind == purpose[0], Hold.purpose_id == purpose[1])
    return _take(session, statement.order_by(Hold.lot_id, Hold.id))


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
            done += sweeping.expire_of(session, ctx, pool_id, batch=batch - done)
    return done + _expire_on_lots(session, ctx, batch=batch - done)


def _expire_on_lots(session: Session, ctx: Context, *, batch: int) -> int:
    open_boxes = Hold.boxes - Hold.consumed_boxes - Hold.released_boxes
    is_needed = select(Pool.id).where(
        Pool.id == Hold.pool_id, Pool.boxes_pledged - Pool.boxes_held - Pool.boxes_sold < open_boxes
    )
    statement = select(Hold).where(Hold.lot_id.is_not(None), _due(), ~is_needed.exists())
    done = 0
    for hold in _take(session, statement.order_by(Hold.pool_id, Hold.lot_id).limit(batch), skip_locked=True):
        was = on_lots.parts_of(session, hold)
        if not _withdraw_pledge(session, ctx, hold, was.held):
            continue
        take_out(session, ctx, hold, HoldState.EXPIRED, "hold.expire", boxes=was.held)
        now = promise_parts.give_back(was, was.held)
        on_lots.move(session, ctx, hold, MovementKind.RELEASED, was, now)
        if now.open_boxes:
            hold.expires_at = None  # what is owed does not lapse
        done += 1
    return done


def _release(
    session: Session, ctx: Context, hold: Hold, *, boxes: int | None = None, reason: str | None = None
) -> Hold:
    was = on_lots.parts_of(session, hold)
    taken = take_out(session, ctx, hold, HoldState.RELEASED, "hold.release", boxes=boxes, reason=reason)
    if hold.owner_id is not None:
        _move_pool(session, ctx, hold, PoolMovementKind.RELEASED, taken)
        return hold
    if not _withdraw_pledge(session, ctx, hold, taken):
        raise PledgeNeeded(boxes=taken)
    if hold.capacity_id is not None:
        pledging.give_back(session, ctx, hold, boxes=taken)
        return hold
    if hold.lot_id is None:
        return hold  # what is missing lies nowhere
    on_lots.move(session, ctx, hold, MovementKind.RELEASED, was, promise_parts.give_back(was, taken))
    return hold


def _withdraw_pledge(session: Session, ctx: Context, hold: Hold, boxes: int) -> bool:
    """Whether the pool can do without the pledge's boxes; then they have left it."""
    if hold.pool_id is None:
        return True
    step = PoolStep(kind=PoolMovementKind.WITHDRAWN, hold_id=hold.id, pledged=-boxes)
    return buckets.move_pool(session, ctx, hold.pool_id, step) is not None


def _due() -> ColumnElement[bool]:
    return and_(Hold.state == HoldState.ACTIVE, Hold.expires_at <= func.clock_timestamp())


def time_is_over(session: Session, hold: Hold) -> bool:
    """Asked when the lock is had: the time spent waiting for it counts."""
    return hold.expires_at is not None and hold.expires_at <= clock(session)


def check_lives(session: Session, hold: Hold) -> None:
    """Raises HoldExpired for a locked hold whose time is over, whether or not that was written down."""
    is_over = hold.state == HoldState.ACTIVE and time_is_over(session, hold)
    if is_over or hold.state == HoldState.EXPIRED:
        raise HoldExpired(expired_at=hold.expires_at)


def clock(session: Session) -> datetime:
    """The database's, which decides what has expired."""
    now: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    return now


def _take(session: Session, statement: Select[Hold], *, skip_locked: bool = False) -> Sequence[Hold]:
    locked = statement.with_for_update(of=Hold, key_share=True, skip_locked=skip_locked)
    return session.scalars(locked.execution_options(populate_existing=True)).all()


def locked(session: Session, hold_id: uuid.UUID) -> Hold:
    """Raises HoldNotFound."""
    found = _take(session, select(Hold).where(Hold.id == hold_id))
    if not found:
        raise HoldNotFound
    return found[0]


def own(session: Session, ctx: Context, hold_id: uuid.UUID) -> Hold:
    """The actor's hold, locked; raises HoldNotFound."""
    hold = locked(session, hold_id)
    if hold.owner_id is None or hold.owner_id != ctx.actor.id:
        raise HoldNotFound
    return hold


def _turn(session: Session, ctx: Context, hold: Hold, after: HoldState, action: str) -> None:
    """From one open state to the other; no box leaves the hold."""
    before = str(hold.state)
    if not may_move(hold.kind, before, after):
        raise HoldNotActive(state=before)
    hold.state = after
    hold.version += 1
    audit.record(
        session, ctx, action, subject=("hold", hold.id), before={"state": before}, after={"state": str(after)}
    )


def take_out(
    session: Session,
    ctx: Context,
    hold: Hold,
    after: HoldState,
    action: str,
    *,
    boxes: int | None = None,
    reason: str | None = None,
) -> int:
    """Boxes, all that are open unless told, leave a locked hold for an end of theirs; how many.

    With the last of them the hold itself ends in that state. Whoever calls moves the stock. Raises HoldNotActive,
    HoldPart.
    """
    before, was_open = str(hold.state), hold.open_boxes
    if not may_move(hold.kind, before, after):
        raise HoldNotActive(state=before)
    taken = was_open if boxes is None else boxes
    if not 0 < taken <= was_open or (taken < was_open and not POLICIES[HoldKind(hold.kind)].in_parts):
        raise HoldPart(open_boxes=was_open)
    if after == HoldState.CONSUMED:
        hold.consumed_boxes += taken
    else:
        hold.released_boxes += taken
    hold.version += 1
    hold.reason = reason or hold.reason
    if taken == was_open:
        hold.state = after
        hold.resolved_at = ctx.now
    audit.record(
        session,
        ctx,
        action,
        subject=("hold", hold.id),
        before={"state": before, "open_boxes": was_open},
        after={"state": str(hold.state), "open_boxes": hold.open_boxes},
    )
    return taken


def _move_pool(
    session: Session, ctx: Context, hold: Hold, kind: PoolMovementKind, boxes: int, *, sold: int = 0
) -> None:
    """So many of the hold's boxes leave what is held."""
    assert hold.pool_id is not None
    step = PoolStep(kind=kind, hold_id=hold.id, held=-boxes, sold=sold)
    if buckets.move_pool(session, ctx, hold.pool_id, step) is None:
        raise CountersBroken(hold.id)
