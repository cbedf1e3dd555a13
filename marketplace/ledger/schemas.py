"""Shapes of the ledger in and out. Amounts are minor units; how many decimals they have, their currency says."""

from typing import Any

from marshmallow import Schema, fields

from marketplace import paging
from marketplace.fields import Code, Currency, Id, Instant


class MomentQuery(Schema):
    at = Instant(load_default=None, metadata={"description": "An instant of the past; without it, now."})


class PeriodQuery(Schema):
    since = Instant(load_default=None)
    until = Instant(load_default=None)


class AccountQuery(paging.Query):
    code = Code(load_default=None)
    currency = Currency(load_default=None)
    owner_kind = Code(load_default=None)
    owner_id = Id(load_default=None)


class StatementQuery(paging.Query):
    since = Instant(load_default=None)
    until = Instant(load_default=None)


class JournalQuery(StatementQuery):
    kind = Code(load_default=None)
    source_id = Id(load_default=None)
    account_id = Id(load_default=None)


class LedgerBalance(Schema):
    debits_posted_minor = fields.Integer()
    credits_posted_minor = fields.Integer()
    debits_pending_minor = fields.Integer()
    credits_pending_minor = fields.Integer()
    balance_minor = fields.Integer(
        metadata={"description": "What is booked, counted on the side on which the account grows."}
    )


class LedgerSum(Schema):
    currency = fields.String()
    decimals = fields.Integer()
    debits_posted_minor = fields.Integer()
    credits_posted_minor = fields.Integer()
    debits_pending_minor = fields.Integer()
    credits_pending_minor = fields.Integer()
    difference_minor = fields.Integer(metadata={"description": "Debits less credits: always 0."})


class TrialLine(LedgerBalance):
    code = fields.String()
    name = fields.String()
    group = fields.String(allow_none=True)
    normal_side = fields.String()
    currency = fields.String()
    decimals = fields.Integer()
    accounts = fields.Integer()


class TrialBalance(Schema):
    at = Instant(allow_none=True)
    lines = fields.List(fields.Nested(TrialLine))
    totals = fields.List(fields.Nested(LedgerSum))


class LedgerAccount(LedgerBalance):
    id = fields.UUID()
    code = fields.String()
    name = fields.String()
    group = fields.String(allow_none=True)
    owner_kind = fields.String(allow_none=True)
    owner_id = fields.UUID(allow_none=True)
    normal_side = fields.String()
    has_floor = fields.Boolean()
    currency = fields.String()
    decimals = fields.Integer()
    available_minor = fields.Integer(
        metadata={
            "description": "What is booked and not reserved. Of an account with a floor, never below zero."
        }
    )
    opened_at = Instant()


class AccountStatementLine(Schema):
    transfer_id = fields.UUID()
    at = Instant()
    kind = fields.String()
    source_id = fields.UUID()
    phase = fields.String()
    reason = fields.String(allow_none=True)
    side = fields.String()
    amount_minor = fields.Integer()
    balance_minor = fields.Integer()


class AccountStatement(Schema):
    account = fields.Nested(LedgerAccount)
    items: Any = fields.List(fields.Nested(AccountStatementLine))
    next_cursor = fields.UUID(allow_none=True)


class LedgerEntry(Schema):
    account_id = fields.UUID()
    code = fields.String()
    owner_kind = fields.String(allow_none=True)
    owner_id = fields.UUID(allow_none=True)
    side = fields.String()
    amount_minor = fields.Integer()


class LedgerTransfer(Schema):
    id = fields.UUID()
    at = Instant()
    kind = fields.String()
    source_id = fields.UUID()
    phase = fields.String()
    pending_id = fields.UUID(allow_none=True)
    corrects_id = fields.UUID(allow_none=True)
    currency = fields.String()
    decimals = fields.Integer()
    reason = fields.String(allow_none=True)
    actor = fields.String()
    request_id = fields.String()
    entries = fields.List(fields.Nested(LedgerEntry))


LedgerAccountPage = paging.page_of(LedgerAccount)
LedgerTransferPage = paging.page_of(LedgerTransfer)
