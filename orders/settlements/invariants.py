"""What must be true of settlements, what they keep back and what they have booked, at any moment."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant

INVARIANTS: Final = (
    Invariant(
        id="ST1",
        says=Text(
            en="The lines of a settlement add up to its payout, and what leaves the orders' money is its boxes less"
            " refunds.",
            zh="结算单各行之和等于应付金额；转出的订单款等于交付货款减退款。",
        ),
        sql="""
            SELECT s.id, s.number, s.payout_minor, s.orders_minor, s.own_discounts_minor, l.* FROM settlement s
            CROSS JOIN LATERAL (
                SELECT coalesce(sum((line ->> 'amount_minor')::bigint), 0) AS lines,
                    coalesce(sum((line ->> 'amount_minor')::bigint) FILTER (WHERE line ->> 'kind'
                        IN ('goods', 'refund')), 0) AS orders,
                    -coalesce(sum((line ->> 'amount_minor')::bigint) FILTER (WHERE line ->> 'kind'
                        = 'own_discount'), 0) AS own_discounts,
                    -coalesce(sum((line ->> 'amount_minor')::bigint) FILTER (WHERE line ->> 'kind'
                        = 'compensation'), 0) AS compensation
                FROM jsonb_array_elements(s.told::jsonb -> 'lines') AS line
            ) l CROSS JOIN LATERAL (
                SELECT coalesce(sum((part ->> 'orders_minor')::bigint), 0) AS orders,
                    coalesce(sum((part ->> 'own_discounts_minor')::bigint), 0) AS own_discounts,
                    coalesce(sum((part ->> 'compensation_minor')::bigint), 0) AS compensation
                FROM jsonb_array_elements(s.by_item) AS part
            ) p
            WHERE (s.payout_minor, s.orders_minor, s.own_discounts_minor) IS DISTINCT FROM
                    (l.lines, l.orders, l.own_discounts)
                OR (p.orders, p.own_discounts, p.compensation) IS DISTINCT FROM
                    (l.orders, l.own_discounts, l.compensation)
        """,
    ),
    Invariant(
        id="ST2",
        says=Text(
            en="A settlement's digest is that of its statement, and of what was proposed once it is no draft.",
            zh="结算单摘要与其内容一致；提交后与提交时的内容一致。",
        ),
        sql="""
            SELECT s.id, s.number, s.digest, m.digest AS proposed FROM settlement s LEFT JOIN LATERAL (
                SELECT digest FROM settlement_move WHERE settlement_id = s.id AND event = 'propose'
                ORDER BY number DESC LIMIT 1
            ) m ON true
            WHERE s.digest <> 'sha256:' || encode(sha256(convert_to(s.told, 'UTF8')), 'hex')
                OR (s.state <> 'draft' AND m.digest IS DISTINCT FROM s.digest)
        """,
    ),
    Invariant(
        id="ST3",
        says=Text(
            en="A settlement is where the last of its moves brought it; they are numbered without gaps.",
            zh="结算单状态与其最后一次流转一致，流转编号连续。",
        ),
        sql="""
            SELECT s.id, s.number, s.state, m.* FROM settlement s LEFT JOIN (
                SELECT settlement_id, count(*) AS moves, max(number) AS last,
                    (array_agg(after ORDER BY number DESC))[1] AS state FROM settlement_move GROUP BY settlement_id
            ) m ON m.settlement_id = s.id
            WHERE m.state IS DISTINCT FROM s.state OR m.moves IS DISTINCT FROM m.last
        """,
    ),
    Invariant(
        id="ST4",
        says=Text(
            en="A final settlement is booked as its statement says, and no other is booked.",
            zh="定案的结算单按其内容入账；未定案的不入账。",
        ),
        sql="""
            WITH told AS (
                SELECT s.id, s.state, sum(x.minor) FILTER (WHERE x.code = 'coop_payable') AS payable,
                    sum(x.minor) FILTER (WHERE x.code = 'commission_income') AS commission,
                    sum(x.minor) FILTER (WHERE x.code = 'coop_retention') AS retention,
                    sum(x.minor) FILTER (WHERE x.code = 'coop_receivable') AS receivable,
                    sum(x.minor) FILTER (WHERE x.code = 'coop_prepaid') AS prepaid,
                    sum(x.minor) FILTER (WHERE x.code = 'service_payable') AS services,
                    sum(x.minor) FILTER (WHERE x.code = 'order_liability') AS orders
                FROM settlement s, jsonb_array_elements(s.told::jsonb -> 'lines') AS line
                CROSS JOIN LATERAL (
                    SELECT (line ->> 'amount_minor')::bigint AS minor, line ->> 'kind' AS kind
                ) l CROSS JOIN LATERAL (VALUES
                    ('coop_payable', CASE l.kind WHEN 'forfeit' THEN 0 ELSE l.minor END),
                    ('commission_income', CASE l.kind WHEN 'commission' THEN -l.minor END),
                    ('coop_retention', CASE WHEN l.kind IN ('released', 'retention_spent', 'retained')
                        THEN -l.minor END),
                    ('coop_receivable', CASE WHEN l.kind IN ('owed', 'missing') THEN -l.minor END),
                    ('coop_prepaid', CASE l.kind WHEN 'advance' THEN -l.minor END),
                    ('service_payable', CASE WHEN l.kind IN ('fee', 'storage') THEN -l.minor END),
                    ('order_liability', CASE WHEN l.kind IN ('goods', 'refund') THEN -l.minor END)
                ) AS x (code, minor)
                GROUP BY s.id
            ), booked AS (
                SELECT t.source_id, a.code, sum(CASE e.side WHEN 'credit' THEN e.amount_minor
                    ELSE -e.amount_minor END) AS minor
                FROM ledger_transfer t JOIN ledger_entry e ON e.transfer_id = t.id
                JOIN ledger_account a ON a.id = e.account_id WHERE t.kind = 'settled' GROUP BY 1, 2
            ), sums AS (
                SELECT source_id, sum(minor) FILTER (WHERE code = 'coop_payable') AS payable,
                    sum(minor) FILTER (WHERE code = 'commission_income') AS commission,
                    sum(minor) FILTER (WHERE code = 'coop_retention') AS retention,
                    sum(minor) FILTER (WHERE code = 'coop_receivable') AS receivable,
                    sum(minor) FILTER (WHERE code = 'coop_prepaid') AS prepaid,
                    sum(minor) FILTER (WHERE code = 'service_payable') AS services,
                    sum(minor) FILTER (WHERE code = 'order_liability') AS orders
                FROM booked GROUP BY source_id
            )
            SELECT coalesce(t.id, b.source_id) AS id, t.state, t.payable, b.payable AS booked
            FROM told t FULL JOIN sums b ON b.source_id = t.id
            WHERE t.id IS NULL OR CASE WHEN t.state IN ('final', 'paid') THEN
                (coalesce(t.payable, 0), coalesce(t.commission, 0), coalesce(t.retention, 0), coalesce(t.receivable, 0),
                    coalesce(t.prepaid, 0), coalesce(t.services, 0), coalesce(t.orders, 0)) IS DISTINCT FROM
                (coalesce(b.payable, 0), coalesce(b.commission, 0), coalesce(b.retention, 0), coalesce(b.receivable, 0),
                    coalesce(b.prepaid, 0), coalesce(b.services, 0), coalesce(b.orders, 0))
                ELSE b.source_id IS NOT NULL END
        """,
    ),
    Invariant(
        id="ST5",
        says=Text(
            en="What is kept back from a cooperative is what its settlements and late refunds have booked of it.",
            zh="各合作社留存的质保金与其结算及结算后退款的入账一致。",
        ),
        sql="""
            WITH kept AS (
                SELECT cooperative_id, currency, sum(left_minor) AS minor FROM retention GROUP BY 1, 2
            ), booked AS (
                SELECT a.owner_id, a.currency,
                    sum(CASE e.side WHEN 'credit' THEN e.amount_minor ELSE -e.amount_minor END) AS minor
                FROM ledger_account a JOIN ledger_entry e ON e.account_id = a.id
                JOIN ledger_transfer t ON t.id = e.transfer_id AND t.kind IN ('settled', 'late_refund')
                WHERE a.code = 'coop_retention' GROUP BY 1, 2
            )
            SELECT coalesce(k.cooperative_id, b.owner_id) AS cooperative_id, k.minor, b.minor AS booked
            FROM kept k FULL JOIN booked b ON b.owner_id = k.cooperative_id AND b.currency = k.currency
            WHERE coalesce(k.minor, 0) <> coalesce(b.minor, 0)
        """,
    ),
    Invariant(
        id="ST6",
        says=Text(
            en="No more of a refund is taken from cooperatives, or borne for them, than was refunded.",
            zh="结算后退款的登记金额不超过退款本身。",
        ),
        sql="""
            SELECT r.id, r.amount_minor, sum(l.amount_minor) AS taken FROM part_refund r
            JOIN late_refund l ON l.refund_id = r.id GROUP BY r.id HAVING sum(l.amount_minor) > r.amount_minor
        """,
    ),
    Invariant(
        id="ST7",
        says=Text(
            en="A settlement that paid something has a payout of its amount that has arrived, to its cooperative; and"
            " who has one is paid.",
            zh="已付清且有应付金额的结算单，均有金额一致、收款方一致且已到账的付款单；反之亦然。",
        ),
        sql="""
            SELECT s.id, s.number, s.state, s.payout_minor, p.id AS payout_id FROM settlement s
            LEFT JOIN payout p ON p.purpose = 'settlement' AND p.purpose_id = s.id AND p.state = 'paid'
                AND p.amount_minor = s.payout_minor AND p.currency = s.currency AND p.cooperative_id = s.cooperative_id
            WHERE (s.state = 'paid' AND s.payout_minor > 0) <> (p.id IS NOT NULL)
        """,
    ),
)
