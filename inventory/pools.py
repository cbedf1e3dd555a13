"""Pools: what may be sold of one pack for one purpose, filled by pledges."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select, tuple_, update
from sqlalchemy.orm import Session

from inventory import bell, buckets, holds, on_lots
from inventory.buckets import CountersBroken, PoolStep
from inventory.capacity import pledging
from inventory.deposit_rules import Deposit
from inventory.gate import keeping
from inventory.holds import PoolNotFound, release_pledges
from inventory.models import Hold, Lot, Pool
from inventory.states import PLEDGES, HoldKind, HoldState, MovementKind, PoolMovementKind
from marketplace import audit, database, errors
from marketplace.context import Context
from marketplace.language import Text
from marketplace.values import new_id

__all__ = [
    "PoolExists",
    "PoolNotFound",
    "Terms",
    "get",
    "give_back",
    "has_pledged",
    "kept_by",
    "locked_pledges",
    "open_pool",
    "pledge",
    "pledge_forecast",
    "release_pledges",
    "set_window",
    "take_over",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """At what price a pool's boxes are sold, and how many of them one buyer, and one household, may have."""

    unit_price_minor: int
    currency: str
    boxes_per_buyer_max: int | None = None
    boxes_per_household_max: int | None = None
    deposit: Deposit | None = None
    """What is due at once; without one, the whole price."""


class PoolExists(errors.Conflict):
    """There is a pool of this pack for this purpose already."""

    title = Text(en="There is such a pool already.", zh="该货源池已存在。")


def open_pool(
    session: Session,
    ctx: Context,
    *,
    pack_id: uuid.UUID,
    pack_grams: int,
    variety: str,
    grade: str,
    purpose: holds.Purpose,
    terms: Terms | None = None,
) -> Pool:
    """An empty pool; pledges fill it. Shoppers hold boxes of it only with `terms` and in its window.

    Raises PoolExists.
    """
    pool = Pool(
        id=new_id(),
        pack_id=pack_id,
        pack_grams=pack_grams,
        variety=variety,
        grade=grade,
        purpose_kind=purpose[0],
        purpose_id=purpose[1],
        boxes_pledged=0,
        boxes_held=0,
        boxes_sold=0,
        unit_price_minor=terms.unit_price_minor if terms else None,
        currency=terms.currency if terms else None,
        boxes_per_buyer_max=terms.boxes_per_buyer_max if terms else None,
        boxes_per_household_max=terms.boxes_per_household_max if terms else None,
        **_deposit(terms.deposit if terms else None),
        version=1,
        created_at=ctx.now,
    )
    session.add(pool)
    with database.refusing({"uq_pool_purpose_kind_purpose_id_pack_id": PoolExists()}):
        session.flush()
    buckets.state_pool(session, ctx, pool, PoolMovementKind.OPENED)
    audit.record(session, ctx, "pool.open", subject=("pool", pool.id), after={"pack_id": str(pack_id)})
    return pool


def set_window(
    session: Session,
    ctx: Context,
    *,
    pool_id: uuid.UUID,
    window: tuple[datetime, datetime] | None,
    ends_at: datetime | None = None,
) -> None:
    """From when until when boxes may be held, by the database's clock; None: not now, and never past `ends_at`.

    Raises PoolNotFound.
    """
    sells_from, sells_until = window or (None, ends_at)
    changed = session.execute(
        update(Pool)
        .where(Pool.id == pool_id)
        .values(sells_from=sells_from, sells_until=sells_until)
        .returning(Pool.id),
        execution_options={"synchronize_session": False},
    )
    if changed.first() is None:
        raise PoolNotFound
    keeping.forget([pool_id])
    database.changed_behind(session, Pool, [pool_id])
    if sells_until is not None:
        bell.ring(session, pool_id)
    after = {"sells_from": _iso(sells_from), "sells_until": _iso(sells_until)}
    audit.record(session, ctx, "pool.set_window", subject=("pool", pool_id), after=after)


