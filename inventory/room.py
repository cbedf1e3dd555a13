"""Room in a pool for somebody's boxes, found and taken under the pool's lock, one hold at a time.

For everything but the rush of shoppers, who are granted many at once (`granting`). Who has a pool waits for no hold.
"""

import uuid
from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from inventory import buckets, sweeping
from inventory.buckets import CountersBroken, PoolStep
from inventory.models import Hold, Pool
from inventory.on_lots import Purpose
from inventory.refusals import PoolBusy, PoolNotFound
from inventory.states import HoldKind, HoldState, PoolMovementKind
from marketplace import audit
from marketplace.context import Context
from marketplace.values import new_id

PRICED = frozenset({HoldKind.CART, HoldKind.PRESALE})
"""Kinds whose boxes are bought: at the pool's price, unless whoever places them names another."""

_COUNTED = text(
    """
    SELECT coalesce(sum(h.boxes - h.released_boxes) FILTER (WHERE h.owner_id = :owner_id), 0) AS own,
        coalesce(sum(h.boxes - h.released_boxes), 0) AS together
    FROM hold h WHERE h.pool_id = :pool_id AND h.lot_id IS NULL AND h.kind <> 'replacement'
    AND (h.owner_id = :owner_id OR h.owner_id IN (SELECT a.id FROM account a
        WHERE a.household = (SELECT household FROM account WHERE id = :owner_id)))
    AND (h.state IN ('converting', 'consumed') OR h.state = 'active' AND h.expires_at > clock_timestamp())
    """
)


def locked(session: Session, pool_id: uuid.UUID) -> tuple[Pool, datetime]:
    """The pool under its lock, and the database's clock then. Raises PoolNotFound."""
    pool = session.scalar(
        select(Pool)
        .where(Pool.id == pool_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if pool is None:
        raise PoolNotFound
    return pool, session.execute(select(func.clock_timestamp())).scalar_one()


def found(session: Session, ctx: Context, *, pool_id: uuid.UUID, boxes: int) -> Pool | None:
    """The locked pool, if so many boxes are free in it; boxes of lapsed holds are, and are written down for it.

    Raises PoolNotFound, and PoolBusy while somebody else works on the lapsed holds that would make the room.
    """
    pool, _ = locked(session, pool_id)
    while pool.available_boxes < boxes and _has_lapsed(session, pool_id):
        if not sweeping.expire_of(session, ctx, pool_id):
            raise PoolBusy
        pool, _ = locked(session, pool_id)
    return pool if pool.available_boxes >= boxes else None


def put(
    session: Session,
    ctx: Context,
    pool: Pool,
    *,
    kind: HoldKind,
    owner_id: uuid.UUID,
    boxes: int,
    ends: tuple[datetime, datetime | None],
    now: datetime,
    price: tuple[int, str] | None = None,
    reason: str | None = None,
    instead_of: tuple[uuid.UUID, int] | None = None,
    purpose: Purpose | None = None,
) -> Hold:
    """Hold boxes of a locked pool that has room for them, each at `price` (minor units, currency) or the pool's.

    They are for what the pool is for, unless another `purpose` is named.

    `ends`: when the hold ends, and at the latest. `instead_of`: the hold, ended already, whose boxes these are; they
    never come free in between.
    """
    for_what, for_which = purpose or (pool.purpose_kind, pool.purpose_id)
    unit_price_minor, currency = price or (pool.unit_price_minor, pool.currency)
    hold = Hold(
        id=new_id(),
        kind=kind,
        state=HoldState.ACTIVE,
        pool_id=pool.id,
        owner_id=owner_id,
        pack_id=pool.pack_id,
        boxes=boxes,
        consumed_boxes=0,
        released_boxes=0,
        pack_grams=pool.pack_grams,
        quantity_grams=boxes * pool.pack_grams,
        unit_price_minor=unit_price_minor if kind in PRICED else None,
        currency=currency if kind in PRICED else None,
        purpose_kind=for_what,
        purpose_id=for_which,
        reason=reason,
        created_at=now,
        expires_at=ends[0],
        expires_at_max=ends[1],
        version=1,
    )
    session.add(hold)
    session.flush()
    after = {"kind": str(kind), "boxes": boxes, "purpose": f"{for_what}:{for_which}"}
    audit.record(session, ctx, "hold.place", subject=("hold", hold.id), after=after)
    steps = [PoolStep(kind=PoolMovementKind.HELD, hold_id=hold.id, held=boxes)]
    if instead_of is not None:
        old_id, freed = instead_of
        steps.insert(0, PoolStep(kind=PoolMovementKind.SUPERSEDED, hold_id=old_id, held=-freed))
    if buckets.move_pool(session, ctx, pool.id, *steps) is None:
        raise CountersBroken(pool.id)
    return hold


def over_limit(session: Session, pool: Pool, *, owner_id: uuid.UUID, boxes: int) -> bool:
    """Whether somebody, or their household, would have too many of a locked pool's boxes with so many more."""
    counted = session.execute(_COUNTED, {"pool_id": pool.id, "owner_id": owner_id}).one()
    return any(
        most is not None and int(have) + boxes > most
        for have, most in (
            (counted.own, pool.boxes_per_buyer_max),
            (counted.together, pool.boxes_per_household_max),
        )
    )


def _has_lapsed(session: Session, pool_id: uuid.UUID) -> bool:
    lapsed = select(Hold.id).where(
        Hold.pool_id == pool_id,
        Hold.lot_id.is_(None),
        Hold.state == HoldState.ACTIVE,
        Hold.expires_at <= func.clock_timestamp(),
    )
    return session.scalar(lapsed.limit(1)) is not None
