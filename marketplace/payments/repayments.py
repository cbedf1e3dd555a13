"""What is owed back is paid: by the payment's gateway where it can, else by somebody who books that it is done.

One row for each refund, begun in the transaction that owes it. Amount and payer stand fast with the refund: to book is
to say by what means and under which receipt. What a gateway refuses, or what comes back to it later, is due by other
means, with the same rows, audit and event at its end. The payment is locked before the row.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, insert, select
from sqlalchemy.orm import Session

from marketplace import audit, database, errors, events
from marketplace.access import STAFF
from marketplace.context import Context
from marketplace.language import Text
from marketplace.payments import calls, gateway_rules
from marketplace.payments.gateways import GATEWAYS
from marketplace.payments.gateways.interface import RefundSeen
from marketplace.payments.models import OnlinePayment, PartRefund, Payment, Repayment
from marketplace.payments.states import (
    REPAYMENT_MOVES,
    CallKind,
    PartRefundKind,
    RefundStanding,
    RepaymentMeans,
    RepaymentState,
)
from marketplace.points import Point, passed

LOOK_AGAIN: Final = timedelta(hours=1)
"""Wallets pay back in their own time: so often it is asked how far they are, if they say nothing."""


class RefundNotFound(errors.NotFound):
    title = Text(en="There is no such refund.", zh="没有该笔退款。")


class RefundNotDue(errors.Conflict):
    """The refund is paid already, or its gateway pays it."""

    title = Text(en="This refund is not to be paid by hand.", zh="该退款无需人工支付。")


class RepaymentBooked(errors.Conflict):
    """This receipt reference was booked for another refund before."""

    title = Text(en="This receipt has been booked already.", zh="该凭证已入账。")


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundPaid:
    """A refund has been paid back; by which means, and under which receipt."""

    refund_id: uuid.UUID
    payment_id: uuid.UUID
    order_id: uuid.UUID
    purpose: str
    amount_minor: int
    currency: str
    kind: str
    means: str
    is_last: bool
    """Nothing else of its payment is still to be paid back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundFailed:
    """Its gateway did not pay it, or got it back from the bank: somebody has to pay it by other means."""

    refund_id: uuid.UUID
    payment_id: uuid.UUID
    order_id: uuid.UUID
    amount_minor: int
    currency: str
    problem: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """What is owed and how far its paying is, as it is shown."""

    id: uuid.UUID
    payment_id: uuid.UUID
    kind: str
    amount_minor: int
    currency: str
    reason: str
    owed_at: datetime
    state: str
    means: str | None
    receipt_reference: str | None
    problem: str | None
    paid_at: datetime | None


def begin(session: Session, ctx: Context, owed: Sequence[tuple[uuid.UUID, Payment, PartRefundKind]]) -> None:
    """Refunds that were just owed, of locked payments: each is asked of its gateway, or is due by other means."""
    remote = [payment.id for _, payment, _ in owed if payment.gateway not in GATEWAYS]
    online = {} if not remote else _online(session, remote)
    rows: list[dict[str, Any]] = []
    for refund_id, payment, kind in owed:
        known = online.get(payment.id)
        state = gateway_rules.repayment_begins(
            kind,
            is_remote=known is not None and known.provider_id is not None,
            until=known.refundable_until if known is not None else None,
            now=ctx.now,
        )
        rows.append({"refund_id": refund_id, "payment_id": payment.id, "state": state, "created_at": ctx.now})
    session.execute(insert(Repayment), rows)
    passed(Point.REFUND_OWED)
    for row in rows:
        if row["state"] == RepaymentState.ASKED:
            calls.ask_later(
                session,
                ctx,
                payment_id=row["payment_id"],
                kind=CallKind.REFUND,
                refund_id=row["refund_id"],
            )


def _online(session: Session, payment_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, OnlinePayment]:
    found = session.scalars(select(OnlinePayment).where(OnlinePayment.payment_id.in_(payment_ids)))
    return {each.payment_id: each for each in found}


def book(
    session: Session,
    ctx: Context,
    *,
    refund_id: uuid.UUID,
    means: str,
    receipt_reference: str,
) -> Refund:
    """A refund that was due has been paid by somebody. Raises RefundNotFound, RefundNotDue, RepaymentBooked."""
    payment, refund, row = _locked(session, refund_id)
    if row.state != RepaymentState.DUE:
        raise RefundNotDue(state=row.state)
    with database.refusing({"uq_repayment_receipt_reference": RepaymentBooked()}):
        _pay(session, ctx, payment, refund, row, means=RepaymentMeans(means), receipt=receipt_reference)
    return shown(refund, row)


def meet(session: Session, ctx: Context, refund_id: uuid.UUID, seen: RefundSeen) -> None:
    """Bring a refund to what was seen of it at its gateway; the same seen twice changes nothing."""
    try:
        payment, refund, row = _locked(session, refund_id)
    except RefundNotFound:
        return
    if row.provider_id not in (None, seen.provider_id):
        return  # an attempt that failed before this one
    row.provider_id = seen.provider_id
    if row.means not in (None, RepaymentMeans.GATEWAY):
        return  # paid by other means: what the gateway says of its own attempt was known then
    if seen.standing == RefundStanding.FAILED:
        _fail(session, ctx, payment, refund, row, problem=seen.problem)
    elif row.state != RepaymentState.ASKED:
        return
    elif seen.standing == RefundStanding.PAID:
        _pay(session, ctx, payment, refund, row, means=RepaymentMeans.GATEWAY, receipt=seen.provider_id)
    else:
        row.looks_at = ctx.now + LOOK_AGAIN
        session.flush()


