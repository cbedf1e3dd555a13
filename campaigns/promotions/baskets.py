"""Boxes of an item as the rules of promotions see them: price, the freight in it, what their deposit counts as."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from campaigns import item_terms
from campaigns.models import Item
from campaigns.promotions import promoting
from campaigns.promotions.rules import Basket
from campaigns.terms.checking import EARNEST_PART
from inventory.deposit_rules import Deposit, DepositType
from inventory.models import Hold, Pool


def of_hold(session: Session, hold: Hold, *, now: datetime) -> tuple[Item | None, Basket]:
    """What is held, and its item if a campaign sells it; asked for in one statement, for many ask at once."""
    assert hold.unit_price_minor is not None, "what is quoted has its price"
    found = (
        session.execute(
            select(Item, Pool)
            .join(Pool, Pool.id == Item.pool_id)
            .where(Item.pool_id == hold.pool_id)
            .options(joinedload(Item.steps))
        )
        .unique()
        .one_or_none()
    )
    if found is None:
        price = hold.unit_price_minor
        return None, Basket(boxes=hold.boxes, unit_price_minor=price, freight_minor=0, now=now)
    item, pool = found
    return item, basket(item, pool.deposit, boxes=hold.boxes, unit_price_minor=hold.unit_price_minor, now=now)


def basket(
    item: Item, deposit: Deposit | None, *, boxes: int, unit_price_minor: int, now: datetime
) -> Basket:
    """So many boxes at the price shown."""
    return Basket(
        boxes=boxes,
        unit_price_minor=unit_price_minor,
        freight_minor=0,
        now=now,
        freight_within_minor=boxes * promoting.freight_minor(item),
        deposit_minor=0 if deposit is None else boxes * deposit.counts_minor,
        cooperatives_minor=None if deposit is None else of_cooperatives(item, deposit, boxes=boxes),
    )


def of_cooperatives(item: Item, deposit: Deposit, *, boxes: int) -> int | None:
    """The most that cooperatives may take off these boxes.

    What another funder takes off is paid to the cooperatives all the same: the contract's amount is the price. What
    they take off themselves makes it less, and earnest money is at most a fifth of it, at the lowest step as well.
    """
    if deposit.type != DepositType.EARNEST:
        return None
    lowest = min(step.unit_price_minor for step in item_terms.steps_of(item))
    return max(0, boxes * (lowest - EARNEST_PART * deposit.per_box_minor))
