"""What boxes of an item cost, now and later, who gets what of it, and what is taken off for everybody."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from campaigns import item_terms, planning, terms
from campaigns.models import Item
from campaigns.promotions import quoting
from campaigns.terms import Priced
from inventory import pools
from marketplace.context import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An item's price for so many boxes, with what is taken off it for everybody."""

    item: Item
    priced: Priced
    discounts: Sequence[dict[str, Any]]


def price(session: Session, ctx: Context, *, campaign_id: uuid.UUID, item_id: uuid.UUID, boxes: int) -> Shown:
    """What so many boxes of an item cost, now and later, with what needs no code.

    Raises CampaignNotFound, ItemNotFound.
    """
    item = planning.item_of(planning.get(session, ctx, campaign_id=campaign_id), item_id)
    pool = pools.get(session, pool_id=item.pool_id)
    discounts = quoting.preview(session, ctx, item, boxes=boxes) if pool.has_promotions else []
    priced = terms.price(
        item_terms.steps_of(item),
        pool.deposit,
        boxes=boxes,
        sold_boxes=pool.boxes_sold,
        discount_minor=sum(each["amount_minor"] for each in discounts),
    )
    return Shown(item=item, priced=priced, discounts=discounts)
