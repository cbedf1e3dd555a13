"""A payment's life: opened with its order (`opening`), confirmed by the payer, received or canceled. Never edited back.

Publishes PaymentSucceeded inside the transaction that books the receipt, PaymentFailed inside the one in which its
gateway, or for an offline one an operator, says that no money comes; the order above listens. One that is given up here
is canceled at its gateway as well, by a job: if the money was faster there, it has come late. Money that comes
when its payment is canceled is asked about (MoneyCameLate): the order takes its boxes again, or all is owed back.
"""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace import audit, database, errors, events, till
from marketplace.access import STAFF
from marketplace.context import Context
from marketplace.express import InSession
from marketplace.language import Text
from marketplace.payments import calls, confirming, opening, part_refunds
from marketplace.payments.confirming import Confirming, PaidThroughGateway
from marketplace.payments.gateways import GATEWAYS, Answered
from marketplace.payments.models import Payment
from marketplace.payments.states import (
    LATE,
    WAITS_FOR_PAYER,
    CallKind,
    PartRefundKind,
    PaymentNotAwaited,
    PaymentNotFound,
    PaymentPurpose,
    PaymentState,
    check_move,
    way,
)
from marketplace.points import Point, passed


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentSucceeded:
    payment_id: uuid.UUID
    order_id: uuid.UUID
    purpose: str = PaymentPurpose.ORDER


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentFailed:
    payment_id: uuid.UUID
    order_id: uuid.UUID
    purpose: str = PaymentPurpose.ORDER


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyCameLate:
    """The receipt of a payment that was canceled: whoever owns the order calls `accept_late` or `owe_refund`."""

    payment_id: uuid.UUID
    order_id: uuid.UUID
    purpose: str = PaymentPurpose.ORDER


@dataclass(frozen=True, slots=True, kw_only=True)
class LateMoney:
    """How late money came out: with a refund due, somebody must pay it back."""

    payment_id: uuid.UUID
    order_id: uuid.UUID
    amount_minor: int
    currency: str
    refund_due_minor: int
    reason: str | None
    purpose: str = PaymentPurpose.ORDER


class AmountDiffers(errors.Conflict):
    """The receipt's amount or currency is not what is due; the payment stays open."""

    title = Text(en="The received amount is not the amount due.", zh="收款金额与应付金额不符。")


class ReceiptBooked(errors.Conflict):
    """This receipt reference was booked before."""

    title = Text(en="This receipt has been booked already.", zh="该收款凭证已入账。")


def confirm(session: Session, ctx: Context, *, payment_id: uuid.UUID) -> tuple[Payment, Answered]:
    """The payer commits to pay; answers what to do next. The gateway may refuse at once: then it has failed.

    Raises PaymentNotFound, PaidThroughGateway, PaymentNotAwaited.
    """
    session.flush()
    run = InSession(session)
    writing = Confirming(*run.rows((confirming.LOOK, till.asked_by(ctx, payment_id))))
    answer = writing.ask(ctx, payment_id=payment_id)
    if answer.state == PaymentState.CANCELED:
        return fail(session, ctx, payment_id=payment_id, reason="refused by its gateway"), answer
    writing.move(ctx, payment_id=payment_id, after=answer.state)
    run.rows(writing.statement())
    database.changed_behind(session, Payment, [payment_id])
    return session.get_one(Payment, payment_id), answer


def fail(session: Session, ctx: Context, *, payment_id: uuid.UUID, reason: str) -> Payment:
    """No money comes: the payment is over, and publishes PaymentFailed. Raises PaymentNotFound, PaymentNotAwaited."""
    payment = get(session, ctx, payment_id=payment_id, locked=True)
    end(session, ctx, payment, reason=reason)
    _cancel_there(session, ctx, payment)
    return payment


def end(session: Session, ctx: Context, payment: Payment, *, reason: str) -> None:
    """The same for a locked payment that its gateway knows to be over. Raises PaymentNotAwaited."""
    check_move(payment.state, PaymentState.CANCELED)
    _move(session, ctx, payment, PaymentState.CANCELED, reason=reason)
    events.publish(session, ctx, PaymentFailed(**_named(payment)))


