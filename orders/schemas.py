"""Shapes of orders, runs and shares in and out."""

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate, validates

from inventory.stock_rules import Destination
from marketplace.addresses.schemas import Place
from marketplace.fields import Code, Day, Flag, Id, Instant, Line, Quantity, Whole
from marketplace.values import QUANTITY_MAX
from orders.allocation.problem import RULES
from orders.bulk import ANSWER_HOURS
from orders.states import Silence

POLICIES_MAX = 4


class AskQuote(Schema):
    county_id = Id(required=True)
    pack_id = Id(required=True)
    quantity = Quantity(required=True)
    season = Code(required=True, high=20, attribute="season_name", data_key="season")
    delivered_on = Day(load_default=None)
    rule = fields.String(load_default="nearest", validate=validate.OneOf(RULES))
    strict = Flag(load_default=False)


class PlaceBulkOrder(AskQuote):
    quote_digest = fields.String(
        load_default=None,
        validate=validate.Regexp(r"^[0-9a-f]{64}\Z"),
        metadata={"description": "The digest of the quote; refused when the split would be another."},
    )
    silence = fields.String(
        load_default="declines", validate=validate.OneOf([each.value for each in Silence])
    )
    refusals_count = Flag(load_default=False)
    answer_hours = Whole(load_default=ANSWER_HOURS, low=1, high=240)


class CompareRules(Schema):
    """Two or more ways to split the same order, side by side."""

    asked = fields.Nested(AskQuote, required=True)
    rules = fields.List(
        fields.String(validate=validate.OneOf(RULES)), required=True, validate=validate.Length(2, len(RULES))
    )

    @validates("rules")
    def check_rules(self, rules: list[str], **_known: Any) -> None:
        if len(set(rules)) < len(rules):
            raise ValidationError("A rule is given more than once. 规则重复。")


class SeasonOfCounty(Schema):
    county_id = Id(required=True)
    season = Code(required=True, high=20)


class OpenSeasonAccount(Schema):
    cooperative_id = Id(required=True)
    season = Code(required=True, high=20)
    grams = Whole(
        load_default=None,
        allow_none=True,
        metadata={"description": "Sold before; left out, a newcomer enters at the season's line."},
    )


class SeasonOpening(Schema):
    id = fields.UUID()
    cooperative_id = fields.UUID()
    season = fields.String()
    grams = fields.Integer()
    at = Instant()


class SeasonAccount(Schema):
    """Exact numbers are strings like "135/13": grams, or grams for each household."""

    cooperative = fields.String()
    weight = fields.Integer()
    sold_grams = fields.Integer()
    counted_grams = fields.Integer()
    level = fields.String()
    credit_grams = fields.String()
    credit_per_weight = fields.String()


class SeasonLedger(Schema):
    season = fields.String()
    is_demo = fields.Boolean(metadata={"description": "The roster is made up. 名册为虚构。"})
    line = fields.String()
    catch_up_grams_per_weight = fields.Integer(allow_none=True)
    accounts = fields.List(fields.Nested(SeasonAccount))


class SimulateSplit(Schema):
    problem: Any = fields.Dict(required=True, metadata={"description": "As in docs/allocation.schema.json."})


class ComparePolicies(SimulateSplit):
    """Two or more policies for one problem; each takes the place of the problem's own."""

    policies = fields.List(fields.Dict(), required=True, validate=validate.Length(2, POLICIES_MAX))


class DivideShare(Schema):
    """A cooperative's growers: what each delivered this season and what of that is sold already."""

    members: Any = fields.List(
        fields.Dict(),
        required=True,
        metadata={"description": "`member` in docs/allocation.schema.json: id, delivered_grams, sold_grams."},
    )
    tie_seed = fields.String(load_default="")


