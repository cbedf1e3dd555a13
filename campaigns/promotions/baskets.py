"""Boxes of an item as the rules of promotions see them: price, the freight in it, what their deposit counts as."""

from datetime import datetime

from sqlalchemy.orm import Session

from campaigns import item_terms
from campaigns.models import Item
from campaigns.promotions import promoting
from campaigns.promotions.rules import Basket
from campaigns.terms.checking import EARNEST_PART
from inventory import pools
from inventory.deposit_rules import Deposit, DepositType


def basket(
    session: Session, item: Item | None, *, boxes: int, unit_price_minor: int, now: datetime
) -> Basket:
    """So many boxes at the price shown; of an item that no campaign sells, nothing more is known."""
    if item is None:
        return Basket(boxes=boxes, unit_price_minor=unit_price_minor, freight_minor=0, now=now)
    deposit = pools.get(session, pool_id=item.pool_id).deposit
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
