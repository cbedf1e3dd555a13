"""Shapes of stock takes in and out."""

from marshmallow import Schema, fields

from marketplace import paging
from marketplace.fields import Day, Grams, Instant, Line


class TakeStock(Schema):
    counted = Grams(required=True, low=0, attribute="counted_grams", data_key="counted")
    reason = Line(required=True)


class StockTake(Schema):
    id = fields.UUID()
    lot_id = fields.UUID()
    since_on = Day(metadata={"description": "The last count, or the day on which the lot began."})
    taken_on = Day()
    book_grams = fields.Integer()
    counted_grams = fields.Integer()
    expected_grams = fields.Integer(metadata={"description": "The loss to be expected since then."})
    found_grams = fields.Integer(metadata={"description": "The loss found since then."})
    deviation_grams = fields.Integer(metadata={"description": "found_grams - expected_grams"})
    tolerated_grams = fields.Integer()
    number = fields.Integer(
        allow_none=True,
        metadata={"description": "The lot's version that set the book right; null if it was."},
    )
    is_too_far = fields.Boolean(metadata={"description": "Somebody must look after it."})
    at = Instant()


StockTakePage = paging.page_of(StockTake)
