"""Boxes of another item of the campaign in place of missing ones: which may be chosen, and moving them.

Only what costs no more than was shown: nobody pays more because fruit is missing. The price follows by itself: what is
due, or goes back, is reckoned with the final price of the item that an order has come to.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from campaigns.models import Campaign, Item
from campaigns.promotions.groups import settling
from campaigns.shortage import cases, line_rules
from campaigns.shortage.models import Shortage
from inventory import placing, shortages
from inventory.models import Pool
from marketplace import audit
from marketplace.context import Context
from orders import balances
from orders.models import DepositTerms, Order
from orders.states import OrderKind

REASON = "other_grade"


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherItem:
    """An item that may be chosen instead, and the boxes that are to spare of it."""

    item_id: uuid.UUID
    pack_id: uuid.UUID
    variety: str
    grade: str
    unit_price_minor: int
    currency: str
    spare_boxes: int


def offered(session: Session, shortage: Shortage, order: Order, *, boxes: int) -> list[OtherItem]:
    """The items of the campaign that have the boxes of an order to spare, at no higher price, paid in the same way.

    None once prices are final: what an order pays and has paid is reckoned with its own item's by then.
    """
    campaign = session.get_one(Campaign, shortage.campaign_id)
    if campaign.is_price_fixed:
        return []
    terms = balances.terms_of(session, [order.id]).get(order.id)
    found = []
    for item in campaign.items_by_pool:
        if item.id == shortage.item_id:
            continue
        pool = session.get_one(Pool, item.pool_id)
        spare = _spare(session, pool)
        if spare >= boxes and _fits(item, pool, order, terms):
            found.append(
                OtherItem(
                    item_id=item.id,
                    pack_id=pool.pack_id,
                    variety=pool.variety,
                    grade=pool.grade,
                    unit_price_minor=item.unit_price_minor,
                    currency=item.currency,
                    spare_boxes=spare,
                )
            )
    return found


def move_all(
    session: Session, ctx: Context, shortage: Shortage, chosen: Mapping[uuid.UUID, uuid.UUID]
) -> dict[uuid.UUID, uuid.UUID]:
    """Give the orders boxes of the items that they chose, as far as these are to spare; which order got which item.

    Who is first is drawn by the seed. The others have no preference then. Orders and campaign are locked by the caller.
    """
    line = line_rules.in_line(
        [str(each) for each in chosen], seed=shortage.seed, batch=cases.batch_of(shortage)
    )
    moved: dict[uuid.UUID, uuid.UUID] = {}
    left: dict[uuid.UUID, int] = {}
    for order_id in map(uuid.UUID, line):
        order = session.get_one(Order, order_id)
        other = session.get_one(Item, chosen[order_id])
        old_id = order.hold_id
        boxes = _move(session, ctx, order, other)
        if boxes:
            assert old_id is not None
            left[old_id] = boxes
            moved[order_id] = other.id
    if left:
        cases.settle(session, ctx, shortage, cuts=left, reason=REASON)
    return moved


def _move(session: Session, ctx: Context, order: Order, other: Item) -> int:
    """The boxes that the order now has of another item; 0: they are not to spare any more."""
    assert order.hold_id is not None, "a shopper's order has its hold"
    old = placing.sold_hold(session, hold_id=order.hold_id)
    boxes = old.consumed_boxes
    pool = session.get_one(Pool, other.pool_id, with_for_update={"key_share": True}, populate_existing=True)
    terms = session.get(DepositTerms, order.id)
    if _spare(session, pool) < boxes or not _fits(other, pool, order, terms):
        return 0
    taken = placing.take_elsewhere(session, ctx, hold_id=old.id, pool_id=pool.id)
    if isinstance(taken, placing.NotTaken):
        return 0
    before = {"pack_id": str(order.pack_id), "hold_id": str(old.id)}
    order.hold_id, order.pack_id = taken.id, pool.pack_id
    order.version += 1
    settling.carry_over(session, hold_id=old.id, to_hold_id=taken.id)
    if terms is not None:
        terms.pool_id = pool.id
    session.flush()
    after = {"pack_id": str(order.pack_id), "hold_id": str(taken.id), "boxes": boxes}
    audit.record(session, ctx, "order.regrade", subject=("order", order.id), before=before, after=after)
    return boxes


def _spare(session: Session, pool: Pool) -> int:
    """Boxes that are there and neither sold nor held."""
    there = sum(each.there for each in shortages.standings(session, pool_id=pool.id))
    sold = pool.boxes_sold - shortages.bound_boxes(session, pool_id=pool.id)
    return max(0, there - sold - pool.boxes_held)


def _fits(item: Item, pool: Pool, order: Order, terms: DepositTerms | None) -> bool:
    """Of the same size, at no higher price, and no deposit is worth more than its box costs at the lowest step.

    Never an export: its contract names the item, and that its fruit keeps long enough was looked at there.
    """
    if order.kind == OrderKind.EXPORT:
        return False
    if pool.pack_grams != order.pack_grams or item.currency != order.currency:
        return False
    if item.unit_price_minor > order.unit_price_minor:
        return False
    if (terms is None) != (pool.deposit is None):
        return False
    lowest = min([item.unit_price_minor, *(each.unit_price_minor for each in item.steps)])
    return terms is None or terms.counts_minor <= lowest
