"""Shapes of orders, runs and shares in and out."""

from typing import Any

from marshmallow import Schema, fields

from marketplace.fields import Code, Day, Grams, Id, Instant


class PlaceBulkOrder(Schema):
    county_id = Id(required=True)
    pack_id = Id(required=True)
    quantity = Grams(required=True, attribute="quantity_grams", data_key="quantity")
    season = Code(required=True, high=20, attribute="season_name", data_key="season")
    delivered_on = Day(load_default=None)


class PlaceOrder(Schema):
    hold_id = Id(required=True)


class Order(Schema):
    id = fields.UUID()
    kind = fields.String()
    state = fields.String()
    buyer_id = fields.UUID()
    pack_id = fields.UUID()
    boxes = fields.Integer()
    pack_grams = fields.Integer()
    unit_price_minor = fields.Integer()
    total_minor = fields.Integer()
    currency = fields.String()
    delivered_on = Day(allow_none=True)
    created_at = Instant()
    version = fields.Integer()
    payment_id = fields.UUID(allow_none=True)


class OrderPage(Schema):
    items = fields.List(fields.Nested(Order))
    next_cursor = fields.UUID(allow_none=True)


class Share(Schema):
    cooperative_id = fields.UUID()
    code = fields.String()
    boxes = fields.Integer()
    quantity_grams = fields.Integer()
    limited_by = fields.String()
    state = fields.String()


class Run(Schema):
    id = fields.UUID()
    order_id = fields.UUID()
    season = fields.String()
    digest = fields.String()
    created_at = Instant()
    shares = fields.List(fields.Nested(Share))
    problem: Any = fields.Dict()
    result: Any = fields.Dict()


class BulkOrder(Schema):
    order = fields.Nested(Order)
    runs = fields.List(fields.Nested(Run))


class Explanation(Schema):
    cooperative = fields.String()
    sentences_en = fields.List(fields.String())
    sentences_zh = fields.List(fields.String())
