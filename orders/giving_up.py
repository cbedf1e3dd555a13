"""Boxes of a committed bulk order that nobody wants any more: their cooperatives have them again, no other is asked."""

import uuid
from collections.abc import Mapping

from sqlalchemy.orm import Session

from marketplace import audit
from marketplace.context import Context
from orders import answers
from orders.models import Order, Share
from orders.states import OrderState, OrderStateForbids, ShareState


def give_up(
    session: Session, ctx: Context, *, order_id: uuid.UUID, boxes: Mapping[uuid.UUID, int], reason: str
) -> Order:
    """So many boxes of these shares leave the order, and its price with them; without a box it is cancelled.

    Raises OrderNotFound, OrderStateForbids, MoreThanItsShare, PledgeNeeded.
    """
    order, terms = answers.locked(session, order_id)
    if order.state != OrderState.COMMITTED:
        raise OrderStateForbids(state=order.state)
    total = 0
    for share_id, count in sorted(boxes.items()):
        if not count:
            continue
        share = session.get_one(Share, share_id, populate_existing=True)
        if count > share.boxes_kept:
            raise answers.MoreThanItsShare(share_boxes=share.boxes_kept, asked_boxes=count)
        if count == share.boxes_kept:
            answers.end_share(
                session, ctx, order, terms, share, ShareState.RELEASED, reason=reason, counts=False
            )
        else:
            answers.give_back(session, ctx, order, terms, share, boxes=count, counts=False)
        total += count
    terms.boxes_open -= total
    before = order.boxes
    if total == order.boxes:
        answers.move(session, ctx, order, OrderState.CANCELLED)
    else:
        order.boxes -= total
        order.total_minor = order.boxes * order.unit_price_minor
        order.version += 1
    session.flush()
    audit.record(
        session,
        ctx,
        "bulk_order.give_up",
        subject=("order", order.id),
        before={"boxes": before},
        after={"boxes": before - total, "reason": reason},
    )
    return order
