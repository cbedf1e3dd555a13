"""Shapes of campaigns in and out."""

from typing import Any, Final

from marshmallow import Schema, fields, validate

from campaigns.planning import CLAIMS_DAYS, SHELF_DAYS, SHELF_DAYS_MAX
from campaigns.states import CutRule, state_at
from inventory.deposit_rules import DepositType, Funder
from marketplace import context, paging
from marketplace.fields import Code, Currency, Day, Id, Instant, Line, Whole
from marketplace.values import QUANTITY_MAX, UNIT_PRICE_MINOR_MAX
from orders.schemas import OrderDiscount
from orders.states import NextStep

ITEMS_MAX = 50
GOAL_BOXES_MAX = 1_000_000_000
GOAL_GRAMS_MAX = 10**15
STEPS_MAX = 20
HOURS_MAX = 720
BOXES_PER_BUYER_MAX = 1_000
BOXES_PER_HOUSEHOLD_MAX = 10_000


class Waterfall(Schema):
    """Who gets what of a price, in minor units; the sum is the price."""

    orchard_minor = Whole(required=True, low=0, high=UNIT_PRICE_MINOR_MAX)
    cold_store_minor = Whole(required=True, low=0, high=UNIT_PRICE_MINOR_MAX)
    packing_minor = Whole(required=True, low=0, high=UNIT_PRICE_MINOR_MAX)
    freight_minor = Whole(required=True, low=0, high=UNIT_PRICE_MINOR_MAX)
    commission_minor = Whole(required=True, low=0, high=UNIT_PRICE_MINOR_MAX)


class DraftStep(Schema):
    from_boxes = Whole(required=True, low=1, high=QUANTITY_MAX)
    unit_price_minor = Whole(required=True, low=1, high=UNIT_PRICE_MINOR_MAX)
    waterfall = fields.Nested(Waterfall, load_default=None, allow_none=True)


class DraftDeposit(Schema):
    type = fields.String(required=True, validate=validate.OneOf([each.value for each in DepositType]))
    per_box_minor = Whole(required=True, low=1, high=UNIT_PRICE_MINOR_MAX)
    counts_minor = Whole(
        load_default=None,
        allow_none=True,
        low=1,
        high=UNIT_PRICE_MINOR_MAX,
        metadata={"description": "What it is worth when the balance is paid; left out, what it is."},
    )
    funder = fields.String(
        load_default=None,
        allow_none=True,
        validate=validate.OneOf([each.value for each in Funder]),
        metadata={"description": "Who pays the difference."},
    )


class DraftBalance(Schema):
    """When what a deposit leaves may be paid; and for how long after it was paid earnest money goes back."""

    opens_at = Instant(required=True)
    closes_at = Instant(required=True)
    grace_hours = Whole(load_default=24, low=0, high=HOURS_MAX)
    free_withdrawal_hours = Whole(load_default=0, low=0, high=HOURS_MAX)


class DraftItem(Schema):
    pack_id = Id(required=True)
    unit_price_minor = Whole(required=True, low=1, high=UNIT_PRICE_MINOR_MAX)
    boxes_per_buyer_max = Whole(load_default=10, low=1, high=BOXES_PER_BUYER_MAX)
    boxes_per_household_max = Whole(
        load_default=None,
        allow_none=True,
        low=1,
        high=BOXES_PER_HOUSEHOLD_MAX,
        metadata={"description": "Held and bought by all who live together, if told."},
    )
    shelf_days = Whole(
        load_default=SHELF_DAYS,
        low=SHELF_DAYS,
        high=SHELF_DAYS_MAX,
        metadata={
            "description": "The boxes keep so long after delivery: only fruit that does is pledged and sent."
        },
    )
    ladder = fields.List(
        fields.Nested(DraftStep),
        load_default=None,
        allow_none=True,
        validate=validate.Length(1, STEPS_MAX),
        metadata={"description": "The more is sold all together, the less each box costs, for everybody."},
    )
    waterfall = fields.Nested(Waterfall, load_default=None, allow_none=True)
    deposit = fields.Nested(
        DraftDeposit,
        load_default=None,
        allow_none=True,
        metadata={"description": "Due at once; left out, the whole price is."},
    )


