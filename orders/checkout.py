"""A shopper's order: made from a hold, paid, committed; withdrawn or expired while unpaid, or its payment failed."""

import uuid
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from inventory import holds, placing
from inventory.models import Hold
from marketplace import audit
from marketplace.access import STAFF
from marketplace.context import Context
from marketplace.payments import payments
from marketplace.payments.models import Payment
from marketplace.payments.payments import MoneyCameLate, PaymentFailed, PaymentSucceeded
from orders import ordering, telling
from orders.bulk import OrderNotFound
from orders.models import Order
from orders.states import LATE, OrderState, check_move

BATCH: Final = 200
"""How many unpaid orders are ended in one unit of work."""


def place(session: Session, ctx: Context, *, hold_id: uuid.UUID) -> tuple[Order, Payment]:
    """Turn the actor's live hold into an order and its payment; the price is the one shown at the hold.

    Raises HoldNotFound, HoldExpired, HoldNotActive.
    """
    placed = ordering.place_in(session, ctx, hold_id=hold_id)
    return session.get_one(Order, placed.id), session.get_one(Payment, placed.payment_id)


def on_payment_succeeded(session: Session, ctx: Context, event: PaymentSucceeded) -> None:
    """The money is here: the boxes are the buyer's."""
    order = _locked(session, event.order_id)
    if order.state == OrderState.COMMITTED:
        return  # late money: `on_money_came_late` has committed it with its boxes
    check_move(order.state, OrderState.COMMITTED)
    assert order.hold_id is not None
    holds.consume(session, ctx, hold_id=order.hold_id)
    _move(session, ctx, order, OrderState.COMMITTED)


def on_payment_failed(session: Session, ctx: Context, event: PaymentFailed) -> None:
    """No money comes: the boxes are in the cart again for what is left of their time, or free if it is over."""
    order = _locked(session, event.order_id)
    check_move(order.state, OrderState.PAYMENT_FAILED)
    assert order.hold_id is not None
    holds.stop_payment(session, ctx, hold_id=order.hold_id)
    _move(session, ctx, order, OrderState.PAYMENT_FAILED)


def on_money_came_late(session: Session, ctx: Context, event: MoneyCameLate) -> None:
    """The order was given up, and now it is paid: its boxes are taken again if they are free, or the money goes back.

    Boxes and money are decided on in one transaction, under the locks of payment, order and pool: never both.
    """
    order = _locked(session, event.order_id)
    if order.state not in LATE or order.hold_id is None:
        payments.owe_refund(session, ctx, payment_id=event.payment_id, reason="order_state")
        return
    taken = placing.take_again(session, ctx, hold_id=order.hold_id)
    if isinstance(taken, placing.NotTaken):
        payments.owe_refund(session, ctx, payment_id=event.payment_id, reason=str(taken))
        return
    order.hold_id = taken.id
    _move(session, ctx, order, OrderState.COMMITTED)
    session.flush()
    payments.accept_late(session, ctx, payment_id=event.payment_id)


def withdraw(session: Session, ctx: Context, *, order_id: uuid.UUID) -> Order:
    """Give an unpaid order up. Raises OrderNotFound, PaymentNotAwaited, OrderStateForbids."""
    if get(session, ctx, order_id=order_id).buyer_id != ctx.actor.id:
        raise OrderNotFound
    return _end(session, ctx, order_id, OrderState.WITHDRAWN)


def expire_unpaid(session: Session, ctx: Context, *, minutes: int, batch: int) -> int:
    """End the orders whose buyers did not say within `minutes` how they pay; at most `batch`; how many.

    Who has confirmed is left alone: money may be on its way, and a person must look. All payments are locked
    before the first pool, the pools by id: nobody who has one of these rows waits for another.
    """
    opened_before = ctx.now - timedelta(minutes=minutes)
    unpaid = payments.lock_unconfirmed(session, opened_before=opened_before, batch=batch)
    due = session.scalars(
        select(Order.id)
        .join(Hold, Hold.id == Order.hold_id)
        .where(Order.id.in_([payment.order_id for payment in unpaid]))
        .order_by(Hold.pool_id, Order.id)
    ).all()
    for order_id in due:
        _end(session, ctx, order_id, OrderState.EXPIRED)
    return len(due)


def get(session: Session, ctx: Context, *, order_id: uuid.UUID) -> Order:
    """The order, for its buyer and staff; raises OrderNotFound."""
    order = session.get(Order, order_id)
    if order is None or (order.buyer_id != ctx.actor.id and not ctx.actor.has(*STAFF)):
        raise OrderNotFound
    return order


def visible(ctx: Context) -> Select[Any]:
    """The orders that the actor may see: its own, or everybody's for staff."""
    if ctx.actor.has(*STAFF):
        return select(Order)
    return select(Order).where(Order.buyer_id == ctx.actor.id)


def _end(session: Session, ctx: Context, order_id: uuid.UUID, after: OrderState) -> Order:
    """Cancel an unpaid order's payment and free its boxes.

    Locks the payment before the order, as a receipt does, so that the two never wait for each other.
    """
    payments.cancel_of_order(session, ctx, order_id=order_id)
    order = _locked(session, order_id)
    check_move(order.state, after)
    assert order.hold_id is not None
    holds.release(session, ctx, hold_id=order.hold_id)
    _move(session, ctx, order, after)
    return order


def _locked(session: Session, order_id: uuid.UUID) -> Order:
    found = session.scalar(
        select(Order).where(Order.id == order_id).with_for_update().execution_options(populate_existing=True)
    )
    if found is None:
        raise OrderNotFound
    return found


def _move(session: Session, ctx: Context, order: Order, after: OrderState) -> None:
    before = order.state
    order.state = after
    order.version += 1
    audit.record(
        session,
        ctx,
        f"order.{after}",
        subject=("order", order.id),
        before={"state": before},
        after={"state": str(after)},
    )
    telling.tell_moved(session, ctx, order)
