"""What orders tell partners: bulk orders and exports placed, splits approved, shares asked and answered, orders
committed or over.

A shopper's order at the till is not told before it is paid: that is the rush, and most of it comes to nothing.
"""

from typing import Any, Final

from sqlalchemy.orm import Session

from marketplace.context import Context
from marketplace.events import Subscription
from marketplace.webhooks import outbox
from orders.events import BulkPlaced, ExportPlaced, OrderMoved, ShareMoved, SplitApproved
from orders.models import Order, Share
from orders.states import OrderState, ShareState

ENDED: Final = frozenset(
    {OrderState.WITHDRAWN, OrderState.EXPIRED, OrderState.PAYMENT_FAILED, OrderState.CANCELLED}
)


def on_placed(session: Session, ctx: Context, event: BulkPlaced | ExportPlaced) -> None:
    outbox.tell(session, ctx, "order.placed", data=_order(session.get_one(Order, event.order_id)))


def on_order_moved(session: Session, ctx: Context, event: OrderMoved) -> None:
    if event.after == OrderState.COMMITTED:
        outbox.tell(session, ctx, "order.committed", data=_order(session.get_one(Order, event.order_id)))
    elif event.after in ENDED:
        outbox.tell(session, ctx, "order.ended", data=_order(session.get_one(Order, event.order_id)))


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


def _order(order: Order) -> dict[str, Any]:
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


SUBSCRIPTIONS: Final[tuple[Subscription, ...]] = (
    (BulkPlaced, on_placed),
    (ExportPlaced, on_placed),
    (OrderMoved, on_order_moved),
    (SplitApproved, on_split_approved),
    (ShareMoved, on_share_moved),
)