class DraftCampaign(Schema):
    code = Code(required=True)
    county_id = Id(required=True)
    title_en = Line(required=True)
    title_zh = Line(required=True)
    opens_at = Instant(required=True)
    closes_at = Instant(required=True)
    goal_boxes = Whole(load_default=None, allow_none=True, low=1, high=GOAL_BOXES_MAX)
    goal_grams = Whole(load_default=None, allow_none=True, low=1, high=GOAL_GRAMS_MAX)
    cut_rule = fields.String(
        load_default=CutRule.EQUAL_AWARDS.value,
        validate=validate.OneOf([each.value for each in CutRule]),
        metadata={"description": "How too few boxes are shared out among the orders."},
    )
    claims_days = Whole(load_default=CLAIMS_DAYS, low=1, high=90)
    harvest_ends_at = Instant(
        load_default=None,
        allow_none=True,
        metadata={
            "description": "Until when forecast fruit is waited for; without it only stored fruit is sold."
        },
    )
    items = fields.List(fields.Nested(DraftItem), required=True, validate=validate.Length(1, ITEMS_MAX))
    balance = fields.Nested(DraftBalance, load_default=None, allow_none=True)


class PledgeBoxes(Schema):
    item_id = Id(required=True)
    cooperative_id = Id(required=True)
    boxes = Whole(required=True, low=1, high=QUANTITY_MAX)


class Reason(Schema):
    reason = Line(required=True)


class HoldBoxes(Schema):
    item_id = Id(required=True)
    boxes = Whole(required=True, low=1, high=BOXES_PER_BUYER_MAX)


class HoldBasket(Schema):
    lines = fields.List(
        fields.Nested(HoldBoxes),
        required=True,
        validate=validate.Length(1, ITEMS_MAX),
        metadata={"description": "An item that stands here twice is asked for in sum."},
    )


class OfferedStep(Schema):
    from_boxes = fields.Integer()
    unit_price_minor = fields.Integer()
    waterfall = fields.Nested(Waterfall, allow_none=True)


class OfferedDeposit(Schema):
    """For each box, in minor units."""

    type = fields.String()
    per_box_minor = fields.Integer()
    counts_minor = fields.Integer()
    funder = fields.String(allow_none=True)
    free_withdrawal_hours = fields.Integer(attribute="free_hours")


class CampaignBalance(Schema):
    opens_at = Instant()
    closes_at = Instant()
    grace_hours = fields.Integer()
    due_at = Instant(allow_none=True, metadata={"description": "When it really ends, once it is open."})


class AskPrice(Schema):
    boxes = Whole(load_default=1, low=1, high=BOXES_PER_BUYER_MAX, in_query=True)


class PricedStep(OfferedStep):
    """All boxes asked for at this step: now, later, bonus and discount add up to the total."""

    total_minor = fields.Integer()
    now_minor = fields.Integer()
    later_minor = fields.Integer()
    bonus_minor = fields.Integer(metadata={"description": "What the deposit's funder pays."})
    discount_minor = fields.Integer(
        metadata={"description": "What of the discounts fits: nothing is taken off a deposit."}
    )
    is_reached = fields.Boolean(metadata={"description": "The step at which the sale is now."})


class Price(Schema):
    item_id = fields.UUID()
    boxes = fields.Integer()
    currency = fields.String()
    sold_boxes = fields.Integer()
    total_minor = fields.Integer(metadata={"description": "The price shown: it never becomes more."})
    now_minor = fields.Integer(metadata={"description": "To be paid at once, with what is taken off."})
    later_minor = fields.Integer(
        metadata={"description": "To be paid later at most, with what is taken off."}
    )
    bonus_minor = fields.Integer()
    final_unit_price_minor = fields.Integer(allow_none=True)
    discount_minor = fields.Integer(
        metadata={"description": "Taken off the price shown for everybody, as long as it lasts."}
    )
    discounts = fields.List(fields.Nested(OrderDiscount))
    steps = fields.List(fields.Nested(PricedStep))


