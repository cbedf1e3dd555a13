"""Doors of payments."""

import uuid
from typing import Any

from sqlalchemy.orm import Session

from marketplace import context
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.idempotency import Answer, Claim
from marketplace.payments import at_till, payments, repayments, schemas
from marketplace.payments.confirming import PaidThroughGateway
from marketplace.payments.models import Payment
from marketplace.payments.states import PaymentNotAwaited, PaymentNotFound

blueprint = Blueprint("payments", __name__, url_prefix="/payments", description="Payments of orders 付款")


@blueprint.get("/<uuid:payment_id>")
@blueprint.problems(PaymentNotFound)
@blueprint.response(200, schemas.Payment)
def get_payment(payment_id: uuid.UUID) -> Payment:
    """One payment of one's own 查询付款"""
    with reading() as session:
        return payments.get(session, context.current(), payment_id=payment_id)


@blueprint.get("/<uuid:payment_id>/refunds")
@blueprint.problems(PaymentNotFound)
@blueprint.response(200, schemas.PaymentRefunds)
def list_refunds(payment_id: uuid.UUID) -> dict[str, Any]:
    """What goes back of a payment of one's own, and how far it is 查询付款的退款"""
    with reading() as session:
        payment = payments.get(session, context.current(), payment_id=payment_id)
        return {"items": repayments.of_payment(session, payment)}


@blueprint.post("/<uuid:payment_id>/confirm")
@blueprint.problems(PaymentNotFound, PaymentNotAwaited, PaidThroughGateway)
@blueprint.answers(200, schemas.ConfirmedPayment)
def confirm(claim: Claim, payment_id: uuid.UUID) -> Answer:
    """Commit to pay, and learn how 确认付款"""
    return at_till.confirm(context.current(), claim, payment_id=payment_id)


@blueprint.post("/<uuid:payment_id>/receipts")
@blueprint.arguments(schemas.BookReceipt)
@blueprint.problems(
    PaymentNotFound, PaymentNotAwaited, PaidThroughGateway, payments.AmountDiffers, payments.ReceiptBooked
)
@blueprint.writes(200, schemas.Payment)
def book_receipt(session: Session, body: dict[str, Any], payment_id: uuid.UUID) -> Payment:
    """Book money that has arrived (operators) 登记到账"""
    return payments.book_receipt(session, context.current(), payment_id=payment_id, **body)


@blueprint.post("/<uuid:payment_id>/failure")
@blueprint.arguments(schemas.FailPayment)
@blueprint.problems(PaymentNotFound, PaymentNotAwaited)
@blueprint.writes(200, schemas.Payment)
def fail(session: Session, body: dict[str, Any], payment_id: uuid.UUID) -> Payment:
    """Write down that no money comes: its boxes go back to the cart (operators) 登记付款失败"""
    return payments.fail(session, context.current(), payment_id=payment_id, **body)