class GrowersPart(Schema):
    """Exact numbers are strings; a level is the part of the delivery that is sold."""

    id = fields.String()
    delivered_grams = fields.Integer()
    sold_grams = fields.Integer()
    packs = fields.Integer()
    exact_packs = fields.String()
    level_before = fields.String()
    level_after = fields.String()
    limited_by = fields.String()
    sentences_en = fields.List(fields.String())
    sentences_zh = fields.List(fields.String())


class DividedShare(Schema):
    """A share over its growers, stored nowhere."""

    share: Any = fields.Dict()
    members = fields.List(fields.Nested(GrowersPart))
    unfilled_packs = fields.Integer()
    digest = fields.String()
    problem: Any = fields.Dict()
    result: Any = fields.Dict()


class TryRation(Schema):
    ration: Any = fields.Dict(
        required=True, metadata={"description": "`ration` in docs/allocation.schema.json."}
    )


class Rank(Schema):
    place = fields.Integer()
    id = fields.String()
    tie = fields.Integer(allow_none=True)
    drawn = fields.String(metadata={"description": "SHA-256 of [seed, [batch], id]."})


class Award(Schema):
    id = fields.String()
    boxes = fields.Integer()
    missing = fields.Integer()


class Ration(Schema):
    policy = fields.String()
    first_boxes = fields.Integer()
    awards = fields.List(fields.Nested(Award))
    boxes_left = fields.Integer()
    drawn = fields.List(fields.String())
    digest = fields.String()
    problem: Any = fields.Dict()
    result: Any = fields.Dict()


class Rations(Schema):
    """What each policy would give, stored nowhere."""

    batch = fields.String()
    boxes = fields.Integer()
    asked_boxes = fields.Integer()
    seed_hash = fields.String()
    was_published = fields.Boolean(
        metadata={"description": "The request had the published hash, and the seed is its own."}
    )
    ranks = fields.List(fields.Nested(Rank))
    rations = fields.List(fields.Nested(Ration))


class ConfirmShare(Schema):
    boxes = Whole(load_default=None, allow_none=True, low=1, high=QUANTITY_MAX)


class Because(Schema):
    reason = Line(required=True)


class ReduceShare(Because):
    boxes = Whole(required=True, low=1, high=QUANTITY_MAX)


class LeaveOrder(Because):
    cooperative_id = Id(required=True)


class PlaceOrder(Schema):
    hold_id = Id(required=True)


class OrderDeposit(Schema):
    """Of the whole order, in minor units; what is not known yet is null."""

    type = fields.String()
    deposit_minor = fields.Integer(metadata={"description": "What is paid at once."})
    counts_minor = fields.Integer(metadata={"description": "What it counts as when the rest is paid."})
    later_minor = fields.Integer(
        metadata={"description": "The most that is left to pay later, as it was told: it never becomes more."}
    )
    funder = fields.String(allow_none=True, metadata={"description": "Who pays the difference."})
    free_until = Instant(allow_none=True, metadata={"description": "Until then earnest money goes back."})
    final_unit_price_minor = fields.Integer(allow_none=True)
    bonus_minor = fields.Integer(allow_none=True, metadata={"description": "What the funder pays."})
    discount_minor = fields.Integer(
        allow_none=True,
        metadata={"description": "What is taken off the balance of all that was promised to be."},
    )
    balance_boxes = fields.Integer(
        allow_none=True,
        metadata={"description": "The balance is for so many: a shortage may have taken some."},
    )
    balance_minor = fields.Integer(allow_none=True)
    balance_due_at = Instant(allow_none=True)
    balance_payment_id = fields.UUID(allow_none=True)


class OrderDiscount(Schema):
    """What one promotion takes off, who pays for it, and what is left to pay after it."""

    promotion_id = fields.UUID()
    kind = fields.String()
    funder = fields.String()
    title_en = fields.String()
    title_zh = fields.String()
    amount_minor = fields.Integer()
    left_minor = fields.Integer()


