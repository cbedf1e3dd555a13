"""A balance that is for fewer boxes than it was asked for: a shortage took some after it was opened.

Whoever has told the bank to pay already pays the old sum; what of it is too much goes back when it comes.
"""

import uuid
from collections.abc import Collection
from datetime import datetime
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from marketplace import audit
from marketplace.context import Context
from marketplace.payments import payments
from marketplace.payments.models import Payment
from marketplace.payments.states import PaymentPurpose, PaymentState
from orders import balance_rules, discount_rules
from orders.models import DepositTerms, Order, PoolBalance
from orders.states import OrderState

FEWER_BOXES: Final = "fewer_boxes"
"""Why a part of a balance goes back that was paid for boxes which a shortage had taken meanwhile."""


def lower(
    session: Session,
    ctx: Context,
    order: Order,
    terms: DepositTerms,
    awaited: Collection[Payment],
    *,
    boxes: int,
) -> None:
    """The balance of a locked order is for so many boxes from now on; of an order that has none left it is not waited
    for any more, and stays as it was written.

    A payment that its payer has not agreed to is canceled: the next one is over what is due now.
    """
    if terms.balance_boxes is None:
        return
    for payment in awaited:
        if payment.purpose == PaymentPurpose.BALANCE and (
            not boxes or payment.state == PaymentState.REQUIRES_CONFIRMATION
        ):
            payments.cancel(session, ctx, payment)
    if not boxes or boxes == terms.balance_boxes:
        return
    assert terms.final_unit_price_minor is not None, "what is asked for has its price"
    money = balance_rules.due(
        boxes=boxes,
        unit_price_minor=terms.final_unit_price_minor,
        deposit=terms.deposit,
        discount_minor=discount_rules.kept_minor(order.discount_minor, boxes=boxes, of_boxes=order.boxes),
    )
    before = {"balance_boxes": terms.balance_boxes, "balance_minor": terms.balance_minor}
    terms.balance_boxes = boxes
    terms.balance_minor, terms.bonus_minor = money.later_minor, money.bonus_minor
    terms.discount_minor = money.discount_minor
    session.flush()
    after = {"balance_boxes": boxes, "balance_minor": terms.balance_minor}
    audit.record(session, ctx, "order.lower_balance", subject=("order", order.id), before=before, after=after)


def give_excess_back(session: Session, ctx: Context, terms: DepositTerms, *, payment_id: uuid.UUID) -> int:
    """Of a balance that was just received: what is more than is due by now goes back; how much."""
    session.flush()
    payment = session.get_one(Payment, payment_id)
    assert terms.balance_minor is not None, "a balance that is paid was asked for"
    excess = payment.received_minor - terms.balance_minor
    if excess > 0:
        payments.owe_back(session, ctx, payment_id=payment.id, reason=FEWER_BOXES, amount_minor=excess)
    return max(0, excess)


def prolong(session: Session, order_ids: Collection[uuid.UUID], *, due_at: datetime) -> None:
    """Whoever of these has a balance to pay has time until then at least."""
    still_due = select(Order.id).where(Order.id.in_(order_ids), Order.state == OrderState.BALANCE_DUE)
    session.flush()
    session.execute(
        update(DepositTerms)
        .where(DepositTerms.order_id.in_(still_due), DepositTerms.balance_due_at < due_at)
        .values(balance_due_at=due_at)
        .execution_options(synchronize_session=False)
    )


def prolong_pool(session: Session, *, pool_id: uuid.UUID, due_at: datetime) -> None:
    """The balance of a locked campaign's pool is not closed before."""
    balance = session.get(PoolBalance, pool_id, with_for_update=True, populate_existing=True)
    if balance is not None:
        balance.due_at = max(balance.due_at, due_at)
