"""Shapes of waves and parcels in and out."""

from marshmallow import Schema, fields, validate

from inventory.states import LotStatus
from marketplace.fields import Flag, Grams, Id, Instant, Line, Whole
from marketplace.paging import Query, page_of
from marketplace.values import QUANTITY_MAX
from orders.fulfilment.short_rules import Outcome
from orders.fulfilment.states import ParcelState, TrackingStatus


class ParcelQuery(Query):
    wave_id = Id(load_default=None)
    order_id = Id(load_default=None)
    cooperative_id = Id(load_default=None)
    state = fields.String(load_default=None, validate=validate.OneOf([each.value for each in ParcelState]))


class ShipParcel(Schema):
    carrier = Line(required=True, high=40)
    tracking_number = Line(load_default=None, high=60)


class VoidShipment(Schema):
    reason = Line(required=True, high=200)


class PackParcel(Schema):
    may_be_absent = True
    weighed_grams = Grams(
        load_default=None,
        allow_none=True,
        metadata={
            "description": "What all its boxes weigh without their packaging, if that was weighed: too light ones are"
            " refunded by themselves when the parcel leaves."
        },
    )


class Parcel(Schema):
    id = fields.UUID()
    wave_id = fields.UUID()
    order_id = fields.UUID()
    cooperative_id = fields.UUID()
    lot_id = fields.UUID()
    claim_id = fields.UUID(
        allow_none=True, metadata={"description": "Of a replacement: the claim that it answers."}
    )
    replaces_id = fields.UUID(
        allow_none=True, metadata={"description": "Of a replacement: the parcel whose boxes were claimed."}
    )
    boxes = fields.Integer()
    quantity_grams = fields.Integer()
    state = fields.String(validate=validate.OneOf([each.value for each in ParcelState]))
    carrier = fields.String(allow_none=True)
    tracking_number = fields.String(allow_none=True)
    packed_at = Instant(allow_none=True)
    shipped_at = Instant(allow_none=True)
    delivered_at = Instant(allow_none=True)
    lost_at = Instant(allow_none=True)
    unfilled_at = Instant(
        allow_none=True, metadata={"description": "When it turned out that its boxes were not there."}
    )
    cancelled_at = Instant(allow_none=True)
    weighed_grams = fields.Integer(allow_none=True)
    version = fields.Integer()


ParcelPage = page_of(Parcel)


class Tracking(Schema):
    status = fields.String(validate=validate.OneOf([each.value for each in TrackingStatus]))
    at = Instant(metadata={"description": "As the carrier says."})
    tracking_number = fields.String(allow_none=True)
    reported_at = Instant()


class OrderParcel(Parcel):
    tracking = fields.List(
        fields.Nested(Tracking), metadata={"description": "What the carrier said, oldest first."}
    )


class OrderParcels(Schema):
    items = fields.List(fields.Nested(OrderParcel))


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
    is_replacing = Flag(metadata={"description": "Of replacements for claimed boxes alone."})


class Pick(Schema):
    lot_id = fields.UUID(attribute="lot.id")
    lot_code = fields.String(attribute="lot.code")
    cooperative_id = fields.UUID(attribute="lot.cooperative_id")
    room = fields.String(allow_none=True)
    variety = fields.String(attribute="lot.variety")
    grade = fields.String(attribute="lot.grade")
    best_before_on = fields.Date(attribute="lot.best_before_on")
    lot_status = fields.String(
        attribute="lot.status", validate=validate.OneOf([each.value for each in LotStatus])
    )
    boxes = fields.Integer(metadata={"description": "To be fetched now."})
    boxes_stopped = fields.Integer(metadata={"description": "They wait until the lot is cleared."})
    boxes_packed = fields.Integer()
    parcels = fields.Integer()


class StorePicks(Schema):
    cold_store_id = fields.UUID(attribute="cold_store.id")
    code = fields.String(attribute="cold_store.code")
    name_en = fields.String(attribute="cold_store.name_en")
    name_zh = fields.String(attribute="cold_store.name_zh")
    boxes = fields.Integer()
    boxes_stopped = fields.Integer()
    boxes_packed = fields.Integer()
    picks = fields.List(fields.Nested(Pick))


class PickLists(Schema):
    items = fields.List(fields.Nested(StorePicks))


class ReportShortPick(Schema):
    lot_id = Id(required=True)
    boxes_found = Whole(
        required=True,
        low=0,
        high=QUANTITY_MAX,
        metadata={
            "description": "Of those that its parcels in the wave still need: planned ones, without labels, scans or a"
            " carrier's number. Of a stopped lot 0, which only an operator may say."
        },
    )
    reason = Line(required=True)
    pack_grams = Grams(
        load_default=None,
        allow_none=True,
        metadata={"description": "Of which boxes, where the lot fills several sizes in the wave."},
    )


class ShortParcel(Schema):
    parcel_id = fields.UUID()
    order_id = fields.UUID()
    boxes = fields.Integer()
    outcome = fields.String(validate=validate.OneOf([each.value for each in Outcome]))


class ShortPick(Schema):
    id = fields.UUID()
    wave_id = fields.UUID()
    lot_id = fields.UUID()
    cooperative_id = fields.UUID()
    pack_grams = fields.Integer()
    boxes_planned = fields.Integer()
    boxes_found = fields.Integer()
    boxes_written_off = fields.Integer()
    boxes_substituted = fields.Integer()
    boxes_taken_back = fields.Integer()
    boxes_refunded = fields.Integer()
    reason = fields.String()
    at = Instant()
    parcels = fields.List(fields.Nested(ShortParcel))


class ShortPicks(Schema):
    items = fields.List(fields.Nested(ShortPick))


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
