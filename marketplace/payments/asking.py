"""A call that a job finishes: asked as its kind wants it, outside of any lock; answers what to write down of it.

Some are asked again under their key until they are answered, some are only looked at: a payer who has gone is not
charged by a call that was interrupted.
"""

import uuid
from collections.abc import Callable
from functools import partial

from sqlalchemy.orm import Session

from marketplace.context import Context
from marketplace.payments import calls, gateways, online, repayments
from marketplace.payments.calls import Apply, Call
from marketplace.payments.gateways import GatewayRefuses, RemoteGateway
from marketplace.payments.gateways.interface import RefundSeen, Seen
from marketplace.payments.models import Payment
from marketplace.payments.saved import cards, charging
from marketplace.payments.states import AWAITED, CallKind, CallState, PaymentState


def ask(
    session: Session,
    ctx: Context,
    call: Call,
    payment: Payment,
    *,
    provider_id: str | None,
    amount_minor: int | None,
    is_worn: bool,
) -> Apply:
    """`payment` is as it is right before it is asked, `is_worn`: its key repeats a failure, so that only a look helps.

    Raises GatewayUnavailable, GatewayNotOffered.
    """
    gateway = gateways.remote()
    if call.kind == CallKind.OPEN:
        return _open(gateway, call, payment, is_worn=is_worn)
    if call.kind == CallKind.FORGET:
        return _forget(gateway, call)
    if provider_id is None or (call.kind == CallKind.PREPARE and is_worn):
        return partial(
            _end, call=call, state=CallState.DROPPED
        )  # never known there, or not to be seen by looking
    if call.kind == CallKind.REFUND:
        assert call.refund_id is not None
        assert amount_minor is not None
        return _ask_refund(gateway, call, provider_id, call.refund_id, amount_minor, is_worn=is_worn)
    if call.kind == CallKind.CHARGE and not is_worn and charging.may_ask(session, ctx, call, payment):
        return charging.ask(gateway, call, provider_id)
    return _seen(call, _question(session, gateway, call, payment, provider_id, is_worn=is_worn))


def _question(
    session: Session, gateway: RemoteGateway, call: Call, payment: Payment, provider_id: str, *, is_worn: bool
) -> Callable[[], Seen]:
    """What is answered by how the payment is there: by doing it, or only by looking."""
    if call.kind == CallKind.CAPTURE and not is_worn and payment.state in AWAITED:
        due_minor = payment.amount_minor
        return lambda: gateway.capture(provider_id=provider_id, amount_minor=due_minor, key=call.key)
    if call.kind == CallKind.CANCEL and not is_worn:
        return lambda: gateway.cancel(provider_id=provider_id, key=call.key)
    if call.kind == CallKind.PREPARE:
        saves = call.arguments["saves"] == "yes"
        saving = cards.saving_for(session, payment.payer_id) if saves else None
        return lambda: gateway.prepare(
            provider_id=provider_id, saving=saving, payment_method=None, key=call.key
        )
    return lambda: gateway.retrieve(provider_id=provider_id)


def _open(gateway: RemoteGateway, call: Call, payment: Payment, *, is_worn: bool) -> Apply:
    """One whose key is worn is dropped: nobody was told of what it may have made, so that it can never be paid, and
    the next try makes another.
    """
    if is_worn:
        return partial(_end, call=call, state=CallState.DROPPED)
    return _seen(call, lambda: online.open_there(gateway, payment, key=call.key))


def _forget(gateway: RemoteGateway, call: Call) -> Apply:
    try:
        gateway.forget(payment_method=call.arguments["payment_method"], key=call.key)
    except GatewayRefuses as refusal:
        return partial(_end, call=call, state=CallState.REFUSED, problem=refusal.code)
    return partial(_end, call=call, state=CallState.DONE)


def _seen(call: Call, look: Callable[[], Seen]) -> Apply:
    try:
        seen = look()
    except GatewayRefuses as refusal:
        return partial(_refuse, call=call, problem=refusal.code)

    def apply(session: Session, ctx: Context) -> None:
        is_done = not _is_left(call.kind, seen)
        _end(session, ctx, call=call, state=CallState.DONE if is_done else CallState.DROPPED)
        if call.kind == CallKind.PREPARE:
            online.prepared(session, call.payment_id, saves=call.arguments["saves"] == "yes")
        online.meet(session, ctx, seen)  # one that is not over there is canceled by a new call

    return apply


def _is_left(kind: CallKind, seen: Seen) -> bool:
    """Whether what was asked for has not happened there."""
    if kind == CallKind.CAPTURE:
        return seen.authorised_minor > 0
    return kind in (CallKind.CONFIRM, CallKind.CHARGE) and seen.state == PaymentState.REQUIRES_CONFIRMATION


def _ask_refund(
    gateway: RemoteGateway,
    call: Call,
    provider_id: str,
    refund_id: uuid.UUID,
    amount_minor: int,
    *,
    is_worn: bool,
) -> Apply:
    try:
        if is_worn:
            seen = gateway.find_refund(payment_ref=provider_id, refund_id=refund_id)
        else:
            seen = gateway.refund(
                provider_id=provider_id, refund_id=refund_id, amount_minor=amount_minor, key=call.key
            )
    except GatewayRefuses as refusal:
        return partial(_refuse_refund, call=call, refund_id=refund_id, problem=refusal.code)
    if seen is None:
        return partial(_ask_anew, call=call, refund_id=refund_id)
    return partial(_end_refund, call=call, refund_id=refund_id, seen=seen)


def _refuse(session: Session, ctx: Context, *, call: Call, problem: str) -> None:
    """A payment that its gateway will not even have may be paid otherwise."""
    _end(session, ctx, call=call, state=CallState.REFUSED, problem=problem)
    if call.kind == CallKind.OPEN:
        online.never_known(session, call.payment_id)
        charging.opening_refused(session, ctx, call.payment_id, problem)


def _end(session: Session, ctx: Context, *, call: Call, state: CallState, problem: str | None = None) -> None:
    calls.finish(session, ctx, calls.locked(session, call.id), state, problem=problem)


def _end_refund(
    session: Session, ctx: Context, *, call: Call, refund_id: uuid.UUID, seen: RefundSeen
) -> None:
    _end(session, ctx, call=call, state=CallState.DONE)
    repayments.meet(session, ctx, refund_id, seen)


def _refuse_refund(session: Session, ctx: Context, *, call: Call, refund_id: uuid.UUID, problem: str) -> None:
    _end(session, ctx, call=call, state=CallState.REFUSED, problem=problem)
    repayments.refuse(session, ctx, refund_id, problem=problem)


def _ask_anew(session: Session, ctx: Context, *, call: Call, refund_id: uuid.UUID) -> None:
    """The gateway knows of no such refund: the call never got there, and the next one has a key of its own."""
    _end(session, ctx, call=call, state=CallState.DROPPED)
    calls.ask_later(session, ctx, payment_id=call.payment_id, kind=CallKind.REFUND, refund_id=refund_id)
