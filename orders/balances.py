"""Deposits and balances of a pool's orders: committed, the final price fixed, the rest paid or not paid.

Who sells the pool says when (`campaigns.balances`); here the orders follow. Rows are taken in the order payment,
order, hold, pool, as a receipt takes them.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from inventory import holds
from inventory.models import Hold, Pool
from marketplace import audit, errors, events, express
from marketplace.context import Context
from marketplace.express import InSession
from marketplace.language import Text
from marketplace.payments import part_refunds, payments
from marketplace.payments.models import Payment
from marketplace.payments.payments import MoneyCameLate
from marketplace.payments.states import PaymentPurpose
from orders import balance_rules, checkout, forfeit_rules, moving
from orders.balance_rules import REMINDER_HOURS
from orders.bulk import OrderNotFound
from orders.events import OrdersMoved
from orders.models import BalanceReminder, DepositTerms, Forfeit, Order, PoolBalance
from orders.states import OrderKind, OrderState, OrderStateForbids

BATCH: Final = 1_000
"""How many orders are moved by one statement."""
REMINDERS_MAX: Final = 500
"""How many reminders are told of in one unit of work."""

_MOVED: Final = f"""
    WITH moved AS (
        UPDATE "order" o SET state = r.after, version = o.version + r.moves
        FROM jsonb_to_recordset(%(moved)s::jsonb) AS r(id uuid, after text, moves bigint)
        WHERE o.id = r.id AND o.id = ANY(%(moved_ids)s::uuid[]) RETURNING o.id
    ), fixed AS (
        UPDATE deposit_terms t SET final_unit_price_minor = r.final, bonus_minor = r.bonus,
            balance_boxes = r.boxes, balance_minor = r.balance, balance_due_at = r.due_at
        FROM jsonb_to_recordset(%(fixed)s::jsonb) AS r(id uuid, final bigint, bonus bigint, boxes bigint,
            balance bigint, due_at timestamptz)
        WHERE t.order_id = r.id RETURNING t.order_id
    ), {audit.TOLD}
    SELECT (SELECT count(*) FROM moved) AS moved, (SELECT count(*) FROM fixed) AS fixed
    """  # noqa: S608 (the parts are our own)


class BoxesStillHeld(errors.Conflict):
    """Somebody holds boxes of the pool, or goes to pay for them: how many are sold is not final yet."""

    title = Text(en="Boxes are still held: what is sold is not final.", zh="仍有保留箱数，销量尚未确定。")


class BalanceOpened(errors.Conflict):
    """The final price is fixed already."""

    title = Text(en="The balance is open already.", zh="尾款已开启。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What came of opening a pool's balance: orders with a rest to pay, without one, and paid too much."""

    due: int
    settled: int
    refunded: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """Who did not pay: how many orders, and the boxes that came back."""

    defaulted: int
    boxes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceReminderDue:
    """It is time to tell a buyer that a balance is not paid yet."""

    order_id: uuid.UUID
    buyer_id: uuid.UUID
    hours_before: int
    balance_minor: int
    currency: str
    due_at: datetime


def commit(session: Session, ctx: Context, *, pool_id: uuid.UUID) -> int:
    """The sale is settled: paid deposits no longer go back; how many orders."""
    done = 0
    for rows in _in_batches(session, pool_id, Order.state == OrderState.DEPOSIT_PAID):
        _write(session, ctx, [(order, [OrderState.COMMITTED]) for order, _, _ in rows])
        done += len(rows)
    return done


def sold(session: Session, ctx: Context, *, pool_id: uuid.UUID) -> int:
    """The boxes that are sold for good: unpaid orders are over, and nobody holds a box. Raises BoxesStillHeld.

    The pool's window must be over, so that what holds boxes only becomes less.
    """
    end_unpaid(session, ctx, pool_id)
    _lock_bought(session, pool_id)
    pool = session.get_one(Pool, pool_id, with_for_update={"key_share": True}, populate_existing=True)
    if pool.boxes_held:
        raise BoxesStillHeld(held_boxes=pool.boxes_held)
    return pool.boxes_sold


