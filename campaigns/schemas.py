"""Shapes of campaigns in and out."""

from typing import Any

from marshmallow import Schema, fields, validate

from campaigns.states import state_at
from marketplace import context
from marketplace.fields import Code, Id, Instant, Line, Whole
from marketplace.values import QUANTITY_MAX, UNIT_PRICE_MINOR_MAX

ITEMS_MAX = 50
BOXES_PER_BUYER_MAX = 1_000
BOXES_PER_HOUSEHOLD_MAX = 10_000


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


class DraftCampaign(Schema):
    code = Code(required=True)
    county_id = Id(required=True)
    title_en = Line(required=True)
    title_zh = Line(required=True)
    opens_at = Instant(required=True)
    closes_at = Instant(required=True)
    items = fields.List(fields.Nested(DraftItem), required=True, validate=validate.Length(1, ITEMS_MAX))


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
    available = fields.Integer(attribute="pool.available_boxes")
    version = fields.Integer(attribute="pool.version", metadata={"description": "of the pool"})


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
    version = fields.Integer()

    def _state_now(self, campaign: Any) -> str:
        now = context.current().now
        return state_at(
            campaign.state, opens_at=campaign.opens_at, closes_at=campaign.closes_at, now=now
        ).value


class CampaignPage(Schema):
    items = fields.List(fields.Nested(Campaign))
    next_cursor = fields.UUID(allow_none=True)


class ShownCampaign(Schema):
    campaign = fields.Nested(Campaign)
    is_demo = fields.Boolean(
        attribute="county.is_demo", metadata={"description": "The county's roster is made up. 名册为虚构。"}
    )
    offers = fields.List(fields.Nested(CampaignOffer))


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


class CampaignSubscription(Schema):
    campaign_id = fields.UUID()
    created_at = Instant(metadata={"description": "Since when."})
