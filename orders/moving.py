"""An order under its lock, and its move from one state to the next, told in the audit trail."""

import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory import holds
from inventory.states import OPEN
from marketplace import audit, events
from marketplace.context import Context
from orders.bulk import OrderNotFound
from orders.events import OrderMoved, OrderTakenBack
from orders.models import DepositTerms, Order
from orders.states import OrderKind, OrderState, check_move


def locked(session: Session, order_id: uuid.UUID) -> Order:
    """Raises OrderNotFound."""
    return locked_with_terms(session, order_id)[0]


def locked_with_terms(session: Session, order_id: uuid.UUID) -> tuple[Order, DepositTerms | None]:
    """The order, and what was agreed on its deposit, if only one was due. Raises OrderNotFound."""
    found = session.execute(
        select(Order, DepositTerms)
        .outerjoin(DepositTerms, DepositTerms.order_id == Order.id)
        .where(Order.id == order_id)
        .with_for_update(of=Order)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise OrderNotFound
    return found[0], found[1]


def let_go(session: Session, ctx: Context, order: Order, *, reason: str | None = None) -> None:
    """The boxes of a locked order that is not paid are free again; those of an export may have been for some time.

    Raises HoldNotActive.
    """
    assert order.hold_id is not None, "a bulk order holds lot by lot"
    if order.kind == OrderKind.EXPORT and holds.locked(session, order.hold_id).state not in OPEN:
        return
    holds.release(session, ctx, hold_id=order.hold_id, reason=reason)


def take_back(session: Session, ctx: Context, order: Order) -> None:
    """A wave took up a locked order whose boxes are not there: it is as before. Nothing of its money is done again.

    Raises OrderStateForbids.
    """
    has_deposit = session.get(DepositTerms, order.id) is not None
    before, after = order.state, OrderState.BALANCE_PAID if has_deposit else OrderState.COMMITTED
    check_move(before, after)
    order.state = after
    order.version += 1
    session.flush()
    audit.record(
        session,
        ctx,
        "order.take_back",
        subject=("order", order.id),
        before={"state": before},
        after={"state": str(after)},
    )
    events.publish(session, ctx, OrderTakenBack(order_id=order.id, after=after))


def move(
    session: Session, ctx: Context, order: Order, after: OrderState, *, is_one_of_many: bool = False
) -> None:
    """`is_one_of_many`: whoever calls publishes OrdersMoved for all of them."""
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
    moved = OrderMoved(order_id=order.id, before=before, after=after, is_one_of_many=is_one_of_many)
    events.publish(session, ctx, moved)
