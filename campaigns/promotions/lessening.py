"""Less is taken off an order than was promised: a shortage took some of its boxes, or its balance is smaller than that.

What is not taken off is there for others. A use is never edited: the whole of it is given back, and what is left is
spent anew, with its lines in the journal. Rows are taken in the order order, hold, pool, promotion; whoever calls has
the orders locked.
"""

import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from campaigns.promotions import budgets
from campaigns.promotions.groups.models import GroupMember
from campaigns.promotions.models import PromotionTerms, PromotionUse
from campaigns.promotions.states import UseMove, UseState
from inventory.models import Hold
from marketplace.context import Context
from orders import discount_rules
from orders.models import DepositTerms, Order

Left = dict[tuple[uuid.UUID, uuid.UUID], tuple[int, int]]
"""By hold and promotion: what is left of the use, in minor units and in boxes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Discounted:
    """A locked order from which something is taken off, its hold, and its deposit's terms."""

    order: Order
    hold: Hold
    terms: DepositTerms | None

    def left(self) -> list[int]:
        """Of each of its discounts: what belongs to the boxes that it has, as far as its balance has room for it."""
        parts = discount_rules.kept(
            [line["amount_minor"] for line in self.order.discounts],
            boxes=self.hold.consumed_boxes,
            of_boxes=self.order.boxes,
        )
        if self.terms is not None and self.terms.discount_minor is not None:
            parts = discount_rules.fitted(parts, room_minor=self.terms.discount_minor)
        return list(parts)


def follow(session: Session, ctx: Context, *, order_ids: Collection[uuid.UUID]) -> int:
    """What is spent for these orders is what is left of it; how many uses are less. Done twice, it changes nothing."""
    found = list(_discounted(session, order_ids)) if order_ids else []
    if not found:
        return 0
    hold_ids = [each.hold.id for each in found]
    known = budgets.locked(session, {use.promotion_id for use in _spent(session, hold_ids)})
    spent = _spent(session, hold_ids)
    left = _left(found, spent)
    less = [use for use in spent if use.minor != left[use.hold_id, use.promotion_id][0]]
    _give_back(session, ctx, known, less)
    _spend(session, ctx, known, less, left)
    return len(less)


def _discounted(session: Session, order_ids: Collection[uuid.UUID]) -> Iterator[Discounted]:
    rows = session.execute(
        select(Order, Hold, DepositTerms)
        .join(Hold, Hold.id == Order.hold_id)
        .outerjoin(DepositTerms, DepositTerms.order_id == Order.id)
        .where(Order.id.in_(order_ids), Order.discount_minor > 0)
        .order_by(Order.id)
        .execution_options(populate_existing=True)
    )
    for order, hold, terms in rows:
        yield Discounted(order=order, hold=hold, terms=terms)


def _spent(session: Session, hold_ids: Collection[uuid.UUID]) -> list[PromotionUse]:
    """That of a group among them, once it is taken off."""
    return list(
        session.scalars(
            select(PromotionUse)
            .where(PromotionUse.hold_id.in_(hold_ids), PromotionUse.state == UseState.CONSUMED)
            .order_by(PromotionUse.id)
            .execution_options(populate_existing=True)
        )
    )


def _left(found: Collection[Discounted], spent: Collection[PromotionUse]) -> Left:
    """What came back by a group to who paid in full is no discount of its order, and stays."""
    left: Left = {(use.hold_id, use.promotion_id): (use.minor, use.boxes) for use in spent}
    for each in found:
        for line, minor in zip(each.order.discounts, each.left(), strict=True):
            key = each.hold.id, uuid.UUID(line["promotion_id"])
            if key in left:
                left[key] = minor, min(left[key][1], each.hold.consumed_boxes)
    return left


def _give_back(
    session: Session, ctx: Context, known: dict[uuid.UUID, PromotionTerms], less: Collection[PromotionUse]
) -> None:
    for use in less:
        budgets.move_use(session, ctx, known[use.promotion_id], use, UseMove.RETURNED)


def _spend(
    session: Session,
    ctx: Context,
    known: dict[uuid.UUID, PromotionTerms],
    less: Collection[PromotionUse],
    left: Left,
) -> None:
    for use in less:
        minor, boxes = left[use.hold_id, use.promotion_id]
        if not minor:
            continue
        row = known[use.promotion_id]
        anew = budgets.keep(
            session,
            ctx,
            row,
            hold=session.get_one(Hold, use.hold_id),
            minor=minor,
            boxes=boxes,
            code_id=use.code_id,
            group_id=use.group_id,
        )
        budgets.move_use(session, ctx, row, anew, UseMove.CONSUMED)
        if use.group_id is not None:
            session.execute(update(GroupMember).where(GroupMember.use_id == use.id).values(use_id=anew.id))
