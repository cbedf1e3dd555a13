"""The three statements of a grant: lock, look, write. Each serves any number of requests at once.

They are in psycopg's own form, so that a kept connection can send them as they are.
"""

from typing import Final

from marketplace import idempotency

LOCK: Final = """
    WITH own AS MATERIALIZED (
        SELECT own.id FROM jsonb_to_recordset(%(pairs)s::jsonb) AS a(buyer_id uuid, pool_id uuid)
        CROSS JOIN LATERAL (
            SELECT h.id FROM hold h WHERE h.owner_id = a.buyer_id AND h.pool_id = a.pool_id
            AND h.kind = 'cart' AND h.state = 'active' ORDER BY h.id OFFSET 0 FOR NO KEY UPDATE
        ) AS own
    ), locked AS MATERIALIZED (
        SELECT p.id FROM pool p WHERE (SELECT count(*) FROM own) >= 0 AND p.id = ANY(%(pool_ids)s::uuid[])
        ORDER BY p.id FOR NO KEY UPDATE
    )
    SELECT (SELECT count(*) FROM locked) AS pools, ARRAY(SELECT id FROM own) AS hold_ids,
        <locked> AS keys_locked
    """.replace("<locked>", idempotency.KEYS_LOCKED)
"""The holds before the pools, as everybody locks them: the pools wait until the holds are counted. Holds are locked in
the order of the pairs, which all batches share, and each pair is looked up by itself: a join would read all holds."""

LOCK_KEYS: Final = "SELECT " + idempotency.KEYS_LOCKED + " AS keys_locked"
"""For those who only look."""

LOCK_NEW: Final = """
    SELECT count(*) AS count FROM (
        SELECT id FROM hold WHERE id = ANY(%(hold_ids)s::uuid[]) AND state = 'active'
        ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
    ) AS new
"""
"""Holds that came while the pools were waited for: who has a pool waits for no hold."""

