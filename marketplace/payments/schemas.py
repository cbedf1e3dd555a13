"""Shapes of payments in and out."""

from marshmallow import Schema, fields

from marketplace.fields import Currency, Instant, Line, Whole
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
