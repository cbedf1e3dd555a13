"""The balance of a pool opens: the price is fixed once, then order after order has its rest to pay, batch by batch.

A batch is one unit of work and finds by itself what is left: orders that are bought and have no balance yet. So it may
be run again, after a crash as well. From the moment that the price is fixed nobody withdraws and nobody comes in.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from inventory.models import Hold, Pool
from marketplace import audit, errors
from marketplace.context import Context
from marketplace.language import Text
from marketplace.payments import payments
from marketplace.payments.models import PartRefund, Payment
from orders import balance_rules, balances, checkout, discount_rules
from orders.models import DepositTerms, Order, PoolBalance
from orders.states import OrderKind, OrderState

BATCH: Final = 1_000
"""How many orders get their balance in one unit of work."""
GIVEN_BACK_MAX: Final = 200
"""How many refunds, or ends of unpaid orders, are written one by one in one unit of work."""
OPENING: Final = (OrderState.DEPOSIT_PAID, OrderState.COMMITTED)
LADDER: Final = "ladder"


class BoxesStillHeld(errors.Conflict):
    """Somebody holds boxes of the pool, or goes to pay for them: how many are sold is not final yet."""

    title = Text(en="Boxes are still held: what is sold is not final.", zh="仍有保留箱数，销量尚未确定。")


class BalanceOpened(errors.Conflict):
    """The final price is fixed already."""

    title = Text(en="The balance is open already.", zh="尾款已开启。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """How many orders of this batch have their balance, or got money back."""

    orders: int
    lessened: tuple[uuid.UUID, ...] = ()
    """Those whose balance is smaller than what was promised to be taken off it."""


def end_unpaid(session: Session, ctx: Context, *, pool_id: uuid.UUID, size: int | None = None) -> int:
    """The time for deposits, and for full payments, is over: money that comes now comes late. At most `size` orders
    are ended; how many were.
    """
    unpaid = (
        select(Order.id)
        .join(Hold, Hold.id == Order.hold_id)
        .where(Hold.pool_id == pool_id, Order.state == OrderState.DEPOSIT_DUE)
        .order_by(Order.id)
        .limit(size)
    )
    order_ids = session.scalars(unpaid).all()
    for order_id in order_ids:
        checkout.expire(session, ctx, order_id=order_id)
    return len(order_ids)


def sold(session: Session, *, pool_id: uuid.UUID) -> int:
    """The boxes that are sold for good, after `end_unpaid`: nobody holds a box. Raises BoxesStillHeld.

    The pool's window must be over, so that what holds boxes only becomes less.
    """
    _lock_bought(session, pool_id)
    pool = session.get_one(Pool, pool_id, with_for_update={"key_share": True}, populate_existing=True)
    if pool.boxes_held:
        raise BoxesStillHeld(held_boxes=pool.boxes_held)
    return pool.boxes_sold


def fix_price(
    session: Session,
    ctx: Context,
    *,
    pool_id: uuid.UUID,
    boxes_sold: int,
    unit_price_minor: int,
    due_at: datetime,
) -> None:
    """The price is final, after `sold`, in the same unit of work. Never twice. `boxes_sold` decided on the price.

    Raises BalanceOpened.
    """
    if session.get(PoolBalance, pool_id) is not None:
        raise BalanceOpened
    session.add(
        PoolBalance(
            pool_id=pool_id,
            unit_price_minor=unit_price_minor,
            boxes_sold=boxes_sold,
            opened_at=ctx.now,
            due_at=due_at,
            closed_at=None,
        )
    )
    session.flush()


def open_some(session: Session, ctx: Context, *, pool_id: uuid.UUID, due_at: datetime) -> Opened:
    """One batch: what is left of the price is due for the boxes that each order has, or goes back where all was paid.

    None in it: all have their balance.
    """
    balance = session.get_one(PoolBalance, pool_id, with_for_update=True, populate_existing=True)
    balance.due_at = max(balance.due_at, due_at)
    rows = balances.batch(session, pool_id, Order.state.in_(OPENING), after=uuid.UUID(int=0), size=BATCH)
    if not rows:
        return Opened(orders=_give_back(session, ctx, pool_id, balance.unit_price_minor))
    moves, fixed, lessened = [], [], []
    for order, terms, boxes in rows:
        final = balance_rules.final_price(
            shown_minor=order.unit_price_minor, step_minor=balance.unit_price_minor
        )
        promised = discount_rules.kept_minor(order.discount_minor, boxes=boxes, of_boxes=order.boxes)
        money = balance_rules.due(
            boxes=boxes, unit_price_minor=final, deposit=terms.deposit, discount_minor=promised
        )
        if money.discount_minor < promised:
            lessened.append(order.id)
        after = OrderState.BALANCE_DUE if money.later_minor else OrderState.BALANCE_PAID
        first = [] if order.state == OrderState.COMMITTED else [OrderState.COMMITTED]
        moves.append((order, [*first, after]))
        fixed.append(
            {
                "id": order.id,
                "final": final,
                "bonus": money.bonus_minor,
                "discount": money.discount_minor,
                "boxes": boxes,
                "balance": money.later_minor,
                "due_at": due_at,
            }
        )
    balances.write(session, ctx, moves, fixed)
    return Opened(orders=len(rows), lessened=tuple(lessened))


def note(session: Session, ctx: Context, *, pool_id: uuid.UUID) -> None:
    """All of a pool's orders have their balance: how many have a rest to pay, none, and paid too much."""
    due, settled = session.execute(
        select(
            func.count().filter(DepositTerms.balance_minor > 0),
            func.count().filter(DepositTerms.balance_minor == 0),
        ).where(DepositTerms.pool_id == pool_id)
    ).one()
    refunded = session.scalar(
        select(func.count())
        .select_from(PartRefund)
        .join(Payment, Payment.id == PartRefund.payment_id)
        .join(Order, Order.id == Payment.order_id)
        .join(Hold, Hold.id == Order.hold_id)
        .where(Hold.pool_id == pool_id, PartRefund.reason == LADDER)
    )
    after: dict[str, Any] = {"due": due, "settled": settled, "refunded": refunded or 0}
    audit.record(session, ctx, "balance.open", subject=("pool", pool_id), after=after)