def pledge(
    session: Session,
    ctx: Context,
    *,
    pool_id: uuid.UUID,
    cooperative_id: uuid.UUID,
    boxes: int,
    until: datetime | None = None,
    purpose: holds.Purpose | None = None,
    good_until: date | None = None,
) -> list[Hold]:
    """Put a cooperative's boxes into the pool: its lots are held, the pool grows.

    The pool is locked before the lots; `purpose` is the pool's own unless told. What is not good on the day
    `good_until`, today unless told, stays where it is. Raises PoolNotFound, NotEnoughInStore.
    """
    pool = session.scalar(
        select(Pool)
        .where(Pool.id == pool_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if pool is None:
        raise PoolNotFound
    placed = holds.place_on_lots(
        session,
        ctx,
        kind=HoldKind.PLEDGE,
        cooperative_id=cooperative_id,
        boxes=boxes,
        pack_grams=pool.pack_grams,
        variety=pool.variety,
        grade=pool.grade,
        purpose=purpose or (pool.purpose_kind, pool.purpose_id),
        delivered_on=good_until,
        pool_id=pool.id,
        until=until,
    )
    steps = [PoolStep(kind=PoolMovementKind.PLEDGED, hold_id=each.id, pledged=each.boxes) for each in placed]
    buckets.move_pool(session, ctx, pool.id, *steps)
    audit.record(session, ctx, "pool.pledge", subject=("pool", pool.id), after={"boxes": boxes})
    return placed


def pledge_forecast(
    session: Session,
    ctx: Context,
    *,
    pool_id: uuid.UUID,
    capacity_id: uuid.UUID,
    boxes: int,
    purpose: holds.Purpose,
) -> Hold:
    """Put boxes of a forecast into the pool, out of its prudent part; pledges on lots take their place at weighing.

    Raises PoolNotFound, CapacityNotFound, CapacityClosed, CapacityExceeded, CapacityDoesNotFit.
    """
    placed = pledging.put_in(
        session,
        ctx,
        pool=get(session, pool_id=pool_id),
        capacity_id=capacity_id,
        boxes=boxes,
        purpose=purpose,
    )
    audit.record(session, ctx, "pool.pledge", subject=("pool", pool_id), after={"boxes": boxes})
    return placed


def locked_pledges(
    session: Session, *, pool_id: uuid.UUID, purpose: holds.Purpose
) -> tuple[Pool, Sequence[Hold]]:
    """The pool and its open pledges of one purpose as they are now; locked. Raises PoolNotFound."""
    found = holds.pledges_of(session, pool_id=pool_id, purpose=purpose)
    pool = session.get(Pool, pool_id, with_for_update={"key_share": True}, populate_existing=True)
    if pool is None:
        raise PoolNotFound
    return pool, found


def give_back(session: Session, ctx: Context, pledges: Sequence[Hold], *, boxes: int, reason: str) -> None:
    """So many boxes of these locked pledges leave their pool: forecast fruit first, then what keeps longest.

    Raises PledgeNeeded.
    """
    ends = select(Lot.id, Lot.best_before_on).where(
        Lot.id.in_([each.lot_id for each in pledges if each.lot_id])
    )
    keeps = {row.id: row.best_before_on for row in session.execute(ends)}

    def place(hold: Hold) -> tuple[date, uuid.UUID]:
        return (date.max if hold.lot_id is None else keeps[hold.lot_id], hold.id)

    stay = sorted(pledges, key=place)
    going = {}
    left = boxes
    for each in reversed(stay):
        if part := min(left, each.open_boxes):
            going[each.id] = part
            left -= part
    for each in pledges:
        if each.id in going:
            holds.release(session, ctx, hold_id=each.id, boxes=going[each.id], reason=reason)


def take_over(
    session: Session, ctx: Context, *, pool_id: uuid.UUID, purposes: Collection[holds.Purpose]
) -> int:
    """What lots hold for some purposes goes into a pool, lot by lot, and is never free in between; how many boxes.

    The pledges keep their purposes. Fruit of a stopped lot stays as it is. Holds are locked before the pool, the pool
    before its lots, and these by id: so all purposes of one unit of work are told at once. Raises PoolNotFound.
    """
    found = session.scalars(
        select(Hold)
        .where(
            tuple_(Hold.purpose_kind, Hold.purpose_id).in_(list(purposes)),
            Hold.lot_id.is_not(None),
            Hold.kind == HoldKind.ALLOCATION,
            Hold.state == HoldState.ACTIVE,
        )
        .order_by(Hold.lot_id, Hold.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    if not found:
        return 0
    if session.get(Pool, pool_id, with_for_update={"key_share": True}, populate_existing=True) is None:
        raise PoolNotFound
    placed = []
    for hold in found:
        if on_lots.may(session, hold, MovementKind.HELD):
            boxes = hold.open_boxes
            holds.release(session, ctx, hold_id=hold.id, reason="into a pool")
            placed.append(on_lots.pledge_again(session, ctx, hold, boxes=boxes, pool_id=pool_id))
    if placed:
        steps = [
            PoolStep(kind=PoolMovementKind.PLEDGED, hold_id=each.id, pledged=each.boxes) for each in placed
        ]
        if buckets.move_pool(session, ctx, pool_id, *steps) is None:
            raise CountersBroken(pool_id)
        after = {"boxes": sum(each.boxes for each in placed)}
        audit.record(session, ctx, "pool.take_over", subject=("pool", pool_id), after=after)
    return sum(each.boxes for each in placed)


def has_pledged(session: Session, *, purpose: holds.Purpose) -> bool:
    """Whether some of what lots hold for this is in a pool."""
    found = select(Hold.id).where(
        Hold.purpose_kind == purpose[0],
        Hold.purpose_id == purpose[1],
        Hold.kind == HoldKind.PLEDGE,
        Hold.state == HoldState.ACTIVE,
        Hold.lot_id.is_not(None),
    )
    return session.scalar(found.limit(1)) is not None


def get(session: Session, *, pool_id: uuid.UUID) -> Pool:
    """Raises PoolNotFound."""
    pool = session.get(Pool, pool_id)
    if pool is None:
        raise PoolNotFound
    return pool


def kept_by(session: Session, *, pool_id: uuid.UUID) -> dict[uuid.UUID, int]:
    """The boxes that each cooperative has in the pool."""
    boxes = func.sum(Hold.boxes - Hold.released_boxes)
    rows = session.execute(
        select(Hold.cooperative_id, boxes)
        .where(Hold.pool_id == pool_id, Hold.kind.in_(sorted(PLEDGES)))
        .group_by(Hold.cooperative_id)
        .having(boxes > 0)
        .order_by(Hold.cooperative_id)
    )
    return {cooperative_id: int(count) for cooperative_id, count in rows if cooperative_id is not None}


def _deposit(deposit: Deposit | None) -> dict[str, Any]:
    if deposit is None:
        return {}
    return {
        "deposit_type": deposit.type,
        "deposit_minor": deposit.per_box_minor,
        "deposit_counts_minor": deposit.counts_minor,
        "deposit_funder": deposit.funder,
        "deposit_free_hours": deposit.free_hours,
    }


def _iso(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat()
