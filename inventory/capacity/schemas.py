"""Shapes of capacities, their revisions, promises and weighings in and out."""

from marshmallow import Schema, fields, validate

from inventory.capacity.rules import CapacityState, LineKind
from marketplace import paging
from marketplace.fields import Code, Day, Grams, Id, Instant, Line

_STATE = validate.OneOf([each.value for each in CapacityState])


class _Estimates(Schema):
    low = Grams(required=True, low=0, attribute="low_grams", data_key="low")
    likely = Grams(required=True, low=0, attribute="likely_grams", data_key="likely")
    high = Grams(required=True, low=0, attribute="high_grams", data_key="high")
    reason = Line(required=True)


class DeclareCapacity(_Estimates):
    cooperative_id = Id(required=True)
    variety = Line(required=True, high=60)
    grade = Line(required=True, high=20)
    week_on = Day(required=True, metadata={"description": "The Monday of the week of the harvest."})


class ReviseCapacity(_Estimates):
    pass


class CapacityQuery(paging.Query):
    cooperative_id = Id(load_default=None)
    state = fields.String(load_default=None, validate=_STATE)
    week_on = Day(load_default=None)


class Capacity(Schema):
    id = fields.UUID()
    cooperative_id = fields.UUID()
    variety = fields.String()
    grade = fields.String()
    week_on = Day()
    state = fields.String(validate=_STATE)
    low_grams = fields.Integer()
    likely_grams = fields.Integer()
    high_grams = fields.Integer()
    haircut_permille = fields.Integer(metadata={"description": "How much of the low estimate is not sold."})
    prudent_grams = fields.Integer(metadata={"description": "The part of the forecast that may be promised."})
    promised_grams = fields.Integer(metadata={"description": "Still promised on the forecast."})
    converted_grams = fields.Integer(metadata={"description": "Was promised, is weighed, is held in lots."})
    weighed_grams = fields.Integer()
    sellable_grams = fields.Integer(
        metadata={"description": "Prudent, not weighed yet and promised to nobody."}
    )
    missing_grams = fields.Integer(
        metadata={"description": "Promised and, as far as is known, not there: a shortfall case tells of it."}
    )
    revisions_count = fields.Integer()
    weighings_count = fields.Integer()
    version = fields.Integer()
    created_at = Instant()


class CapacityRevision(Schema):
    id = fields.UUID()
    number = fields.Integer()
    low_grams = fields.Integer()
    likely_grams = fields.Integer()
    high_grams = fields.Integer()
    haircut_permille = fields.Integer()
    prudent_grams = fields.Integer()
    promised_grams = fields.Integer(metadata={"description": "What stood promised when it was made."})
    reason = fields.String()
    actor = fields.String()
    at = Instant()


class CapacityLine(Schema):
    id = fields.UUID()
    number = fields.Integer()
    kind = fields.String(validate=validate.OneOf([each.value for each in LineKind]))
    grams = fields.Integer()
    purpose_kind = fields.String()
    purpose_id = fields.UUID()
    promised_grams = fields.Integer(metadata={"description": "The counter after this line."})
    converted_grams = fields.Integer(metadata={"description": "The counter after this line."})
    weighing_id = fields.UUID(allow_none=True)
    hold_id = fields.UUID(allow_none=True)
    at = Instant()


class Weigh(Schema):
    id = Id(
        required=True,
        attribute="weighing_id",
        data_key="id",
        metadata={"description": "Made by the sender; the same id and facts get the same answer."},
    )
    cold_store_id = Id(required=True)
    code = Code(required=True, metadata={"description": "Of the lot that the load becomes."})
    gross = Grams(required=True, attribute="gross_grams", data_key="gross")
    tare = Grams(required=True, low=0, attribute="tare_grams", data_key="tare")
    harvested_on = Day(required=True)
    best_before_on = Day(required=True)
    size = Line(load_default=None, allow_none=True, high=20)
    plot = Line(
        load_default=None,
        allow_none=True,
        high=60,
        metadata={"description": "Where it grew: fruit of a certified plot may bear the area's label."},
    )


class Weighing(Schema):
    id = fields.UUID()
    capacity_id = fields.UUID()
    number = fields.Integer()
    lot_id = fields.UUID()
    code = fields.String()
    gross_grams = fields.Integer()
    tare_grams = fields.Integer()
    net_grams = fields.Integer()
    converted_grams = fields.Integer(
        metadata={"description": "The part that was promised before and is held for its promises."}
    )
    at = Instant()


CapacityPage = paging.page_of(Capacity)
CapacityRevisionPage = paging.page_of(CapacityRevision)
CapacityLinePage = paging.page_of(CapacityLine)
WeighingPage = paging.page_of(Weighing)
