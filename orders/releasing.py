"""Orders of a campaign that will not be: everybody gets all the money back, batch by batch.

A batch is one unit of work and finds by itself what is left to do, so it may be run again, after a crash as well.
"""

import uuid
from collections.abc import Collection, Mapping
from typing import Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from inventory import holds
from inventory.models import Hold
from marketplace.context import Context
from marketplace.payments import part_refunds, payments
from marketplace.payments.models import Payment
from marketplace.payments.states import PaymentState
from orders import moving
from orders.models import Order
from orders.states import BOUGHT, OrderState, check_move

BATCH: Final = 100
OPEN: Final = BOUGHT | {OrderState.DEPOSIT_DUE}
"""States of a shopper's order that holds boxes, or has them."""


def release(session: Session, ctx: Context, *, pool_ids: Collection[uuid.UUID], reason: str) -> int:
    """End a batch of these pools' open orders; how many. Unpaid: its payment is canceled; paid: a refund is owed.

    Payments are locked before orders, orders before holds and pools, each by id, as everybody does.
    """
    order_ids = session.scalars(_open(pool_ids).order_by(Order.id).limit(BATCH)).all()
    locked = payments.lock_of_orders(session, order_ids)
    kept_minor = part_refunds.kept_minor([each for found in locked.values() for each in found])
    for order_id in order_ids:
        _release(session, ctx, order_id, locked.get(order_id, []), kept_minor, reason)
    session.flush()
    return len(order_ids)


def left(session: Session, *, pool_ids: Collection[uuid.UUID]) -> int:
    """How many of these pools' orders are still open."""
    return session.scalar(select(func.count()).select_from(_open(pool_ids).subquery())) or 0


def _open(pool_ids: Collection[uuid.UUID]) -> Select[uuid.UUID]:
    return (
        select(Order.id)
        .join(Hold, Hold.id == Order.hold_id)
        .where(Hold.pool_id.in_(pool_ids), Order.state.in_(OPEN))
    )


def _release(
    session: Session,
    ctx: Context,
    order_id: uuid.UUID,
    of_order: Collection[Payment],
    kept_minor: Mapping[uuid.UUID, int],
    reason: str,
) -> None:
    order = moving.locked(session, order_id)
    if order.state not in OPEN:
        return  # ended by somebody else since it was looked for
    check_move(order.state, OrderState.RELEASED)
    assert order.hold_id is not None
    for payment in of_order:
        if payment.state == PaymentState.SUCCEEDED:
            if kept_minor[payment.id] > 0:
                payments.owe_back(session, ctx, payment_id=payment.id, reason=reason)
        elif payment.state != PaymentState.CANCELED:
            payments.cancel(session, ctx, payment)
    if order.state in BOUGHT:
        holds.take_back(session, ctx, hold_id=order.hold_id, reason=reason)
    else:
        holds.release(session, ctx, hold_id=order.hold_id, reason=reason)
    moving.move(session, ctx, order, OrderState.RELEASED)