def follow(session: Session, ctx: Context, payment: Payment, after: PaymentState) -> None:
    """A locked payment goes where its gateway has gone; raises PaymentNotAwaited where no way leads there."""
    for state in way(PaymentState(payment.state), after):
        _move(session, ctx, payment, state)


def receive(session: Session, ctx: Context, payment: Payment, *, receipt_reference: str) -> None:
    """The money of a locked payment is at its gateway, all of it: in time, or late, and then accepted or owed back."""
    if payment.state == LATE:
        _book_late(session, ctx, payment, receipt_reference)
        return
    if payment.state != PaymentState.PROCESSING:
        follow(session, ctx, payment, PaymentState.PROCESSING)
    _book(session, ctx, payment, receipt_reference)


def book_receipt(
    session: Session,
    ctx: Context,
    *,
    payment_id: uuid.UUID,
    amount_minor: int,
    currency: str,
    receipt_reference: str,
) -> Payment:
    """Money has arrived; for a canceled payment it has arrived late, and is either accepted or owed back.

    Raises PaymentNotFound, PaymentNotAwaited, PaidThroughGateway, AmountDiffers, ReceiptBooked.
    """
    payment = get(session, ctx, payment_id=payment_id, locked=True)
    if payment.gateway not in GATEWAYS:
        raise PaidThroughGateway
    is_late = payment.state == LATE and not payment.refund_due_minor
    if not is_late:
        check_move(payment.state, PaymentState.SUCCEEDED)
    if (amount_minor, currency) != (payment.amount_minor, payment.currency):
        raise AmountDiffers(due_minor=payment.amount_minor, currency=payment.currency)
    if is_late:
        return _book_late(session, ctx, payment, receipt_reference)
    _book(session, ctx, payment, receipt_reference)
    return payment


def _book(session: Session, ctx: Context, payment: Payment, receipt_reference: str) -> None:
    payment.received_minor = payment.amount_minor
    payment.receipt_reference = receipt_reference
    with database.refusing({"uq_payment_receipt_reference": ReceiptBooked()}):
        _move(session, ctx, payment, PaymentState.SUCCEEDED)
    passed(Point.MONEY_CAME)
    events.publish(session, ctx, PaymentSucceeded(**_named(payment)))


def _book_late(session: Session, ctx: Context, payment: Payment, receipt_reference: str) -> Payment:
    payment.receipt_reference = receipt_reference
    with database.refusing({"uq_payment_receipt_reference": ReceiptBooked()}):
        session.flush()
    passed(Point.LATE_MONEY_CAME)
    events.publish(session, ctx, MoneyCameLate(**_named(payment)))
    if payment.state == LATE and not payment.refund_due_minor:
        owe_refund(session, ctx, payment_id=payment.id, reason="not_wanted")
    told = LateMoney(
        payment_id=payment.id,
        order_id=payment.order_id,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        refund_due_minor=payment.refund_due_minor,
        reason=payment.refund_reason,
        purpose=payment.purpose,
    )
    events.publish(session, ctx, told)
    return payment


def accept_late(session: Session, ctx: Context, *, payment_id: uuid.UUID) -> Payment:
    """The order has its boxes again: late money pays for it, as if it had come in time.

    Publishes PaymentSucceeded. Raises PaymentNotFound, PaymentNotAwaited.
    """
    payment = _late(session, payment_id)
    payment.received_minor = payment.amount_minor
    _move(session, ctx, payment, PaymentState.SUCCEEDED)
    events.publish(session, ctx, PaymentSucceeded(**_named(payment)))
    return payment


def owe_refund(session: Session, ctx: Context, *, payment_id: uuid.UUID, reason: str) -> Payment:
    """The order cannot have late money: all of it is owed back. Raises PaymentNotFound, PaymentNotAwaited."""
    payment = _late(session, payment_id)
    payment.refund_due_minor, payment.refund_reason = payment.amount_minor, reason
    parts = [(payment, PartRefundKind.REFUND, payment.amount_minor)]
    part_refunds.write(session, ctx, parts, reason=reason, source_id=payment.order_id)
    return payment


