"""A shopper's order: made from a hold, paid, committed; withdrawn or expired while unpaid, or its payment failed."""

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from inventory import holds, placing
from inventory.models import Hold
from marketplace import errors, events
from marketplace.access import STAFF
from marketplace.context import Context
from marketplace.language import Text
from marketplace.payments import payments
from marketplace.payments.models import Payment
from marketplace.payments.payments import MoneyCameLate, PaymentFailed, PaymentSucceeded
from marketplace.payments.states import PaymentPurpose
from marketplace.points import Point, passed
from orders import balance_rules, lowering, moving, ordering
from orders.bulk import OrderNotFound
from orders.events import OrderAsked
from orders.models import DepositTerms, Order, PoolBalance
from orders.states import FREED_FOR_GOOD, LATE, OrderState, OrderStateForbids, check_move

BATCH: Final = 200
"""How many unpaid orders are ended in one unit of work."""


class FreeTimeOver(errors.Conflict):
    """The deposit is earnest money, and the hours in which it goes back are over."""

    title = Text(en="The deposit does not go back any more.", zh="定金已过可退期限。")


def place(session: Session, ctx: Context, *, hold_id: uuid.UUID) -> tuple[Order, Payment | None]:
    """Turn the actor's live hold into an order and its payment; the price is the one shown at the hold.

    Where nothing is left to pay there is no payment, and the order is bought at once.
    Raises HoldNotFound, HoldExpired, HoldNotActive, QuoteOutdated.
    """
    placed = settle_price(session, ctx, hold_id=hold_id)
    payment = None if placed.payment_id is None else session.get_one(Payment, placed.payment_id)
    return session.get_one(Order, placed.id), payment


def settle_price(session: Session, ctx: Context, *, hold_id: uuid.UUID) -> ordering.Placed:
    """The same, as it was placed, after everybody who takes something off its price was asked."""
    events.publish(session, ctx, OrderAsked(hold_id=hold_id))
    placed = ordering.place_in(session, ctx, hold_id=hold_id)
    if placed.payment_id is not None:
        return placed
    order = moving.locked(session, placed.id)
    holds.consume(session, ctx, hold_id=hold_id)
    moving.move(session, ctx, order, OrderState.COMMITTED)
    session.flush()
    return replace(placed, state=OrderState.COMMITTED, version=order.version)


def on_payment_succeeded(session: Session, ctx: Context, event: PaymentSucceeded) -> None:
    """The money is here: the boxes are the buyer's, wholly paid or with the rest to come."""
    if event.purpose == PaymentPurpose.ESCROW:
        return  # a sponsor's: `sponsoring.escrow` listens, too
    order, terms = moving.locked_with_terms(session, event.order_id)
    if event.purpose == PaymentPurpose.BALANCE:
        if order.state != OrderState.BALANCE_DUE:
            raise OrderStateForbids(state=order.state)
        assert terms is not None, "a balance is of an order with a deposit"
        moving.move(session, ctx, order, OrderState.BALANCE_PAID)
        lowering.give_excess_back(session, ctx, terms, payment_id=event.payment_id)
        return
    if order.state == _paid(terms):
        return  # late money: `on_money_came_late` has moved it with its boxes
    check_move(order.state, _paid(terms))
    assert order.hold_id is not None
    holds.consume(session, ctx, hold_id=order.hold_id)
    _pay(session, ctx, order, terms)


def on_payment_failed(session: Session, ctx: Context, event: PaymentFailed) -> None:
    """No money comes: the boxes are in the cart again for what is left of their time, or free if it is over.

    Those of an export, and of a sponsor's pool, are free at once.
    """
    if event.purpose != PaymentPurpose.ORDER:
        return  # a balance is due until it is closed, and a sponsor's part until it is paid: another may be asked for
    order = moving.locked(session, event.order_id)
    check_move(order.state, OrderState.PAYMENT_FAILED)
    assert order.hold_id is not None
    if order.kind in FREED_FOR_GOOD:
        moving.let_go(session, ctx, order)
    else:
        holds.stop_payment(session, ctx, hold_id=order.hold_id)
    moving.move(session, ctx, order, OrderState.PAYMENT_FAILED)


