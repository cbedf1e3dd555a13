"""Shapes of reconciliations, findings and repairs in and out."""

from marshmallow import Schema, fields, validate

from inventory.reconciling.rules import Phase, Source
from marketplace import paging
from marketplace.fields import Instant, Line


class Reconciliation(Schema):
    id = fields.UUID()
    started_at = Instant()
    finished_at = Instant(allow_none=True)
    seconds = fields.Integer(allow_none=True, metadata={"description": "From start to end, rounded up."})
    phase = fields.String(validate=validate.OneOf([each.value for each in Phase]))
    lots_checked = fields.Integer()
    pools_checked = fields.Integer()
    differences = fields.Integer(metadata={"description": "Lots and pools whose counters differ."})
    actor = fields.String()


class CounterDifference(Schema):
    counter = fields.String()
    stored = fields.Integer()
    rebuilt = fields.Integer()
    source = fields.String(validate=validate.OneOf([each.value for each in Source]))


class ReconciliationRepair(Schema):
    reason = fields.String()
    before = fields.Dict(keys=fields.String(), values=fields.Integer())
    after = fields.Dict(keys=fields.String(), values=fields.Integer())
    movement_id = fields.UUID(allow_none=True, metadata={"description": "The line in the lot's journal."})
    pool_line_number = fields.Integer(
        allow_none=True, metadata={"description": "The number of the line in the pool's journal."}
    )
    actor = fields.String()
    at = Instant()


class ReconciliationFinding(Schema):
    id = fields.UUID()
    number = fields.Integer()
    subject_kind = fields.String(validate=validate.OneOf(["lot", "pool"]))
    subject_id = fields.UUID()
    differences = fields.List(fields.Nested(CounterDifference))
    case_id = fields.UUID(metadata={"description": "Where a person settles it."})
    repair = fields.Nested(ReconciliationRepair, allow_none=True)
    at = Instant()


class RepairFinding(Schema):
    reason = Line(required=True)


ReconciliationPage = paging.page_of(Reconciliation)
ReconciliationFindingPage = paging.page_of(ReconciliationFinding)
