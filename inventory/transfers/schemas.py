"""Shapes of transfers in and out."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from inventory.states import GapKind, TransferState
from marketplace import paging
from marketplace.fields import Code, Grams, Id, Instant, Line


class DispatchTransfer(Schema):
    lot_id = Id(required=True)
    code = Code(required=True, metadata={"description": "Of the lot that it becomes."})
    to_cold_store_id = Id(required=True)
    to_room_id = Id(load_default=None, allow_none=True)
    quantity = Grams(required=True, attribute="quantity_grams", data_key="quantity")


class WeighIn(Schema):
    quantity = Grams(
        required=True,
        low=0,
        attribute="quantity_grams",
        data_key="quantity",
        metadata={"description": "0: nothing came."},
    )
    gap_kind = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.OneOf([each.value for each in GapKind]),
        metadata={"description": "What became of the rest, when it is more than the tolerance."},
    )
    gap_reason = Line(load_default=None, allow_none=True)

    @validates_schema
    def _says_both(self, data: dict[str, Any], **_kwargs: Any) -> None:
        if (data["gap_kind"] is None) != (data["gap_reason"] is None):
            raise ValidationError("Say gap_kind and gap_reason, or neither.", "gap_reason")


class DisputeTransfer(Schema):
    reason = Line(required=True)


class Transfer(Schema):
    id = fields.UUID()
    lot_id = fields.UUID()
    code = fields.String()
    to_cold_store_id = fields.UUID()
    to_room_id = fields.UUID(allow_none=True)
    state = fields.String(validate=validate.OneOf([each.value for each in TransferState]))
    out_grams = fields.Integer()
    out_number = fields.Integer(metadata={"description": "The lot's version with which it left."})
    in_grams = fields.Integer(allow_none=True)
    gap_grams = fields.Integer(allow_none=True, metadata={"description": "out_grams - in_grams"})
    gap_kind = fields.String(allow_none=True)
    gap_reason = fields.String(allow_none=True)
    child_id = fields.UUID(allow_none=True, metadata={"description": "The lot that it became."})
    dispatched_at = Instant()
    ended_at = Instant(allow_none=True)
    version = fields.Integer()


TransferPage = paging.page_of(Transfer)
