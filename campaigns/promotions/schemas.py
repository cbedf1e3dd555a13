"""Shapes of promotions, their codes, and quotes in and out."""

from typing import Any

from marshmallow import Schema, fields, validate

from campaigns.promotions.codes import CODES_PER_CALL_MAX
from campaigns.promotions.groups.rules import HOURS_MAX, PEOPLE_MAX, PEOPLE_MIN
from campaigns.promotions.rules import CODES_MAX, Funder, PromotionKind
from campaigns.schemas import BOXES_PER_BUYER_MAX, ITEMS_MAX
from marketplace import paging
from marketplace.fields import Flag, Id, Instant, Line, Whole
from marketplace.values import QUANTITY_MAX, TOTAL_MINOR_MAX
from orders.schemas import OrderDiscount

USES_MAX = 1_000_000_000
CODE_LENGTH_MAX = 40

KINDS = [each.value for each in PromotionKind]


class DraftPromotion(Schema):
    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    funder = fields.String(
        required=True,
        validate=validate.OneOf([each.value for each in Funder]),
        metadata={"description": "Who pays for what it takes off."},
    )
    title_en = Line(required=True)
    title_zh = Line(required=True)
    budget_minor = Whole(
        required=True,
        low=1,
        high=TOTAL_MINOR_MAX,
        metadata={"description": "All that it may ever take off, in the currency of its items."},
    )
    amount_minor = Whole(
        load_default=None,
        allow_none=True,
        low=1,
        high=TOTAL_MINOR_MAX,
        metadata={"description": "Of an order for a coupon, else of each box."},
    )
    permille = Whole(load_default=None, allow_none=True, low=1, high=1_000)
    stacks_with = fields.List(
        fields.String(validate=validate.OneOf(KINDS)),
        load_default=list,
        validate=validate.Length(max=len(KINDS)),
        metadata={"description": "Two promotions go together if each names the other's kind."},
    )
    boxes_min = Whole(load_default=1, low=1, high=BOXES_PER_BUYER_MAX)
    starts_at = Instant(load_default=None, allow_none=True)
    ends_at = Instant(load_default=None, allow_none=True)
    uses_max = Whole(load_default=None, allow_none=True, low=1, high=USES_MAX)
    uses_per_person_max = Whole(load_default=None, allow_none=True, low=1, high=QUANTITY_MAX)
    boxes_max = Whole(
        load_default=None,
        allow_none=True,
        low=1,
        high=USES_MAX,
        metadata={"description": "It is for the first so many boxes."},
    )
    people_needed = Whole(
        load_default=None,
        allow_none=True,
        low=PEOPLE_MIN,
        high=PEOPLE_MAX,
        metadata={
            "description": "For group buys: how many people, who opens the group included, make it full."
        },
    )
    group_hours = Whole(
        load_default=None,
        allow_none=True,
        low=1,
        high=HOURS_MAX,
        metadata={"description": "For group buys: how many hours a group has; never longer than the sale."},
    )
    is_by_code = Flag(
        load_default=None,
        allow_none=True,
        metadata={"description": "Left out, coupons and vouchers need a code, and nothing else does."},
    )
    item_ids = fields.List(
        Id(),
        load_default=None,
        allow_none=True,
        validate=validate.Length(1, ITEMS_MAX),
        metadata={"description": "Items of the campaign; left out, all of them."},
    )


class PromotionQuery(paging.Query):
    campaign_id = Id(load_default=None)


class RaiseBudget(Schema):
    budget_minor = Whole(required=True, low=1, high=TOTAL_MINOR_MAX)


class DrawPromotionCodes(Schema):
    count = Whole(required=True, low=1, high=CODES_PER_CALL_MAX)


class SharePromotionCode(Schema):
    code = fields.String(
        required=True,
        validate=validate.Regexp(r"^[A-Za-z0-9]{4,32}\Z"),
        metadata={"description": "Letters and digits; small and large letters are alike."},
    )


class PromotionBudget(Schema):
    """Minor units, orders and boxes: what may be taken off, what is kept for holds, what is spent, what is left."""

    budget_minor = fields.Integer()
    reserved_minor = fields.Integer(attribute="minor_reserved")
    spent_minor = fields.Integer(attribute="minor_consumed")
    left_minor = fields.Function(
        lambda row: row.budget_minor - row.minor_reserved - row.minor_consumed,
        metadata={"type": "integer"},
    )
    uses_reserved = fields.Integer()
    uses_spent = fields.Integer(attribute="uses_consumed")
    boxes_reserved = fields.Integer()
    boxes_spent = fields.Integer(attribute="boxes_consumed")


class RunningPromotion(Schema):
    """What is for everybody, without a code."""

    id = fields.UUID()
    kind = fields.String()
    funder = fields.String()
    title_en = fields.String()
    title_zh = fields.String()
    currency = fields.String()
    amount_minor = fields.Integer(allow_none=True)
    permille = fields.Integer(allow_none=True)
    boxes_min = fields.Integer()
    boxes_max = fields.Integer(allow_none=True)
    people_needed = fields.Integer(allow_none=True, metadata={"description": "Of a group buy."})
    group_hours = fields.Integer(allow_none=True)
    starts_at = Instant(allow_none=True)
    ends_at = Instant(allow_none=True)
    item_ids = fields.List(fields.UUID(), allow_none=True)


class RunningPromotions(Schema):
    items = fields.List(fields.Nested(RunningPromotion))


class Promotion(RunningPromotion):
    campaign_id = fields.UUID()
    state = fields.String()
    is_by_code = fields.Boolean()
    stacks_with = fields.List(fields.String())
    uses_max = fields.Integer(allow_none=True)
    uses_per_person_max = fields.Integer(allow_none=True)
    budget = fields.Nested(PromotionBudget, attribute="itself")
    created_at = Instant()


class PromotionCodes(Schema):
    codes = fields.List(
        fields.String(), metadata={"description": "Shown this once; nobody can look them up later."}
    )


class QuoteHold(Schema):
    codes = fields.List(
        fields.String(validate=validate.Length(1, CODE_LENGTH_MAX)),
        load_default=list,
        validate=validate.Length(max=CODES_MAX),
    )


class UnmetPromotion(Schema):
    promotion_id = fields.UUID()
    reason = fields.String()


class HoldQuote(Schema):
    """What held boxes cost, from the price down to the total."""

    id = fields.UUID()
    hold_id = fields.UUID()
    boxes = fields.Integer()
    unit_price_minor = fields.Integer()
    price_minor = fields.Integer()
    discounts: Any = fields.List(fields.Nested(OrderDiscount))
    discount_minor = fields.Integer()
    total_minor = fields.Integer(metadata={"description": "The price without the discounts."})
    now_minor = fields.Integer(metadata={"description": "What is due when it is ordered."})
    later_minor = fields.Integer(
        metadata={"description": "The most that is due later, with a deposit; the ladder may make it less."}
    )
    bonus_minor = fields.Integer(metadata={"description": "What the deposit's funder pays of the total."})
    currency = fields.String()
    unmet = fields.List(
        fields.Nested(UnmetPromotion),
        metadata={"description": "What is for everybody and takes nothing off here, and why."},
    )
    codes = fields.List(
        fields.String(),
        metadata={
            "description": "What became of each code, in their order: `applied`, `not_valid`, or why not."
        },
    )
    valid_until = Instant(allow_none=True, metadata={"description": "As long as the hold lives."})
    is_current = fields.Boolean(
        metadata={"description": "False when the boxes changed, or were ordered, after it was made."}
    )
