"""What boxes of an item cost, now and later, and who gets what of it."""

import uuid

from sqlalchemy.orm import Session

from campaigns import item_terms, planning, terms
from campaigns.models import Item
from campaigns.terms import Priced
from inventory import pools
from marketplace.context import Context


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