def on_money_came_late(session: Session, ctx: Context, event: MoneyCameLate) -> None:
    """The order was given up, and now it is paid: its boxes are taken again if they are free, or the money goes back.

    Boxes and money are decided on in one transaction, under the locks of payment, order and pool: never both.
    """
    order, terms = moving.locked_with_terms(session, event.order_id)
    if order.state not in LATE or order.hold_id is None or order.kind in FREED_FOR_GOOD:
        payments.owe_refund(session, ctx, payment_id=event.payment_id, reason="order_state")
        return
    if order.discount_minor:  # its discounts are given back, and may be somebody else's
        payments.owe_refund(session, ctx, payment_id=event.payment_id, reason="discount_over")
        return
    taken = placing.take_again(session, ctx, hold_id=order.hold_id)
    if isinstance(taken, placing.NotTaken):
        payments.owe_refund(session, ctx, payment_id=event.payment_id, reason=str(taken))
        return
    assert taken.pool_id is not None, "a shopper's hold is of a pool"
    if _is_counted(session, taken.pool_id):
        holds.take_back(session, ctx, hold_id=taken.id, reason="balance_open")
        payments.owe_refund(session, ctx, payment_id=event.payment_id, reason="balance_open")
        return
    order.hold_id = taken.id
    _pay(session, ctx, order, terms)
    session.flush()
    payments.accept_late(session, ctx, payment_id=event.payment_id)


def withdraw(session: Session, ctx: Context, *, order_id: uuid.UUID) -> Order:
    """Give an order up that is not paid, or whose deposit still goes back: then a refund is owed.

    Raises OrderNotFound, PaymentNotAwaited, OrderStateForbids, FreeTimeOver.
    """
    order = get(session, ctx, order_id=order_id)
    if order.buyer_id != ctx.actor.id:
        raise OrderNotFound
    if order.state == OrderState.DEPOSIT_PAID:
        return _withdraw_paid(session, ctx, order_id)
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


def expire(session: Session, ctx: Context, *, order_id: uuid.UUID) -> Order:
    """End an unpaid order. Raises OrderNotFound, PaymentNotAwaited, OrderStateForbids."""
    return _end(session, ctx, order_id, OrderState.EXPIRED)


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
    passed(Point.PAYMENT_CANCELED)
    order = moving.locked(session, order_id)
    check_move(order.state, after)
    moving.let_go(session, ctx, order)
    moving.move(session, ctx, order, after)
    return order


def _withdraw_paid(session: Session, ctx: Context, order_id: uuid.UUID) -> Order:
    paid = payments.find_by_order(session, order_id)
    assert paid is not None, "a deposit is paid by a payment"
    payments.locked(session, paid.id)
    order, terms = moving.locked_with_terms(session, order_id)
    check_move(order.state, OrderState.WITHDRAWN)
    assert terms is not None
    assert order.hold_id is not None
    if _is_counted(session, terms.pool_id):
        raise OrderStateForbids(state=order.state)
    if not balance_rules.may_withdraw(
        terms.deposit, state=order.state, free_until=terms.free_until, now=ctx.now
    ):
        raise FreeTimeOver(free_until=terms.free_until)
    holds.take_back(session, ctx, hold_id=order.hold_id, reason="withdrawn")
    moving.move(session, ctx, order, OrderState.WITHDRAWN)
    payments.owe_back(session, ctx, payment_id=paid.id, reason="withdrawn")
    return order


def _paid(terms: DepositTerms | None) -> OrderState:
    return OrderState.COMMITTED if terms is None else OrderState.DEPOSIT_PAID


def _pay(session: Session, ctx: Context, order: Order, terms: DepositTerms | None) -> None:
    """What was due at once is there, and so are the boxes."""
    moving.move(session, ctx, order, _paid(terms))
    if terms is not None:
        terms.free_until = ctx.now + timedelta(hours=terms.free_hours)


def _is_counted(session: Session, pool_id: uuid.UUID) -> bool:
    """Whether what is sold of the pool has been counted for good; asked when the lock of its order or of it is had."""
    return session.scalar(select(PoolBalance.pool_id).where(PoolBalance.pool_id == pool_id)) is not None