def left(session: Session, *, pool_id: uuid.UUID) -> bool:
    """Whether an order still has no balance, or money to be given back."""
    balance = session.get_one(PoolBalance, pool_id)
    without = (
        select(Order.id)
        .join(DepositTerms)
        .where(DepositTerms.pool_id == pool_id, Order.state.in_(OPENING))
        .limit(1)
    )
    too_much = _paid_too_much(pool_id, balance.unit_price_minor).limit(1)
    return any(session.execute(each).first() is not None for each in (without, too_much))


def _lock_bought(session: Session, pool_id: uuid.UUID) -> None:
    """Nobody withdraws from now on; the orders are not read."""
    locked = (
        select(Order.id)
        .join(DepositTerms)
        .where(
            DepositTerms.pool_id == pool_id,
            Order.state.in_(OPENING),
        )
        .order_by(Order.id)
        .with_for_update(of=Order)
        .subquery()
    )
    session.execute(select(func.count()).select_from(locked))


def _give_back(session: Session, ctx: Context, pool_id: uuid.UUID, unit_price_minor: int) -> int:
    """Some of those who paid in full get back what the final price is lower, for the boxes that no shortage took.

    Never more than was paid, for somebody else may have paid the rest; and once, or never where nothing was paid.
    """
    too_much = _paid_too_much(pool_id, unit_price_minor).order_by(Payment.id).limit(GIVEN_BACK_MAX)
    paid = session.execute(too_much).all()
    for boxes, shown_minor, payment in paid:
        back = min(boxes * (shown_minor - unit_price_minor), payment.kept_minor)
        payments.owe_back(session, ctx, payment_id=payment.id, reason=LADDER, amount_minor=back)
    return len(paid)


def _paid_too_much(pool_id: uuid.UUID, unit_price_minor: int) -> Select[int, int, Payment]:
    given_back = select(PartRefund.id).where(PartRefund.payment_id == Payment.id, PartRefund.reason == LADDER)
    return (
        select(Hold.consumed_boxes, Order.unit_price_minor, Payment)
        .select_from(Order)
        .join(Hold, Hold.id == Order.hold_id)
        .join(Payment, Payment.order_id == Order.id)
        .outerjoin(DepositTerms, DepositTerms.order_id == Order.id)
        .where(
            Hold.pool_id == pool_id,
            Order.kind == OrderKind.SHOPPER_PRESALE,
            Order.state == OrderState.COMMITTED,
            Order.unit_price_minor > unit_price_minor,
            DepositTerms.order_id.is_(None),
            Payment.received_minor > Payment.refund_due_minor,
            ~given_back.exists(),
        )
    )
