"""What buyers are told of their orders and of the line they wait in, and cooperatives of the shares they are offered.

Placed orders are told by a job that their statement puts in, so that the till writes nothing more for them. Orders
that are moved many at once are told by jobs, too, so many in each that a unit of work stays small.
"""

import uuid
from collections.abc import Iterator, Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.models import Hold
from inventory.waitlist import BoxesOffered
from marketplace import jobs
from marketplace.catalogue.models import Cooperative
from marketplace.context import Context
from marketplace.language import Text
from marketplace.module import Job
from marketplace.notifications import Message, ToMembers, kinds, notify, notify_all, notify_cooperatives
from marketplace.notifications.kinds import (
    About,
    BalanceDefaulted,
    BalanceDue,
    BalanceReminder,
    BalanceSettled,
    OrderCommitted,
    OrderDelivered,
    OrderExpired,
    OrderPlaced,
    OrderWithdrawn,
    PaymentReceived,
    RefundDue,
    ShareOffered,
)
from marketplace.payments.part_refunds import RefundsOwed
from marketplace.payments.payments import LateMoney
from marketplace.payments.repayments import RefundPaid
from marketplace.payments.states import PaymentPurpose
from marketplace.values import Money
from orders import placed_job
from orders.balances import BalanceReminderDue
from orders.events import OrderMoved, OrdersMoved, ParcelShipped, ShareMoved, ShipmentVoided
from orders.models import DepositTerms, Order, Share
from orders.states import SENT, OrderKind, OrderState, ShareState

TELL_MOVED: Final = "orders.tell_moved"
TELL_OFFERED: Final = "orders.tell_offered"
BATCH: Final = 200
STILL_TRUE: Final = {
    OrderState.COMMITTED: (
        OrderState.COMMITTED,
        OrderState.BALANCE_DUE,
        OrderState.BALANCE_PAID,
        *sorted(SENT),
    ),
    OrderState.BALANCE_DUE: (OrderState.BALANCE_DUE,),
    OrderState.BALANCE_PAID: (OrderState.BALANCE_PAID, *sorted(SENT)),
    OrderState.BALANCE_DEFAULTED: (OrderState.BALANCE_DEFAULTED,),
}
"""State into which many are moved → where an order must be when its buyer is told, or it would be told what is over."""


def tell_placed(session: Session, ctx: Context, *, order_ids: Sequence[str]) -> None:
    """Tell buyers what is to be paid, unless their order has moved on already."""
    due = session.execute(
        select(Order, DepositTerms)
        .outerjoin(DepositTerms, DepositTerms.order_id == Order.id)
        .where(Order.id.in_(map(uuid.UUID, order_ids)), Order.state == OrderState.DEPOSIT_DUE)
        .order_by(Order.id)
    )
    notify_all(session, ctx, [_message(order, _placed(order, terms)) for order, terms in due])


def _placed(order: Order, terms: DepositTerms | None) -> OrderPlaced:
    return OrderPlaced(order_id=order.id, boxes=order.boxes, total=_at_once(order, terms))


def _at_once(order: Order, terms: DepositTerms | None) -> Money:
    """What is to be paid when it is ordered: all, or the deposit."""
    minor = order.total_minor if terms is None else order.boxes * terms.per_box_minor
    return Money(minor, order.currency)


def on_orders_moved(session: Session, _ctx: Context, event: OrdersMoved) -> None:
    """Jobs tell the buyers of all of them where they are now; of an end, whoever brings it about tells more, and of a
    wave they are told when something is on its way.
    """
    if event.is_passing or event.after not in STILL_TRUE:
        return
    for first in range(0, len(event.order_ids), BATCH):
        order_ids = [str(each) for each in event.order_ids[first : first + BATCH]]
        jobs.enqueue(session, TELL_MOVED, arguments={"order_ids": order_ids, "after": event.after})


def tell_moved(session: Session, ctx: Context, *, order_ids: Sequence[str], after: str) -> int:
    """Tell buyers what has become of their orders, unless it is over already; how many."""
    rows = session.execute(
        select(Order, DepositTerms)
        .outerjoin(DepositTerms, DepositTerms.order_id == Order.id)
        .where(Order.id.in_(map(uuid.UUID, order_ids)), Order.state.in_(STILL_TRUE[OrderState(after)]))
        .order_by(Order.id)
    )
    messages = [
        _message(order, about)
        for order, terms in rows
        for about in _about_many(order, terms, OrderState(after))
    ]
    return notify_all(session, ctx, messages)


