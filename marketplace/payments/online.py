"""Payments through a gateway outside: begun by the payer, then following what is seen there.

`begin` and `take` are the two transactions of a door; `ask` stands between them. `meet` brings a payment to what was
seen at its gateway, whoever looked: the payer's browser, an event, a job. It acts on the present state alone, so that
the same thing seen twice or late changes nothing.
"""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace import audit, errors, events
from marketplace.context import Context
from marketplace.language import Text
from marketplace.logs import log
from marketplace.payments import calls, gateway_rules, gateways, payments
from marketplace.payments.calls import Call
from marketplace.payments.gateway_rules import Ours, Step
from marketplace.payments.gateways import GatewayRefuses, RemoteGateway
from marketplace.payments.gateways.interface import Saving, Seen
from marketplace.payments.models import GatewayCall, OnlinePayment, Payment
from marketplace.payments.saved import cards, consents
from marketplace.payments.saved.events import MethodNotSaved
from marketplace.payments.saved.rules import Ended
from marketplace.payments.states import (
    WAITS_FOR_PAYER,
    CallKind,
    CallState,
    PaymentNotAwaited,
    PaymentNotFound,
    PaymentState,
)
from marketplace.points import Point, passed

FIRST_LOOK: Final = timedelta(minutes=2)


class PaymentDeclined(errors.PaymentRefused):
    """The bank or wallet refused this attempt; the payment is still to be paid, by another method or again."""

    title = Text(en="The payment was declined.", zh="付款被拒绝。")