class Order(Schema):
    id = fields.UUID()
    kind = fields.String()
    state = fields.String()
    buyer_id = fields.UUID()
    pack_id = fields.UUID()
    boxes = fields.Integer()
    pack_grams = fields.Integer()
    unit_price_minor = fields.Integer()
    discount_minor = fields.Integer()
    discounts = fields.List(fields.Nested(OrderDiscount))
    total_minor = fields.Integer(metadata={"description": "What is to be paid, after all discounts."})
    currency = fields.String()
    delivered_on = Day(allow_none=True)
    created_at = Instant()
    version = fields.Integer()
    payment_id = fields.UUID(allow_none=True)
    deposit = fields.Nested(
        OrderDeposit, metadata={"description": "Only where not all of the price is due at once."}
    )


class OrderPage(Schema):
    items = fields.List(fields.Nested(Order))
    next_cursor = fields.UUID(allow_none=True)


class ChooseAddress(Schema):
    address_id = Id(required=True)


class OrderAddress(Schema):
    order_id = fields.UUID()
    address = fields.Nested(Place)
    destination = fields.String(validate=validate.OneOf([each.value for each in Destination]))
    chosen_at = Instant()
    version = fields.Integer()


class Share(Schema):
    id = fields.UUID()
    run_id = fields.UUID()
    cooperative_id = fields.UUID()
    code = fields.String()
    boxes = fields.Integer()
    boxes_given_back = fields.Integer()
    boxes_kept = fields.Integer()
    quantity_grams = fields.Integer()
    limited_by = fields.String()
    state = fields.String()
    answer_due_at = Instant(allow_none=True)
    answered_at = Instant(allow_none=True)
    reason = fields.String(allow_none=True)
    version = fields.Integer()


class SharePage(Schema):
    items = fields.List(fields.Nested(Share))
    next_cursor = fields.UUID(allow_none=True)


class Run(Schema):
    id = fields.UUID()
    order_id = fields.UUID()
    number = fields.Integer()
    season = fields.String()
    is_demo = fields.Boolean(metadata={"description": "The roster is made up. 名册为虚构。"})
    digest = fields.String()
    created_at = Instant()
    shares = fields.List(fields.Nested(Share))
    problem: Any = fields.Dict()
    result: Any = fields.Dict()


class Terms(Schema):
    season = fields.String()
    rule = fields.String()
    strict = fields.Boolean()
    silence = fields.String()
    refusals_count = fields.Boolean()
    answer_hours = fields.Integer()
    boxes_open = fields.Integer()
    boxes_short = fields.Integer()


class BulkOrder(Schema):
    order = fields.Nested(Order)
    terms = fields.Nested(Terms)
    is_demo = fields.Boolean(metadata={"description": "The roster is made up. 名册为虚构。"})
    runs = fields.List(fields.Nested(Run))


class Split(Schema):
    """A split that is stored nowhere."""

    digest = fields.String()
    problem: Any = fields.Dict()
    result: Any = fields.Dict()
    report: Any = fields.Dict()


class Quote(Schema):
    boxes = fields.Integer()
    pack_grams = fields.Integer()
    unit_price_minor = fields.Integer()
    total_minor = fields.Integer()
    currency = fields.String()
    is_demo = fields.Boolean(metadata={"description": "The roster is made up. 名册为虚构。"})
    split = fields.Nested(Split)


class RuleDifference(Schema):
    id = fields.String()
    packs = fields.List(fields.Integer(), metadata={"description": "One for each rule, in the order asked."})


class RuleComparison(Schema):
    rules = fields.List(fields.String())
    splits = fields.List(fields.Nested(Split))
    differences = fields.List(fields.Nested(RuleDifference))


class PolicyComparison(Schema):
    splits = fields.List(
        fields.Nested(Split), metadata={"description": "One for each policy, in the order asked."}
    )
    differences = fields.List(fields.Nested(RuleDifference))


class Explanation(Schema):
    is_demo = fields.Boolean(metadata={"description": "The roster is made up. 名册为虚构。"})
    cooperative = fields.String()
    sentences_en = fields.List(fields.String())
    sentences_zh = fields.List(fields.String())
