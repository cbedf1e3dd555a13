"""One call for who stands at a till: who they are, their keys, and their holds or payments under locks.

Two functions of one form, each in place of what the client would ask in four round trips; as in `counter_look`, each
statement sees what the locks of the one before it waited for. They decide nothing and change nothing.
"""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

FORM = """
CREATE FUNCTION {name}(p_asked jsonb)
RETURNS TABLE (now timestamptz, sessions jsonb, keys_locked boolean[], keys_stored jsonb, found jsonb)
LANGUAGE plpgsql VOLATILE AS $function$
#variable_conflict use_column
DECLARE
    v_digests text[];
    v_accounts uuid[];
    v_keys text[];
    v_ids uuid[];
    v_sessions jsonb;
    v_keys_locked boolean[];
BEGIN
    SELECT array_agg(a.digest ORDER BY a.place), array_agg(a.account ORDER BY a.place),
        array_agg(a.key ORDER BY a.place), array_agg(a.id ORDER BY a.place)
    INTO v_digests, v_accounts, v_keys, v_ids
    FROM jsonb_to_recordset(p_asked) AS a(place integer, digest text, account uuid, key text, id uuid);

    -- Who they are: tokens of sessions that are neither revoked nor of an account that is disabled.
    IF array_length(array_remove(v_digests, NULL), 1) > 0 THEN
        SELECT jsonb_agg(jsonb_build_object('digest', d.digest, 'session_id', s.id, 'account_id', s.account_id,
                'expires_at', s.expires_at,
                'roles', ARRAY(SELECT r.role FROM account_role r WHERE r.account_id = s.account_id),
                'cooperative_ids', ARRAY(SELECT m.cooperative_id FROM membership m
                    WHERE m.account_id = s.account_id))) FILTER (WHERE s.id IS NOT NULL),
            array_agg(coalesce(v_accounts[d.place], s.account_id) ORDER BY d.place)
        INTO v_sessions, v_accounts
        FROM unnest(v_digests) WITH ORDINALITY AS d(digest, place)
        LEFT JOIN LATERAL (
            SELECT l.id, l.account_id, l.expires_at FROM login_session l JOIN account a ON a.id = l.account_id
            WHERE l.token_digest = decode(d.digest, 'hex') AND l.revoked_at IS NULL AND a.status = 'active' OFFSET 0
        ) AS s ON true;
    END IF;

    -- Their keys: who gets no lock has a copy at work elsewhere.
    SELECT array_agg(CASE WHEN k.key IS NULL OR v_accounts[k.place] IS NULL THEN NULL ELSE pg_try_advisory_xact_lock(
            ('x' || encode(substr(sha256(convert_to('account:' || v_accounts[k.place] || E'\\n' || k.key, 'UTF8')),
                1, 8), 'hex'))::bit(64)::bigint) END ORDER BY k.place)
    INTO v_keys_locked FROM unnest(v_keys) WITH ORDINALITY AS k(key, place);

    -- What is theirs of what they ask about, in one order for everybody; nobody locks what is somebody else's.
    PERFORM t.id FROM {table} t WHERE t.id = ANY(v_ids) AND EXISTS (
        SELECT FROM unnest(v_ids, v_accounts) AS a(id, account_id) WHERE a.id = t.id AND a.account_id = t.{owner})
    ORDER BY {order} FOR NO KEY UPDATE OF t;

    -- What is true now, at one moment after the locks are had: the time of the statement is that of its beginning.
    RETURN QUERY SELECT clock_timestamp(), v_sessions, v_keys_locked,
    (SELECT jsonb_agg(to_jsonb(k) || jsonb_build_object('place', n.place))
        FROM unnest(v_keys) WITH ORDINALITY AS n(key, place)
        CROSS JOIN LATERAL (SELECT i.fingerprint, i.status, i.headers, i.body FROM idempotency_key i
            WHERE i.principal = 'account:' || v_accounts[n.place] AND i.key = n.key OFFSET 0) AS k),
    (SELECT jsonb_agg(jsonb_build_object({facts})) FROM {table} t WHERE t.id = ANY(v_ids) AND EXISTS (
        SELECT FROM unnest(v_ids, v_accounts) AS a(id, account_id) WHERE a.id = t.id AND a.account_id = t.{owner}));
END
$function$
"""

LOOKS = {
    "paying_look": FORM.format(
        name="paying_look",
        table="hold",
        owner="owner_id",
        order="t.owner_id, t.pool_id, t.id",
        facts="'id', t.id, 'owner_id', t.owner_id, 'kind', t.kind, 'state', t.state, 'boxes', t.boxes,"
        " 'pack_id', t.pack_id, 'pack_grams', t.pack_grams, 'price', t.unit_price_minor, 'currency', t.currency,"
        " 'expires_at', t.expires_at, 'version', t.version",
    ),
    "payment_look": FORM.format(
        name="payment_look",
        table="payment",
        owner="payer_id",
        order="t.id",
        facts="'id', t.id, 'order_id', t.order_id, 'payer_id', t.payer_id, 'gateway', t.gateway, 'state', t.state,"
        " 'amount_minor', t.amount_minor, 'received_minor', t.received_minor, 'currency', t.currency,"
        " 'reference', t.reference, 'refund_due_minor', t.refund_due_minor, 'refund_reason', t.refund_reason,"
        " 'created_at', t.created_at, 'resolved_at', t.resolved_at",
    ),
}
"""Holds are locked in the order in which the counter locks them: by buyer and pool."""


def upgrade() -> None:
    for look in LOOKS.values():
        op.execute(look)


def downgrade() -> None:
    for name in LOOKS:
        op.execute(f"DROP FUNCTION {name}(jsonb)")