def refuse(session: Session, ctx: Context, refund_id: uuid.UUID, *, problem: str) -> None:
    """Its gateway will not pay it."""
    payment, refund, row = _locked(session, refund_id)
    _fail(session, ctx, payment, refund, row, problem=problem)


def _fail(
    session: Session,
    ctx: Context,
    payment: Payment,
    refund: PartRefund,
    row: Repayment,
    *,
    problem: str | None,
) -> None:
    """It is due by other means, also when it was thought to be paid. Publishes RefundFailed."""
    if RepaymentState.DUE not in REPAYMENT_MOVES[RepaymentState(row.state)]:
        return
    before, row.state, row.problem = row.state, RepaymentState.DUE, (problem or "failed")[:80]
    row.means = row.receipt_reference = row.paid_at = row.looks_at = None
    session.flush()
    _tell(session, ctx, row, "repayment.due", before=before)
    failed = RefundFailed(
        refund_id=refund.id,
        payment_id=payment.id,
        order_id=payment.order_id,
        amount_minor=refund.amount_minor,
        currency=refund.currency,
        problem=row.problem,
    )
    events.publish(session, ctx, failed)


def amount_of(session: Session, refund_id: uuid.UUID | None) -> int | None:
    if refund_id is None:
        return None
    return session.scalar(select(PartRefund.amount_minor).where(PartRefund.id == refund_id))


def visible(ctx: Context) -> Select[PartRefund]:
    """Refunds that the actor may see: all of them for staff, one's own for a payer."""
    statement = select(PartRefund).join(Repayment, Repayment.refund_id == PartRefund.id)
    if ctx.actor.has(*STAFF):
        return statement
    return statement.join(Payment, Payment.id == PartRefund.payment_id).where(
        Payment.payer_id == ctx.actor.id
    )


def get(session: Session, ctx: Context, *, refund_id: uuid.UUID) -> Refund:
    """Raises RefundNotFound, also for a foreign one."""
    refund = session.scalar(visible(ctx).where(PartRefund.id == refund_id))
    if refund is None:
        raise RefundNotFound
    return shown(refund, session.get_one(Repayment, refund_id))


def of_payment(session: Session, payment: Payment) -> list[Refund]:
    """What goes back of it."""
    rows = session.scalars(
        select(PartRefund).where(PartRefund.payment_id == payment.id).order_by(PartRefund.id)
    )
    return all_shown(session, rows.all())


def all_shown(session: Session, refunds: Sequence[PartRefund]) -> list[Refund]:
    ids = [refund.id for refund in refunds]
    found = session.scalars(select(Repayment).where(Repayment.refund_id.in_(ids)))
    rows = {row.refund_id: row for row in found}
    return [shown(refund, rows[refund.id]) for refund in refunds]


def shown(refund: PartRefund, row: Repayment) -> Refund:
    return Refund(
        id=refund.id,
        payment_id=refund.payment_id,
        kind=refund.kind,
        amount_minor=refund.amount_minor,
        currency=refund.currency,
        reason=refund.reason,
        owed_at=refund.at,
        state=row.state,
        means=row.means,
        receipt_reference=row.receipt_reference,
        problem=row.problem,
        paid_at=row.paid_at,
    )


def _pay(
    session: Session,
    ctx: Context,
    payment: Payment,
    refund: PartRefund,
    row: Repayment,
    *,
    means: RepaymentMeans,
    receipt: str,
) -> None:
    before, row.state = row.state, RepaymentState.PAID
    row.means, row.receipt_reference, row.paid_at, row.looks_at = means, receipt, ctx.now, None
    session.flush()
    passed(Point.REFUND_PAID)
    _tell(session, ctx, row, "repayment.paid", before=before)
    others = select(Repayment.refund_id).where(
        Repayment.payment_id == payment.id, Repayment.state != RepaymentState.PAID
    )
    paid = RefundPaid(
        refund_id=refund.id,
        payment_id=payment.id,
        order_id=payment.order_id,
        purpose=payment.purpose,
        amount_minor=refund.amount_minor,
        currency=refund.currency,
        kind=refund.kind,
        means=means,
        is_last=session.scalar(others.limit(1)) is None,
    )
    events.publish(session, ctx, paid)


def _tell(session: Session, ctx: Context, row: Repayment, action: str, *, before: str) -> None:
    after = {
        name: value
        for name, value in (
            ("state", str(row.state)),
            ("means", row.means and str(row.means)),
            ("receipt_reference", row.receipt_reference),
            ("problem", row.problem),
        )
        if value is not None
    }
    audit.record(
        session, ctx, action, subject=("refund", row.refund_id), before={"state": before}, after=after
    )


def _locked(session: Session, refund_id: uuid.UUID) -> tuple[Payment, PartRefund, Repayment]:
    """The payment first, then how far its refund is. Raises RefundNotFound."""
    refund = session.get(PartRefund, refund_id)
    if refund is None:
        raise RefundNotFound
    payment = session.get_one(Payment, refund.payment_id, with_for_update=True, populate_existing=True)
    row = session.get_one(Repayment, refund_id, with_for_update=True, populate_existing=True)
    return payment, refund, row
