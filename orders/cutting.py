"""A shopper's committed order loses boxes that are not there; without any left it is cut.

Rows are taken in the order payment, order, hold, pool, as everywhere.
"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from inventory.models import Hold
from marketplace import audit, events
from marketplace.context import Context
from marketplace.payments import payments
from marketplace.payments.models import Payment
from marketplace.payments.states import AWAITED, PaymentPurpose, PaymentState
from orders import balances, opening
from orders.events import OrderCut, OrdersCut
from orders.models import DepositTerms, Order
from orders.states import CUTTABLE, OrderState, check_move


@dataclass(frozen=True, slots=True, kw_only=True)
class Bought:
    """A locked order with the boxes that it has, what was agreed on its deposit, and what was received for it."""

    order: Order
    boxes: int
    terms: DepositTerms | None
    payments: tuple[Payment, ...]
    awaited: tuple[Payment, ...] = ()
    """Of its balance, or of what was due at first: money that may still come."""

    @property
    def paid_minor(self) -> int:
        """What was received and need not go back yet."""
        return sum(each.kept_minor for each in self.payments)


def close_sale(session: Session, ctx: Context, *, pool_id: uuid.UUID) -> None:
    """Nobody pays any more, and nobody withdraws: unpaid orders are over, and paid ones are committed."""
    opening.end_unpaid(session, ctx, pool_id=pool_id)
    paid = (
        select(Order.id)
        .join(DepositTerms)
        .where(DepositTerms.pool_id == pool_id, Order.state == OrderState.DEPOSIT_PAID)
    )
    payments.lock_of_orders(session, session.scalars(paid).all())
    balances.commit(session, ctx, pool_id=pool_id)


def boxes_of_item(session: Session, *, item_id: uuid.UUID) -> dict[uuid.UUID, int]:
    """The boxes that each committed order of a campaign's item has, whatever of its balance is paid; the orders are
    locked by id, what is awaited of their balances before them.
    """
    awaited = (
        select(Payment.id)
        .join(Order, Order.id == Payment.order_id)
        .join(Hold, Hold.id == Order.hold_id)
        .where(
            Hold.purpose_kind == "campaign_item",
            Hold.purpose_id == item_id,
            Order.state == OrderState.BALANCE_DUE,
            Payment.purpose == PaymentPurpose.BALANCE,
            Payment.state != PaymentState.CANCELED,
        )
        .order_by(Payment.id)
        .with_for_update(of=Payment)
        .subquery()
    )
    session.execute(select(func.count()).select_from(awaited))
    rows = session.execute(
        select(Order.id, Hold.consumed_boxes)
        .join(Hold, Hold.id == Order.hold_id)
        .where(
            Hold.purpose_kind == "campaign_item",
            Hold.purpose_id == item_id,
            Hold.lot_id.is_(None),
            Order.state.in_(sorted(CUTTABLE)),
        )
        .order_by(Order.id)
        .with_for_update(of=Order)
    )
    return {row.id: row.consumed_boxes for row in rows}


def lock(session: Session, order_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Bought]:
    """Payments, then orders, each by id."""
    paid = payments.lock_of_orders(session, order_ids)
    rows = session.execute(
        select(Order, Hold.consumed_boxes, DepositTerms)
        .join(Hold, Hold.id == Order.hold_id)
        .outerjoin(DepositTerms, DepositTerms.order_id == Order.id)
        .where(Order.id.in_(order_ids))
        .order_by(Order.id)
        .with_for_update(of=Order)
        .execution_options(populate_existing=True)
    )
    return {
        order.id: Bought(
            order=order,
            boxes=boxes,
            terms=terms,
            payments=tuple(each for each in paid.get(order.id, ()) if each.state == PaymentState.SUCCEEDED),
            awaited=tuple(each for each in paid.get(order.id, ()) if each.state in AWAITED),
        )
        for order, boxes, terms in rows
    }


def buyers_of(session: Session, order_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    rows = session.execute(select(Order.id, Order.buyer_id).where(Order.id.in_(order_ids)))
    return {row.id: row.buyer_id for row in rows}


def note_cut(session: Session, ctx: Context, order: Order, *, before: int, after: int) -> OrderCut:
    """The locked order has fewer boxes; what was agreed stays as it was written. Whoever calls publishes what it
    answers, with all others of its unit of work (`tell`). Raises OrderStateForbids.
    """
    was = order.state
    if after == 0:
        check_move(order.state, OrderState.CUT)
        order.state = OrderState.CUT
    order.version += 1
    audit.record(
        session,
        ctx,
        "order.cut",
        subject=("order", order.id),
        before={"state": was, "boxes": before},
        after={"state": str(order.state), "boxes": after},
    )
    return OrderCut(order_id=order.id, boxes_before=before, boxes_after=after)


def tell(session: Session, ctx: Context, cuts: Collection[OrderCut]) -> None:
    """Publish what was noted."""
    if cuts:
        session.flush()
        events.publish(session, ctx, OrdersCut(cuts=tuple(cuts)))
