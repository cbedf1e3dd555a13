"""Questions to a provider outside: written down with the payout's move, asked by a job, finished under its lock.

Each goes under a key made of the payout's id, so that asking twice pays once. Whoever asks again, after a crash or when
nobody answered, first looks at the present state: a provider forgets keys after a day.
"""

import uuid
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from marketplace import audit, database, jobs
from marketplace.context import Context
from marketplace.logs import log
from marketplace.module import Job
from marketplace.payments import calls as payment_calls
from marketplace.payments import gateway_rules, gateways
from marketplace.payments.gateways import GatewayNotOffered, GatewayRefuses, GatewayUnavailable
from marketplace.payments.provider_events import TransferTold
from marketplace.payments.states import CallState
from marketplace.payouts import ending, payouts
from marketplace.payouts.models import ConnectAccount, Payout, PayoutCall, PayoutDestination
from marketplace.payouts.providers import Instruction, StripeTransfers
from marketplace.payouts.states import CallKind, PayoutState
from marketplace.points import Point, passed
from marketplace.values import new_id

FINISH: Final = "payouts.finish_call"
LOOK: Final = "payouts.look"
LEASE: Final = timedelta(seconds=60)
TRIES_OF_A_KEY: Final = 3
"""A provider repeats the failure that it stored under a key: after so many, it is asked under another one."""
KEY_LASTS: Final = timedelta(hours=12)
"""Much less than the day for which Stripe knows a key again."""
BUSY_WAIT: Final = timedelta(seconds=1)
SWEPT_MAX: Final = 500
PATIENCE_SECONDS: Final = 60
_UNCLEAR: Final = frozenset({"idempotency_error"})
"""Refusals that do not say that nothing was done."""

Apply = Callable[[Session, Context, Payout, PayoutCall], None]


def ask(session: Session, ctx: Context, payout: Payout, kind: CallKind) -> None:
    """Of a locked payout without a question that is open; its job is there exactly when this is committed."""
    before = session.scalar(
        select(func.count())
        .select_from(PayoutCall)
        .where(PayoutCall.payout_id == payout.id, PayoutCall.kind == kind)
    )
    attempt = (before or 0) + 1
    call = PayoutCall(
        id=new_id(),
        payout_id=payout.id,
        kind=kind,
        attempt=attempt,
        key=f"{payout.id}:{kind}:{attempt}",
        state=CallState.ASKED,
        tries=0,
        leased_until=ctx.now + LEASE,
        asked_at=ctx.now,
    )
    session.add(call)
    session.flush()
    told = {"payout_id": str(payout.id), "kind": str(kind), "attempt": attempt}
    audit.record(session, ctx, "payout_call.ask", subject=("payout_call", call.id), after=told)
    passed(Point.PAYOUT_CALL_KEPT)
    jobs.enqueue(session, FINISH, arguments={"call_id": str(call.id)})


def open_of(session: Session, payout_id: uuid.UUID) -> PayoutCall | None:
    wanted = select(PayoutCall).where(PayoutCall.payout_id == payout_id, PayoutCall.state == CallState.ASKED)
    return session.scalar(wanted)


def of_payout(session: Session, payout_id: uuid.UUID) -> list[PayoutCall]:
    wanted = select(PayoutCall).where(PayoutCall.payout_id == payout_id).order_by(PayoutCall.id)
    return list(session.scalars(wanted))


def finish_call(session: Session, ctx: Context, *, call_id: str) -> None:
    """Ask what was written down, again if need be, and write down how it went."""
    with jobs.line(payment_calls.OUTSIDE) as has_line:
        call = _mine(session, uuid.UUID(call_id))
        if call is None:
            return
        if not has_line:
            jobs.enqueue(session, FINISH, arguments={"call_id": call_id}, at=ctx.now + BUSY_WAIT)
            return
        payout = session.get_one(Payout, call.payout_id)
        database.may_rest(session, seconds=PATIENCE_SECONDS)
        passed(Point.PAYOUT_CALL_BEGUN)
        try:
            apply = _ask(session, ctx, payout, call)
        except (GatewayUnavailable, GatewayNotOffered) as problem:
            _put_off(ctx, call)
            passed(Point.PAYOUT_CALL_PUT_OFF)
            log.warning("the provider gave no answer", call=call_id, kind=call.kind, problem=problem.code)
            return
    passed(Point.PAYOUT_CALL_ANSWERED)
    apply(session, ctx, payouts.locked(session, payout.id), call)
    passed(Point.PAYOUT_CALL_WRITTEN)


def _mine(session: Session, call_id: uuid.UUID) -> PayoutCall | None:
    """Nobody else asks it while this transaction lasts; None: somebody does, or it is finished."""
    wanted = select(PayoutCall).where(PayoutCall.id == call_id, PayoutCall.state == CallState.ASKED)
    return session.scalar(wanted.with_for_update(skip_locked=True).execution_options(populate_existing=True))


def _ask(session: Session, ctx: Context, payout: Payout, call: PayoutCall) -> Apply:
    """What to write down under the payout's lock. Raises GatewayUnavailable, GatewayNotOffered."""
    provider = StripeTransfers(gateway=gateways.connect(), key=call.key)
    is_worn = call.tries >= TRIES_OF_A_KEY or call.asked_at + KEY_LASTS < ctx.now
    try:
        if call.kind == CallKind.REVERSE:
            return _ask_back(provider, payout, is_worn=is_worn)
        one = _instruction(session, payout)
        if is_worn or call.tries or call.attempt > 1:
            found = provider.found(one)
            if found is not None:
                return partial(_paid, receipt=found.receipt or "")
        if is_worn:
            return _ask_anew
        return partial(_paid, receipt=provider.carry([one]).receipt or "")
    except GatewayRefuses as refusal:
        if refusal.code in _UNCLEAR:
            raise GatewayUnavailable from None
        return partial(_refused, problem=refusal.code)


