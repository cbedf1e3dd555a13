"""Shapes of pallets in and out."""

from marshmallow import Schema, fields, validate

from marketplace.fields import Flag, Id, Instant, Line
from marketplace.paging import Query, page_of
from orders.fulfilment.pallets.states import PARCELS_MAX, PalletState

STATES = [each.value for each in PalletState]


class PalletQuery(Query):
    cooperative_id = Id(load_default=None)
    cold_store_id = Id(load_default=None)
    state = fields.String(load_default=None, validate=validate.OneOf(STATES))


class OpenPallet(Schema):
    cold_store_id = Id(required=True)


class PalletParcels(Schema):
    parcel_ids = fields.List(Id(), required=True, validate=validate.Length(1, PARCELS_MAX))


class PalletArrival(Schema):
    gln = Line(required=True, high=13, metadata={"description": "Of the hub: 13 digits."})
    is_complete = Flag(
        load_default=False,
        metadata={"description": "It was looked over there, and nothing is missing."},
    )


class Pallet(Schema):
    id = fields.UUID(attribute="pallet.id")
    cooperative_id = fields.UUID(attribute="pallet.cooperative_id")
    cold_store_id = fields.UUID(attribute="pallet.cold_store_id")
    link = fields.String(
        attribute="pallet.link", metadata={"description": "Its name in events: the Digital Link of its SSCC."}
    )
    state = fields.String(attribute="pallet.state", validate=validate.OneOf(STATES))
    parcel_ids = fields.List(fields.UUID(), metadata={"description": "What lies on it."})
    boxes = fields.Integer()
    quantity_grams = fields.Integer()
    hand_over_id = fields.UUID(attribute="pallet.hand_over_id", allow_none=True)
    hub_gln = fields.String(attribute="pallet.hub_gln", allow_none=True)
    opened_at = Instant(attribute="pallet.opened_at")
    closed_at = Instant(attribute="pallet.closed_at", allow_none=True)
    shipped_at = Instant(attribute="pallet.shipped_at", allow_none=True)
    arrived_at = Instant(attribute="pallet.arrived_at", allow_none=True)
    broken_at = Instant(attribute="pallet.broken_at", allow_none=True)
    version = fields.Integer()


PalletPage = page_of(Pallet)
