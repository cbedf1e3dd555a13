"""Shapes of cases and their notes in and out."""

from marshmallow import Schema, fields, validate

from inventory.cases.states import CaseKind, CaseState, NoteKind
from marketplace import paging
from marketplace.fields import Id, Instant, Line

_STATE = validate.OneOf([each.value for each in CaseState])
_KIND = validate.OneOf([each.value for each in CaseKind])


class CaseQuery(paging.Query):
    state = fields.String(load_default=None, validate=_STATE)
    kind = fields.String(load_default=None, validate=_KIND)
    cooperative_id = Id(load_default=None)


class AddCaseNote(Schema):
    words = Line(required=True)


class SettleCase(Schema):
    decision = Line(required=True)


class Case(Schema):
    id = fields.UUID()
    kind = fields.String(validate=_KIND)
    subject_kind = fields.String()
    subject_id = fields.UUID()
    cooperative_id = fields.UUID(
        allow_none=True, metadata={"description": "Whom it concerns; null: staff's alone."}
    )
    facts = fields.Dict(
        keys=fields.String(), metadata={"description": "As they were when it was opened; the notes tell on."}
    )
    state = fields.String(validate=_STATE)
    decision = fields.String(allow_none=True)
    settled_by = fields.String(allow_none=True)
    settled_at = Instant(allow_none=True)
    version = fields.Integer(metadata={"description": "The number of its last note."})
    created_at = Instant()


class CaseNote(Schema):
    id = fields.UUID()
    number = fields.Integer()
    kind = fields.String(validate=validate.OneOf([each.value for each in NoteKind]))
    words = fields.String(allow_none=True)
    facts = fields.Dict(keys=fields.String(), allow_none=True)
    actor = fields.String()
    at = Instant()


CasePage = paging.page_of(Case)
CaseNotePage = paging.page_of(CaseNote)
