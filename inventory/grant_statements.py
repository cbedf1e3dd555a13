"""The two statements of a grant: look (under locks), and write. Each serves any number of requests at once.

They are in psycopg's own form, so that a kept connection can send them as they are.
"""

from typing import Final

from marketplace import audit, idempotency

LOOK: Final = """
    SELECT * FROM counter_look(%(digests)s::text[], %(buyer_ids)s::uuid[], %(keys)s::text[], %(lines)s::jsonb,
        %(networks)s::text[], %(locks)s::boolean)
"""
"""Locks keys, the buyers' live holds and the pools, in this order and each by id, and reads the facts under these
locks; without `locks` it only reads, and tries the keys. A function, for each of its statements sees what the locks of
the one before waited for, and asking once costs one round trip."""

WRITE: Final = f"""
    WITH counted AS (
        UPDATE pool p SET boxes_held = r.held, version = r.version
        FROM jsonb_to_recordset(%(pools)s::jsonb) AS r(id uuid, held bigint, version bigint, before bigint)
        WHERE p.id = r.id AND p.version = r.before RETURNING p.id
    ), placed AS (
        INSERT INTO hold (id, kind, state, pool_id, owner_id, pack_id, boxes, pack_grams, quantity_grams,
            unit_price_minor, currency, purpose_kind, purpose_id, created_at, expires_at, expires_at_max, network,
            version)
        SELECT r.id, 'cart', 'active', r.pool_id, r.owner_id, r.pack_id, r.boxes, r.pack_grams,
            r.boxes * r.pack_grams, r.price, r.currency, r.purpose_kind, r.purpose_id, %(now)s, r.expires_at,
            r.expires_at_max, r.network, 1
        FROM jsonb_to_recordset(%(placed)s::jsonb) AS r(id uuid, pool_id uuid, owner_id uuid, pack_id uuid,
            boxes bigint, pack_grams bigint, price bigint, currency text, purpose_kind text, purpose_id uuid,
            expires_at timestamptz, expires_at_max timestamptz, network text)
    ), resized AS (
        UPDATE hold h SET boxes = r.boxes, quantity_grams = r.boxes * h.pack_grams, expires_at = r.expires_at,
            network = r.network, version = h.version + 1
        FROM jsonb_to_recordset(%(resized)s::jsonb) AS r(id uuid, boxes bigint, expires_at timestamptz,
            network text)
        WHERE h.id = r.id AND h.id = ANY(%(resized_ids)s::uuid[]) AND coalesce(h.state, '') = 'active' RETURNING h.id
    ), lines AS (
        INSERT INTO pool_movement (pool_id, number, kind, pledged_delta, held_delta, sold_delta, boxes_pledged,
            boxes_held, boxes_sold, hold_id, actor, at)
        SELECT r.pool_id, r.number, r.kind, 0, r.delta, 0, r.pledged, r.held, r.sold, r.hold_id, r.actor, %(now)s
        FROM jsonb_to_recordset(%(lines)s::jsonb) AS r(pool_id uuid, number bigint, kind text, delta bigint,
            pledged bigint, held bigint, sold bigint, hold_id uuid, actor text)
    ), rung AS (
        INSERT INTO job (name, arguments, key, state, due_at, attempts, enqueued_at)
        SELECT 'inventory.offer_freed', jsonb_build_object('pool_id', r.pool_id),
            'inventory.offer_freed:' || r.pool_id, 'waiting', statement_timestamp(), 0, statement_timestamp()
        FROM (SELECT l.pool_id, sum(l.delta) AS delta
            FROM jsonb_to_recordset(%(lines)s::jsonb) AS l(pool_id uuid, delta bigint)
            GROUP BY l.pool_id) r
        WHERE r.delta < 0 AND EXISTS (SELECT FROM waitlist_entry w
            WHERE w.pool_id = r.pool_id AND w.state = 'waiting')
        ORDER BY r.pool_id
        ON CONFLICT (key) WHERE state = 'waiting' AND started_at IS NULL
        DO UPDATE SET due_at = least(job.due_at, excluded.due_at)
    ), {audit.TOLD}, {idempotency.KEPT}
    SELECT whole((SELECT count(*) FROM counted) = jsonb_array_length(%(pools)s::jsonb)
        AND (SELECT count(*) FROM resized) = cardinality(%(resized_ids)s::uuid[]))
    """  # noqa: S608 (the parts are our own)
"""The state is asked for in a form that no partial index has: with statistics of a time without live holds, the index
of everybody's live holds looks empty, and all of it would be read for the few that are resized."""
