"""Prices of an item in other currencies than its own: rows that an operator sets, never a conversion."""

import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns import planning
from campaigns.exports.models import ItemPrice
from campaigns.models import Item
from campaigns.showing import NoPriceInCurrency
from campaigns.states import BEFORE_CLOSING, CampaignState, CampaignStateForbids
from inventory import pools
from marketplace import audit, errors
from marketplace.context import Context
from marketplace.language import Text


class OwnCurrency(errors.Conflict):
    """That is the currency of the item itself, whose price was drafted with it."""

    title = Text(en="The item has its own price in this currency.", zh="该项目本身即以此币种定价。")


class OnePriceOnly(errors.Conflict):
    """The item has a ladder or a deposit: these are in its own currency, and so is all that is paid for it."""

    title = Text(
        en="An item with a ladder or a deposit is sold in its own currency only.",
        zh="设有阶梯价或定金的项目仅以其自身币种销售。",
    )


class PriceFixed(errors.Conflict):
    """The campaign is public, and the price in this currency was shown: `unit_price_minor` is what it is."""

    title = Text(en="The price was shown already and stays.", zh="该价格已公示，不可更改。")


def set_price(
    session: Session,
    ctx: Context,
    *,
    campaign_id: uuid.UUID,
    item_id: uuid.UUID,
    currency: str,
    unit_price_minor: int,
) -> ItemPrice:
    """A currency may be added as long as the sale lasts; a price may be changed until the campaign is public.

    Raises CampaignNotFound, ItemNotFound, CampaignStateForbids, OwnCurrency, OnePriceOnly, PriceFixed.
    """
    campaign = planning.locked(session, campaign_id)
    item = planning.item_of(campaign, item_id)
    planning.follow_clock(session, ctx, campaign)
    if campaign.state not in BEFORE_CLOSING:
        raise CampaignStateForbids(state=campaign.state)
    if currency == item.currency:
        raise OwnCurrency
    if not has_one_price(session, item):
        raise OnePriceOnly
    price = session.get(ItemPrice, (item.id, currency))
    before = None if price is None else price.unit_price_minor
    if price is None:
        price = ItemPrice(item_id=item.id, currency=currency)
        session.add(price)
    elif campaign.state != CampaignState.DRAFT and before != unit_price_minor:
        raise PriceFixed(currency=currency, unit_price_minor=before)
    price.unit_price_minor, price.set_at = unit_price_minor, ctx.now
    session.flush()
    audit.record(
        session,
        ctx,
        "campaign.set_price",
        subject=("campaign", campaign.id),
        before=None if before is None else {"unit_price_minor": before},
        after={"item_id": str(item.id), "currency": currency, "unit_price_minor": unit_price_minor},
    )
    return price


def of_campaign(session: Session, ctx: Context, *, campaign_id: uuid.UUID) -> list[ItemPrice]:
    """All prices of its items, those in their own currency first. Raises CampaignNotFound."""
    campaign = planning.get(session, ctx, campaign_id=campaign_id)
    own = [
        ItemPrice(
            item_id=item.id,
            currency=item.currency,
            unit_price_minor=item.unit_price_minor,
            set_at=campaign.created_at,
        )
        for item in campaign.items
    ]
    statement = select(ItemPrice).where(ItemPrice.item_id.in_([item.id for item in campaign.items]))
    return [*own, *session.scalars(statement.order_by(ItemPrice.item_id, ItemPrice.currency))]


def price_of(session: Session, item: Item, *, currency: str) -> int:
    """What a box costs in the currency, in its minor units. Raises NoPriceInCurrency."""
    if currency == item.currency:
        return item.unit_price_minor
    found = session.get(ItemPrice, (item.id, currency))
    if found is None:
        raise NoPriceInCurrency(currency=currency, item_ids=[item.id])
    return found.unit_price_minor


def has_one_price(session: Session, item: Item) -> bool:
    """Whether a box costs the same whatever is sold, and all of it is due at once."""
    is_stepped = any(step.from_boxes for step in item.steps)
    return not is_stepped and pools.get(session, pool_id=item.pool_id).deposit is None