def _ask_back(provider: StripeTransfers, payout: Payout, *, is_worn: bool) -> Apply:
    """What is back already, by whoever asked for it, is not asked for again."""
    receipt = payout.receipt_reference or ""
    seen = provider.gateway.retrieve_transfer(provider_id=receipt)
    if seen.reversed_minor < payout.amount_minor:
        if is_worn:
            return _ask_anew
        seen = provider.take_back(receipt)
    return partial(_back, reversed_minor=seen.reversed_minor)


def _paid(session: Session, ctx: Context, payout: Payout, call: PayoutCall, *, receipt: str) -> None:
    _end(session, ctx, call, CallState.DONE)
    ending.pay(session, ctx, payout, receipt_reference=receipt)


def _back(session: Session, ctx: Context, payout: Payout, call: PayoutCall, *, reversed_minor: int) -> None:
    _end(session, ctx, call, CallState.DONE)
    _bring_back(session, ctx, payout, reversed_minor)


def _refused(session: Session, ctx: Context, payout: Payout, call: PayoutCall, *, problem: str) -> None:
    """A transfer that is refused is over; one that cannot be taken back stays paid."""
    _end(session, ctx, call, CallState.REFUSED, problem=problem)
    if call.kind == CallKind.TRANSFER:
        ending.bring_back(session, ctx, payout, reason=problem)


def _ask_anew(session: Session, ctx: Context, payout: Payout, call: PayoutCall) -> None:
    """The provider knows of no such transfer: the call never got there, and the next one has a key of its own."""
    _end(session, ctx, call, CallState.DROPPED)
    ask(session, ctx, payout, CallKind(call.kind))


def _end(
    session: Session, ctx: Context, call: PayoutCall, state: CallState, *, problem: str | None = None
) -> None:
    call.state, call.problem, call.finished_at = state, problem and problem[:80], ctx.now
    session.flush()
    told = {"payout_id": str(call.payout_id), "kind": call.kind}
    audit.record(session, ctx, f"payout_call.{state}", subject=("payout_call", call.id), after=told)
    passed(Point.PAYOUT_CALL_ENDED)


def _put_off(ctx: Context, call: PayoutCall) -> None:
    """Nobody answered: the sweeper comes back to it, later each time."""
    call.leased_until = ctx.now + gateway_rules.wait_after(call.tries)
    call.tries += 1


def _instruction(session: Session, payout: Payout) -> Instruction:
    account = session.scalar(
        select(ConnectAccount.provider_id)
        .join(PayoutDestination, PayoutDestination.connect_account_id == ConnectAccount.id)
        .where(PayoutDestination.id == payout.destination_id)
    )
    return Instruction(
        payout_id=payout.id,
        reference=payout.reference,
        amount_minor=payout.amount_minor,
        currency=payout.currency,
        memo=payout.memo,
        group=f"{payout.purpose}-{payout.purpose_id}",
        account=account,
    )


def on_transfer_told(session: Session, _ctx: Context, event: TransferTold) -> None:
    """The provider has signed that something happened to a transfer: a reason to look, if it is one of ours."""
    known = select(Payout.id).where(Payout.receipt_reference == event.transfer_id)
    payout_id = session.scalar(known)
    if payout_id is not None:
        jobs.enqueue(session, LOOK, arguments={"payout_id": str(payout_id)})


def look(session: Session, ctx: Context, *, payout_id: str) -> None:
    """Whether a paid transfer is still there. Who gets no answer comes again."""
    payout = session.get(Payout, uuid.UUID(payout_id), populate_existing=True)
    if payout is None or payout.state != PayoutState.PAID or payout.receipt_reference is None:
        return
    database.may_rest(session, seconds=PATIENCE_SECONDS)
    seen = gateways.connect().retrieve_transfer(provider_id=payout.receipt_reference)
    passed(Point.PAYOUT_LOOKED)
    payout = payouts.locked(session, payout.id)
    if seen.reversed_minor and open_of(session, payout.id) is None:
        _bring_back(session, ctx, payout, seen.reversed_minor)


def _bring_back(session: Session, ctx: Context, payout: Payout, reversed_minor: int) -> None:
    """A payout comes back whole. Of one of which a part is back a person must know."""
    if payout.state != PayoutState.PAID:
        return
    if reversed_minor < payout.amount_minor:
        log.error("a part of a payout was taken back there", payout=str(payout.id), minor=reversed_minor)
        return
    ending.bring_back(session, ctx, payout, reason="taken back at the provider")


def sweep(session: Session, ctx: Context) -> int:
    """The job of every minute: put in jobs for calls that were left, put off for the next who looks; how many."""
    stale = session.scalars(
        select(PayoutCall)
        .where(PayoutCall.state == CallState.ASKED, PayoutCall.leased_until <= ctx.now)
        .order_by(PayoutCall.leased_until)
        .limit(SWEPT_MAX)
        .with_for_update(skip_locked=True)
    ).all()
    for call in stale:
        call.leased_until = ctx.now + LEASE
        jobs.enqueue(session, FINISH, arguments={"call_id": str(call.id)})
    passed(Point.PAYOUT_CALLS_SWEPT)
    return len(stale)


JOBS: Final = (
    Job(name=FINISH, run=finish_call),
    Job(name=LOOK, run=look),
    Job(name="payouts.sweep", run=sweep, cron="* * * * *"),
)
