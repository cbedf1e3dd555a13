"""Shapes of cold stores, rooms, space, prices and storage costs in and out."""

from marshmallow import Schema, fields, validate

from inventory.states import Storage
from marketplace import paging
from marketplace.fields import Code, Currency, Day, Grams, Id, Instant, Line, Whole
from marketplace.values import UNIT_PRICE_MINOR_MAX

_STORAGE = validate.OneOf([each.value for each in Storage])


class CreateColdStore(Schema):
    code = Code(required=True)
    name_en = Line(required=True)
    name_zh = Line(required=True)
    county_id = Id(load_default=None, allow_none=True)
    kind = fields.String(load_default=Storage.COLD.value, validate=_STORAGE)
    capacity_grams = Whole(load_default=None, allow_none=True, low=1)


class ColdStore(Schema):
    id = fields.UUID()
    code = fields.String()
    name_en = fields.String()
    name_zh = fields.String()
    county_id = fields.UUID(allow_none=True)
    kind = fields.String()
    capacity_grams = fields.Integer(allow_none=True)
    created_at = Instant()


ColdStorePage = paging.page_of(ColdStore)


class CreateRoom(Schema):
    code = Code(required=True)
    capacity_grams = Whole(load_default=None, allow_none=True, low=1)


class Room(Schema):
    id = fields.UUID()
    cold_store_id = fields.UUID()
    code = fields.String()
    capacity_grams = fields.Integer(allow_none=True)
    created_at = Instant()


class SetCapacity(Schema):
    capacity_grams = Whole(
        required=True, allow_none=True, low=1, metadata={"description": "null: nobody says how much fits."}
    )
    room_id = Id(
        load_default=None,
        allow_none=True,
        metadata={"description": "Of this room; of the whole store without it."},
    )


class RoomSpace(Schema):
    room_id = fields.UUID(attribute="room.id")
    code = fields.String(attribute="room.code")
    capacity_grams = fields.Integer(attribute="space.capacity_grams", allow_none=True)
    lying_grams = fields.Integer(attribute="space.lying_grams")
    free_grams = fields.Integer(attribute="space.free_grams", allow_none=True)


class StoreSpace(Schema):
    cold_store_id = fields.UUID(attribute="store.id")
    capacity_grams = fields.Integer(attribute="space.capacity_grams", allow_none=True)
    lying_grams = fields.Integer(attribute="space.lying_grams")
    free_grams = fields.Integer(
        attribute="space.free_grams",
        allow_none=True,
        metadata={"description": "null: nobody said how much fits."},
    )
    rooms = fields.List(fields.Nested(RoomSpace))


class SetPrice(Schema):
    valid_from = Day(required=True)
    minor_per_tonne_day = Whole(
        required=True,
        high=UNIT_PRICE_MINOR_MAX,
        metadata={"description": "Minor units for a tonne and a day."},
    )
    currency = Currency(required=True)


class StoragePrice(Schema):
    id = fields.UUID()
    cold_store_id = fields.UUID()
    valid_from = Day()
    minor_per_tonne_day = fields.Integer()
    currency = fields.String()
    created_at = Instant()


StoragePricePage = paging.page_of(StoragePrice)


class StorageCost(Schema):
    currency = fields.String(allow_none=True, metadata={"description": "null: nobody told a price."})
    gram_days = fields.Integer()
    accrued_minor = fields.Integer(metadata={"description": "So far, rounded once."})
    accrued_micro = fields.Integer(metadata={"description": "Exact, in millionths of a minor unit."})
    saved_minor = fields.Integer(
        metadata={"description": "What keeping shipped and committed fruit to its last day would cost more."}
    )
    saved_micro = fields.Integer()


class CostQuery(Schema):
    cooperative_id = Id(required=True)


class StorageCosts(Schema):
    items = fields.List(fields.Nested(StorageCost), metadata={"description": "One for each currency."})


class KeepSafety(Schema):
    cooperative_id = Id(required=True)
    variety = Line(required=True, high=60)
    grade = Line(required=True, high=20)
    quantity = Grams(
        required=True,
        low=0,
        attribute="grams",
        data_key="quantity",
        metadata={"description": "Not to be promised; 0 keeps none."},
    )


class SafetyQuery(Schema):
    cooperative_id = Id(required=True)


class SafetyStock(Schema):
    cooperative_id = fields.UUID()
    variety = fields.String()
    grade = fields.String()
    grams = fields.Integer()
    version = fields.Integer()


class SafetyStocks(Schema):
    items = fields.List(fields.Nested(SafetyStock))
