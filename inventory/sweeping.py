"""Writes down that holds of pools have lapsed: many at once, in three statements, whoever does it.

The holds' boxes were free for others from the moment their time was over; this only makes the counters say so. A
sweeper locks the lapsed holds it finds free before their pool, and waits for nobody's hold.
"""

import uuid
from typing import Final

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from inventory import buckets, measures
from inventory.buckets import PoolStep
from inventory.models import Hold
from inventory.states import HoldState, PoolMovementKind
from marketplace import database
from marketplace.audit import AuditEntry
from marketplace.context import Context
from marketplace.values import new_id

BATCH: Final = 200
"""How many lapsed holds are written down in one unit of work."""

_EXPIRE: Final = text(
    """
    WITH due AS MATERIALIZED (
        SELECT id, boxes - consumed_boxes - released_boxes AS boxes FROM hold
        WHERE pool_id = :pool_id AND lot_id IS NULL AND state = 'active' AND expires_at <= clock_timestamp()
        ORDER BY expires_at LIMIT :batch FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE hold h SET state = 'expired', released_boxes = h.released_boxes + due.boxes, version = h.version + 1,
        resolved_at = clock_timestamp()
    FROM due WHERE h.id = due.id RETURNING h.id, due.boxes
    """
)
_POOLS_DUE: Final = text(
    """
    SELECT DISTINCT pool_id FROM (
        SELECT pool_id FROM hold WHERE lot_id IS NULL AND state = 'active' AND expires_at <= clock_timestamp()
        ORDER BY expires_at LIMIT :batch
    ) due ORDER BY pool_id
    """
)


def pools_due(session: Session, *, batch: int = BATCH) -> list[uuid.UUID]:
    """The pools of the holds that lapsed first."""
    return list(session.scalars(_POOLS_DUE, {"batch": batch}))


def expire_of(session: Session, ctx: Context, pool_id: uuid.UUID, *, batch: int = BATCH) -> int:
    """End at most `batch` of the pool's lapsed holds; how many. Those that somebody works on are left alone."""
    found = session.execute(_EXPIRE, {"pool_id": pool_id, "batch": batch}).all()
    if not found:
        return 0
    database.changed_behind(session, Hold, (row.id for row in found))
    measures.EXPIRED.inc(len(found))
    steps = [PoolStep(kind=PoolMovementKind.EXPIRED, hold_id=row.id, held=-row.boxes) for row in found]
    if buckets.move_pool(session, ctx, pool_id, *steps) is None:
        raise buckets.CountersBroken(pool_id)
    session.execute(
        insert(AuditEntry),
        [
            {
                "id": new_id(),
                "at": ctx.now,
                "actor": ctx.actor.label,
                "action": "hold.expire",
                "subject_kind": "hold",
                "subject_id": str(row.id),
                "request_id": ctx.request_id,
                "before": {"state": HoldState.ACTIVE.value},
                "after": {"state": HoldState.EXPIRED.value},
            }
            for row in found
        ],
    )
    return len(found)
