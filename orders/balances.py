"""Deposits and balances of a pool's orders: committed, the final price fixed, the rest paid or not paid.

Who sells the pool says when (`campaigns.balances`); here the orders follow, batch by batch (`opening`, `closing`).
Rows are taken in the order payment, order, hold, pool, as a receipt takes them.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, case, select
from sqlalchemy.orm import Session

from inventory.models import Hold
from marketplace import audit, events, express
from marketplace.context import Context
from marketplace.express import InSession
from marketplace.payments import payments
from marketplace.payments.models import Payment
from marketplace.payments.payments import MoneyCameLate
from marketplace.payments.states import PaymentPurpose
from orders import balance_rules, checkout, moving
from orders.balance_rules import REMINDER_HOURS
from orders.bulk import OrderNotFound
from orders.events import OrdersMoved
from orders.models import BalanceReminder, DepositTerms, Order
from orders.states import OrderState, OrderStateForbids

BATCH: Final = 1_000
"""How many orders are moved by one statement."""
REMINDERS_MAX: Final = 500
"""How many reminders are told of in one unit of work."""

Row = tuple[Order, DepositTerms, int]

_MOVED: Final = f"""
    WITH moved AS (
        UPDATE "order" o SET state = r.after, version = o.version + r.moves
        FROM jsonb_to_recordset(%(moved)s::jsonb) AS r(id uuid, after text, moves bigint)
        WHERE o.id = r.id AND o.id = ANY(%(moved_ids)s::uuid[]) RETURNING o.id
    ), fixed AS (
        UPDATE deposit_terms t SET final_unit_price_minor = r.final, bonus_minor = r.bonus,
            discount_minor = r.discount, balance_boxes = r.boxes, balance_minor = r.balance, balance_due_at = r.due_at
        FROM jsonb_to_recordset(%(fixed)s::jsonb) AS r(id uuid, final bigint, bonus bigint, discount bigint,
            boxes bigint, balance bigint, due_at timestamptz)
        WHERE t.order_id = r.id RETURNING t.order_id
    ), {audit.TOLD}
    SELECT (SELECT count(*) FROM moved) AS moved, (SELECT count(*) FROM fixed) AS fixed
    """  # noqa: S608 (the parts are our own)


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceReminderDue:
    """It is time to tell a buyer that a balance is not paid yet."""

    order_id: uuid.UUID
    buyer_id: uuid.UUID
    hours_before: int
    balance_minor: int
    currency: str
    due_at: datetime


def commit_some(session: Session, ctx: Context, *, pool_id: uuid.UUID, size: int) -> int:
    """One batch of the pool's paid deposits that go back no longer; how many. Fewer than asked for: none is left."""
    rows = batch(session, pool_id, Order.state == OrderState.DEPOSIT_PAID, after=uuid.UUID(int=0), size=size)
    if rows:
        write(session, ctx, [(order, [OrderState.COMMITTED]) for order, _, _ in rows])
    return len(rows)


def commit(session: Session, ctx: Context, *, pool_id: uuid.UUID) -> int:
    """The same of all that are left at once, where a sale was closed before; how many orders."""
    done = 0
    for rows in in_batches(session, pool_id, Order.state == OrderState.DEPOSIT_PAID):
        write(session, ctx, [(order, [OrderState.COMMITTED]) for order, _, _ in rows])
        done += len(rows)
    return done


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


def in_batches(session: Session, pool_id: uuid.UUID, condition: ColumnElement[bool]) -> Iterator[list[Row]]:
    """The pool's orders with a deposit that are so, locked, by id; those of one batch are forgotten with the next."""
    last = uuid.UUID(int=0)
    while rows := batch(session, pool_id, condition, after=last, size=BATCH):
        last = rows[-1][0].id
        yield rows
        for _, terms, _ in rows:
            session.expire(terms)


def batch(
    session: Session,
    pool_id: uuid.UUID,
    condition: ColumnElement[bool],
    *,
    after: uuid.UUID,
    size: int,
) -> list[Row]:
    """The pool's next orders with a deposit that are so, locked, by id, and the boxes that each has."""
    rows = session.execute(
        select(Order, DepositTerms, Hold.consumed_boxes)
        .join(DepositTerms)
        .join(Hold, Hold.id == Order.hold_id)
        .where(DepositTerms.pool_id == pool_id, Order.id > after, condition)
        .order_by(Order.id)
        .limit(size)
        .with_for_update(of=Order)
        .execution_options(populate_existing=True)
    )
    return [(order, terms, boxes) for order, terms, boxes in rows]


def write(
    session: Session,
    ctx: Context,
    moves: Iterable[tuple[Order, list[OrderState]]],
    fixed: Iterable[Mapping[str, Any]] = (),
) -> None:
    """Locked orders go through these states, in one statement; who listens is told of each, the first ones first."""
    moved: list[dict[str, Any]] = []
    told = []
    found = list(moves)
    for order, states in found:
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
    for order, _ in found:
        session.expire(order)
    _publish(session, ctx, [(order.id, states) for order, states in found])


def _publish(session: Session, ctx: Context, moves: list[tuple[uuid.UUID, list[OrderState]]]) -> None:
    for step in range(max((len(states) for _, states in moves), default=0)):
        together: defaultdict[tuple[OrderState, bool], list[uuid.UUID]] = defaultdict(list)
        for order_id, states in moves:
            if step < len(states):
                together[states[step], step + 1 < len(states)].append(order_id)
        for (after, is_passing), order_ids in sorted(together.items()):
            told = OrdersMoved(order_ids=tuple(order_ids), after=after, is_passing=is_passing)
            events.publish(session, ctx, told)