def _about_many(order: Order, terms: DepositTerms | None, after: OrderState) -> Iterator[About]:
    if after == OrderState.COMMITTED:
        yield OrderCommitted(order_id=order.id, boxes=order.boxes)
    elif after == OrderState.BALANCE_PAID and terms is not None and terms.balance_boxes:
        price_minor = terms.balance_boxes * (terms.final_unit_price_minor or 0) - (terms.discount_minor or 0)
        price = Money(price_minor, order.currency)
        yield BalanceSettled(order_id=order.id, boxes=terms.balance_boxes, price=price)
    else:
        yield from _about_balance(order, terms, after)


def on_order_moved(session: Session, ctx: Context, event: OrderMoved) -> None:
    """Tell the buyer of a shopper's order, or of an export, what has become of it; of many, jobs do."""
    if event.is_one_of_many:
        return
    order = session.get_one(Order, event.order_id)
    if order.kind != OrderKind.SPONSOR_BULK:
        paid_rest = event.after == OrderState.BALANCE_PAID  # the deposit was told of as well
        cause = f"order:{order.id}:balance" if paid_rest else f"order:{order.id}"
        about = _about(session, order, event)
        notify_all(
            session, ctx, [Message(account_id=order.buyer_id, cause=cause, about=each) for each in about]
        )


def _about(session: Session, order: Order, event: OrderMoved) -> Iterator[About]:
    terms = session.get(DepositTerms, order.id)
    if event.before == OrderState.PROPOSED and event.after == OrderState.DEPOSIT_DUE:
        yield _placed(order, terms)
    if event.before == OrderState.DEPOSIT_DUE and event.after in (
        OrderState.COMMITTED,
        OrderState.DEPOSIT_PAID,
    ):
        paid = _at_once(order, terms)
        if paid.minor:
            yield PaymentReceived(order_id=order.id, amount=paid)
    if event.before == OrderState.BALANCE_DUE and event.after == OrderState.BALANCE_PAID:
        assert terms is not None
        assert terms.balance_minor is not None
        yield PaymentReceived(order_id=order.id, amount=Money(terms.balance_minor, order.currency))
    if event.after == OrderState.COMMITTED:
        yield OrderCommitted(order_id=order.id, boxes=order.boxes)
    elif event.after == OrderState.EXPIRED:
        yield OrderExpired(order_id=order.id, boxes=order.boxes)
    elif event.after == OrderState.WITHDRAWN:
        yield OrderWithdrawn(order_id=order.id, boxes=order.boxes)
    elif event.after == OrderState.DELIVERED:
        yield OrderDelivered(order_id=order.id)
    else:
        yield from _about_balance(order, terms, OrderState(event.after))


def _about_balance(order: Order, terms: DepositTerms | None, after: OrderState) -> Iterator[About]:
    if (
        terms is None
        or terms.balance_minor is None
        or terms.balance_due_at is None
        or not terms.balance_boxes
    ):
        return
    if after == OrderState.BALANCE_DUE:
        amount = Money(terms.balance_minor, order.currency)
        boxes = terms.balance_boxes
        yield BalanceDue(order_id=order.id, boxes=boxes, amount=amount, due_at=terms.balance_due_at)
    elif after == OrderState.BALANCE_DEFAULTED:
        yield BalanceDefaulted(
            order_id=order.id,
            amount=Money(terms.balance_minor, order.currency),
            forfeited=Money(terms.balance_boxes * terms.per_box_minor, order.currency),
        )


def on_share_moved(session: Session, _ctx: Context, event: ShareMoved) -> None:
    """A cooperative is asked: jobs that wait together are run as one, and tell its members."""
    if event.after == ShareState.OFFERED:
        jobs.enqueue(session, TELL_OFFERED, arguments={"share_ids": [str(event.share_id)]})