LOOK: Final = """
    SELECT clock_timestamp() AS now, <stored> AS keys_stored,
    (SELECT jsonb_agg(jsonb_build_object('id', p.id, 'pledged', p.boxes_pledged, 'held', p.boxes_held,
        'sold', p.boxes_sold, 'version', p.version, 'limit', p.boxes_per_buyer_max, 'from', p.sells_from,
        'until', p.sells_until, 'household_limit', p.boxes_per_household_max,
        'pack_id', p.pack_id, 'pack_grams', p.pack_grams, 'price', p.unit_price_minor,
        'currency', p.currency, 'purpose_kind', p.purpose_kind, 'purpose_id', p.purpose_id,
        'has_line', p.sells_from <= statement_timestamp() AND statement_timestamp() < p.sells_until
            AND EXISTS (SELECT FROM waitlist_entry w WHERE w.pool_id = p.id AND w.state = 'waiting'
            AND w.boxes <= p.boxes_pledged - p.boxes_held - p.boxes_sold),
        'next', (SELECT min(h.expires_at) FROM hold h WHERE h.pool_id = p.id AND h.lot_id IS NULL
            AND h.state = 'active' AND h.expires_at > statement_timestamp()),
        'has_lapsed', EXISTS (SELECT FROM hold h WHERE h.pool_id = p.id AND h.lot_id IS NULL
            AND h.state = 'active' AND h.expires_at <= statement_timestamp())
    )) FROM pool p WHERE p.id = ANY(%(pool_ids)s::uuid[])) AS pools,
    (SELECT jsonb_agg(jsonb_build_object('owner_id', h.owner_id, 'pool_id', h.pool_id, 'id', h.id,
        'state', h.state, 'boxes', h.boxes, 'created_at', h.created_at, 'expires_at', h.expires_at,
        'expires_at_max', h.expires_at_max, 'resolved_at', h.resolved_at, 'kind', h.kind, 'network', h.network,
        'kept', h.boxes - h.released_boxes) ORDER BY h.id)
        FROM jsonb_to_recordset(%(pairs)s::jsonb) AS a(buyer_id uuid, pool_id uuid)
        CROSS JOIN LATERAL (
            SELECT o.* FROM hold o WHERE o.owner_id = a.buyer_id AND o.pool_id = a.pool_id
            AND o.lot_id IS NULL AND (o.resolved_at IS NULL OR o.state = 'consumed'
                OR o.resolved_at > statement_timestamp() - interval '10 minutes') OFFSET 0
        ) AS h) AS holds,
    (SELECT jsonb_agg(jsonb_build_object('id', a.id, 'household', a.household,
        'is_member', EXISTS (SELECT FROM hold h WHERE h.owner_id = a.id AND h.lot_id IS NULL
            AND h.state = 'consumed')))
        FROM account a WHERE a.id = ANY(%(buyer_ids)s::uuid[])) AS buyers,
    (SELECT jsonb_agg(jsonb_build_object('household', t.household, 'pool_id', t.pool_id, 'boxes', t.boxes)) FROM (
        WITH family AS MATERIALIZED (
            SELECT DISTINCT a.id, a.household FROM account b CROSS JOIN LATERAL (
                SELECT m.id, m.household FROM account m WHERE m.household = b.household OFFSET 0) a
            WHERE b.id = ANY(%(buyer_ids)s::uuid[]) AND EXISTS (SELECT FROM pool p
                WHERE p.id = ANY(%(pool_ids)s::uuid[]) AND p.boxes_per_household_max IS NOT NULL)
        )
        SELECT f.household, h.pool_id, sum(h.boxes) AS boxes FROM family f CROSS JOIN LATERAL (
            SELECT o.pool_id, o.boxes - o.released_boxes AS boxes FROM hold o
            WHERE o.owner_id = f.id AND o.pool_id = ANY(%(pool_ids)s::uuid[]) AND o.lot_id IS NULL
            AND (o.state IN ('converting', 'consumed') OR o.state = 'active' AND o.expires_at > statement_timestamp())
            OFFSET 0) h
        GROUP BY f.household, h.pool_id) t) AS households,
    (SELECT jsonb_agg(jsonb_build_object('network', t.network, 'pool_id', t.pool_id, 'boxes', t.boxes)) FROM (
        SELECT h.network, h.pool_id, sum(h.boxes - h.consumed_boxes - h.released_boxes) AS boxes FROM hold h
        WHERE h.pool_id = ANY(%(pool_ids)s::uuid[]) AND h.network = ANY(%(networks)s::text[])
        AND h.network IS NOT NULL AND h.state IN ('active', 'converting')
        AND (h.state = 'converting' OR h.expires_at > statement_timestamp())
        GROUP BY h.network, h.pool_id) t) AS networks
    """.replace("<stored>", idempotency.KEYS_STORED)
"""The statement begins when the locks are had, so its own time will do, and an index can be asked with it; the clock
would be read for every row. `next` and `has_lapsed` are of one moment: a hold is in one of them, never in neither."""

WRITE: Final = """
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
        WHERE h.id = r.id AND h.id = ANY(%(resized_ids)s::uuid[]) AND h.state = 'active' RETURNING h.id
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
    ), told AS (
        INSERT INTO audit_entry (id, at, actor, action, subject_kind, subject_id, request_id, before, after)
        SELECT r.id, r.at, r.actor, r.action, 'hold', r.subject_id, r.request_id, r.before, r.after
        FROM jsonb_to_recordset(%(told)s::jsonb) AS r(id uuid, at timestamptz, actor text, action text,
            subject_id text, request_id text, before jsonb, after jsonb)
    ), kept AS (
        INSERT INTO idempotency_key (principal, key, fingerprint, status, headers, body, request_id, created_at)
        SELECT r.principal, r.key, r.fingerprint, r.status, r.headers, r.body, r.request_id, r.created_at
        FROM jsonb_to_recordset(%(kept)s::jsonb) AS r(principal text, key text, fingerprint text,
            status bigint, headers jsonb, body text, request_id text, created_at timestamptz)
    )
    SELECT (SELECT count(*) FROM counted) AS pools, (SELECT count(*) FROM resized) AS resized
    """
