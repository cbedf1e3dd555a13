"""Orders of a campaign that will not be: everybody gets all the money back, batch by batch.

A batch is one unit of work and finds by itself what is left to do, so it may be run again, after a crash as well.
"""

import uuid
from collections.abc import Collection
from typing import Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from inventory import holds
from inventory.models import Hold
from marketplace import events
from marketplace.context import Context
from marketplace.payments import part_refunds, payments
from marketplace.payments.models import Payment
from marketplace.payments.states import PartRefundKind, PaymentState
from orders import moving
from orders.events import OrdersMoved
from orders.models import DepositTerms, Order
from orders.states import PROMISED, OrderState, check_move

BATCH: Final = 100
OPEN: Final = PROMISED | {OrderState.DEPOSIT_DUE}
"""States of a shopper's order that holds boxes, or has them."""


def release(
    session: Session,
    ctx: Context,
    *,
    pool_ids: Collection[uuid.UUID],
    reason: str,
    after: uuid.UUID | None = None,
) -> list[uuid.UUID]:
    """End a batch of these pools' open orders; which, by id. Unpaid: its payment is canceled; paid: a refund is owed.

    `after`: only orders behind this one, so that no batch looks again at all that ended before it. Payments are locked
    before orders, orders before holds and pools, each by id, as everybody does.
    """
    found = _open(pool_ids).order_by(Order.id).limit(BATCH)
    order_ids = list(session.scalars(found if after is None else found.where(Order.id > after)))
    locked = payments.lock_of_orders(session, order_ids)
    rows = session.execute(
        select(Order, DepositTerms)
        .outerjoin(DepositTerms, DepositTerms.order_id == Order.id)
        .where(
            Order.id.in_(order_ids), Order.state.in_(OPEN)
        )  # without those ended since they were looked for
        .order_by(Order.id)
        .with_for_update(of=Order)
        .execution_options(populate_existing=True)
    ).all()
    orders = [row[0] for row in rows]
    _give_money_back(session, ctx, [each for order in orders for each in locked.get(order.id, [])], reason)
    _take_boxes_back(session, ctx, orders, reason)
    for order in orders:
        check_move(order.state, OrderState.RELEASED)
        moving.move(session, ctx, order, OrderState.RELEASED, is_one_of_many=True)
    session.flush()
    if orders:
        moved = OrdersMoved(order_ids=tuple(order.id for order in orders), after=OrderState.RELEASED)
        events.publish(session, ctx, moved)
    return order_ids


def left(session: Session, *, pool_ids: Collection[uuid.UUID]) -> int:
    """How many of these pools' orders are still open."""
    return session.scalar(select(func.count()).select_from(_open(pool_ids).subquery())) or 0


def _open(pool_ids: Collection[uuid.UUID]) -> Select[uuid.UUID]:
    return (
        select(Order.id)
        .join(Hold, Hold.id == Order.hold_id)
        .where(Hold.pool_id.in_(pool_ids), Order.state.in_(OPEN))
    )


def _give_money_back(session: Session, ctx: Context, found: Collection[Payment], reason: str) -> None:
    """What was received is owed back, all of it at once; what was not is canceled."""
    parts = []
    for payment in found:
        if payment.state == PaymentState.SUCCEEDED:
            if payment.kept_minor > 0:
                parts.append((payment, PartRefundKind.REFUND, payment.kept_minor))
        elif payment.state != PaymentState.CANCELED:
            payments.cancel(session, ctx, payment)
    part_refunds.owe_parts(session, ctx, parts, reason=reason, source_id=None)


def _take_boxes_back(session: Session, ctx: Context, orders: Collection[Order], reason: str) -> None:
    bought = [order.hold_id for order in orders if order.state in PROMISED and order.hold_id is not None]
    if bought:
        holds.take_back_all(session, ctx, hold_ids=bought, reason=reason)
    for order in orders:
        if order.state not in PROMISED:
            moving.let_go(session, ctx, order, reason=reason)
