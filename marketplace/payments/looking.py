"""Jobs that ask a gateway outside: unfinished calls, events that came, and what is not over yet.

A job asks before it locks anything but its own row, then writes down under the payment's lock what it saw. Who gets no
answer leaves everything as it is and comes again later; a crash does the same. The sweeper of every minute finds what
was left: by a lost worker, by a lost event, by an answer that never came.
"""

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace import database, events, jobs
from marketplace.context import Context
from marketplace.logs import log
from marketplace.module import Job
from marketplace.payments import (
    asking,
    calls,
    event_intake,
    gateway_rules,
    gateways,
    online,
    payments,
    provider_events,
    repayments,
)
from marketplace.payments.gateways import GatewayRefuses, GatewayUnavailable, RemoteGateway
from marketplace.payments.gateways.interface import DisputeSeen, RefundSeen, Seen
from marketplace.payments.models import GatewayCall, OnlinePayment, Payment, ProviderEvent, Repayment
from marketplace.payments.states import CallState
from marketplace.points import Point, passed

LOOK: Final = "payments.look"
LOOK_AT_REFUND: Final = "payments.look_at_refund"
BUSY_WAIT: Final = timedelta(seconds=1)
SWEPT_MAX: Final = 500
PATIENCE_SECONDS: Final = 60


def finish_call(session: Session, ctx: Context, *, call_id: str) -> None:
    """Ask what was written down, again if need be, and write down how it went."""
    key = uuid.UUID(call_id)
    with jobs.line(calls.OUTSIDE) as has_line:
        row = online.to_finish(session, key)
        if row is None:
            return
        if not has_line or row.leased_until > ctx.now:
            _enqueue(session, calls.FINISH, at=max(row.leased_until, ctx.now + BUSY_WAIT), call_id=key)
            return
        payment = session.get_one(Payment, row.payment_id)
        provider_id = online.provider_id_of(session, row.payment_id)
        amount_minor = repayments.amount_of(session, row.refund_id)
        call, is_worn = calls.plain(row), row.tries >= calls.TRIES_OF_A_KEY
        database.may_rest(session, seconds=PATIENCE_SECONDS)
        passed(Point.CALL_BEGUN)
        try:
            apply = asking.ask(
                session,
                ctx,
                call,
                payment,
                provider_id=provider_id,
                amount_minor=amount_minor,
                is_worn=is_worn,
            )
        except (GatewayUnavailable, gateways.GatewayNotOffered) as problem:
            payments.locked(session, call.payment_id)
            calls.put_off(session, ctx, call.id)
            log.warning("the gateway gave no answer", call=call_id, kind=call.kind, problem=problem.code)
            return
    passed(Point.CALL_ANSWERED)
    payments.locked(session, call.payment_id)
    apply(session, ctx)
    passed(Point.CALL_WRITTEN)


def look(session: Session, ctx: Context, *, payment_id: str) -> None:
    """See how a payment that is not over stands at its gateway."""
    key = uuid.UUID(payment_id)
    provider_id = online.provider_id_of(session, key)
    if provider_id is None:
        return
    seen = _with_gateway(session, lambda gateway: gateway.retrieve(provider_id=provider_id))
    if isinstance(seen, Seen):
        online.meet(session, ctx, seen)
    elif seen is not None:
        log.error("the gateway does not know a payment of ours", payment=payment_id, problem=seen)


def look_at_refund(session: Session, ctx: Context, *, refund_id: str) -> None:
    """See how far the gateway is with a refund that it began to pay."""
    key = uuid.UUID(refund_id)
    row = session.get(Repayment, key)
    if row is None or row.looks_at is None or row.provider_id is None:
        return
    provider_id = row.provider_id
    seen = _with_gateway(session, lambda gateway: gateway.retrieve_refund(provider_id=provider_id))
    if isinstance(seen, RefundSeen):
        repayments.meet(session, ctx, key, seen)


