"""Shapes of a batch of lots in and out."""

from marshmallow import Schema, fields, validate

from inventory.batch.intake import ROWS_MAX
from inventory.batch.rules import Outcome
from inventory.schemas import ReceiveLot
from marketplace.fields import Id


class BatchRow(ReceiveLot):
    id = Id(
        required=True, metadata={"description": "Made by the phone; the same id and facts change nothing."}
    )


class ReceiveBatch(Schema):
    rows = fields.List(fields.Nested(BatchRow), required=True, validate=validate.Length(1, ROWS_MAX))


class BothLanguages(Schema):
    en = fields.String()
    zh = fields.String()


class BatchRowResult(Schema):
    id = fields.UUID()
    outcome = fields.String(validate=validate.OneOf([each.value for each in Outcome]))
    lot_id = fields.UUID(allow_none=True)
    code = fields.String(allow_none=True, metadata={"description": "Why the row was not taken in."})
    pointer = fields.String(allow_none=True)
    detail = fields.Nested(BothLanguages, allow_none=True)


class BatchReport(Schema):
    rows = fields.Integer()
    created = fields.Integer()
    unchanged = fields.Integer(metadata={"description": "Sent before with the same facts."})
    conflicts = fields.Integer()
    results = fields.List(
        fields.Nested(BatchRowResult), metadata={"description": "In the order of the rows."}
    )
