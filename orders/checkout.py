"""A shopper's order: made from a hold, paid, committed; withdrawn or expired while unpaid."""

import uuid
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from inventory import holds
from marketplace import audit, errors
from marketplace.access import STAFF
from marketplace.context import Context
from marketplace.language import Text
from marketplace.payments import payments
from marketplace.payments.payments import PaymentSucceeded
from marketplace.values import new_id
from orders.bulk import OrderNotFound
from orders.models import Order
from orders.states import OrderKind, OrderState, check_move


class HoldNotForSale(errors.Conflict):
    """The hold carries no price: it was not made by a shopper."""

    title = Text(en="This hold is not for sale.", zh="该保留不可下单。")


def place(session: Session, ctx: Context, *, hold_id: uuid.UUID) -> Order:
    """Turn the actor's live hold into an order with its payment; the price is the one shown at the hold.

    Raises HoldNotFound, HoldExpired, HoldNotActive, HoldNotForSale.
    """
    hold = holds.start_payment(session, ctx, hold_id=hold_id)
    if (
        hold.unit_price_minor is None
        or hold.currency is None
        or hold.pack_id is None
        or hold.owner_id is None
    ):
        raise HoldNotForSale

    order = Order(
        id=new_id(),
        kind=OrderKind.SHOPPER_PRESALE,
        state=OrderState.DEPOSIT_DUE,
        buyer_id=hold.owner_id,
        pack_id=hold.pack_id,
        hold_id=hold.id,
        boxes=hold.boxes,
        pack_grams=hold.pack_grams,
        unit_price_minor=hold.unit_price_minor,
        total_minor=hold.boxes * hold.unit_price_minor,
        currency=hold.currency,
        created_at=ctx.now,
        version=1,
    )
    session.add(order)
    session.flush()
    payments.open_for_order(
        session,
        ctx,
        order_id=order.id,
        payer_id=order.buyer_id,
        amount_minor=order.total_minor,
        currency=order.currency,
    )
    audit.record(session, ctx, "order.place", subject=("order", order.id), after={"boxes": order.boxes})
    return order


def on_payment_succeeded(session: Session, ctx: Context, event: PaymentSucceeded) -> None:
    """The money is here: the boxes are the buyer's."""
    order = _locked(session, event.order_id)
    check_move(order.state, OrderState.COMMITTED)
    assert order.hold_id is not None
    holds.consume(session, ctx, hold_id=order.hold_id)
    _move(session, ctx, order, OrderState.COMMITTED)


def withdraw(session: Session, ctx: Context, *, order_id: uuid.UUID) -> Order:
    """Give an unpaid order up: its payment is canceled, its boxes are free again.

    Locks the payment before the order, as a receipt does, so that the two never wait for each other.
    """
    if get(session, ctx, order_id=order_id).buyer_id != ctx.actor.id:
        raise OrderNotFound
    payments.cancel_of_order(session, ctx, order_id=order_id)
    order = _locked(session, order_id)
    check_move(order.state, OrderState.WITHDRAWN)
    assert order.hold_id is not None
    holds.release(session, ctx, hold_id=order.hold_id)
    _move(session, ctx, order, OrderState.WITHDRAWN)
    return order


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
