"""Shapes of settlements in and out."""

from typing import Any

from marshmallow import Schema, fields, validate

from marketplace.fields import Code, Currency, Flag, Id, Instant, Line, Whole
from marketplace.paging import Query, page_of
from marketplace.values import QUANTITY_MAX, TOTAL_MINOR_MAX, UNIT_PRICE_MINOR_MAX
from orders.settlements.pay_sheet import GROWERS_MAX
from orders.settlements.states import SettlementKind, SettlementState

KINDS = [each.value for each in SettlementKind]
STATES = [each.value for each in SettlementState]


class SettlementQuery(Query):
    kind = fields.String(load_default=None, validate=validate.OneOf(KINDS))
    campaign_id = Id(load_default=None)
    cooperative_id = Id(load_default=None)
    currency = Currency(load_default=None)
    state = fields.String(load_default=None, validate=validate.OneOf(STATES))


class Settlement(Schema):
    id = fields.UUID()
    kind = fields.String(validate=validate.OneOf(KINDS))
    number = fields.String()
    campaign_id = fields.UUID(allow_none=True)
    campaign_en = fields.String()
    campaign_zh = fields.String()
    cooperative_id = fields.UUID()
    currency = fields.String()
    state = fields.String(validate=validate.OneOf(STATES))
    digest = fields.String()
    payout_minor = fields.Integer()
    objection_days = fields.Integer()
    proposed_at = Instant(allow_none=True)
    objections_until = Instant(allow_none=True)
    objection = fields.String(allow_none=True)
    objected_by = fields.String(allow_none=True)
    answer = fields.String(allow_none=True)
    answered_by = fields.String(allow_none=True)
    final_at = Instant(allow_none=True)
    paid_at = Instant(allow_none=True)
    created_at = Instant()
    version = fields.Integer()


class ReleaseRetention(Schema):
    """Of all that is kept of a cooperative in a currency, what is due."""

    cooperative_id = Id(required=True)
    currency = Currency(required=True)


SettlementPage = page_of(Settlement)


class SettlementStatement(Schema):
    """All that a settlement is made of, and its sums; `digest` is over facts, before, lines and after."""

    facts = fields.Dict()
    before = fields.Dict()
    lines = fields.List(fields.Dict())
    after = fields.Dict()
    earned_minor = fields.Integer()
    before_netting_minor = fields.Integer()
    payout_minor = fields.Integer()
    currency = fields.String()
    digest = fields.String()


class SettlementMove(Schema):
    number = fields.Integer()
    event = fields.String()
    before = fields.String(allow_none=True)
    after = fields.String()
    digest = fields.String()
    reason = fields.String(allow_none=True)
    actor = fields.String()
    at = Instant()


class SettlementMoves(Schema):
    items = fields.List(fields.Nested(SettlementMove))


def _digest() -> Line:
    return Line(
        required=True,
        high=80,
        metadata={"description": "Of the statement that was read: another one is refused."},
    )


class AcceptSettlement(Schema):
    digest = _digest()


class ObjectToSettlement(Schema):
    digest = _digest()
    reason = Line(required=True)


class AnswerObjection(Schema):
    answer = Line(required=True)


class TakeLateRefund(Schema):
    """So much of a refund is of this cooperative's boxes, and whether it is its fault."""

    refund_id = Id(required=True)
    amount_minor = Whole(required=True, low=1, high=TOTAL_MINOR_MAX)
    at_fault = Flag(required=True)


class LateRefund(Schema):
    id = fields.UUID()
    settlement_id = fields.UUID()
    refund_id = fields.UUID()
    remedy = fields.String()
    amount_minor = fields.Integer()
    at_fault = fields.Boolean()
    commission_back_minor = fields.Integer()
    from_retention_minor = fields.Integer()
    owed_minor = fields.Integer()
    at = Instant()


class LateRefunds(Schema):
    items = fields.List(fields.Nested(LateRefund))


class BroughtBoxes(Schema):
    item = Code(required=True)
    grade = Line(required=True, high=20)
    unit_price_minor = Whole(required=True, low=0, high=UNIT_PRICE_MINOR_MAX)
    boxes = Whole(required=True, low=1, high=QUANTITY_MAX)


class PaidGrower(Schema):
    id = Line(required=True, high=80)
    name = Line(required=True, high=120)
    brought: Any = fields.List(fields.Nested(BroughtBoxes), required=True, validate=validate.Length(0, 100))


class PayGrowers(Schema):
    """Who brought the boxes that were settled, by item, grade and price; what the cooperative keeps for itself."""

    growers: Any = fields.List(
        fields.Nested(PaidGrower), required=True, validate=validate.Length(1, GROWERS_MAX)
    )
    kept_minor = Whole(load_default=0, low=0, high=TOTAL_MINOR_MAX)


class GrowersPay(Schema):
    grower = fields.String()
    name = fields.String()
    boxes = fields.Integer()
    value_minor = fields.Integer()
    amount_minor = fields.Integer()
    formula_en = fields.String()
    formula_zh = fields.String()


class PaySheet(Schema):
    settlement = fields.String()
    currency = fields.String()
    payout_minor = fields.Integer()
    kept_minor = fields.Integer()
    parted_minor = fields.Integer()
    pays = fields.List(fields.Nested(GrowersPay))
