"""Pools: what may be sold of one pack for one purpose, filled by pledges."""

import uuid
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory import buckets, holds
from inventory.holds import PoolNotFound, release_pledges
from inventory.models import Hold, Pool
from inventory.states import HoldKind
from marketplace import audit, database, errors
from marketplace.context import Context
from marketplace.language import Text
from marketplace.values import new_id

__all__ = ["PoolExists", "PoolNotFound", "get", "open_pool", "pledge", "release_pledges"]


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
) -> Pool:
    """An empty pool; pledges fill it. Raises PoolExists."""
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
        version=1,
        created_at=ctx.now,
    )
    session.add(pool)
    with database.refusing({"uq_pool_purpose_kind_purpose_id_pack_id": PoolExists()}):
        session.flush()
    audit.record(session, ctx, "pool.open", subject=("pool", pool.id), after={"pack_id": str(pack_id)})
    return pool


def pledge(
    session: Session,
    ctx: Context,
    *,
    pool_id: uuid.UUID,
    cooperative_id: uuid.UUID,
    boxes: int,
    until: datetime | None = None,
) -> list[Hold]:
    """Put a cooperative's boxes into the pool: its lots are held, the pool grows.

    The pool is locked before the lots. Raises PoolNotFound, NotEnoughInStore.
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
        purpose=(pool.purpose_kind, pool.purpose_id),
        pool_id=pool.id,
        until=until,
    )
    buckets.move_pool(session, pool.id, pledged=boxes)
    audit.record(session, ctx, "pool.pledge", subject=("pool", pool.id), after={"boxes": boxes})
    return placed


def get(session: Session, *, pool_id: uuid.UUID) -> Pool:
    """Raises PoolNotFound."""
    pool = session.get(Pool, pool_id)
    if pool is None:
        raise PoolNotFound
    return pool
