"""Shapes of payouts in and out."""

from marshmallow import Schema, fields, validate

from marketplace import paging
from marketplace.fields import Country, Currency, Day, Id, Instant, Line
from marketplace.payouts.batches import ACCOUNT_MAX, NAME_MAX, PAYOUTS_MAX
from marketplace.payouts.states import BatchFormat, Method, PayoutPurpose, PayoutState


class BankAccount(Schema):
    holder = Line(required=True, high=NAME_MAX)
    bank = Line(required=True, high=NAME_MAX, metadata={"description": "The bank and its branch, in words."})
    number = Line(low=0, high=2 * ACCOUNT_MAX, load_default="")
    iban = Line(
        low=0, high=2 * ACCOUNT_MAX, load_default="", metadata={"description": "Instead of a number."}
    )
    bic = Line(low=0, high=20, load_default="")
    cnaps = Line(low=0, high=20, load_default="", metadata={"description": "Of a bank in China: 12 digits."})


class NameDestination(Schema):
    cooperative_id = Id(required=True)
    kind = fields.String(required=True, validate=validate.OneOf([each.value for each in Method]))
    bank_account = fields.Nested(
        BankAccount, load_default=None, allow_none=True, metadata={"description": "Of the kind `bank`."}
    )


class Destination(Schema):
    id = fields.UUID()
    cooperative_id = fields.UUID()
    kind = fields.String()
    holder = fields.String(allow_none=True)
    bank = fields.String()
    number = fields.String(metadata={"description": "Its end: nobody is shown the whole number again."})
    bic = fields.String(allow_none=True)
    cnaps = fields.String(allow_none=True)
    is_current = fields.Boolean()
    named_by = fields.UUID()
    named_at = Instant()
    payable_from = Instant(metadata={"description": "Before it nothing is paid there."})


class DestinationQuery(paging.Query):
    cooperative_id = Id(load_default=None)


DestinationPage = paging.page_of(Destination)


class Payout(Schema):
    id = fields.UUID()
    purpose = fields.String()
    purpose_id = fields.UUID()
    cooperative_id = fields.UUID()
    amount_minor = fields.Integer()
    currency = fields.String()
    memo = fields.String()
    reference = fields.String(metadata={"description": "What the bank is told as the transfer's own name."})
    state = fields.String()
    version = fields.Integer()
    method = fields.String(metadata={"description": "As the destination is; before the approval a guess."})
    drafted_by = fields.UUID()
    drafted_at = Instant()
    approved_by = fields.UUID(allow_none=True)
    approved_at = Instant(allow_none=True)
    destination_id = fields.UUID(allow_none=True)
    sent_by = fields.UUID(allow_none=True)
    sent_at = Instant(allow_none=True)
    batch_id = fields.UUID(allow_none=True)
    paid_at = Instant(allow_none=True)
    receipt_reference = fields.String(allow_none=True)
    closed_at = Instant(allow_none=True)
    problem = fields.String(allow_none=True)


class PayoutMove(Schema):
    number = fields.Integer()
    before = fields.String()
    after = fields.String()
    reason = fields.String(allow_none=True)
    actor = fields.String()
    at = Instant()


class PayoutMoves(Schema):
    items = fields.List(fields.Nested(PayoutMove))


class PayoutQuery(paging.Query):
    state = fields.String(load_default=None, validate=validate.OneOf([each.value for each in PayoutState]))
    purpose = fields.String(
        load_default=None, validate=validate.OneOf([each.value for each in PayoutPurpose])
    )
    method = fields.String(load_default=None, validate=validate.OneOf([each.value for each in Method]))
    currency = Currency(load_default=None)
    purpose_id = Id(load_default=None)
    cooperative_id = Id(load_default=None)
    batch_id = Id(load_default=None)


PayoutPage = paging.page_of(Payout)


class ApprovePayout(Schema):
    destination_id = Id(
        required=True, metadata={"description": "Where the approver has seen that it goes: the current one."}
    )


class GiveReason(Schema):
    reason = Line(required=True)


class MarkPaid(Schema):
    receipt_reference = Line(
        required=True, high=80, metadata={"description": "The bank's own number: it pays one payout, once."}
    )


class PayoutCall(Schema):
    kind = fields.String()
    attempt = fields.Integer()
    state = fields.String()
    problem = fields.String(allow_none=True)
    asked_at = Instant()
    finished_at = Instant(allow_none=True)


class PayoutCalls(Schema):
    items = fields.List(fields.Nested(PayoutCall))


class MakeBatch(Schema):
    currency = Currency(required=True)
    format = fields.String(
        required=True,
        attribute="file_format",
        validate=validate.OneOf([each.value for each in BatchFormat]),
    )
    execute_on = Day(
        load_default=None, metadata={"description": "When the bank is to pay; today without it."}
    )
    payout_ids = fields.List(
        Id(),
        load_default=None,
        validate=validate.Length(1, PAYOUTS_MAX),
        metadata={"description": "All of them or none; without it all that may go now."},
    )


class PayoutBatch(Schema):
    id = fields.UUID()
    reference = fields.String()
    currency = fields.String()
    format = fields.String()
    execute_on = fields.Date()
    payouts = fields.Integer()
    total_minor = fields.Integer()
    sha256 = fields.String(metadata={"description": "Of the file."})
    size_bytes = fields.Integer()
    made_by = fields.UUID()
    made_at = Instant()


BatchPage = paging.page_of(PayoutBatch)


class AskOnboarding(Schema):
    cooperative_id = Id(required=True)
    country = Country(required=True)


class Onboarding(Schema):
    cooperative_id = fields.UUID()
    country = fields.String()
    is_ready = fields.Boolean(metadata={"description": "Money may be transferred to it."})
    due = fields.List(
        fields.String(), metadata={"description": "What the provider still wants to know, in its words."}
    )
    url = fields.String(
        allow_none=True, metadata={"description": "Where the cooperative tells it; for a few minutes."}
    )
    expires_at = Instant(allow_none=True)


class ReturningEntry(Schema):
    id = fields.UUID()
    account = fields.String()
    entry_key = fields.String()
    booked_on = Day()
    amount_minor = fields.Integer()
    currency = fields.String()
    remittance = fields.String()


class PayoutReturn(Schema):
    entry = fields.Nested(ReturningEntry)
    payout = fields.Nested(Payout)
    en = fields.String()
    zh = fields.String()


class PayoutReturns(Schema):
    """The oldest first; at most a hundred."""

    items = fields.List(fields.Nested(PayoutReturn))


class ConfirmReturn(Schema):
    """Which entry brings which payout back."""

    bank_entry_id = Id(required=True)
    payout_id = Id(required=True)
