"""What orders tell partners: bulk orders and exports placed, splits approved, shares asked and answered, orders
committed, their balances, what a shortage takes from them, and their end.

An order that is moved with many others is told like one that is moved alone: each has its message, in the same
transaction, written in a handful of statements for all of them.

A shopper's order at the till is not told before it is paid: that is the rush, and most of it comes to nothing.
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from marketplace.context import Context
from marketplace.events import Subscription
from marketplace.webhooks import outbox
from marketplace.webhooks.catalogue import BY_NAME
from orders.events import (
    BulkPlaced,
    ExportPlaced,
    OrderMoved,
    OrdersCut,
    OrdersMoved,
    OrderTakenBack,
    ShareMoved,
    SplitApproved,
)
from orders.models import DepositTerms, Order, Share
from orders.states import OrderState, ShareState

_READ: Final = ("id", "kind", "state", "pack_id", "boxes", "pack_grams", "total_minor", "currency")

TOLD: Final[Mapping[OrderState, str | None]] = {
    OrderState.PROPOSED: None,  # as order.placed
    OrderState.DEPOSIT_DUE: None,  # the rush
    OrderState.APPROVED: None,  # as allocation.approved
    OrderState.SHORT: None,  # its shares have told it
    OrderState.DEPOSIT_PAID: None,  # as payment.received
    OrderState.COMMITTED: "order.committed",
    OrderState.BALANCE_DUE: "order.balance_due",
    OrderState.BALANCE_PAID: "order.balance_paid",
    OrderState.PACKING: "order.packing",
    OrderState.SHIPPED: "order.shipped",
    OrderState.DELIVERED: "order.delivered",
    OrderState.CLOSED: None,  # its time for claims is over, and nothing else
    OrderState.BALANCE_DEFAULTED: "order.ended",
    OrderState.RELEASED: "order.ended",
    OrderState.WITHDRAWN: "order.ended",
    OrderState.EXPIRED: "order.ended",
    OrderState.PAYMENT_FAILED: "order.ended",
    OrderState.CANCELLED: "order.ended",
    OrderState.CUT: "order.ended",
}
"""What is told of an order that comes into a state, alone or with many others."""


def on_placed(session: Session, ctx: Context, event: BulkPlaced | ExportPlaced) -> None:
    outbox.tell(session, ctx, "order.placed", data=_order(session.get_one(Order, event.order_id)))


def on_order_moved(session: Session, ctx: Context, event: OrderMoved) -> None:
    if not event.is_one_of_many:
        _tell(session, ctx, [event.order_id], OrderState(event.after))


def on_orders_moved(session: Session, ctx: Context, event: OrdersMoved) -> None:
    _tell(session, ctx, event.order_ids, OrderState(event.after))


def on_order_taken_back(session: Session, ctx: Context, event: OrderTakenBack) -> None:
    """As when it came there first: whoever follows its state has the true one."""
    _tell(session, ctx, [event.order_id], OrderState(event.after))


def on_orders_cut(session: Session, ctx: Context, event: OrdersCut) -> None:
    """What each has left; those that have nothing left are over."""
    told = {
        each.order_id: {"boxes_before": each.boxes_before, "boxes_after": each.boxes_after}
        for each in event.cuts
    }
    outbox.tell_many(
        session,
        ctx,
        "order.cut",
        data=({**_order(row), **told[row.id]} for row in _rows(session, list(told))),
    )
    over = [each.order_id for each in event.cuts if each.boxes_after == 0]
    if over:
        _tell(session, ctx, over, OrderState.CUT)


def on_split_approved(session: Session, ctx: Context, event: SplitApproved) -> None:
    order = session.get_one(Order, event.order_id)
    outbox.tell(
        session,
        ctx,
        "allocation.approved",
        data={
            "order_id": order.id,
            "boxes": order.boxes,
            "pack_grams": order.pack_grams,
            "runs": event.runs,
        },
    )


def on_share_moved(session: Session, ctx: Context, event: ShareMoved) -> None:
    share = session.get_one(Share, event.share_id)
    order = session.get_one(Order, event.order_id)
    outbox.tell(
        session,
        ctx,
        "share.offered" if event.after == ShareState.OFFERED else "share.answered",
        data={
            "share_id": share.id,
            "order_id": order.id,
            "run_id": share.run_id,
            "cooperative_id": share.cooperative_id,
            "state": str(share.state),
            "boxes": share.boxes,
            "boxes_given_back": share.boxes_given_back,
            "pack_grams": order.pack_grams,
            "answer_due_at": share.answer_due_at,
        },
        cooperative_ids=[share.cooperative_id],
    )


def _tell(session: Session, ctx: Context, order_ids: Sequence[uuid.UUID], after: OrderState) -> None:
    """With the state that they came into, wherever they are by now; their rows are read only if somebody listens."""
    name = TOLD[after]
    if name is None:
        return
    balance = "balance_due_at" in BY_NAME[name].data
    data = (
        {**_order(row), "state": str(after), **(_balance(row) if balance else {})}
        for row in _rows(session, order_ids)
    )
    outbox.tell_many(session, ctx, name, data=data)


def _rows(session: Session, order_ids: Sequence[uuid.UUID]) -> Iterator[Row[Any]]:
    """What is told of these orders, in their order."""
    found = session.execute(
        select(
            *(getattr(Order, name) for name in _READ),
            DepositTerms.balance_boxes,
            DepositTerms.balance_minor,
            DepositTerms.balance_due_at,
        )
        .outerjoin(DepositTerms, DepositTerms.order_id == Order.id)
        .where(Order.id.in_(order_ids))
    )
    by_id: dict[uuid.UUID, Any] = {row.id: row for row in found}
    for each in order_ids:
        yield by_id[each]


def _order(order: Order | Row[Any]) -> dict[str, Any]:
    return {
        "order_id": order.id,
        "kind": str(order.kind),
        "state": str(order.state),
        "pack_id": order.pack_id,
        "boxes": order.boxes,
        "quantity_grams": order.boxes * order.pack_grams,
        "total_minor": order.total_minor,
        "currency": order.currency,
    }


def _balance(row: Row[Any]) -> dict[str, Any]:
    return {
        "balance_boxes": row.balance_boxes,
        "balance_minor": row.balance_minor,
        "balance_due_at": row.balance_due_at,
    }


SUBSCRIPTIONS: Final[tuple[Subscription, ...]] = (
    (BulkPlaced, on_placed),
    (ExportPlaced, on_placed),
    (OrderMoved, on_order_moved),
    (OrdersMoved, on_orders_moved),
    (OrdersCut, on_orders_cut),
    (OrderTakenBack, on_order_taken_back),
    (SplitApproved, on_split_approved),
    (ShareMoved, on_share_moved),
)
