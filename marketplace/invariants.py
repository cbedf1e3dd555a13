"""What must be true of the ground's own tables at any moment."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant

INVARIANTS: Final = (
    Invariant(
        id="G1",
        says=Text(en="What a key's success did has its audit row.", zh="每个成功的幂等请求都有审计记录。"),
        sql="""
            SELECT k.principal, k.key, k.status FROM idempotency_key k
            WHERE k.status < 300 AND NOT EXISTS (SELECT FROM audit_entry a WHERE a.request_id = k.request_id)
        """,
    ),
    Invariant(
        id="G2",
        says=Text(en="No failure of our own is stored as an answer.", zh="系统自身的失败不会被存为答复。"),
        sql="SELECT principal, key, status FROM idempotency_key WHERE status >= 500 OR status = 429",
    ),
    Invariant(
        id="G3",
        says=Text(en="The audit trail tells of the past only.", zh="审计记录不会来自未来。"),
        sql="SELECT id, at FROM audit_entry WHERE at > clock_timestamp() + interval '5 minutes'",
    ),
    Invariant(
        id="P1",
        says=Text(
            en="Received money names its receipt; what is owed back is all that came late, or a part of what was kept.",
            zh="已收款项都有凭证；迟到款项全额待退，已入账的待退额不超过其金额。",
        ),
        sql="""
            SELECT id, state, refund_due_minor FROM payment
            WHERE (state = 'succeeded' OR refund_due_minor > 0) <> (receipt_reference IS NOT NULL)
            OR (refund_due_minor > 0 AND NOT CASE state WHEN 'canceled' THEN refund_due_minor = amount_minor
                WHEN 'succeeded' THEN refund_due_minor <= amount_minor ELSE false END)
        """,
    ),
    Invariant(
        id="P3",
        says=Text(
            en="What is owed back of a payment is the sum of its refunds, each with its reason.",
            zh="每笔付款的待退额等于其各项退款之和，每项均有原因。",
        ),
        sql="""
            SELECT p.id, p.refund_due_minor, coalesce(sum(r.amount_minor), 0) AS refunds FROM payment p
            LEFT JOIN part_refund r ON r.payment_id = p.id AND r.kind = 'refund'
            GROUP BY p.id HAVING coalesce(sum(r.amount_minor), 0) <> p.refund_due_minor
        """,
    ),
    Invariant(
        id="P2",
        says=Text(
            en="Every payment's last audit row tells its state.", zh="付款的最新审计记录与其状态一致。"
        ),
        sql="""
            SELECT p.id, p.state, last.action FROM payment p
            LEFT JOIN LATERAL (
                SELECT a.action FROM audit_entry a
                WHERE a.subject_kind = 'payment' AND a.subject_id = p.id::text
                ORDER BY a.id DESC LIMIT 1
            ) last ON true
            WHERE last.action IS DISTINCT FROM 'payment.' || p.state
            AND NOT (p.state = 'requires_confirmation' AND last.action IS NOT DISTINCT FROM 'payment.open')
        """,
    ),
)
