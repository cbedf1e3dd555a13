"""What must be true of kept cards and of what is charged to them, at any moment."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant
from marketplace.payments.saved.rules import SOFT

SOFT_LISTED: Final = ", ".join(f"'{each}'" for each in sorted(SOFT))

INVARIANTS: Final = (
    Invariant(
        id="PG5",
        says=Text(
            en="Nothing was charged to a saved card without a consent to it, for that order, that stood then.",
            zh="每次使用已保存银行卡扣款时，该订单的扣款同意均有效。",
        ),
        sql="""
            SELECT c.id, c.payment_id FROM gateway_call c JOIN payment p ON p.id = c.payment_id
            LEFT JOIN balance_consent b ON b.id::text = c.arguments ->> 'consent_id'
            LEFT JOIN saved_card s ON s.id = b.card_id
            WHERE c.kind = 'charge' AND (b.id IS NULL OR s.id IS NULL OR b.order_id <> p.order_id
                OR b.account_id <> p.payer_id OR s.account_id <> p.payer_id OR p.purpose <> 'balance'
                OR s.method IS DISTINCT FROM c.arguments ->> 'payment_method' OR b.given_at > c.asked_at
                OR coalesce(b.ended_at < c.asked_at, false) OR coalesce(s.removed_at < c.asked_at, false))
        """,
    ),
    Invariant(
        id="PG6",
        says=Text(
            en="Whoever removes a saved card has no consent left on it, and its gateway is told to forget it.",
            zh="银行卡删除后，相关扣款同意全部失效，并已通知渠道删除。",
        ),
        sql="""
            SELECT s.id, s.account_id FROM saved_card s WHERE s.removed_at IS NOT NULL AND (
                EXISTS (SELECT FROM balance_consent b WHERE b.card_id = s.id AND b.ended_at IS NULL)
                OR NOT EXISTS (SELECT FROM gateway_call c WHERE c.payment_id = s.payment_id AND c.kind = 'forget'))
        """,
    ),
    Invariant(
        id="PG7",
        says=Text(
            en="A balance is charged to a saved card at most twice, and not again after a decline that is final.",
            zh="每笔尾款最多自动扣款两次，被最终拒绝后不再自动扣款。",
        ),
        sql=f"""
            SELECT arguments ->> 'consent_id' AS consent_id, count(*) FROM gateway_call
            WHERE kind = 'charge' AND state = 'refused' GROUP BY arguments ->> 'consent_id' HAVING count(*) > 2
            UNION ALL
            SELECT c.arguments ->> 'consent_id', 1 FROM gateway_call c JOIN gateway_call before
                ON before.arguments ->> 'consent_id' = c.arguments ->> 'consent_id' AND before.kind = 'charge'
                AND before.state = 'refused' AND before.finished_at < c.asked_at
                AND before.problem NOT IN ({SOFT_LISTED})
            WHERE c.kind = 'charge'
        """,  # noqa: S608 (our own words)
    ),
)
