"""Questions to a gateway outside: written down in one transaction, asked in between, finished in another.

A call is found again by whoever comes after a crash, and asked again under the same key: its effect is one. A payment
has one call of a kind at a time; the payment is locked before its calls are looked at.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from marketplace import audit, errors, jobs
from marketplace.context import Context
from marketplace.language import Text
from marketplace.payments import gateway_rules
from marketplace.payments.models import GatewayCall
from marketplace.payments.states import CallKind, CallState
from marketplace.values import new_id

LEASE: Final = timedelta(seconds=60)
OUTSIDE: Final = "gateway"
"""The line of jobs that wait for it."""
FINISH: Final = "payments.finish_call"
Apply = Callable[[Session, Context], None]
"""What to write down of an answer, under the payment's lock."""
TRIES_OF_A_KEY: Final = 3
"""A gateway repeats the failure that it stored under a key: after so many, it is asked under another one."""


class CallInFlight(errors.TryLater):
    """The payment's gateway is being asked for somebody else right now."""

    title = Text(en="The payment service is being asked already.", zh="正在与支付服务确认，请稍候。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What is needed to ask it, outside of any transaction."""

    id: uuid.UUID
    kind: CallKind
    key: str
    arguments: Mapping[str, str]
    payment_id: uuid.UUID
    refund_id: uuid.UUID | None


def ask(
    session: Session,
    ctx: Context,
    *,
    payment_id: uuid.UUID,
    kind: CallKind,
    arguments: Mapping[str, str] | None = None,
) -> Call:
    """Write down that the gateway of a locked payment will be asked by the caller, right after the commit.

    One that was left unfinished under the same arguments is taken over, unless its key is worn. Raises CallInFlight.
    """
    told = dict(arguments or {})
    found = _unfinished(session, payment_id, kind)
    if found is not None:
        if found.leased_until > ctx.now:
            raise CallInFlight
        if found.arguments == told and found.tries < TRIES_OF_A_KEY:
            found.leased_until = ctx.now + LEASE
            return plain(found)
        finish(session, ctx, found, CallState.DROPPED)
    row = _write(session, ctx, payment_id=payment_id, kind=kind, arguments=told, leased=LEASE)
    return plain(row)


def ask_later(
    session: Session,
    ctx: Context,
    *,
    payment_id: uuid.UUID,
    kind: CallKind,
    refund_id: uuid.UUID | None = None,
    arguments: Mapping[str, str] | None = None,
) -> None:
    """The same by a job, which is there exactly when its cause is committed; nothing if it is asked already.

    At once if it is asked for the first time; what did not help then is asked again later each time.
    """
    if _unfinished(session, payment_id, kind, refund_id) is not None:
        return
    row = _write(
        session,
        ctx,
        payment_id=payment_id,
        kind=kind,
        arguments=dict(arguments or {}),
        leased=timedelta(0),
        refund_id=refund_id,
    )
    if row.attempt > 1:
        row.leased_until = ctx.now + gateway_rules.wait_after(row.attempt - 1)
    jobs.enqueue(session, FINISH, arguments={"call_id": str(row.id)}, at=row.leased_until)


def finish(
    session: Session, ctx: Context, call: GatewayCall, state: CallState, *, problem: str | None = None
) -> None:
    """How it went. Finished once: who comes later finds it so."""
    if call.state != CallState.ASKED:
        return
    call.state, call.problem, call.finished_at = state, problem and problem[:80], ctx.now
    session.flush()
    audit.record(
        session,
        ctx,
        f"gateway_call.{state}",
        subject=("gateway_call", call.id),
        after={
            "payment_id": str(call.payment_id),
            "kind": call.kind,
            **({} if problem is None else {"problem": call.problem}),
        },
    )


def locked(session: Session, call_id: uuid.UUID) -> GatewayCall:
    """Whoever calls has its payment locked."""
    return session.get_one(GatewayCall, call_id, with_for_update=True, populate_existing=True)


def let_go(session: Session, ctx: Context, call_ids: list[uuid.UUID]) -> None:
    """No answer came: whoever asks next need not wait for the end of the lease, and a job will ask before long."""
    rows = session.scalars(
        select(GatewayCall)
        .where(GatewayCall.id.in_(call_ids), GatewayCall.state == CallState.ASKED)
        .order_by(GatewayCall.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    for row in rows:
        row.leased_until = ctx.now
        row.tries += 1


def put_off(session: Session, ctx: Context, call_id: uuid.UUID) -> None:
    """A job got no answer: it is asked again, later each time."""
    call = locked(session, call_id)
    call.leased_until = ctx.now + gateway_rules.wait_after(call.tries)
    call.tries += 1


def is_asked(session: Session, payment_id: uuid.UUID, kind: CallKind) -> bool:
    """Whether somebody is at such a call of a locked payment, or left it to whoever comes after."""
    return _unfinished(session, payment_id, kind) is not None


def _unfinished(
    session: Session, payment_id: uuid.UUID, kind: CallKind, refund_id: uuid.UUID | None = None
) -> GatewayCall | None:
    return session.scalar(
        select(GatewayCall)
        .where(
            GatewayCall.payment_id == payment_id,
            GatewayCall.kind == kind,
            GatewayCall.refund_id.is_not_distinct_from(refund_id),
            GatewayCall.state == CallState.ASKED,
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    )


def _write(
    session: Session,
    ctx: Context,
    *,
    payment_id: uuid.UUID,
    kind: CallKind,
    arguments: dict[str, str],
    leased: timedelta,
    refund_id: uuid.UUID | None = None,
) -> GatewayCall:
    before = session.scalar(
        select(func.count())
        .select_from(GatewayCall)
        .where(
            GatewayCall.payment_id == payment_id,
            GatewayCall.kind == kind,
            GatewayCall.refund_id.is_not_distinct_from(refund_id),
        )
    )
    attempt = (before or 0) + 1
    row = GatewayCall(
        id=new_id(),
        payment_id=payment_id,
        refund_id=refund_id,
        kind=kind,
        attempt=attempt,
        key=f"{refund_id or payment_id}:{kind}:{attempt}",
        arguments=arguments,
        state=CallState.ASKED,
        tries=0,
        leased_until=ctx.now + leased,
        asked_at=ctx.now,
    )
    session.add(row)
    told: dict[str, Any] = {"payment_id": str(payment_id), "kind": str(kind), "attempt": attempt}
    audit.record(session, ctx, "gateway_call.ask", subject=("gateway_call", row.id), after=told)
    session.flush()
    return row


def plain(row: GatewayCall) -> Call:
    return Call(
        id=row.id,
        kind=CallKind(row.kind),
        key=row.key,
        arguments=dict(row.arguments),
        payment_id=row.payment_id,
        refund_id=row.refund_id,
    )
