"""What buyers are told of their orders and of the line they wait in.

Placed orders are told by a job that their statement puts in, so that the till writes nothing more for them.
"""

import uuid
from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.models import Hold
from inventory.waitlist import BoxesOffered
from marketplace.context import Context
from marketplace.module import Job
from marketplace.notifications import Message, kinds, notify, notify_all
from marketplace.notifications.kinds import (
    About,
    BalanceDefaulted,
    BalanceDue,
    BalanceReminder,
    OrderCommitted,
    OrderExpired,
    OrderPlaced,
    OrderWithdrawn,
    PaymentReceived,
    RefundDue,
)
from marketplace.payments.part_refunds import RefundsOwed
from marketplace.payments.payments import LateMoney
from marketplace.payments.states import PaymentPurpose
from marketplace.values import Money
from orders import placed_job
from orders.balances import BalanceReminderDue
from orders.events import OrderMoved
from orders.models import DepositTerms, Order
from orders.states import OrderKind, OrderState


def tell_placed(session: Session, ctx: Context, *, order_ids: Sequence[str]) -> None:
    """Tell buyers what is to be paid, unless their order has moved on already."""
    due = session.scalars(
        select(Order)
        .where(Order.id.in_(map(uuid.UUID, order_ids)), Order.state == OrderState.DEPOSIT_DUE)
        .order_by(Order.id)
    )
    notify_all(session, ctx, [_message(order, _placed(order)) for order in due])


def _placed(order: Order) -> OrderPlaced:
    total = Money(order.total_minor, order.currency)
    return OrderPlaced(order_id=order.id, boxes=order.boxes, total=total)


def on_order_moved(session: Session, ctx: Context, event: OrderMoved) -> None:
    """Tell the buyer of a shopper's order, or of an export, what has become of it."""
    order = session.get_one(Order, event.order_id)
    if order.kind != OrderKind.SPONSOR_BULK:
        _tell(session, ctx, order, *_about(session, order, event))


def _about(session: Session, order: Order, event: OrderMoved) -> Iterator[About]:
    terms = session.get(DepositTerms, order.id)
    if event.before == OrderState.PROPOSED and event.after == OrderState.DEPOSIT_DUE:
        yield _placed(order)
    if event.before == OrderState.DEPOSIT_DUE and event.after in (
        OrderState.COMMITTED,
        OrderState.DEPOSIT_PAID,
    ):
        paid = order.total_minor if terms is None else order.boxes * terms.per_box_minor
        if paid:
            yield PaymentReceived(order_id=order.id, amount=Money(paid, order.currency))
    if event.after == OrderState.COMMITTED:
        yield OrderCommitted(order_id=order.id, boxes=order.boxes)
    elif event.after == OrderState.EXPIRED:
        yield OrderExpired(order_id=order.id, boxes=order.boxes)
    elif event.after == OrderState.WITHDRAWN:
        yield OrderWithdrawn(order_id=order.id, boxes=order.boxes)
    elif (
        terms is None
        or terms.balance_minor is None
        or terms.balance_due_at is None
        or not terms.balance_boxes
    ):
        return
    elif event.after == OrderState.BALANCE_DUE:
        amount = Money(terms.balance_minor, order.currency)
        boxes = terms.balance_boxes
        yield BalanceDue(order_id=order.id, boxes=boxes, amount=amount, due_at=terms.balance_due_at)
    elif event.after == OrderState.BALANCE_DEFAULTED:
        yield BalanceDefaulted(
            order_id=order.id,
            amount=Money(terms.balance_minor, order.currency),
            forfeited=Money(terms.balance_boxes * terms.per_box_minor, order.currency),
        )


def on_balance_reminder(session: Session, ctx: Context, event: BalanceReminderDue) -> None:
    """The balance is not paid yet, and its time runs out."""
    amount = Money(event.balance_minor, event.currency)
    about = BalanceReminder(
        order_id=event.order_id, amount=amount, due_at=event.due_at, hours_left=event.hours_before
    )
    cause = f"order:{event.order_id}:{event.hours_before}"
    notify(session, ctx, Message(account_id=event.buyer_id, cause=cause, about=about))


def on_refunds_owed(session: Session, ctx: Context, event: RefundsOwed) -> None:
    """Of what was paid something goes back: its payer is told that it does, unless whoever owes it tells it better.

    A sponsor sees in the statement what goes back of an escrow: it is of no order.
    """
    told = {each.order_id: each for each in event.refunds if not each.is_told}
    orders = session.scalars(select(Order).where(Order.id.in_(told)).order_by(Order.id))
    messages = []
    for order in orders:
        refund = told[order.id]
        about = RefundDue(order_id=order.id, amount=Money(refund.refund_minor, refund.currency))
        cause = f"payment:{refund.payment_id}:{refund.reason}"
        messages.append(Message(account_id=order.buyer_id, cause=cause, about=about))
    notify_all(session, ctx, messages)


def on_late_money(session: Session, ctx: Context, event: LateMoney) -> None:
    """Money that came too late and goes back: its payer is told that it does."""
    if event.refund_due_minor and event.purpose != PaymentPurpose.ESCROW:
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
    notify_all(session, ctx, [_message(order, each) for each in about])


def _message(order: Order, about: About) -> Message:
    return Message(account_id=order.buyer_id, cause=f"order:{order.id}", about=about)


JOBS: Final[tuple[Job, ...]] = (Job(name=placed_job.TELL_PLACED, run=tell_placed, joined="order_ids"),)