def tell_offered(session: Session, ctx: Context, *, share_ids: Sequence[str]) -> int:
    """Everybody who acts for a cooperative that has not answered yet; how many had not been told."""
    rows = session.execute(
        select(Share, Cooperative)
        .join(Cooperative, Cooperative.id == Share.cooperative_id)
        .where(Share.id.in_(map(uuid.UUID, share_ids)), Share.state == ShareState.OFFERED)
        .order_by(Share.id)
    )
    return notify_cooperatives(session, ctx, [_offered(*row) for row in rows])


def _offered(share: Share, cooperative: Cooperative) -> ToMembers:
    assert share.answer_due_at is not None, "what is offered is to be answered"
    about = ShareOffered(
        share_id=share.id,
        cooperative=Text(en=cooperative.name_en, zh=cooperative.name_zh),
        boxes=share.boxes_kept,
        answer_until=share.answer_due_at,
    )
    return ToMembers(cooperative_id=cooperative.id, cause=f"share:{share.id}", about=about)


def on_parcel_shipped(session: Session, ctx: Context, event: ParcelShipped) -> None:
    """Something is on its way, and by whom."""
    order = session.get_one(Order, event.order_id)
    about = kinds.ParcelShipped(
        order_id=order.id,
        boxes=event.boxes,
        carrier=event.carrier,
        tracking_number=event.tracking_number or "–",
    )
    cause = f"parcel:{event.parcel_id}:{event.version}"
    notify(session, ctx, Message(account_id=order.buyer_id, cause=cause, about=about))


def on_shipment_voided(session: Session, ctx: Context, event: ShipmentVoided) -> None:
    """It is not on its way after all, and will be told of when it is."""
    order = session.get_one(Order, event.order_id)
    about = kinds.ShipmentVoided(order_id=order.id, boxes=event.boxes)
    cause = f"parcel:{event.parcel_id}:{event.version}"
    notify(session, ctx, Message(account_id=order.buyer_id, cause=cause, about=about))


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
    told = [each for each in event.refunds if not each.is_told]
    found = session.scalars(select(Order).where(Order.id.in_({each.order_id for each in told})))
    orders = {order.id: order for order in found}
    messages = [
        Message(
            account_id=orders[each.order_id].buyer_id,
            cause=f"payment:{each.payment_id}:{each.reason}",
            about=RefundDue(order_id=each.order_id, amount=Money(each.refund_minor, each.currency)),
        )
        for each in told
        if each.order_id in orders
    ]
    notify_all(session, ctx, messages)


def on_late_money(session: Session, ctx: Context, event: LateMoney) -> None:
    """Money that came too late and goes back: its payer is told that it does."""
    if event.refund_due_minor and event.purpose != PaymentPurpose.ESCROW:
        order = session.get_one(Order, event.order_id)
        amount = Money(event.refund_due_minor, event.currency)
        notify(session, ctx, _message(order, RefundDue(order_id=order.id, amount=amount)))


def on_refund_paid(session: Session, ctx: Context, event: RefundPaid) -> None:
    """Money has gone back: its payer is told, once for each refund. A sponsor sees it in the statement."""
    if event.purpose != PaymentPurpose.ESCROW:
        order = session.get_one(Order, event.order_id)
        about = kinds.RefundPaid(order_id=order.id, amount=Money(event.amount_minor, event.currency))
        cause = f"refund:{event.refund_id}"
        notify(session, ctx, Message(account_id=order.buyer_id, cause=cause, about=about))


def on_boxes_offered(session: Session, ctx: Context, event: BoxesOffered) -> None:
    """Whoever waited has boxes in the cart, and not for long."""
    hold = session.get_one(Hold, event.hold_id)
    about = kinds.BoxesOffered(hold_id=hold.id, boxes=hold.boxes, expires_at=event.expires_at)
    notify(
        session,
        ctx,
        Message(account_id=event.owner_id, cause=f"waitlist_entry:{event.entry_id}", about=about),
    )


def _message(order: Order, about: About) -> Message:
    return Message(account_id=order.buyer_id, cause=f"order:{order.id}", about=about)


JOBS: Final[tuple[Job, ...]] = (
    Job(name=placed_job.TELL_PLACED, run=tell_placed, joined="order_ids"),
    Job(name=TELL_MOVED, run=tell_moved),
    Job(name=TELL_OFFERED, run=tell_offered, joined="share_ids"),
)