class PaymentNotOnline(errors.Conflict):
    """The payment has not been begun with a gateway outside: there is nothing to look up."""

    title = Text(en="This payment is not made online.", zh="该付款不是在线付款。")


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyDiffers:
    """At a gateway another sum, or another currency, came in than was due: a person must decide."""

    payment_id: uuid.UUID
    order_id: uuid.UUID
    due_minor: int
    received_minor: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What the first transaction wrote down: what is to be asked."""

    payment_id: uuid.UUID
    reference: str
    amount_minor: int
    currency: str
    provider_id: str | None
    opening: Call | None
    preparing: Call | None
    confirming: Call | None
    saving: Saving | None = None
    """Whose card is to be kept; None: nobody's, from now on."""

    @property
    def calls(self) -> list[Call]:
        """In the order in which they are asked."""
        return [each for each in (self.opening, self.preparing, self.confirming) if each is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the gateway said: how the payment is there, or why it will not have it."""

    seen: Seen | None = None
    refused: str | None = None
    refused_call: Call | None = None
    """What it refused; what was to be asked after it was not."""


def begin(
    session: Session,
    ctx: Context,
    *,
    payment_id: uuid.UUID,
    payment_method: str | None = None,
    save_for_balance: bool = False,
) -> Begun:
    """The payer pays through the gateway outside; with a method it is charged by it, else the payer's device does that.

    Raises PaymentNotFound, PaymentNotAwaited, GatewayNotOffered, CallInFlight, NoBalanceAhead.
    """
    payment = payments.get(session, ctx, payment_id=payment_id, locked=True)
    if payment.payer_id != ctx.actor.id:
        raise PaymentNotFound
    gateway = gateways.remote()
    if payment.state not in WAITS_FOR_PAYER:
        raise PaymentNotAwaited(state=payment.state)
    consents.ask(session, ctx, payment, is_given=save_for_balance)
    online = _known(session, ctx, payment, gateway.name)
    opening = preparing = confirming = None
    if online.provider_id is None:
        opening = calls.ask(session, ctx, payment_id=payment.id, kind=CallKind.OPEN)
    if online.saves != save_for_balance or calls.is_asked(session, payment.id, CallKind.PREPARE):
        told = {"saves": "yes" if save_for_balance else "no"}
        preparing = calls.ask(session, ctx, payment_id=payment.id, kind=CallKind.PREPARE, arguments=told)
    if payment_method is not None:
        told = {"payment_method": payment_method}
        confirming = calls.ask(session, ctx, payment_id=payment.id, kind=CallKind.CONFIRM, arguments=told)
    audit.record(session, ctx, "online_payment.begin", subject=("online_payment", payment.id))
    return Begun(
        payment_id=payment.id,
        reference=payment.reference,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        provider_id=online.provider_id,
        opening=opening,
        preparing=preparing,
        confirming=confirming,
        saving=cards.saving_for(session, payment.payer_id) if save_for_balance else None,
    )


def never_known(session: Session, payment_id: uuid.UUID) -> None:
    """The gateway outside will not have a locked payment, which may be paid otherwise."""
    payment = session.get_one(Payment, payment_id)
    if payment.state == PaymentState.REQUIRES_CONFIRMATION:
        payment.gateway = gateways.OFFLINE.name
        session.flush()


def make_known(session: Session, ctx: Context, payment: Payment) -> str | None:
    """A locked payment is one of the gateway outside; its id there, once it has one. Raises GatewayNotOffered."""
    return _known(session, ctx, payment, gateways.remote().name).provider_id


def _known(session: Session, ctx: Context, payment: Payment, gateway: str) -> OnlinePayment:
    online = session.get(OnlinePayment, payment.id, with_for_update=True, populate_existing=True)
    if online is None:
        online = OnlinePayment(payment_id=payment.id, gateway=gateway, saves=False, created_at=ctx.now)
        session.add(online)
    online.looks_at = ctx.now + FIRST_LOOK
    payment.gateway = gateway
    session.flush()
    return online


def ask(gateway: RemoteGateway, begun: Begun, heard: list[Seen]) -> Told:
    """Outside of any transaction; `heard` is what was answered before nobody answered. Raises GatewayUnavailable."""
    seen, now_asked, method = None, begun.opening, None
    if begun.confirming is not None:
        method = begun.confirming.arguments["payment_method"]
    try:
        if begun.opening is not None:
            seen = open_there(gateway, begun, key=begun.opening.key)
        else:
            assert begun.provider_id is not None, "what is not opened is to be opened"
            seen = gateway.retrieve(provider_id=begun.provider_id)
        heard.append(seen)
        passed(Point.OPENED_THERE)
        if (now_asked := begun.preparing) is not None:
            seen = gateway.prepare(
                provider_id=seen.provider_id,
                saving=begun.saving,
                payment_method=method,
                key=now_asked.key,
            )
            heard.append(seen)
        if (now_asked := begun.confirming) is not None:
            assert method is not None
            seen = gateway.confirm(provider_id=seen.provider_id, payment_method=method, key=now_asked.key)
    except GatewayRefuses as refusal:
        return Told(seen=seen, refused=refusal.code, refused_call=now_asked)
    return Told(seen=seen)


def open_there(gateway: RemoteGateway, due: Begun | Payment, *, key: str) -> Seen:
    return gateway.open(
        payment_id=due.payment_id if isinstance(due, Begun) else due.id,
        reference=due.reference,
        amount_minor=due.amount_minor,
        currency=due.currency,
        key=key,
    )


def take(session: Session, ctx: Context, begun: Begun, told: Told) -> Payment | errors.Refusal:
    """Write down what the gateway said. A decline is an answer: what it changed stays."""
    payment = payments.locked(session, begun.payment_id)
    problem = told.refused or (told.seen.problem if told.seen is not None else None)
    is_refused = told.refused is not None and told.seen is None  # not even looked at
    for each in begun.calls:
        is_refused = is_refused or each is told.refused_call
        state = CallState.REFUSED if is_refused else CallState.DONE
        row = calls.locked(session, each.id)
        calls.finish(session, ctx, row, state, problem=problem if is_refused else None)
        if each is begun.preparing and not is_refused:
            prepared(session, payment.id, saves=begun.saving is not None)
    if told.seen is not None:
        meet_locked(session, ctx, payment, told.seen)
    else:
        never_known(session, payment.id)
    if told.refused is not None and told.refused_call is begun.preparing and begun.preparing is not None:
        return _not_saved(session, ctx, payment, told.refused)
    is_declined = begun.confirming is not None and payment.state == PaymentState.REQUIRES_CONFIRMATION
    if told.refused is not None or is_declined:
        return PaymentDeclined(reason=problem or "declined", state=payment.state)
    return payment


def prepared(session: Session, payment_id: uuid.UUID, *, saves: bool) -> None:
    """The gateway was told, of a locked payment."""
    session.get_one(OnlinePayment, payment_id, with_for_update=True, populate_existing=True).saves = saves
    session.flush()


def _not_saved(session: Session, ctx: Context, payment: Payment, problem: str) -> errors.Refusal:
    """No card is kept of it, and nothing was charged: it may be paid otherwise, or without keeping one."""
    consent = consents.waiting_for(session, payment_id=payment.id)
    if consent is not None:
        consents.end(session, ctx, consent, Ended.NOT_SAVED)
    if problem == gateways.NOT_SAVABLE:
        return MethodNotSaved(state=payment.state)
    return PaymentDeclined(reason=problem, state=payment.state)


def give_up(session: Session, ctx: Context, begun: Begun, heard: list[Seen]) -> None:
    """Nobody answered any more: what was heard before is kept, and the rest is let go for a retry or a job."""
    payment = payments.locked(session, begun.payment_id)
    left = begun.calls
    for seen, call in zip(heard, (begun.opening, begun.preparing), strict=False):
        if call is not None:
            left.remove(call)
            calls.finish(session, ctx, calls.locked(session, call.id), CallState.DONE)
        meet_locked(session, ctx, payment, seen)
        if call is not None and call is begun.preparing:
            prepared(session, payment.id, saves=begun.saving is not None)
    calls.let_go(session, ctx, [each.id for each in left])


def to_look_up(session: Session, ctx: Context, *, payment_id: uuid.UUID) -> str:
    """The gateway's id of a payment that its payer, or staff, wants looked up.

    Raises PaymentNotFound, PaymentNotOnline.
    """
    payment = payments.get(session, ctx, payment_id=payment_id)
    online = session.get(OnlinePayment, payment.id)
    if online is None or online.provider_id is None:
        raise PaymentNotOnline
    audit.record(session, ctx, "online_payment.look_up", subject=("online_payment", payment.id))
    return online.provider_id


def meet(session: Session, ctx: Context, seen: Seen) -> Payment | None:
    """Bring the payment to what was seen of it; None when it is none of ours."""
    payment_id = session.scalar(
        select(OnlinePayment.payment_id).where(OnlinePayment.provider_id == seen.provider_id)
    )
    payment_id = payment_id or seen.payment_id
    if payment_id is None:
        return None
    try:
        payment = payments.locked(session, payment_id)
    except PaymentNotFound:
        return None
    return payment if meet_locked(session, ctx, payment, seen) else None


def meet_locked(session: Session, ctx: Context, payment: Payment, seen: Seen) -> bool:
    """The same for a locked payment; whether what was seen is of it."""
    online = session.get(OnlinePayment, payment.id, with_for_update=True, populate_existing=True)
    if online is None or (online.provider_id or seen.provider_id) != seen.provider_id:
        log.error("a payment at the gateway is not the one we know", payment=str(payment.id))
        return False
    online.provider_id = seen.provider_id
    ours = Ours(
        state=PaymentState(payment.state),
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        is_booked=payment.receipt_reference is not None,
    )
    step = gateway_rules.decide(ours, seen)
    if step == Step.MOVE:
        payments.follow(session, ctx, payment, seen.state)
    elif step == Step.CAPTURE:
        payments.follow(session, ctx, payment, seen.state)
        calls.ask_later(session, ctx, payment_id=payment.id, kind=CallKind.CAPTURE)
    elif step in (Step.RECEIVE, Step.RECEIVE_LATE):
        _receive(session, ctx, payment, online, seen)
    elif step == Step.END:
        payments.end(session, ctx, payment, reason="ended by its gateway")
    elif step == Step.CANCEL_THERE:
        calls.ask_later(session, ctx, payment_id=payment.id, kind=CallKind.CANCEL)
    elif step == Step.ASK_A_PERSON:
        _ask_a_person(session, ctx, payment, seen)
    cards.meet(session, ctx, payment, seen)
    _plan_next_look(ctx, payment, online, seen)
    session.flush()
    return True


def _receive(session: Session, ctx: Context, payment: Payment, online: OnlinePayment, seen: Seen) -> None:
    """First how it came, for who listens to that it came may want to pay it back."""
    assert seen.receipt_reference is not None, "what has succeeded has its charge"
    online.paid_at = seen.paid_at or ctx.now
    online.method = seen.method or "unknown"
    online.refundable_until = gateway_rules.refundable_until(online.method, paid_at=online.paid_at)
    online.fee_minor, online.fee_currency = seen.fee_minor, seen.fee_currency
    session.flush()
    payments.receive(session, ctx, payment, receipt_reference=seen.receipt_reference)


def _ask_a_person(session: Session, ctx: Context, payment: Payment, seen: Seen) -> None:
    differs = MoneyDiffers(
        payment_id=payment.id,
        order_id=payment.order_id,
        due_minor=payment.amount_minor,
        received_minor=seen.received_minor or seen.authorised_minor,
        currency=seen.currency,
    )
    events.publish(session, ctx, differs)


def _plan_next_look(ctx: Context, payment: Payment, online: OnlinePayment, seen: Seen) -> None:
    is_over_there = seen.state in (PaymentState.SUCCEEDED, PaymentState.CANCELED)
    if is_over_there or payment.receipt_reference is not None:
        online.looks_at = None
    else:
        online.looks_at = gateway_rules.next_look(since=online.created_at, now=ctx.now)


def provider_id_of(session: Session, payment_id: uuid.UUID) -> str | None:
    return session.scalar(select(OnlinePayment.provider_id).where(OnlinePayment.payment_id == payment_id))


def to_finish(session: Session, call_id: uuid.UUID) -> GatewayCall | None:
    """The call, unless it is finished."""
    call = session.get(GatewayCall, call_id, populate_existing=True)
    return call if call is not None and call.state == CallState.ASKED else None
