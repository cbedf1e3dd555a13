"""Shapes of storage bills and their parts in and out."""

from marshmallow import Schema, fields, validate

from marketplace import paging
from marketplace.fields import Currency, Day, Id, Instant, Line, Whole
from marketplace.values import TOTAL_MINOR_MAX
from orders.settlements.storage.states import BillState, PartState

BILL_STATES = [each.value for each in BillState]
PART_STATES = [each.value for each in PartState]


class RecordStorageBill(Schema):
    """An invoice of a cold store, over whole days (UTC); `ends_on` is the last of them, itself counted."""

    cold_store_id = Id(required=True)
    reference = Line(
        required=True, high=40, metadata={"description": "The invoice's number: once for each store."}
    )
    starts_on = Day(required=True)
    ends_on = Day(required=True)
    amount_minor = Whole(required=True, low=1, high=TOTAL_MINOR_MAX)
    currency = Currency(required=True)
    note = Line(
        load_default=None, allow_none=True, metadata={"description": "Where its paper is, or what for."}
    )


class StorageBillQuery(paging.Query):
    cold_store_id = Id(load_default=None)
    currency = Currency(load_default=None)
    state = fields.String(load_default=None, validate=validate.OneOf(BILL_STATES))


class StorageBill(Schema):
    id = fields.UUID()
    name = fields.String()
    cold_store_id = fields.UUID()
    reference = fields.String()
    starts_on = Day()
    ends_on = Day()
    amount_minor = fields.Integer()
    currency = fields.String()
    note = fields.String(allow_none=True)
    state = fields.String(validate=validate.OneOf(BILL_STATES))
    gram_days = fields.Integer(allow_none=True)
    recorded_by = fields.String()
    recorded_at = Instant()
    parted_by = fields.String(allow_none=True)
    parted_at = Instant(allow_none=True)
    withdrawn_by = fields.String(allow_none=True)
    withdrawn_at = Instant(allow_none=True)
    reason = fields.String(allow_none=True)
    version = fields.Integer()


StorageBillPage = paging.page_of(StorageBill)


class StorageBillPart(Schema):
    """What one cooperative pays of a bill: `bill_minor` × `gram_days` / `gram_days_of_all`, in whole units."""

    cooperative_id = fields.UUID()
    gram_days = fields.Integer()
    amount_minor = fields.Integer()
    state = fields.String(validate=validate.OneOf(PART_STATES))
    settlement_id = fields.UUID(allow_none=True)


class StorageParting(Schema):
    """`is_fixed`: as it was parted; else what it would be now. `final_minor`: taken by settlements that are final."""

    bill = fields.Nested(StorageBill)
    is_fixed = fields.Boolean()
    gram_days = fields.Integer()
    open_minor = fields.Integer()
    taken_minor = fields.Integer()
    final_minor = fields.Integer()
    parts = fields.List(fields.Nested(StorageBillPart))


class StoragePartQuery(paging.Query):
    cooperative_id = Id(load_default=None)
    bill_id = Id(load_default=None)
    settlement_id = Id(load_default=None)
    currency = Currency(load_default=None)
    state = fields.String(load_default=None, validate=validate.OneOf(PART_STATES))


class StoragePart(StorageBillPart):
    id = fields.UUID()
    bill_id = fields.UUID()
    bill = fields.String(attribute="bill.name")
    starts_on = Day(attribute="bill.starts_on")
    ends_on = Day(attribute="bill.ends_on")
    cold_store_id = fields.UUID(attribute="bill.cold_store_id")
    reference = fields.String(attribute="bill.reference")
    bill_minor = fields.Integer(attribute="bill.amount_minor")
    gram_days_of_all = fields.Integer(attribute="bill.gram_days")
    currency = fields.String()


StoragePartPage = paging.page_of(StoragePart)
