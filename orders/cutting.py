"""A shopper's committed order loses boxes that are not there; without any left it is cut."""

import uuid
from collections.abc import Collection, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.models import Hold
from marketplace import audit
from marketplace.context import Context
from orders.models import Order
from orders.states import OrderState, check_move


def lock_bought(session: Session, *, item_ids: Collection[uuid.UUID]) -> Sequence[tuple[Order, int]]:
    """The committed orders of these campaign items and the boxes each of them still has, locked by id."""
    statement = (
        select(Order, Hold.consumed_boxes)
        .join(Hold, Hold.id == Order.hold_id)
        .where(
            Hold.purpose_kind == "campaign_item",
            Hold.purpose_id.in_(item_ids),
            Hold.lot_id.is_(None),
            Order.state == OrderState.COMMITTED,
        )
        .order_by(Order.id)
        .with_for_update(of=Order)
    )
    rows = session.execute(statement.execution_options(populate_existing=True))
    return [(order, boxes) for order, boxes in rows]


def note_cut(session: Session, ctx: Context, order: Order, *, before: int, after: int) -> None:
    """The locked order has fewer boxes; what was agreed stays as it was written. Raises OrderStateForbids."""
    was = order.state
    if after == 0:
        check_move(order.state, OrderState.CUT)
        order.state = OrderState.CUT
    order.version += 1
    audit.record(
        session,
        ctx,
        "order.cut",
        subject=("order", order.id),
        before={"state": was, "boxes": before},
        after={"state": str(order.state), "boxes": after},
    )