def owe_back(
    session: Session,
    ctx: Context,
    *,
    payment_id: uuid.UUID,
    reason: str,
    amount_minor: int | None = None,
    source_id: uuid.UUID | None = None,
) -> Payment:
    """Of money that was received so much more, or all that is left of it, must be paid back; once for each source.

    Publishes RefundsOwed. Raises PaymentNotFound, and PaymentNotAwaited when so much was not received.
    """
    payment = locked(session, payment_id)
    left = payment.kept_minor
    amount = left if amount_minor is None else amount_minor
    if payment.state != PaymentState.SUCCEEDED or not 0 < amount <= left:
        raise PaymentNotAwaited(state=payment.state)
    parts = [(payment, PartRefundKind.REFUND, amount)]
    part_refunds.owe_parts(session, ctx, parts, reason=reason, source_id=source_id)
    return payment


def open_balance(
    session: Session,
    ctx: Context,
    *,
    order_id: uuid.UUID,
    payer_id: uuid.UUID,
    amount_minor: int,
    currency: str,
) -> Payment:
    """The payment of an order's balance: the one there is, or a new one. Whoever calls has the order locked."""
    found = balances_of(session, [order_id])
    if found:
        return found[0]
    return open_payment(
        session,
        ctx,
        purpose=PaymentPurpose.BALANCE,
        order_id=order_id,
        payer_id=payer_id,
        amount_minor=amount_minor,
        currency=currency,
    )


def open_payment(
    session: Session,
    ctx: Context,
    *,
    purpose: PaymentPurpose,
    order_id: uuid.UUID,
    payer_id: uuid.UUID,
    amount_minor: int,
    currency: str,
) -> Payment:
    """One more payment for something. Whoever calls has it locked, and knows that it is due."""
    asked: dict[str, Any] = opening.row(
        ctx, order_id=order_id, payer_id=payer_id, amount_minor=amount_minor, currency=currency
    )
    payment = Payment(**asked, purpose=purpose, received_minor=0, refund_due_minor=0)
    session.add(payment)
    session.flush()
    session.add(audit.AuditEntry(**opening.told(ctx, asked)))
    return payment


def open_agreed(
    session: Session,
    ctx: Context,
    *,
    order_id: uuid.UUID,
    payer_id: uuid.UUID,
    amount_minor: int,
    currency: str,
) -> Payment:
    """The payment of an order whose payer has agreed to pay already: it waits for the receipt."""
    payment = open_payment(
        session,
        ctx,
        purpose=PaymentPurpose.ORDER,
        order_id=order_id,
        payer_id=payer_id,
        amount_minor=amount_minor,
        currency=currency,
    )
    check_move(payment.state, PaymentState.PROCESSING)
    _move(session, ctx, payment, PaymentState.PROCESSING)
    return payment


def escrows_of(session: Session, sponsorship_id: uuid.UUID, *, locked: bool = False) -> Sequence[Payment]:
    """A sponsor's payments into escrow, the newest first."""
    statement = (
        select(Payment)
        .where(Payment.order_id == sponsorship_id, Payment.purpose == PaymentPurpose.ESCROW)
        .order_by(Payment.id.desc())
    )
    if locked:
        statement = statement.with_for_update()
    return session.scalars(statement.execution_options(populate_existing=locked)).all()


def balances_of(
    session: Session, order_ids: Collection[uuid.UUID], *, locked: bool = False
) -> Sequence[Payment]:
    """The payments of these orders' balances that are not canceled, by id."""
    statement = (
        select(Payment)
        .where(
            Payment.order_id.in_(order_ids),
            Payment.purpose == PaymentPurpose.BALANCE,
            Payment.state != PaymentState.CANCELED,
        )
        .order_by(Payment.id)
    )
    if locked:
        statement = statement.with_for_update()
    return session.scalars(statement.execution_options(populate_existing=locked)).all()


def cancel(session: Session, ctx: Context, payment: Payment) -> None:
    """Nobody waits for a locked payment any more. Raises PaymentNotAwaited when money has arrived already."""
    check_move(payment.state, PaymentState.CANCELED)
    _move(session, ctx, payment, PaymentState.CANCELED)
    _cancel_there(session, ctx, payment)


