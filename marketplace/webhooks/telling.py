"""What the ground itself tells partners: money that came, and money that does not come."""

from typing import Final

from sqlalchemy.orm import Session

from marketplace.context import Context
from marketplace.events import Subscription
from marketplace.payments.models import Payment
from marketplace.payments.payments import PaymentFailed, PaymentSucceeded
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


SUBSCRIPTIONS: Final[tuple[Subscription, ...]] = (
    (PaymentSucceeded, on_payment_succeeded),
    (PaymentFailed, on_payment_failed),
)
