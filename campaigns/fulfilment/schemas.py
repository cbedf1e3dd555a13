"""Shapes of a campaign's waves."""

from marshmallow import Schema, fields

from marketplace.fields import Day, Whole
from orders.fulfilment.schemas import Wave
from orders.fulfilment.states import ParcelState


class ReleaseWave(Schema):
    delivered_on = Day(required=True)
    orders_max = Whole(load_default=None, low=1, high=1_000_000, allow_none=True)


class _Counted(Schema):
    parcels = fields.Integer()
    boxes = fields.Integer()


_ByState = Schema.from_dict(
    {each.value: fields.Nested(_Counted) for each in ParcelState}, name="ParcelsByState"
)


class Fulfilment(Schema):
    campaign_id = fields.UUID()
    state = fields.String()
    orders_ready = fields.Integer()
    orders_without_address = fields.Integer()
    orders_waiting = fields.Integer()
    parcels = fields.Nested(_ByState)
    waves = fields.List(fields.Nested(Wave))
