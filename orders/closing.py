"""The balance of a pool is closed: who has not paid loses the order, batch by batch.

A batch is one unit of work and finds by itself what is left: orders whose balance is still due. So it may be run again,
after a crash as well; with the last one the pool's balance is closed. Rows are taken in the order payment, order, hold,
pool, as a receipt takes them.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from inventory import holds
from marketplace import audit
from marketplace.context import Context
from marketplace.payments import payments
from orders import balances, forfeit_rules
from orders.books import booking
from orders.models import DepositTerms, Forfeit, Order, PoolBalance
from orders.states import OrderState

BATCH: Final = 200
"""How many orders default in one unit of work: each has several rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """Who did not pay: the orders of this batch, and the boxes that came back; whether those were the last."""

    order_ids: tuple[uuid.UUID, ...]
    boxes: int
    is_over: bool

    @property
    def defaulted(self) -> int:
        return len(self.order_ids)


NOTHING: Final = Closed(order_ids=(), boxes=0, is_over=True)


def close_some(
    session: Session, ctx: Context, *, pool_id: uuid.UUID, kept_boxes: Mapping[uuid.UUID, int]
) -> Closed:
    """One batch of those who have not paid: the boxes are back in the pool, the deposit goes to who kept the fruit.

    Money on its way comes late and goes back. Closing what is closed, or was never open, does nothing.
    """
    balance = session.get(PoolBalance, pool_id, with_for_update=True, populate_existing=True)
    if balance is None or balance.closed_at is not None:
        return NOTHING
    is_due = (DepositTerms.pool_id == pool_id, Order.state == OrderState.BALANCE_DUE)
    order_ids = session.scalars(
        select(Order.id).join(DepositTerms).where(*is_due).order_by(Order.id).limit(BATCH)
    ).all()
    payments.balances_of(session, order_ids, locked=True)
    rows = session.execute(
        select(Order, DepositTerms)
        .join(DepositTerms)
        .where(*is_due, Order.id.in_(order_ids))  # without those paid since they were looked for
        .order_by(Order.id)
        .with_for_update(of=Order)
        .execution_options(populate_existing=True)
    ).all()
    defaults = [(row[0], row[1]) for row in rows]
    boxes = _default(session, ctx, defaults, kept_boxes)
    is_over = len(order_ids) < BATCH
    if is_over:
        balance.closed_at = ctx.now
        session.flush()
        _note(session, ctx, pool_id)
    return Closed(order_ids=tuple(order.id for order, _ in defaults), boxes=boxes, is_over=is_over)


def _default(
    session: Session,
    ctx: Context,
    defaults: list[tuple[Order, DepositTerms]],
    kept_boxes: Mapping[uuid.UUID, int],
) -> int:
    """Locked orders: how many boxes came back."""
    if not defaults:
        return 0
    for payment in payments.balances_of(session, [order.id for order, _ in defaults], locked=True):
        payments.cancel(session, ctx, payment)
    hold_ids = [order.hold_id for order, _ in defaults if order.hold_id is not None]
    holds.take_back_all(session, ctx, hold_ids=hold_ids, reason="balance_defaulted")
    keepers = {str(cooperative_id): boxes for cooperative_id, boxes in kept_boxes.items() if boxes > 0}
    boxes = 0
    for order, terms in defaults:
        assert terms.balance_boxes is not None, "a balance that is due is for some boxes"
        boxes += terms.balance_boxes
        deposit_minor = terms.balance_boxes * terms.per_box_minor
        parts = forfeit_rules.split(deposit_minor, keepers, seed=str(order.id))
        session.add_all(
            Forfeit(
                order_id=order.id,
                cooperative_id=uuid.UUID(cooperative_id),
                amount_minor=amount,
                currency=order.currency,
                kept_boxes=keepers[cooperative_id],
                kept_boxes_of_all=sum(keepers.values()),
                keepers=len(keepers),
                at=ctx.now,
            )
            for cooperative_id, amount in parts.items()
        )
    booking.book_forfeits(session, ctx, order_ids=[order.id for order, _ in defaults])
    balances.write(session, ctx, [(order, [OrderState.BALANCE_DEFAULTED]) for order, _ in defaults])
    return boxes


def _note(session: Session, ctx: Context, pool_id: uuid.UUID) -> None:
    defaulted, boxes = session.execute(
        select(func.count(), func.coalesce(func.sum(DepositTerms.balance_boxes), 0))
        .select_from(Order)
        .join(DepositTerms)
        .where(DepositTerms.pool_id == pool_id, Order.state == OrderState.BALANCE_DEFAULTED)
    ).one()
    after = {"defaulted": defaulted, "boxes": int(boxes or 0)}
    audit.record(session, ctx, "balance.close", subject=("pool", pool_id), after=after)