class CampaignOffer(Schema):
    id = fields.UUID(attribute="item.id")
    pack_id = fields.UUID(attribute="item.pack_id")
    pool_id = fields.UUID(attribute="item.pool_id")
    variety = fields.String(attribute="pack.variety")
    grade = fields.String(attribute="pack.grade")
    pack_grams = fields.Integer(attribute="pack.net_grams")
    unit_price_minor = fields.Integer(attribute="item.unit_price_minor")
    currency = fields.String(attribute="item.currency")
    boxes_per_buyer_max = fields.Integer(attribute="item.boxes_per_buyer_max")
    boxes_per_household_max = fields.Integer(attribute="item.boxes_per_household_max", allow_none=True)
    shelf_days = fields.Integer(attribute="item.shelf_days")
    available = fields.Integer(attribute="pool.available_boxes")
    version = fields.Integer(attribute="pool.version", metadata={"description": "of the pool"})
    has_promotions = fields.Boolean(
        attribute="pool.has_promotions",
        metadata={"description": "Something is taken off for everybody: the item's price says what."},
    )
    ladder = fields.List(
        fields.Nested(OfferedStep),
        attribute="item.steps",
        metadata={"description": "Empty if there is one price and its parts are not told."},
    )
    deposit = fields.Nested(
        OfferedDeposit,
        attribute="pool.deposit",
        allow_none=True,
        metadata={"description": "Null: the whole price is due at once."},
    )
    final_unit_price_minor = fields.Integer(
        attribute="item.final_unit_price_minor",
        allow_none=True,
        metadata={"description": "Once it is fixed."},
    )


class Campaign(Schema):
    id = fields.UUID()
    code = fields.String()
    kind = fields.String()
    state = fields.Method(
        "_state_now", metadata={"type": "string", "description": "As of now, by the clock."}
    )
    county_id = fields.UUID()
    title_en = fields.String()
    title_zh = fields.String()
    opens_at = Instant()
    closes_at = Instant()
    goal_boxes = fields.Integer(allow_none=True)
    goal_grams = fields.Integer(allow_none=True)
    cut_rule = fields.String()
    policy_digest = fields.String(
        allow_none=True,
        metadata={
            "description": "Of its fairness policy, which does not change from then on; told before it opens."
        },
    )
    claims_days = fields.Integer()
    harvest_ends_at = Instant(allow_none=True)
    seed_hash = fields.String(
        allow_none=True,
        metadata={
            "description": "Of the seed that breaks ties if there are too few boxes; told before it opens."
        },
    )
    seed = fields.Method(
        "_seed_if_revealed",
        metadata={"type": ["string", "null"], "description": "Once it has been used, or cannot be any more."},
    )
    version = fields.Integer()

    def _seed_if_revealed(self, campaign: Any) -> str | None:
        seed: str | None = campaign.seed
        return seed if campaign.seed_revealed_at is not None else None

    def _state_now(self, campaign: Any) -> str:
        now = context.current().now
        return state_at(
            campaign.state, opens_at=campaign.opens_at, closes_at=campaign.closes_at, now=now
        ).value


_IN_CURRENCY: Final = {
    "description": "Prices as they were set in this currency, never converted 以此币种所定的价格（从不换算）"
}


class InCurrency(Schema):
    reads_text_alone = True
    currency = Currency(load_default=None, metadata=_IN_CURRENCY)


class ListCampaigns(paging.Query):
    currency = Currency(
        load_default=None,
        metadata={
            "description": "Only campaigns whose items all have a price in it 仅列出均以此币种定价的活动"
        },
    )


class CampaignPage(Schema):
    items = fields.List(fields.Nested(Campaign))
    next_cursor = fields.UUID(allow_none=True)


class ShownCampaign(Schema):
    campaign = fields.Nested(Campaign)
    is_demo = fields.Boolean(
        attribute="county.is_demo", metadata={"description": "The county's roster is made up. 名册为虚构。"}
    )
    balance = fields.Nested(CampaignBalance, attribute="campaign.balance", allow_none=True)
    offers = fields.List(fields.Nested(CampaignOffer))


class ItemProgress(Schema):
    item_id = fields.UUID()
    pack_id = fields.UUID()
    boxes_sold = fields.Integer()
    boxes_held = fields.Integer(metadata={"description": "In carts, and ordered but not paid."})
    boxes_left = fields.Integer()
    grams_sold = fields.Integer()
    version = fields.Integer(metadata={"description": "of the pool"})


class NextChange(Schema):
    event = fields.String()
    at = Instant()


