"""Shapes of consents and evidence in and out."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from campaigns.evidence.rules import Content, Kind
from marketplace import context, paging
from marketplace.fields import Day, Id, Instant, Line

_STATE = validate.OneOf(["drafted", "signed", "withdrawn", "ended"])
_FORM = validate.OneOf(["json", "csv", "pdf"])
_CONTENT = validate.OneOf([each.value for each in Content])


def _once(contents: list[str]) -> None:
    if len(set(contents)) < len(contents):
        raise ValidationError("Each of them once.")


class ConsentQuery(paging.Query):
    cooperative_id = Id(load_default=None)


class DraftConsent(Schema):
    cooperative_id = Id(required=True)
    lender = Line(required=True, metadata={"description": "Who may read, by name."})
    contents = fields.List(
        fields.String(validate=_CONTENT),
        required=True,
        validate=[validate.Length(1, len(Content)), _once],
    )
    since_on = Day(required=True, metadata={"description": "What was counted from this day on."})
    ends_at = Instant(required=True)


class SignConsent(Schema):
    digest = Line(required=True, high=80, metadata={"description": "Of the words that are signed."})


class Consent(Schema):
    id = fields.UUID()
    cooperative_id = fields.UUID()
    lender = fields.String()
    contents = fields.List(fields.String(validate=_CONTENT))
    since_on = fields.Date()
    ends_at = Instant()
    state = fields.Method("state_now", metadata={"type": "string", "enum": _STATE.choices})
    text_en = fields.String()
    text_zh = fields.String()
    digest = fields.String()
    drafted_by = fields.String()
    drafted_at = Instant()
    signed_by = fields.String(allow_none=True)
    signed_at = Instant(allow_none=True)
    withdrawn_by = fields.String(allow_none=True)
    withdrawn_at = Instant(allow_none=True)
    readings = fields.Integer()
    version = fields.Integer()

    def state_now(self, consent: Any) -> str:
        found: str = consent.state_at(context.current().now)
        return found


ConsentPage = paging.page_of(Consent)


class SignedConsent(Schema):
    consent = fields.Nested(Consent)
    code = fields.String(metadata={"description": "For the lender; told this once, and kept nowhere."})


class Reading(Schema):
    number = fields.Integer()
    form = fields.String(validate=_FORM)
    digest = fields.String()
    at = Instant()


class Readings(Schema):
    items = fields.List(fields.Nested(Reading))


class ReadEvidence(Schema):
    code = Line(required=True, high=100)


class EvidenceColumn(Schema):
    name = fields.String()
    kind = fields.String(validate=validate.OneOf([each.value for each in Kind]))
    label_en = fields.String()
    label_zh = fields.String()


class EvidenceTable(Schema):
    content = fields.String(validate=_CONTENT)
    name = fields.String()
    title_en = fields.String()
    title_zh = fields.String()
    columns = fields.List(fields.Nested(EvidenceColumn))
    rows = fields.List(
        fields.List(fields.Raw(metadata={"description": "text, whole number or null"})),
        metadata={"description": "Grams, boxes and minor units, as the columns' kinds say."},
    )


class Evidence(Schema):
    consent_id = fields.String()
    consent_digest = fields.String()
    cooperative_code = fields.String()
    cooperative_en = fields.String()
    cooperative_zh = fields.String()
    lender = fields.String()
    since = fields.String()
    made_at = fields.String()
    tables = fields.List(fields.Nested(EvidenceTable))
    digest = fields.String(metadata={"description": "SHA-256 of all else, as canonical JSON."})