def handle_event(session: Session, ctx: Context, *, event_id: str) -> None:
    """Look at the present state of what an event is about; what it said of it is of no matter."""
    event = session.get(ProviderEvent, uuid.UUID(event_id), populate_existing=True)
    if event is None or event.handled_at is not None:
        return
    about = provider_events.about(event)
    if about == provider_events.About.NOTHING:
        provider_events.finish(ctx, event, "ignored")
        return
    if about == provider_events.About.TRANSFER:
        events.publish(session, ctx, provider_events.TransferTold(transfer_id=event.object_id))
        provider_events.finish(ctx, event, "transfer")
        return
    object_id, payment_ref = event.object_id, event.payment_ref or ""

    def question(gateway: RemoteGateway) -> Seen | RefundSeen | DisputeSeen:
        if about == provider_events.About.REFUND:
            return gateway.retrieve_refund(provider_id=object_id)
        if about == provider_events.About.DISPUTE:
            return gateway.retrieve_dispute(provider_id=object_id, payment_ref=payment_ref)
        return gateway.retrieve(provider_id=payment_ref)

    with jobs.line(calls.OUTSIDE) as has_line:
        if not has_line:
            _enqueue(session, event_intake.HANDLE, at=ctx.now + BUSY_WAIT, event_id=event.id)
            return
        seen = _heard(session, question)
    if seen is None:
        provider_events.put_off(ctx, event)
        return
    passed(Point.EVENT_LOOKED)
    provider_events.finish(ctx, event, provider_events.meet(session, ctx, event, about, seen))
    passed(Point.EVENT_MET)


def _with_gateway(session: Session, question: Callable[[RemoteGateway], Any]) -> Any:
    """What is heard, or None: nobody may ask now, or nobody answered."""
    with jobs.line(calls.OUTSIDE) as has_line:
        return _heard(session, question) if has_line else None


def _heard(session: Session, question: Callable[[RemoteGateway], Any]) -> Any:
    """The gateway's answer, its code for why it refuses, or None: nobody answered."""
    database.may_rest(session, seconds=PATIENCE_SECONDS)
    try:
        return question(gateways.remote())
    except GatewayRefuses as refusal:
        return refusal.code
    except (GatewayUnavailable, gateways.GatewayNotOffered) as problem:
        log.warning("the gateway gave no answer", problem=problem.code)
        return None


def sweep(session: Session, ctx: Context) -> int:
    """The job of every minute: put in jobs for what was left and is due; how many.

    What is not over is put off at once, so that a gateway that is away is not asked for the same thing every minute.
    """
    stale = session.scalars(
        select(GatewayCall.id)
        .where(GatewayCall.state == CallState.ASKED, GatewayCall.leased_until <= ctx.now)
        .order_by(GatewayCall.leased_until)
        .limit(SWEPT_MAX)
    ).all()
    for call_id in stale:
        _enqueue(session, calls.FINISH, call_id=call_id)
    waiting = session.scalars(
        select(OnlinePayment)
        .where(OnlinePayment.looks_at <= ctx.now, OnlinePayment.provider_id.is_not(None))
        .order_by(OnlinePayment.looks_at)
        .limit(SWEPT_MAX)
        .with_for_update(skip_locked=True)
    ).all()
    for each in waiting:
        each.looks_at = gateway_rules.next_look(since=each.created_at, now=ctx.now)
        _enqueue(session, LOOK, payment_id=each.payment_id)
    pending = session.scalars(
        select(Repayment)
        .where(Repayment.looks_at <= ctx.now)
        .order_by(Repayment.looks_at)
        .limit(SWEPT_MAX)
        .with_for_update(skip_locked=True)
    ).all()
    for row in pending:
        row.looks_at = ctx.now + repayments.LOOK_AGAIN
        _enqueue(session, LOOK_AT_REFUND, refund_id=row.refund_id)
    left = provider_events.left(session, ctx, at_most=SWEPT_MAX)
    for event_id in left:
        _enqueue(session, event_intake.HANDLE, event_id=event_id)
    passed(Point.SWEPT)
    return len(stale) + len(waiting) + len(pending) + len(left)


def _enqueue(session: Session, name: str, *, at: datetime | None = None, **arguments: uuid.UUID) -> None:
    [(kind, row_id)] = arguments.items()
    key = f"payments:{kind.removesuffix('_id')}:{row_id}"
    jobs.enqueue(session, name, arguments={kind: str(row_id)}, key=key, at=at)


JOBS: Final = (
    Job(name=calls.FINISH, run=finish_call),
    Job(name=event_intake.HANDLE, run=handle_event, wait_seconds=1),
    Job(name=LOOK, run=look),
    Job(name=LOOK_AT_REFUND, run=look_at_refund),
    Job(name="payments.sweep", run=sweep, cron="* * * * *"),
)
