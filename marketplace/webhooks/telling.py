"""What the ground itself tells partners: money that came, does not come, must go back, and goes out."""

from typing import Final

from sqlalchemy.orm import Session

from marketplace.context import Context
from marketplace.events import Subscription
from marketplace.payments.models import Payment
from marketplace.payments.part_refunds import RefundsOwed
from marketplace.payments.payments import LateMoney, PaymentFailed, PaymentSucceeded
from marketplace.payouts.events import PayoutMoved
from marketplace.payouts.states import PayoutState
from marketplace.webhooks import outbox


def on_payment_succeeded(session: Session, ctx: Context, event: PaymentSucceeded) -> None:
    payment = session.get_one(Payment, event.payment_id)
    outbox.tell(
        session,
        ctx,
        "payment.received",
        data={
            "payment_id": payment.id,
            "order_id": payment.order_id,
            "amount_minor": payment.received_minor,
            "currency": payment.currency,
        },
    )


def on_payment_failed(session: Session, ctx: Context, event: PaymentFailed) -> None:
    outbox.tell(
        session,
        ctx,
        "payment.failed",
        data={"payment_id": event.payment_id, "order_id": event.order_id},
    )


def on_refunds_owed(session: Session, ctx: Context, event: RefundsOwed) -> None:
    outbox.tell_many(
        session,
        ctx,
        "payment.refund_due",
        data=(
            {
                "payment_id": each.payment_id,
                "order_id": each.order_id,
                "refund_minor": each.refund_minor,
                "compensation_minor": each.compensation_minor,
                "currency": each.currency,
                "reason": each.reason,
            }
            for each in event.refunds
        ),
    )


def on_late_money(session: Session, ctx: Context, event: LateMoney) -> None:
    """Late money that is taken is told as money that came."""
    if event.refund_due_minor:
        assert event.reason is not None, "what goes back has its reason"
        outbox.tell(
            session,
            ctx,
            "payment.refund_due",
            data={
                "payment_id": event.payment_id,
                "order_id": event.order_id,
                "refund_minor": event.refund_due_minor,
                "compensation_minor": 0,
                "currency": event.currency,
                "reason": event.reason,
            },
        )


def on_payout_moved(session: Session, ctx: Context, event: PayoutMoved) -> None:
    """Its cooperative, too, is told how it ended."""
    if event.state not in (PayoutState.PAID, PayoutState.RETURNED):
        return
    outbox.tell(
        session,
        ctx,
        f"payout.{event.state}",
        data={
            "payout_id": event.payout_id,
            "cooperative_id": event.cooperative_id,
            "purpose": event.purpose,
            "purpose_id": event.purpose_id,
            "amount_minor": event.amount_minor,
            "currency": event.currency,
        },
        cooperative_ids=[event.cooperative_id],
    )


SUBSCRIPTIONS: Final[tuple[Subscription, ...]] = (
    (PaymentSucceeded, on_payment_succeeded),
    (PaymentFailed, on_payment_failed),
    (RefundsOwed, on_refunds_owed),
    (LateMoney, on_late_money),
    (PayoutMoved, on_payout_moved),
)
