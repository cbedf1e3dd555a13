"""What buyers are told of their orders and of the line they wait in.

A placed order is told by a job that its statement puts in, so that the till writes nothing more for it.
"""

import uuid
from typing import Final

from sqlalchemy.orm import Session

from inventory.models import Hold
from inventory.waitlist import BoxesOffered
from marketplace.context import Context
from marketplace.module import Job
from marketplace.notifications import Message, kinds, notify, notify_all
from marketplace.notifications.kinds import (
    About,
    OrderCommitted,
    OrderExpired,
    OrderPlaced,
    OrderWithdrawn,
    PaymentReceived,
    RefundDue,
)
from marketplace.payments.payments import LateMoney
from marketplace.values import Money
from orders.models import Order
from orders.states import OrderState

TELL_PLACED: Final = "orders.tell_placed"

PUT_IN: Final = f"""
    put_in AS (
        INSERT INTO job (name, arguments, state, due_at, attempts, enqueued_at)
        SELECT '{TELL_PLACED}', jsonb_build_object('order_id', r.id), 'waiting', statement_timestamp(), 0,
            statement_timestamp()
        FROM jsonb_to_recordset(%(placed)s::jsonb) AS r(id uuid)
    )"""  # noqa: S608 (a constant of our own)
"""A part of the statement that places orders: a job for each, which tells its buyer."""


def tell_placed(session: Session, ctx: Context, *, order_id: str) -> None:
    """Tell the buyer what is to be paid, unless the order has moved on already."""
    order = session.get_one(Order, uuid.UUID(order_id))
    if order.state == OrderState.DEPOSIT_DUE:
        total = Money(order.total_minor, order.currency)
        _tell(session, ctx, order, OrderPlaced(order_id=order.id, boxes=order.boxes, total=total))


def tell_moved(session: Session, ctx: Context, order: Order) -> None:
    """Tell the buyer that the order is committed and paid, has lapsed, or is withdrawn."""
    if order.state == OrderState.COMMITTED:
        amount = Money(order.total_minor, order.currency)
        _tell(
            session,
            ctx,
            order,
            PaymentReceived(order_id=order.id, amount=amount),
            OrderCommitted(order_id=order.id, boxes=order.boxes),
        )
    elif order.state == OrderState.EXPIRED:
        _tell(session, ctx, order, OrderExpired(order_id=order.id, boxes=order.boxes))
    elif order.state == OrderState.WITHDRAWN:
        _tell(session, ctx, order, OrderWithdrawn(order_id=order.id, boxes=order.boxes))


def on_late_money(session: Session, ctx: Context, event: LateMoney) -> None:
    """Money that came too late and goes back: its payer is told that it does."""
    if event.refund_due_minor:
        order = session.get_one(Order, event.order_id)
        amount = Money(event.refund_due_minor, event.currency)
        _tell(session, ctx, order, RefundDue(order_id=order.id, amount=amount))


def on_boxes_offered(session: Session, ctx: Context, event: BoxesOffered) -> None:
    """Whoever waited has boxes in the cart, and not for long."""
    hold = session.get_one(Hold, event.hold_id)
    about = kinds.BoxesOffered(hold_id=hold.id, boxes=hold.boxes, expires_at=event.expires_at)
    notify(
        session,
        ctx,
        Message(account_id=event.owner_id, cause=f"waitlist_entry:{event.entry_id}", about=about),
    )


def _tell(session: Session, ctx: Context, order: Order, *about: About) -> None:
    cause = f"order:{order.id}"
    notify_all(session, ctx, [Message(account_id=order.buyer_id, cause=cause, about=each) for each in about])


JOBS: Final[tuple[Job, ...]] = (Job(name=TELL_PLACED, run=tell_placed),)
