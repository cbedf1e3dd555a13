"""What ties the ledger to payments, refunds, forfeits and escrows: it tells of each once, and has what they have."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant

INVARIANTS: Final = (
    Invariant(
        id="L4",
        says=Text(
            en="Every payment that came, every refund that is owed and every forfeit is booked once, for its amount.",
            zh="每笔到账、应退款与罚没均按其金额入账一次。",
        ),
        sql="""
            WITH facts AS (
                SELECT 'payment_received' AS kind, id AS source_id, currency,
                    CASE WHEN received_minor > 0 THEN received_minor ELSE refund_due_minor END AS minor
                FROM payment WHERE received_minor > 0 OR refund_due_minor > 0
                UNION ALL
                SELECT 'refund_owed', r.id, r.currency, r.amount_minor FROM part_refund r
                JOIN payment p ON p.id = r.payment_id WHERE p.state = 'succeeded'
                UNION ALL
                SELECT 'deposit_forfeited', order_id, currency, sum(amount_minor)::bigint FROM forfeit
                GROUP BY order_id, currency
            ), booked AS (
                SELECT t.kind, t.source_id, t.currency, sum(e.amount_minor)::bigint AS minor
                FROM ledger_transfer t JOIN ledger_entry e ON e.transfer_id = t.id AND e.side = 'debit'
                WHERE t.phase = 'single' AND t.kind IN ('payment_received', 'refund_owed', 'deposit_forfeited')
                GROUP BY t.id
            )
            SELECT coalesce(f.kind, b.kind) AS kind, coalesce(f.source_id, b.source_id) AS source_id, f.minor,
                b.minor AS booked
            FROM facts f FULL JOIN booked b ON b.kind = f.kind AND b.source_id = f.source_id
                AND b.currency = f.currency
            WHERE f.minor IS DISTINCT FROM b.minor
        """,
    ),
    Invariant(
        id="L6",
        says=Text(
            en="What was received of orders and does not go back, with what funders add and less what is settled, is"
            " what the ledger owes for them; what is forfeited is owed to cooperatives.",
            zh="订单实收减应退与已结算部分，加出资方承担部分，等于总账对订单的负债；罚没部分转为应付合作社。",
        ),
        sql="""
            WITH standing AS (
                SELECT a.code, a.currency, sum(b.credits_posted - b.debits_posted) AS minor
                FROM ledger_balance b JOIN ledger_account a ON a.id = b.account_id GROUP BY a.code, a.currency
            ), told AS (
                SELECT currency, sum(minor) AS owed FROM standing WHERE code IN ('deposit_liability', 'order_liability',
                    'promo_expense', 'county_receivable', 'sponsor_receivable', 'coop_discount_receivable')
                GROUP BY currency
            ), kept AS (
                SELECT currency, sum(minor) AS kept FROM (
                    SELECT currency, received_minor AS minor FROM payment WHERE purpose <> 'escrow'
                    UNION ALL
                    SELECT r.currency, -r.amount_minor FROM part_refund r JOIN payment p ON p.id = r.payment_id
                    WHERE r.kind = 'refund' AND p.purpose <> 'escrow' AND p.state = 'succeeded'
                    UNION ALL
                    SELECT currency, -amount_minor FROM forfeit
                    UNION ALL
                    SELECT currency, own_discounts_minor - orders_minor FROM settlement
                    WHERE state IN ('final', 'paid')
                    UNION ALL
                    SELECT a.currency, CASE e.side WHEN 'credit' THEN e.amount_minor ELSE -e.amount_minor END
                    FROM ledger_transfer t JOIN ledger_entry e ON e.transfer_id = t.id
                    JOIN ledger_account a ON a.id = e.account_id AND a.code = 'order_liability'
                    WHERE t.kind = 'rebate_borne'
                ) each GROUP BY currency
            )
            SELECT coalesce(t.currency, k.currency) AS currency, t.owed, k.kept
            FROM told t FULL JOIN kept k ON k.currency = t.currency WHERE coalesce(t.owed, 0) <> coalesce(k.kept, 0)
        """,
    ),
    Invariant(
        id="L8",
        says=Text(
            en="What the ledger owes back to payers is every refund that is not paid yet.",
            zh="总账应退款等于所有尚未支付的退款。",
        ),
        sql="""
            WITH owed AS (
                SELECT a.currency, sum(b.credits_posted - b.debits_posted) AS minor
                FROM ledger_balance b JOIN ledger_account a ON a.id = b.account_id
                WHERE a.code = 'refund_payable' GROUP BY a.currency
            ), due AS (
                SELECT r.currency, sum(r.amount_minor) AS minor FROM part_refund r
                LEFT JOIN repayment p ON p.refund_id = r.id WHERE coalesce(p.state, '') <> 'paid' GROUP BY r.currency
            )
            SELECT coalesce(o.currency, d.currency) AS currency, o.minor AS owed, d.minor AS due
            FROM owed o FULL JOIN due d ON d.currency = o.currency WHERE coalesce(o.minor, 0) <> coalesce(d.minor, 0)
        """,
    ),
    Invariant(
        id="L7",
        says=Text(
            en="What stands in a sponsor's escrow is what its journal says.", zh="赞助托管余额与其流水一致。"
        ),
        sql="""
            SELECT s.id, s.escrowed_minor - s.released_minor - s.returned_minor AS escrow_minor, k.minor AS booked
            FROM sponsorship s LEFT JOIN (
                SELECT a.owner_id, a.currency, sum(b.credits_posted - b.debits_posted) AS minor
                FROM ledger_balance b JOIN ledger_account a ON a.id = b.account_id
                WHERE a.code = 'sponsor_escrow' GROUP BY a.owner_id, a.currency
            ) k ON k.owner_id = s.id AND k.currency = s.currency
            WHERE s.escrowed_minor - s.released_minor - s.returned_minor <> coalesce(k.minor, 0)
        """,
    ),
)
