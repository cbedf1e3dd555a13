"""Writes down that holds of pools have lapsed: many at once, in three statements, whoever does it.

The holds' boxes were free for others from the moment their time was over; this only makes the counters say so. A
sweeper locks the lapsed holds it finds free before their pool, and waits for nobody's hold.
"""

import uuid
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from inventory import bell, measures
from inventory.buckets import CountersBroken
from inventory.gate import keeping
from inventory.models import Hold, Pool
from marketplace import database
from marketplace.context import Context
from marketplace.values import new_id

BATCH: Final = 200
"""How many lapsed holds are written down in one unit of work."""

_EXPIRE: Final = """
    WITH due AS MATERIALIZED (
        SELECT id, boxes - consumed_boxes - released_boxes AS boxes FROM hold
        WHERE pool_id = %(pool_id)s AND lot_id IS NULL AND state = 'active'
        AND expires_at <= statement_timestamp() ORDER BY expires_at LIMIT %(batch)s FOR NO KEY UPDATE SKIP LOCKED
    ), ended AS (
        UPDATE hold h SET state = 'expired', released_boxes = h.released_boxes + due.boxes,
            version = version + 1, resolved_at = clock_timestamp()
        FROM due WHERE h.id = due.id RETURNING h.id, due.boxes
    )
    SELECT coalesce(array_agg(id), '{}') AS hold_ids, coalesce(array_agg(boxes), '{}') AS boxes FROM ended
"""
_TELL: Final = """
    INSERT INTO audit_entry (id, at, actor, action, subject_kind, subject_id, request_id, before, after)
    SELECT told.id, %(at)s, %(actor)s, 'hold.expire', 'hold', told.hold_id::text, %(request_id)s,
        '{"state": "active"}', '{"state": "expired"}'
    FROM unnest(%(ids)s::uuid[], %(hold_ids)s::uuid[]) AS told(id, hold_id)
"""
_COUNT: Final = """
    WITH counted AS (
        UPDATE pool SET boxes_held = boxes_held - %(sum)s, version = version + %(count)s
        WHERE id = %(pool_id)s AND boxes_held >= %(sum)s
        RETURNING id, boxes_pledged, boxes_held, boxes_sold, version
    ), lines AS (
        INSERT INTO pool_movement (pool_id, number, kind, pledged_delta, held_delta, sold_delta, boxes_pledged,
            boxes_held, boxes_sold, hold_id, actor, at)
        SELECT c.id, c.version - %(count)s + e.place, 'expired', 0, -e.boxes, 0, c.boxes_pledged,
            c.boxes_held + %(sum)s - sum(e.boxes) OVER (ORDER BY e.place), c.boxes_sold, e.hold_id, %(actor)s,
            clock_timestamp()
        FROM counted c
        CROSS JOIN unnest(%(hold_ids)s::uuid[], %(boxes)s::bigint[]) WITH ORDINALITY AS e(hold_id, boxes, place)
    )
    SELECT count(*) AS pools FROM counted
"""
"""Last of all, so that the pool is locked for this statement and the commit alone."""
_POOLS_DUE: Final = text(
    """
    SELECT DISTINCT pool_id FROM (
        SELECT pool_id FROM hold WHERE lot_id IS NULL AND state = 'active' AND expires_at <= statement_timestamp()
        ORDER BY expires_at LIMIT :batch
    ) due ORDER BY pool_id
    """
)


def pools_due(session: Session, *, batch: int = BATCH) -> list[uuid.UUID]:
    """The pools of the holds that lapsed first."""
    return list(session.scalars(_POOLS_DUE, {"batch": batch}))


def expire_of(session: Session, ctx: Context, pool_id: uuid.UUID, *, batch: int = BATCH) -> int:
    """End at most `batch` of the pool's lapsed holds; how many. Those that somebody works on are left alone."""
    run = session.connection().exec_driver_sql
    hold_ids, boxes = run(_EXPIRE, {"pool_id": pool_id, "batch": batch}).one()
    if not hold_ids:
        return 0
    told: dict[str, Any] = {
        "ids": [new_id() for _ in hold_ids],
        "hold_ids": hold_ids,
        "at": ctx.now,
        "actor": ctx.actor.label,
        "request_id": ctx.request_id,
    }
    run(_TELL, told)
    counts = {"pool_id": pool_id, "boxes": boxes, "sum": sum(boxes), "count": len(boxes)}
    keeping.forget([pool_id])
    if not run(_COUNT, {**told, **counts}).scalar_one():
        raise CountersBroken(pool_id)
    measures.EXPIRED.inc(len(hold_ids))
    bell.ring(session, pool_id)
    database.changed_behind(session, Hold, hold_ids)
    database.changed_behind(session, Pool, [pool_id])
    return len(hold_ids)
