"""Shapes of lots that come out of lots."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from inventory.schemas import Lot
from inventory.states import Descent
from marketplace.fields import Code, Grams, Id, Line

PARTS_MAX = 100


class _Part(Schema):
    code = Code(required=True)
    quantity = Grams(required=True, attribute="quantity_grams", data_key="quantity")
    room_id = Id(
        load_default=None, allow_none=True, metadata={"description": "The parent's room unless told."}
    )


class SplitPart(_Part):
    pass


class SplitLot(Schema):
    parts = fields.List(fields.Nested(SplitPart), required=True, validate=validate.Length(1, PARTS_MAX))


class GradedPart(_Part):
    grade = Line(required=True, high=20)
    size = Line(load_default=None, allow_none=True, high=20)


class GradeLot(Schema):
    parts = fields.List(fields.Nested(GradedPart), required=True, validate=validate.Length(1, PARTS_MAX))
    culled = Grams(load_default=0, low=0, attribute="culled_grams", data_key="culled")
    input = Grams(
        load_default=None,
        allow_none=True,
        attribute="input_grams",
        data_key="input",
        metadata={"description": "What went onto the line, if it was weighed: what is missing has shrunk."},
    )
    lost = Grams(
        load_default=0,
        low=0,
        attribute="lost_grams",
        data_key="lost",
        metadata={"description": "What of the input is known to be lost: stalks, leaves, water."},
    )
    reason = Line(load_default=None, allow_none=True)

    @validates_schema
    def _culls_for_a_reason(self, data: dict[str, Any], **_kwargs: Any) -> None:
        if (data["culled_grams"] or data["lost_grams"]) and not data["reason"]:
            raise ValidationError("Say why fruit was culled or lost.", "reason")


class MergedPart(Schema):
    lot_id = Id(required=True)
    quantity = Grams(required=True, attribute="quantity_grams", data_key="quantity")


class MergeLots(Schema):
    code = Code(required=True)
    parts = fields.List(fields.Nested(MergedPart), required=True, validate=validate.Length(1, PARTS_MAX))
    room_id = Id(
        load_default=None, allow_none=True, metadata={"description": "The first lot's room unless told."}
    )


class TakeBack(Schema):
    code = Code(required=True)
    quantity = Grams(required=True, attribute="quantity_grams", data_key="quantity")
    reason = Line(required=True)


class Family(Schema):
    parents = fields.List(fields.Nested(Lot))
    children = fields.List(fields.Nested(Lot))


class Tie(Schema):
    lot_id = fields.UUID(attribute="lot.id")
    code = fields.String(attribute="lot.code")
    kind = fields.String(validate=validate.OneOf([each.value for each in Descent]))
    grams = fields.Integer()


class Relatives(Schema):
    parents = fields.List(fields.Nested(Tie), metadata={"description": "Where the lot's fruit came from."})
    children = fields.List(fields.Nested(Tie), metadata={"description": "The lots that its fruit went into."})
