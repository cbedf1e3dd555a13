"""One call for who stands at the counter: who they are, their keys, their holds, the pools; under locks or without.

A function asks PostgreSQL once where the client would have to ask three times, and each of its statements sees what
the locks of the one before it waited for (READ COMMITTED). It decides nothing and changes nothing.
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

COUNTER_LOOK = """
CREATE FUNCTION counter_look(
    p_digests text[], p_buyers uuid[], p_keys text[], p_lines jsonb, p_networks text[], p_locks boolean
) RETURNS TABLE (
    now timestamptz, sessions jsonb, keys_locked boolean[], keys_stored jsonb, is_busy boolean,
    pools jsonb, holds jsonb, buyers jsonb, households jsonb, networks jsonb
) LANGUAGE plpgsql VOLATILE AS $function$
#variable_conflict use_column
DECLARE
    v_now timestamptz;
    v_sessions jsonb;
    v_buyers uuid[] := p_buyers;
    v_principals text[];
    v_keys_locked boolean[];
    v_pair_buyers uuid[];
    v_pair_pools uuid[];
    v_pool_ids uuid[];
    v_hold_ids uuid[] := '{}';
    v_new_ids uuid[];
    v_new integer := 0;
BEGIN
    -- Who they are: tokens of sessions that are neither revoked nor of an account that is disabled.
    IF array_length(array_remove(p_digests, NULL), 1) > 0 THEN
        SELECT jsonb_agg(jsonb_build_object('digest', d.digest, 'session_id', s.id, 'account_id', s.account_id,
                'expires_at', s.expires_at,
                'roles', ARRAY(SELECT r.role FROM account_role r WHERE r.account_id = s.account_id),
                'cooperative_ids', ARRAY(SELECT m.cooperative_id FROM membership m
                    WHERE m.account_id = s.account_id))) FILTER (WHERE s.id IS NOT NULL),
            array_agg(coalesce(p_buyers[d.place], s.account_id) ORDER BY d.place)
        INTO v_sessions, v_buyers
        FROM unnest(p_digests) WITH ORDINALITY AS d(digest, place)
        LEFT JOIN LATERAL (
            SELECT l.id, l.account_id, l.expires_at FROM login_session l JOIN account a ON a.id = l.account_id
            WHERE l.token_digest = decode(d.digest, 'hex') AND l.revoked_at IS NULL AND a.status = 'active' OFFSET 0
        ) AS s ON true;
    END IF;

    -- Their keys: who gets no lock has a copy at work elsewhere.
    SELECT array_agg(CASE WHEN k.key IS NULL OR v_buyers[k.place] IS NULL THEN NULL ELSE pg_try_advisory_xact_lock(
            ('x' || encode(substr(sha256(convert_to('account:' || v_buyers[k.place] || E'\\n' || k.key, 'UTF8')), 1, 8),
                'hex'))::bit(64)::bigint) END ORDER BY k.place)
    INTO v_keys_locked FROM unnest(p_keys) WITH ORDINALITY AS k(key, place);

    -- In one order for everybody: by buyer and pool; a pair is named once.
    SELECT array_agg(t.buyer_id ORDER BY t.buyer_id, t.pool_id), array_agg(t.pool_id ORDER BY t.buyer_id, t.pool_id)
    INTO v_pair_buyers, v_pair_pools
    FROM (SELECT DISTINCT v_buyers[l.place] AS buyer_id, l.pool_id
        FROM jsonb_to_recordset(p_lines) AS l(place integer, pool_id uuid)
        WHERE v_buyers[l.place] IS NOT NULL) AS t;
    v_pool_ids := ARRAY(SELECT DISTINCT u FROM unnest(v_pair_pools) AS u ORDER BY u);

    -- The holds before the pools, as everybody locks them; then the holds that came while the pools were waited for.
    IF p_locks THEN
        v_hold_ids := ARRAY(
            SELECT own.id FROM unnest(v_pair_buyers, v_pair_pools) AS a(buyer_id, pool_id)
            CROSS JOIN LATERAL (
                SELECT h.id FROM hold h WHERE h.owner_id = a.buyer_id AND h.pool_id = a.pool_id
                AND h.kind = 'cart' AND coalesce(h.state, '') = 'active' ORDER BY h.id OFFSET 0 FOR NO KEY UPDATE
            ) AS own);
        PERFORM p.id FROM pool p WHERE p.id = ANY(v_pool_ids) ORDER BY p.id FOR NO KEY UPDATE;
        v_new_ids := ARRAY(
            SELECT own.id FROM unnest(v_pair_buyers, v_pair_pools) AS a(buyer_id, pool_id)
            CROSS JOIN LATERAL (
                SELECT h.id FROM hold h WHERE h.owner_id = a.buyer_id AND h.pool_id = a.pool_id
                AND h.kind = 'cart' AND coalesce(h.state, '') = 'active' OFFSET 0
            ) AS own WHERE own.id <> ALL(v_hold_ids));
        IF array_length(v_new_ids, 1) > 0 THEN
            v_new := (SELECT count(*) FROM (SELECT h.id FROM hold h WHERE h.id = ANY(v_new_ids) AND h.state = 'active'
                ORDER BY h.id FOR NO KEY UPDATE SKIP LOCKED) AS l);
        END IF;
    END IF;

    -- What is true now, at one moment after the locks are had: the time of the statement is that of its beginning.
    v_now := clock_timestamp();
    RETURN QUERY SELECT v_now, v_sessions, v_keys_locked,
    (SELECT jsonb_agg(to_jsonb(k) || jsonb_build_object('place', n.place))
        FROM unnest(p_keys) WITH ORDINALITY AS n(key, place)
        CROSS JOIN LATERAL (SELECT i.fingerprint, i.status, i.headers, i.body FROM idempotency_key i
            WHERE i.principal = 'account:' || v_buyers[n.place] AND i.key = n.key OFFSET 0) AS k),
    v_new < coalesce(array_length(v_new_ids, 1), 0),
    (SELECT jsonb_agg(jsonb_build_object('id', p.id, 'pledged', p.boxes_pledged, 'held', p.boxes_held,
        'sold', p.boxes_sold, 'version', p.version, 'limit', p.boxes_per_buyer_max, 'from', p.sells_from,
        'until', p.sells_until, 'household_limit', p.boxes_per_household_max,
        'pack_id', p.pack_id, 'pack_grams', p.pack_grams, 'price', p.unit_price_minor,
        'currency', p.currency, 'purpose_kind', p.purpose_kind, 'purpose_id', p.purpose_id,
        'has_line', p.sells_from <= v_now AND v_now < p.sells_until
            AND EXISTS (SELECT FROM waitlist_entry w WHERE w.pool_id = p.id AND w.state = 'waiting'
            AND w.boxes <= p.boxes_pledged - p.boxes_held - p.boxes_sold),
        'next', (SELECT h.expires_at FROM hold h WHERE h.pool_id = p.id AND h.lot_id IS NULL
            AND h.state = 'active' AND h.expires_at > v_now ORDER BY h.expires_at LIMIT 1),
        'has_lapsed', EXISTS (SELECT FROM hold h WHERE h.pool_id = p.id AND h.lot_id IS NULL
            AND h.state = 'active' AND h.expires_at <= v_now)
    )) FROM pool p WHERE p.id = ANY(v_pool_ids)),
    (SELECT jsonb_agg(jsonb_build_object('owner_id', h.owner_id, 'pool_id', h.pool_id, 'id', h.id,
        'state', h.state, 'boxes', h.boxes, 'created_at', h.created_at, 'expires_at', h.expires_at,
        'expires_at_max', h.expires_at_max, 'resolved_at', h.resolved_at, 'kind', h.kind, 'network', h.network,
        'kept', h.boxes - h.released_boxes) ORDER BY h.id)
        FROM unnest(v_pair_buyers, v_pair_pools) AS a(buyer_id, pool_id)
        CROSS JOIN LATERAL (
            SELECT o.* FROM hold o WHERE o.owner_id = a.buyer_id AND o.pool_id = a.pool_id
            AND o.lot_id IS NULL AND (o.resolved_at IS NULL OR o.state = 'consumed'
                OR o.resolved_at > v_now - interval '10 minutes') OFFSET 0
        ) AS h),
    (SELECT jsonb_agg(jsonb_build_object('id', a.id, 'household', a.household,
        'is_member', EXISTS (SELECT FROM hold h WHERE h.owner_id = a.id AND h.lot_id IS NULL
            AND h.state = 'consumed')))
        FROM account a WHERE a.id = ANY(v_pair_buyers)),
    (SELECT jsonb_agg(jsonb_build_object('household', t.household, 'pool_id', t.pool_id, 'boxes', t.boxes)) FROM (
        WITH family AS MATERIALIZED (
            SELECT DISTINCT a.id, a.household FROM account b CROSS JOIN LATERAL (
                SELECT m.id, m.household FROM account m WHERE m.household = b.household OFFSET 0) a
            WHERE b.id = ANY(v_pair_buyers) AND EXISTS (SELECT FROM pool p
                WHERE p.id = ANY(v_pool_ids) AND p.boxes_per_household_max IS NOT NULL)
        )
        SELECT f.household, h.pool_id, sum(h.boxes) AS boxes FROM family f CROSS JOIN LATERAL (
            SELECT o.pool_id, o.boxes - o.released_boxes AS boxes FROM hold o
            WHERE o.owner_id = f.id AND o.pool_id = ANY(v_pool_ids) AND o.lot_id IS NULL
            AND (o.state IN ('converting', 'consumed') OR o.state = 'active' AND o.expires_at > v_now)
            OFFSET 0) h
        GROUP BY f.household, h.pool_id) t),
    (SELECT jsonb_agg(jsonb_build_object('network', t.network, 'pool_id', t.pool_id, 'boxes', t.boxes)) FROM (
        SELECT h.network, h.pool_id, sum(h.boxes - h.consumed_boxes - h.released_boxes) AS boxes FROM hold h
        WHERE h.pool_id = ANY(v_pool_ids) AND h.network = ANY(p_networks)
        AND h.network IS NOT NULL AND h.state IN ('active', 'converting')
        AND (h.state = 'converting' OR h.expires_at > v_now)
        GROUP BY h.network, h.pool_id) t);
END
$function$
"""
"""`next` and `has_lapsed` are of one moment: a hold is in one of them, never in neither.

Statistics of a time without live holds make every index of live holds look empty, so the plans must not rest on it: the
state of the buyers' own holds is asked for in a form that no partial index has, and the first end is the first of an
ordered index. Otherwise a rush would read everybody's live holds again and again.
"""


def upgrade() -> None:
    op.execute(COUNTER_LOOK)


def downgrade() -> None:
    op.execute("DROP FUNCTION counter_look(text[], uuid[], text[], jsonb, text[], boolean)")
