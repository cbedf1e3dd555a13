"""Shapes of quality holds, ends of recalls, readings and keeping times in and out."""

from marshmallow import Schema, fields, validate

from inventory.schemas import Lot, StandingHold
from inventory.states import MovementKind, Storage
from marketplace import paging
from marketplace.fields import Day, Grams, Instant, Line, Whole


class CloseRecall(Schema):
    outcome = fields.String(
        required=True,
        validate=validate.OneOf([MovementKind.CULLED.value, MovementKind.CLEARED.value]),
        metadata={"description": "What is free is thrown away, or the lot may be sold again."},
    )
    reason = Line(required=True)


class KeepBack(Schema):
    quantity = Grams(required=True, attribute="quantity_grams", data_key="quantity")
    reason = Line(required=True)


class QualityHold(Schema):
    hold = fields.Nested(StandingHold)
    state = fields.String(attribute="hold.state")
    lot = fields.Nested(Lot)


class WriteDownReading(Schema):
    measured_on = Day(required=True)
    brix_tenths = Whole(
        load_default=None, allow_none=True, high=400, metadata={"description": "138 is 13.8 °Bx."}
    )
    firmness_newton_tenths = Whole(
        load_default=None, allow_none=True, high=2000, metadata={"description": "735 is 73.5 N."}
    )


class QualityReading(Schema):
    id = fields.UUID()
    lot_id = fields.UUID()
    measured_on = Day()
    brix_tenths = fields.Integer(allow_none=True)
    firmness_newton_tenths = fields.Integer(allow_none=True)
    at = Instant()


QualityReadingPage = paging.page_of(QualityReading)


class TellKeepingTime(Schema):
    variety = Line(required=True, high=60)
    storage = fields.String(required=True, validate=validate.OneOf([each.value for each in Storage]))
    days = Whole(required=True, low=1, high=730, metadata={"description": "After the harvest."})


class KeepingTime(Schema):
    id = fields.UUID()
    variety = fields.String()
    storage = fields.String()
    days = fields.Integer()
    created_at = Instant()


KeepingTimePage = paging.page_of(KeepingTime)
