"""Selling: a shopper sees what is on sale and holds boxes of it for some minutes, at the price shown."""

import uuid
from dataclasses import dataclass

from flask import current_app
from sqlalchemy.orm import Session

from campaigns import planning
from campaigns.models import Campaign, Item
from campaigns.states import CampaignState
from inventory import holds, pools
from inventory.models import Hold, Pool
from marketplace import errors
from marketplace.catalogue import counties, products
from marketplace.catalogue.models import County, Pack
from marketplace.context import Context
from marketplace.language import Text


class NotOnSale(errors.Conflict):
    """The campaign is not open right now; `opens_at` and `closes_at` say when it is."""

    title = Text(en="The campaign is not on sale right now.", zh="该活动当前不在售。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One item as a shopper sees it."""

    item: Item
    pack: Pack
    pool: Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A campaign as a shopper sees it."""

    campaign: Campaign
    county: County
    offers: tuple[Offer, ...]


def show(session: Session, campaign: Campaign) -> Shown:
    offers = tuple(
        Offer(
            item=item,
            pack=products.get_pack(session, pack_id=item.pack_id),
            pool=pools.get(session, pool_id=item.pool_id),
        )
        for item in campaign.items
    )
    county = counties.get(session, county_id=campaign.county_id)
    return Shown(campaign=campaign, county=county, offers=offers)


def hold(
    session: Session, ctx: Context, *, campaign_id: uuid.UUID, item_id: uuid.UUID, boxes: int
) -> tuple[Hold, Pool]:
    """Hold boxes for the shopper, and what is left; the price shown now is the price of the order that follows.

    Raises CampaignNotFound, ItemNotFound, NotOnSale, SoldOut, HoldLimit.
    """
    campaign = planning.get(session, ctx, campaign_id=campaign_id)
    planning.follow_clock(session, ctx, campaign)
    if campaign.state != CampaignState.DEPOSIT_OPEN:
        raise NotOnSale(state=campaign.state, opens_at=campaign.opens_at, closes_at=campaign.closes_at)
    item = planning.item_of(campaign, item_id)
    made = holds.place_on_pool(
        session,
        ctx,
        pool_id=item.pool_id,
        boxes=boxes,
        minutes=current_app.config["SETTINGS"].hold_minutes,
        unit_price_minor=item.unit_price_minor,
        currency=item.currency,
        purpose=("campaign_item", item.id),
        live_max_of_owner=item.boxes_per_buyer_max,
    )
    return made, pools.get(session, pool_id=item.pool_id)