def open_balance(
    session: Session,
    ctx: Context,
    *,
    pool_id: uuid.UUID,
    boxes_sold: int,
    unit_price_minor: int,
    due_at: datetime,
) -> Opened:
    """The price is final, after `sold`: what is left of it is due, or goes back where all was paid. Never twice.

    `boxes_sold` decided on the price; what is due is for the boxes that each order has. Raises BalanceOpened.
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
    due = settled = 0
    for rows in _in_batches(
        session, pool_id, Order.state.in_([OrderState.DEPOSIT_PAID, OrderState.COMMITTED])
    ):
        moves, fixed = [], []
        for order, terms, boxes in rows:
            final = balance_rules.final_price(shown_minor=order.unit_price_minor, step_minor=unit_price_minor)
            money = balance_rules.due(boxes=boxes, unit_price_minor=final, deposit=terms.deposit)
            after = OrderState.BALANCE_DUE if money.later_minor else OrderState.BALANCE_PAID
            due, settled = due + (money.later_minor > 0), settled + (money.later_minor == 0)
            first = [] if order.state == OrderState.COMMITTED else [OrderState.COMMITTED]
            moves.append((order, [*first, after]))
            fixed.append(
                {
                    "id": order.id,
                    "final": final,
                    "bonus": money.bonus_minor,
                    "boxes": boxes,
                    "balance": money.later_minor,
                    "due_at": due_at,
                }
            )
        _write(session, ctx, moves, fixed)
    refunded = _give_back(session, ctx, pool_id, unit_price_minor)
    after_all = {"unit_price_minor": unit_price_minor, "due": due, "settled": settled, "refunded": refunded}
    audit.record(session, ctx, "balance.open", subject=("pool", pool_id), after=after_all)
    return Opened(due=due, settled=settled, refunded=refunded)


def ask(session: Session, ctx: Context, *, order_id: uuid.UUID) -> Payment:
    """The payment of the balance of the actor's order, open until the balance is closed.

    Raises OrderNotFound, OrderStateForbids.
    """
    if checkout.get(session, ctx, order_id=order_id).buyer_id != ctx.actor.id:
        raise OrderNotFound
    order, terms = moving.locked_with_terms(session, order_id)
    if order.state != OrderState.BALANCE_DUE or terms is None or not terms.balance_minor:
        raise OrderStateForbids(state=order.state)
    audit.record(session, ctx, "order.ask_balance", subject=("order", order.id))
    return payments.open_balance(
        session,
        ctx,
        order_id=order.id,
        payer_id=order.buyer_id,
        amount_minor=terms.balance_minor,
        currency=order.currency,
    )


def on_money_came_late(session: Session, ctx: Context, event: MoneyCameLate) -> None:
    """Money for a balance that was not waited for: taken if it is still due and nothing else is under way."""
    if event.purpose == PaymentPurpose.ESCROW:
        return  # a sponsor's: `sponsoring.escrow` decides
    if event.purpose != PaymentPurpose.BALANCE:
        checkout.on_money_came_late(session, ctx, event)
        return
    order = moving.locked(session, event.order_id)
    if order.state == OrderState.BALANCE_DUE and not payments.balances_of(session, [order.id]):
        payments.accept_late(session, ctx, payment_id=event.payment_id)
    else:
        payments.owe_refund(session, ctx, payment_id=event.payment_id, reason="order_state")


def close_balance(
    session: Session, ctx: Context, *, pool_id: uuid.UUID, kept_boxes: Mapping[uuid.UUID, int]
) -> Closed:
    """Who has not paid has not: the boxes are back in the pool, the deposit goes to those that kept the fruit.

    Money on its way comes late and goes back. Closing what is closed, or was never open, does nothing.
    """
    balance = session.get(PoolBalance, pool_id, with_for_update=True, populate_existing=True)
    if balance is None or balance.closed_at is not None:
        return Closed(defaulted=0, boxes=0)
    is_due = (DepositTerms.pool_id == pool_id, Order.state == OrderState.BALANCE_DUE)
    order_ids = session.scalars(select(Order.id).join(DepositTerms).where(*is_due)).all()
    payments.balances_of(session, order_ids, locked=True)
    defaults = session.execute(
        select(Order, DepositTerms)
        .join(DepositTerms)
        .where(*is_due)
        .order_by(Order.id)
        .with_for_update(of=Order)
        .execution_options(populate_existing=True)
    ).all()
    awaited = {
        payment.order_id: payment
        for payment in payments.balances_of(session, [order.id for order, _ in defaults], locked=True)
    }
    keepers = {str(cooperative_id): boxes for cooperative_id, boxes in kept_boxes.items()}
    boxes = 0
    for order, terms in defaults:
        if order.id in awaited:
            payments.cancel(session, ctx, awaited[order.id])
        assert terms.balance_boxes is not None, "a balance that is due is for some boxes"
        _default(session, ctx, order, terms.balance_boxes * terms.per_box_minor, keepers)
        boxes += terms.balance_boxes
    balance.closed_at = ctx.now
    session.flush()
    after = {"defaulted": len(defaults), "boxes": boxes}
    audit.record(session, ctx, "balance.close", subject=("pool", pool_id), after=after)
    return Closed(defaulted=len(defaults), boxes=boxes)


def remind(session: Session, ctx: Context, *, batch: int = REMINDERS_MAX) -> int:
    """Tell of the balances that are not paid with 72, 24 and 2 hours to go, each once; at most `batch`; how many."""
    now, longest = ctx.now, timedelta(hours=max(REMINDER_HOURS))
    hours_due: ColumnElement[int] = case(
        *(
            (DepositTerms.balance_due_at <= now + timedelta(hours=hours), hours)
            for hours in sorted(REMINDER_HOURS)
        ),
    )
    told = select(BalanceReminder.order_id).where(
        BalanceReminder.order_id == Order.id, BalanceReminder.hours_before <= hours_due
    )
    waiting = session.execute(
        select(Order, DepositTerms)
        .join(DepositTerms)
        .where(
            Order.state == OrderState.BALANCE_DUE,
            DepositTerms.balance_minor > 0,
            DepositTerms.balance_due_at > now,
            DepositTerms.balance_due_at <= now + longest,
            ~told.exists(),
        )
        .order_by(DepositTerms.balance_due_at, Order.id)
        .limit(batch)
        .with_for_update(of=Order, skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
    for order, terms in waiting:
        assert terms.balance_due_at is not None
        assert terms.balance_minor is not None
        hours = balance_rules.reminder_due(now=now, due_at=terms.balance_due_at)
        assert hours is not None, "the statement asks for what is due"
        session.add(BalanceReminder(order_id=order.id, hours_before=hours, at=now))
        session.flush()
        due = BalanceReminderDue(
            order_id=order.id,
            buyer_id=order.buyer_id,
            hours_before=hours,
            balance_minor=terms.balance_minor,
            currency=order.currency,
            due_at=terms.balance_due_at,
        )
        events.publish(session, ctx, due)
    return len(waiting)


def terms_of(session: Session, order_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, DepositTerms]:
    """By order; an order that is paid in full has none."""
    found = session.scalars(select(DepositTerms).where(DepositTerms.order_id.in_(list(order_ids))))
    return {terms.order_id: terms for terms in found}


def _default(
    session: Session, ctx: Context, order: Order, deposit_minor: int, keepers: Mapping[str, int]
) -> None:
    assert order.hold_id is not None
    holds.take_back(session, ctx, hold_id=order.hold_id, reason="balance_defaulted")
    moving.move(session, ctx, order, OrderState.BALANCE_DEFAULTED)
    for cooperative_id, amount in forfeit_rules.split(deposit_minor, keepers, seed=str(order.id)).items():
        session.add(
            Forfeit(
                order_id=order.id,
                cooperative_id=uuid.UUID(cooperative_id),
                amount_minor=amount,
                currency=order.currency,
                at=ctx.now,
            )
        )


def end_unpaid(session: Session, ctx: Context, pool_id: uuid.UUID) -> None:
    """The time for deposits, and for full payments, is over: money that comes now comes late."""
    unpaid = (
        select(Order.id)
        .join(Hold, Hold.id == Order.hold_id)
        .where(Hold.pool_id == pool_id, Order.state == OrderState.DEPOSIT_DUE)
        .order_by(Order.id)
    )
    for order_id in session.scalars(unpaid).all():
        checkout.expire(session, ctx, order_id=order_id)


def _lock_bought(session: Session, pool_id: uuid.UUID) -> None:
    """Nobody withdraws from now on; the orders are not read."""
    locked = (
        select(Order.id)
        .join(DepositTerms)
        .where(
            DepositTerms.pool_id == pool_id,
            Order.state.in_([OrderState.DEPOSIT_PAID, OrderState.COMMITTED]),
        )
        .order_by(Order.id)
        .with_for_update(of=Order)
        .subquery()
    )
    session.execute(select(func.count()).select_from(locked))


def _give_back(session: Session, ctx: Context, pool_id: uuid.UUID, unit_price_minor: int) -> int:
    """Who paid in full gets back what the final price is lower, for the boxes that no shortage took.

    Never more than was paid: somebody else may have paid the rest.
    """
    paid = session.execute(
        select(Hold.consumed_boxes, Order.unit_price_minor, Payment)
        .join(Hold, Hold.id == Order.hold_id)
        .join(Payment, Payment.order_id == Order.id)
        .outerjoin(DepositTerms, DepositTerms.order_id == Order.id)
        .where(
            Hold.pool_id == pool_id,
            Order.kind == OrderKind.SHOPPER_PRESALE,
            Order.state == OrderState.COMMITTED,
            Order.unit_price_minor > unit_price_minor,
            DepositTerms.order_id.is_(None),
        )
        .order_by(Payment.id)
    ).all()
    kept_minor = part_refunds.kept_minor([payment for _, _, payment in paid])
    refunded = 0
    for boxes, shown_minor, payment in paid:
        back = min(boxes * (shown_minor - unit_price_minor), kept_minor[payment.id])
        if back:
            payments.owe_back(session, ctx, payment_id=payment.id, reason="ladder", amount_minor=back)
            refunded += 1
    return refunded


def _in_batches(
    session: Session, pool_id: uuid.UUID, condition: ColumnElement[bool]
) -> Iterator[list[tuple[Order, DepositTerms, int]]]:
    """The pool's orders with a deposit that are so, locked, by id, and the boxes that each has; those of one batch are
    forgotten with the next.
    """
    last = uuid.UUID(int=0)
    while True:
        rows = session.execute(
            select(Order, DepositTerms, Hold.consumed_boxes)
            .join(DepositTerms)
            .join(Hold, Hold.id == Order.hold_id)
            .where(DepositTerms.pool_id == pool_id, Order.id > last, condition)
            .order_by(Order.id)
            .limit(BATCH)
            .with_for_update(of=Order)
            .execution_options(populate_existing=True)
        ).all()
        if not rows:
            return
        last = rows[-1][0].id
        yield [(order, terms, boxes) for order, terms, boxes in rows]
        for order, terms, _ in rows:
            session.expire(order)
            session.expire(terms)


def _write(
    session: Session,
    ctx: Context,
    moves: Iterable[tuple[Order, list[OrderState]]],
    fixed: Iterable[Mapping[str, Any]] = (),
) -> None:
    """Locked orders go through these states, in one statement; who listens is told of the last of them."""
    moved: list[dict[str, Any]] = []
    told = []
    for order, states in moves:
        moved.append({"id": order.id, "after": states[-1], "moves": len(states)})
        before = order.state
        for after in states:
            told.append(
                audit.row(
                    ctx,
                    f"order.{after}",
                    subject=("order", order.id),
                    before={"state": before},
                    after={"state": str(after)},
                )
            )
            before = after
    rows = {
        name: express.as_json(list(each))
        for name, each in (("moved", moved), ("fixed", fixed), ("told", told))
    }
    session.flush()
    InSession(session).rows((_MOVED, {**rows, "moved_ids": [row["id"] for row in moved]}))
    for after in sorted({row["after"] for row in moved}):
        order_ids = tuple(row["id"] for row in moved if row["after"] == after)
        events.publish(session, ctx, OrdersMoved(order_ids=order_ids, after=after))
