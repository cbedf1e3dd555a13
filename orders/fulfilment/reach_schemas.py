"""Shapes of a lot's reach."""

from marshmallow import Schema, fields, validate

from inventory.states import LotStatus
from marketplace.fields import Flag, Line
from orders.fulfilment.states import ParcelState


class LotReached(Schema):
    id = fields.UUID(attribute="lot.id")
    code = fields.String(attribute="lot.code")
    cooperative_id = fields.UUID(attribute="lot.cooperative_id")
    status = fields.String(
        attribute="lot.status", validate=validate.OneOf([each.value for each in LotStatus])
    )
    on_hand_grams = fields.Integer(attribute="lot.on_hand_grams")
    steps = fields.Integer(metadata={"description": "Events between it and the lot that was asked for."})


class ParcelReached(Schema):
    id = fields.UUID(attribute="parcel.id")
    order_id = fields.UUID(attribute="parcel.order_id")
    buyer_id = fields.UUID()
    lot_id = fields.UUID(attribute="parcel.lot_id")
    boxes = fields.Integer(attribute="parcel.boxes")
    state = fields.String(
        attribute="parcel.state", validate=validate.OneOf([each.value for each in ParcelState])
    )


class Reach(Schema):
    lot_id = fields.UUID()
    lots = fields.List(fields.Nested(LotReached))
    labels = fields.List(fields.String(), metadata={"description": "Serials of boxes, the first thousand."})
    labels_count = fields.Integer()
    parcels = fields.List(fields.Nested(ParcelReached))
    is_cut = Flag(metadata={"description": "There is more than is followed."})


class TellRecall(Schema):
    reason_en = Line(required=True)
    reason_zh = Line(required=True)


class RecallNoticed(Schema):
    buyers = fields.Integer()
    told = fields.Integer(metadata={"description": "Orders whose buyers were told now."})
