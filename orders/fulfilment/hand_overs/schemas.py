"""Shapes of hand-overs in and out."""

from marshmallow import Schema, fields, validate

from marketplace.fields import Id, Instant, Line
from marketplace.paging import Query, page_of
from orders.fulfilment.pallets.states import PARCELS_MAX

PALLETS_MAX = 40


class HandOverQuery(Query):
    cooperative_id = Id(load_default=None)


class TrackingNumber(Schema):
    parcel_id = Id(required=True)
    tracking_number = Line(required=True, high=60)


class RecordHandOver(Schema):
    cooperative_id = Id(required=True)
    carrier = Line(required=True, high=40)
    reference = Line(
        required=True,
        high=60,
        metadata={"description": "By which the carrier answers for what it took over; nobody's name."},
    )
    parcel_ids = fields.List(Id(), load_default=list, validate=validate.Length(max=PARCELS_MAX))
    pallet_ids = fields.List(Id(), load_default=list, validate=validate.Length(max=PALLETS_MAX))
    tracking_numbers = fields.List(
        fields.Nested(TrackingNumber), load_default=list, validate=validate.Length(max=PARCELS_MAX)
    )


class HandOver(Schema):
    id = fields.UUID()
    cooperative_id = fields.UUID()
    carrier = fields.String()
    reference = fields.String()
    pallets = fields.Integer()
    parcels = fields.Integer()
    boxes = fields.Integer()
    quantity_grams = fields.Integer()
    handed_over_at = Instant()


HandOverPage = page_of(HandOver)


class ManifestLine(Schema):
    parcel_id = fields.UUID(attribute="parcel.id")
    link = fields.String()
    pallet_id = fields.UUID(allow_none=True)
    pallet_link = fields.String(allow_none=True)
    tracking_number = fields.String(allow_none=True)
    lot_id = fields.UUID(attribute="parcel.lot_id")
    lot_code = fields.String()
    boxes = fields.Integer(attribute="parcel.boxes")
    quantity_grams = fields.Integer(attribute="parcel.quantity_grams")
    undone_at = Instant(
        allow_none=True, metadata={"description": "When it was found that it had not left with the others."}
    )


class Manifest(Schema):
    hand_over = fields.Nested(HandOver)
    lines = fields.List(fields.Nested(ManifestLine))