def _cancel_there(session: Session, ctx: Context, payment: Payment) -> None:
    """What its gateway knows of a payment that is over here must not be paid there any more."""
    if payment.gateway not in GATEWAYS:
        calls.ask_later(session, ctx, payment_id=payment.id, kind=CallKind.CANCEL)


def _late(session: Session, payment_id: uuid.UUID) -> Payment:
    """The payment with late money that nobody has decided on yet; whoever's it is, for a job may have seen it."""
    payment = locked(session, payment_id)
    if payment.state != LATE or payment.refund_due_minor or payment.receipt_reference is None:
        raise PaymentNotAwaited(state=payment.state)
    return payment


def cancel_of_order(session: Session, ctx: Context, *, order_id: uuid.UUID) -> Payment | None:
    """Cancel an order's unpaid payment; raises PaymentNotAwaited when money has arrived already."""
    payment = session.scalar(
        select(Payment)
        .where(Payment.order_id == order_id, Payment.purpose == PaymentPurpose.ORDER)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if payment is not None:
        cancel(session, ctx, payment)
    return payment


def lock_of_orders(session: Session, order_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, list[Payment]]:
    """All payments of these orders, locked by id, by order."""
    rows = session.scalars(
        select(Payment)
        .where(Payment.order_id.in_(order_ids))
        .order_by(Payment.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    found: dict[uuid.UUID, list[Payment]] = {}
    for payment in rows:
        found.setdefault(payment.order_id, []).append(payment)
    return found


def lock_unconfirmed(session: Session, *, opened_before: datetime, batch: int) -> Sequence[Payment]:
    """The oldest payments that wait for their payer's word; those that somebody works on are left out.

    A balance is not among them: it has a time of its own.
    """
    statement = (
        select(Payment)
        .where(
            Payment.state.in_(WAITS_FOR_PAYER),
            Payment.purpose == PaymentPurpose.ORDER,
            Payment.created_at < opened_before,
        )
        .order_by(Payment.id)
        .limit(batch)
        .with_for_update(skip_locked=True)
    )
    return session.scalars(statement.execution_options(populate_existing=True)).all()


def get(session: Session, ctx: Context, *, payment_id: uuid.UUID, locked: bool = False) -> Payment:
    """The payment, if it is the actor's own or the actor is staff; raises PaymentNotFound."""
    found = session.get(Payment, payment_id, with_for_update=locked or None, populate_existing=locked)
    if found is None or (found.payer_id != ctx.actor.id and not ctx.actor.has(*STAFF)):
        raise PaymentNotFound
    return found


def of_orders(session: Session, order_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Payment]:
    """The payments of these orders, by order; bulk orders have none. That of a balance is a second one."""
    found = session.scalars(
        select(Payment).where(Payment.order_id.in_(order_ids), Payment.purpose == PaymentPurpose.ORDER)
    )
    return {payment.order_id: payment for payment in found}


def find_by_order(session: Session, order_id: uuid.UUID) -> Payment | None:
    """What was, or is, due when it was ordered."""
    return session.scalar(
        select(Payment).where(Payment.order_id == order_id, Payment.purpose == PaymentPurpose.ORDER)
    )


def locked(session: Session, payment_id: uuid.UUID) -> Payment:
    """Whoever's it is. Raises PaymentNotFound."""
    found = session.get(Payment, payment_id, with_for_update=True, populate_existing=True)
    if found is None:
        raise PaymentNotFound
    return found


def _named(payment: Payment) -> dict[str, Any]:
    """What every event says of its payment."""
    return {"payment_id": payment.id, "order_id": payment.order_id, "purpose": payment.purpose}


def _move(
    session: Session, ctx: Context, payment: Payment, after: PaymentState, *, reason: str | None = None
) -> None:
    before = payment.state
    payment.state = after
    if after in (PaymentState.SUCCEEDED, PaymentState.CANCELED):
        payment.resolved_at = ctx.now
    session.flush()
    audit.record(
        session,
        ctx,
        f"payment.{after}",
        subject=("payment", payment.id),
        before={"state": before},
        after={
            "state": str(after),
            "received_minor": payment.received_minor,
            **({} if reason is None else {"reason": reason}),
        },
    )
