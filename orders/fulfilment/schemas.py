"""Shapes of waves and parcels in and out."""

from marshmallow import Schema, fields, validate

from marketplace.fields import Id, Instant, Line
from marketplace.paging import Query, page_of
from orders.fulfilment.states import ParcelState


class ParcelQuery(Query):
    wave_id = Id(load_default=None)
    order_id = Id(load_default=None)
    cooperative_id = Id(load_default=None)
    state = fields.String(load_default=None, validate=validate.OneOf([each.value for each in ParcelState]))


class ShipParcel(Schema):
    carrier = Line(required=True, high=40)
    tracking_number = Line(load_default=None, high=60)


class Parcel(Schema):
    id = fields.UUID()
    wave_id = fields.UUID()
    order_id = fields.UUID()
    cooperative_id = fields.UUID()
    lot_id = fields.UUID()
    boxes = fields.Integer()
    quantity_grams = fields.Integer()
    state = fields.String(validate=validate.OneOf([each.value for each in ParcelState]))
    carrier = fields.String(allow_none=True)
    tracking_number = fields.String(allow_none=True)
    packed_at = Instant(allow_none=True)
    shipped_at = Instant(allow_none=True)
    delivered_at = Instant(allow_none=True)
    version = fields.Integer()


ParcelPage = page_of(Parcel)


class OrderParcels(Schema):
    items = fields.List(fields.Nested(Parcel))


class Wave(Schema):
    id = fields.UUID()
    campaign_id = fields.UUID()
    number = fields.Integer()
    delivered_on = fields.Date()
    orders_max = fields.Integer(allow_none=True)
    orders = fields.Integer()
    boxes = fields.Integer()
    orders_left = fields.Integer()
    released_at = Instant()
    planned_at = Instant(allow_none=True)
