"""What must be true of payments through a gateway outside, and of the paying of refunds, at any moment."""

from typing import Final

from marketplace.language import Text
from marketplace.module import Invariant

INVARIANTS: Final = (
    Invariant(
        id="W5",
        says=Text(
            en="Every event that a payment service signed is handled, or was sent less than an hour ago.",
            zh="支付服务的每个事件都已处理，或是一小时内收到的。",
        ),
        sql="""
            SELECT id, event_id, type, tries FROM provider_event
            WHERE handled_at IS NULL AND received_at < clock_timestamp() - interval '1 hour'
        """,
    ),
    Invariant(
        id="PG1",
        says=Text(
            en="A payment made through a gateway outside is known by its id there, and once paid by its method.",
            zh="通过外部渠道收到的付款都有对应编号及付款方式。",
        ),
        sql="""
            SELECT p.id, p.state, p.gateway FROM payment p LEFT JOIN online_payment o ON o.payment_id = p.id
            WHERE p.gateway = 'stripe' AND (o.payment_id IS NULL
                OR (p.receipt_reference IS NOT NULL AND num_nulls(o.provider_id, o.method) > 0))
        """,
    ),
    Invariant(
        id="PG2",
        says=Text(
            en="No question to a gateway outside stays unanswered for a day.",
            zh="对外部渠道的请求不会超过一天没有结果。",
        ),
        sql="""
            SELECT id, payment_id, kind, tries FROM gateway_call
            WHERE state = 'asked' AND asked_at < clock_timestamp() - interval '1 day'
        """,
    ),
    Invariant(
        id="PG3",
        says=Text(
            en="Every refund has the state of its paying beside it, of the same payment.",
            zh="每项退款都有对应的支付状态。",
        ),
        sql="""
            SELECT r.id, r.payment_id FROM part_refund r LEFT JOIN repayment p ON p.refund_id = r.id
            WHERE p.payment_id IS DISTINCT FROM r.payment_id
        """,
    ),
    Invariant(
        id="PG4",
        says=Text(
            en="What a gateway is to pay back, it was asked for, or it has begun.",
            zh="由渠道退回的款项均已提出请求或已开始退款。",
        ),
        sql="""
            SELECT p.refund_id, p.payment_id FROM repayment p WHERE p.state = 'asked' AND p.looks_at IS NULL
            AND NOT EXISTS (SELECT FROM gateway_call c WHERE c.refund_id = p.refund_id AND c.state = 'asked')
        """,
    ),
)