class Progress(Schema):
    campaign_id = fields.UUID()
    state = fields.String(metadata={"description": "As of now, by the clock."})
    version = fields.Integer(metadata={"description": "Grows with every change of what is told here."})
    boxes_sold = fields.Integer()
    boxes_held = fields.Integer()
    boxes_left = fields.Integer()
    grams_sold = fields.Integer()
    goal_boxes = fields.Integer(allow_none=True)
    goal_grams = fields.Integer(allow_none=True)
    goal_is_reached = fields.Boolean(metadata={"description": "By what is paid now."})
    items = fields.List(fields.Nested(ItemProgress))
    next_change = fields.Nested(
        NextChange,
        allow_none=True,
        metadata={"description": "What the clock does next; null: it waits for people."},
    )


class CampaignHold(Schema):
    hold_id = fields.UUID(attribute="hold.id")
    state = fields.String(attribute="hold.state")
    boxes = fields.Integer(attribute="hold.boxes")
    unit_price_minor = fields.Integer(attribute="hold.unit_price_minor")
    currency = fields.String(attribute="hold.currency")
    expires_at = Instant(attribute="hold.expires_at")
    available = fields.Integer(
        attribute="pool.available_boxes", metadata={"description": "Boxes that are left for everybody."}
    )
    version = fields.Integer(attribute="pool.version", metadata={"description": "of the pool"})


class Basket(Schema):
    holds = fields.List(fields.Nested(CampaignHold))


class CampaignPledge(Schema):
    pledge_id = fields.UUID(attribute="pledge.id")
    hold_ids = fields.List(fields.UUID())
    available = fields.Integer(attribute="pool.available_boxes")
    version = fields.Integer(attribute="pool.version")


class CampaignTransition(Schema):
    number = fields.Integer()
    before = fields.String(allow_none=True)
    after = fields.String()
    reason = fields.String()
    actor = fields.String()
    request_id = fields.String()
    at = Instant()


class CampaignTransitions(Schema):
    items = fields.List(fields.Nested(CampaignTransition))


class CloneCampaign(Schema):
    code = Code(required=True)
    opens_at = Instant(
        required=True, metadata={"description": "All other moments keep their distance to it."}
    )


class SeasonOfPack(Schema):
    price_minor = fields.Integer(attribute="unit_price_minor")
    pledged_boxes = fields.Integer(attribute="boxes_pledged")
    sold_boxes = fields.Integer(attribute="boxes_sold")


class ComparedPack(Schema):
    pack_id = fields.UUID()
    then = fields.Nested(SeasonOfPack, allow_none=True)
    now = fields.Nested(SeasonOfPack, allow_none=True)


class Comparison(Schema):
    """Last season's actuals beside this season's plan, pack by pack."""

    then = fields.Nested(Campaign)
    packs = fields.List(fields.Nested(ComparedPack))


class OrdersCampaign(Schema):
    id = fields.UUID()
    code = fields.String()
    title_en = fields.String()
    title_zh = fields.String()
    item_id = fields.UUID()


class OrdersPayment(Schema):
    id = fields.UUID()
    state = fields.String()
    reference = fields.String(metadata={"description": "What the payer writes on the transfer."})
    received_minor = fields.Integer()
    refund_due_minor = fields.Integer(metadata={"description": "Came too late, and is owed back."})


class MyOrder(Schema):
    id = fields.UUID()
    state = fields.String()
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
    variety = fields.String()
    grade = fields.String()
    campaign = fields.Nested(OrdersCampaign, allow_none=True)
    payment = fields.Nested(OrdersPayment, allow_none=True)
    has_address = fields.Boolean()
    due_now_minor = fields.Integer()
    due_later_minor = fields.Integer(metadata={"description": "At most: the ladder may make it less."})
    next_steps = fields.List(fields.String(validate=validate.OneOf([step.value for step in NextStep])))


class MyOrderPage(Schema):
    items = fields.List(fields.Nested(MyOrder))
    next_cursor = fields.UUID(allow_none=True)


class HistoryStep(Schema):
    at = Instant()
    what = fields.String(metadata={"description": "`order.place`, `payment.succeeded`, …"})
    state = fields.String(
        allow_none=True, metadata={"description": "The state it led to, if it led to another."}
    )


class MyOrderWithHistory(MyOrder):
    history = fields.List(fields.Nested(HistoryStep))


class CampaignSubscription(Schema):
    campaign_id = fields.UUID()
    created_at = Instant(metadata={"description": "Since when."})
