"""Shapes of claims and their photos in and out."""

from marshmallow import Schema, fields, validate

from marketplace.fields import Code, Day, Flag, Id, Instant, Line, Whole
from marketplace.paging import Query, page_of
from marketplace.values import QUANTITY_MAX, TOTAL_MINOR_MAX
from orders.claims.photo_rules import PhotoType
from orders.claims.states import Answer, BorneBy, ClaimKind, ClaimState, Remedy

WORDS_MAX = 1_000


class ClaimQuery(Query):
    order_id = Id(load_default=None)
    parcel_id = Id(load_default=None)
    cooperative_id = Id(load_default=None)
    state = fields.String(load_default=None, validate=validate.OneOf([each.value for each in ClaimState]))


class MakeClaim(Schema):
    id = Id(
        load_default=None,
        attribute="claim_id",
        data_key="id",
        metadata={"description": "Made by the sender, if at all: the same id and facts get the same answer."},
    )
    parcel_id = Id(required=True)
    kind = fields.String(required=True, validate=validate.OneOf([each.value for each in ClaimKind]))
    boxes = Whole(required=True, low=1, high=QUANTITY_MAX)
    words = Line(required=True, high=WORDS_MAX)


class AnswerClaim(Schema):
    answer = fields.String(required=True, validate=validate.OneOf([each.value for each in Answer]))
    words = Line(load_default=None, allow_none=True, high=WORDS_MAX)


class DecideClaim(Schema):
    remedy = fields.String(required=True, validate=validate.OneOf([each.value for each in Remedy]))
    amount_minor = Whole(
        load_default=None,
        allow_none=True,
        low=0,
        high=TOTAL_MINOR_MAX,
        metadata={
            "description": "Of a refund or a return: what goes back, at most `refundable_minor` of the claim."
        },
    )
    borne_by = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.OneOf([each.value for each in BorneBy]),
        metadata={"description": "Of a refund, a return or a replacement: the cooperative unless told."},
    )
    words = Line(
        load_default=None,
        allow_none=True,
        high=WORDS_MAX,
        metadata={"description": "The buyer and the cooperative read them. A rejection needs them."},
    )

    delivered_on = Day(
        load_default=None,
        allow_none=True,
        metadata={"description": "Of a replacement: the day on which it is to arrive."},
    )


class ReceiveClaim(Schema):
    code = Code(required=True, metadata={"description": "Of the lot that the boxes become."})


class Claim(Schema):
    id = fields.UUID()
    order_id = fields.UUID()
    parcel_id = fields.UUID()
    cooperative_id = fields.UUID()
    kind = fields.String(validate=validate.OneOf([each.value for each in ClaimKind]))
    boxes = fields.Integer()
    words = fields.String()
    is_automatic = Flag(metadata={"description": "Made and decided by the rule of light boxes."})
    state = fields.String(validate=validate.OneOf([each.value for each in ClaimState]))
    answer = fields.String(allow_none=True, validate=validate.OneOf([each.value for each in Answer]))
    answer_words = fields.String(allow_none=True)
    answered_at = Instant(allow_none=True)
    remedy = fields.String(allow_none=True, validate=validate.OneOf([each.value for each in Remedy]))
    refund_minor = fields.Integer(allow_none=True)
    currency = fields.String()
    borne_by = fields.String(allow_none=True, validate=validate.OneOf([each.value for each in BorneBy]))
    decision_words = fields.String(allow_none=True)
    decided_at = Instant(allow_none=True)
    delivered_on = fields.Date(allow_none=True)
    returned_lot_id = fields.UUID(allow_none=True)
    created_at = Instant()
    version = fields.Integer()


ClaimPage = page_of(Claim)


class ShownClaim(Claim):
    refundable_minor = fields.Integer(
        metadata={"description": "At most so much may be refunded for its boxes, as things are now."}
    )


class ClaimPhoto(Schema):
    id = fields.UUID()
    claim_id = fields.UUID()
    number = fields.Integer()
    media_type = fields.String(validate=validate.OneOf([each.value for each in PhotoType]))
    size_bytes = fields.Integer()
    sha256 = fields.String()
    uploaded_at = Instant()


class ClaimPhotos(Schema):
    items = fields.List(fields.Nested(ClaimPhoto))
