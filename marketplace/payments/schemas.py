"""Shapes of payments in and out."""

from marshmallow import Schema, fields, validate

from marketplace import paging
from marketplace.fields import Currency, Flag, Id, Instant, Line, Whole
from marketplace.payments.states import RepaymentMeans, RepaymentState
from marketplace.values import TOTAL_MINOR_MAX


class BookReceipt(Schema):
    amount_minor = Whole(required=True, low=1, high=TOTAL_MINOR_MAX)
    currency = Currency(required=True)
    receipt_reference = Line(required=True, high=80)


class FailPayment(Schema):
    reason = Line(required=True)


class Payment(Schema):
    id = fields.UUID()
    order_id = fields.UUID()
    gateway = fields.String()
    state = fields.String()
    amount_minor = fields.Integer()
    received_minor = fields.Integer()
    currency = fields.String()
    reference = fields.String()
    refund_due_minor = fields.Integer(
        metadata={"description": "Money that came too late for its order, to be paid back."}
    )
    refund_reason = fields.String(allow_none=True)
    created_at = Instant()
    resolved_at = Instant(allow_none=True)


class ConfirmedPayment(Schema):
    payment = fields.Nested(Payment)
    instructions = fields.String()


class PayOnline(Schema):
    payment_method = Line(
        low=4,
        high=80,
        load_default=None,
        metadata={
            "description": "A method that the payer's device made known to the payment service (`pm_…`): charged at"
            " once. Without one the device pays by itself, with the `client_secret`."
        },
    )

    save_for_balance = Flag(
        load_default=False,
        metadata={
            "description": "The payer agrees that the card is kept, and the balance of the order charged to it later:"
            " cards only, and only for an order with a balance to come. The words: `GET"
            " /v1/orders/{id}/balance-consent`."
        },
    )


class NextStep(Schema):
    kind = fields.String()
    url = fields.String(allow_none=True)
    qr_text = fields.String(allow_none=True)


class OnlinePayment(Schema):
    payment = fields.Nested(Payment)
    client_secret = fields.String(
        allow_none=True,
        metadata={"description": "For the payer's device: it may pay this payment, and nothing else."},
    )
    next_step = fields.Nested(NextStep, allow_none=True)


class Refund(Schema):
    id = fields.UUID()
    payment_id = fields.UUID()
    kind = fields.String()
    amount_minor = fields.Integer()
    currency = fields.String()
    reason = fields.String()
    owed_at = Instant()
    state = fields.String(
        metadata={"description": "asked: its gateway pays it; due: somebody has to; paid: it is done."}
    )
    means = fields.String(allow_none=True)
    receipt_reference = fields.String(allow_none=True)
    problem = fields.String(allow_none=True, metadata={"description": "Why the gateway did not pay it."})
    paid_at = Instant(allow_none=True)


class RefundQuery(paging.Query):
    state = fields.String(load_default=None, validate=validate.OneOf([each.value for each in RepaymentState]))
    payment_id = Id(load_default=None)


RefundPage = paging.page_of(Refund)


class PaymentRefunds(Schema):
    items = fields.List(fields.Nested(Refund))


class BookRepayment(Schema):
    means = fields.String(
        required=True,
        validate=validate.OneOf(
            [each.value for each in RepaymentMeans if each is not RepaymentMeans.GATEWAY]
        ),
    )
    receipt_reference = Line(required=True, high=80)


class EventTaken(Schema):
    is_new = fields.Boolean()
