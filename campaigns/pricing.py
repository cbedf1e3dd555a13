"""What boxes of an item cost, now and later, who gets what of it, and what is taken off for everybody."""

import uuid
from typing import Any

from sqlalchemy.orm import Session

from campaigns import item_terms, planning, terms
from campaigns.models import Item
from campaigns.promotions import quoting
from campaigns.terms import Priced
from inventory import pools
from marketplace.context import Context


def taken_off(session: Session, ctx: Context, item: Item, *, boxes: int) -> list[dict[str, Any]]:
    """What promotions without a code take off so many boxes of an item, if nobody is quicker."""
    if not pools.get(session, pool_id=item.pool_id).has_promotions:
        return []
    return quoting.preview(session, ctx, item, boxes=boxes)


def price(
    session: Session, ctx: Context, *, campaign_id: uuid.UUID, item_id: uuid.UUID, boxes: int
) -> tuple[Item, Priced]:
    """What so many boxes of an item cost, now and later. Raises CampaignNotFound, ItemNotFound."""
    item = planning.item_of(planning.get(session, ctx, campaign_id=campaign_id), item_id)
    pool = pools.get(session, pool_id=item.pool_id)
    return (
        item,
        terms.price(item_terms.steps_of(item), pool.deposit, boxes=boxes, sold_boxes=pool.boxes_sold),
    )
