"""Shapes of bank statements in and out."""

from typing import Any

from marshmallow import Schema, fields, validate

from marketplace import paging
from marketplace.fields import Code, Day, Flag, Id, Instant, Line
from marketplace.language import Text
from marketplace.payments.statements.by_hand import TOGETHER_MAX
from marketplace.payments.statements.states import (
    FAULTS,
    REASONS,
    ClosedReason,
    Direction,
    EntryState,
    LineFault,
    OpenReason,
    StatementFormat,
    SuggestedBy,
)


def _of(words: Any) -> validate.OneOf:
    return validate.OneOf([str(each) for each in words])


class Says(fields.Field[Any]):
    """What the word in another field says, in both languages."""

    def __init__(self, name: str, texts: dict[str, Text]) -> None:
        about = {"type": "object", "description": f"`{name}` in both languages: `en` and `zh`."}
        super().__init__(dump_only=True, metadata=about)
        self._word, self._texts = name, texts

    def serialize(self, attr: str, obj: Any, *_accessor: Any, **kwargs: Any) -> dict[str, str] | None:
        word = obj[self._word] if isinstance(obj, dict) else getattr(obj, self._word)
        return None if word is None else {"en": self._texts[word].en, "zh": self._texts[word].zh}


class UploadStatement(Schema):
    account = Code(
        required=True,
        high=20,
        metadata={"description": "What you call the account; the same for all of its statements. 账户代号"},
    )
    format = fields.String(required=True, validate=_of(StatementFormat))
    name = Line(load_default="", low=0, high=120, metadata={"description": "Of the file 文件名"})


class EntriesOfState(Schema):
    state = fields.String(validate=_of(EntryState))
    reason = fields.String(allow_none=True, validate=_of([*OpenReason, *ClosedReason]))
    says = Says("reason", REASONS)
    currency = fields.String()
    entries = fields.Integer()
    amount_minor = fields.Integer()


class _Counted(Schema):
    lines = fields.Integer(metadata={"description": "entries + duplicates + bad_lines"})
    entries = fields.Integer(metadata={"description": "New ones."})
    duplicates = fields.Integer(metadata={"description": "Known from a statement before."})
    bad_lines = fields.Integer()
    progress = fields.List(fields.Nested(EntriesOfState))


class BankStatement(_Counted):
    id = fields.UUID()
    account = fields.String()
    format = fields.String(validate=_of(StatementFormat))
    name = fields.String()
    sha256 = fields.String()
    size_bytes = fields.Integer()
    uploaded_by = fields.String()
    uploaded_at = Instant()
    waiting = fields.Integer(metadata={"description": "Entries that have not been looked at yet."})


class BankLineFault(Schema):
    line = fields.Integer()
    column = fields.String(attribute="cell", metadata={"description": "Empty: the whole line."})
    value = fields.String()
    fault = fields.String(validate=_of(LineFault))
    says = Says("fault", FAULTS)


class TriedEntry(Schema):
    line = fields.Integer()
    entry_key = fields.String()
    direction = fields.String(validate=_of(Direction))
    amount_minor = fields.Integer()
    currency = fields.String()
    state = fields.String(validate=_of(EntryState))
    reason = fields.String(allow_none=True, validate=_of(OpenReason))
    payment_id = fields.UUID(allow_none=True)


class StatementTrial(_Counted):
    tried = fields.List(
        fields.Nested(TriedEntry), metadata={"description": "What would become of the first 200."}
    )
    bad = fields.List(fields.Nested(BankLineFault), metadata={"description": "The first 200 bad lines."})


class BankEntries(paging.Query):
    reads_text_alone = True
    state = fields.String(load_default=None, validate=_of(EntryState))
    reason = fields.String(load_default=None, validate=_of([*OpenReason, *ClosedReason]))
    direction = fields.String(load_default=None, validate=_of(Direction))
    account = Code(load_default=None, high=20)
    statement_id = Id(load_default=None)


class SuggestedPayment(Schema):
    payment_id = fields.UUID(attribute="payment.id")
    order_id = fields.UUID(attribute="payment.order_id")
    reference = fields.String(attribute="payment.reference")
    state = fields.String(attribute="payment.state")
    amount_minor = fields.Integer(attribute="payment.amount_minor")
    currency = fields.String(attribute="payment.currency")
    by = fields.String(validate=_of(SuggestedBy))


class PaidByEntry(Schema):
    payment_id = fields.UUID()
    amount_minor = fields.Integer()


class BankEntry(Schema):
    id = fields.UUID()
    statement_id = fields.UUID()
    line = fields.Integer()
    account = fields.String()
    entry_key = fields.String(metadata={"description": "The bank's own number."})
    direction = fields.String(validate=_of(Direction))
    is_reversal = fields.Boolean()
    amount_minor = fields.Integer()
    currency = fields.String()
    booked_on = Day()
    remittance = fields.String()
    counterparty_name = fields.String()
    counterparty_account = fields.String()
    state = fields.String(validate=_of(EntryState))
    reason = fields.String(allow_none=True, validate=_of([*OpenReason, *ClosedReason]))
    says = Says("reason", REASONS)
    refusal = fields.String(allow_none=True)
    payment_id = fields.UUID(
        allow_none=True, metadata={"description": "The one payment that its text names."}
    )
    send_back_minor = fields.Integer(metadata={"description": "So much of it is to be sent back."})
    note = fields.String(allow_none=True)
    decided_by = fields.String(allow_none=True)
    decided_at = Instant(allow_none=True)
    paid = fields.List(fields.Nested(PaidByEntry))
    suggestions = fields.List(fields.Nested(SuggestedPayment))


class MatchEntry(Schema):
    payment_ids = fields.List(Id(), required=True, validate=validate.Length(1, TOGETHER_MAX))
    with_entry_ids = fields.List(
        Id(),
        load_default=list,
        validate=validate.Length(0, TOGETHER_MAX - 1),
        metadata={"description": "Other entries that are parts of the same payment."},
    )
    sends_rest_back = Flag(load_default=False)
    is_booked_already = Flag(
        load_default=False,
        metadata={"description": "The receipt was booked by hand before: this entry is its money."},
    )


class CloseEntry(Schema):
    reason = fields.String(required=True, validate=_of((ClosedReason.NOT_OURS, ClosedReason.SEND_BACK)))
    note = Line(required=True)


class ReopenEntry(Schema):
    note = Line(required=True)


StatementPage = paging.page_of(BankStatement)
LineFaultPage = paging.page_of(BankLineFault)
EntryPage = paging.page_of(BankEntry)
