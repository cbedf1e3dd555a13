"""Shapes of what is measured of fruit."""

from marshmallow import Schema, fields

from marketplace import paging
from marketplace.fields import Day, Instant, Whole


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
