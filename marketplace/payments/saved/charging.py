"""A balance is charged to a kept card while its owner is away: written down, asked by a job, at most once.

Whoever owns the order says when, and calls again until it has moved on. The payment is the one that its payer pays by
hand, so that the gateway itself charges it once.
"""

import uuid
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Final

from sqlalchemy.orm import Session

from marketplace import events
from marketplace.context import Context
from marketplace.payments import calls, gateways, online
from marketplace.payments.calls import Apply, Call
from marketplace.payments.gateways import GatewayRefuses, RemoteGateway
from marketplace.payments.gateways.interface import Seen
from marketplace.payments.models import Payment
from marketplace.payments.saved import consents
from marketplace.payments.saved.events import ChargeDeclined
from marketplace.payments.saved.models import BalanceConsent, SavedCard
from marketplace.payments.states import CallKind, CallState, PaymentPurpose, PaymentState
from marketplace.values import instant_text

UNDECIDED: Final = (PaymentState.REQUIRES_CONFIRMATION, PaymentState.REQUIRES_ACTION)


class Begun(StrEnum):
    """What was begun to have a balance charged."""

    NOTHING = "nothing"
    """Its payer is at it, or nobody is there to ask."""
    OPENED = "opened"
    """It has to be known at the gateway first."""
    ASKED = "asked"


def begin(
    session: Session, ctx: Context, payment: Payment, consent: BalanceConsent, *, until: datetime
) -> Begun:
    """Have a locked payment charged under a locked consent that stands, never after `until`."""
    if payment.state != PaymentState.REQUIRES_CONFIRMATION or consent.card_id is None:
        return Begun.NOTHING
    if not gateways.is_remote_there() or calls.is_asked(session, payment.id, CallKind.CONFIRM):
        return Begun.NOTHING
    if online.make_known(session, ctx, payment) is None:
        calls.ask_later(session, ctx, payment_id=payment.id, kind=CallKind.OPEN)
        return Begun.OPENED
    card = session.get_one(SavedCard, consent.card_id)
    arguments = {
        "consent_id": str(consent.id),
        "customer": card.customer,
        "payment_method": card.method,
        "until": instant_text(until),
    }
    calls.ask_later(session, ctx, payment_id=payment.id, kind=CallKind.CHARGE, arguments=arguments)
    consent.asked_at = ctx.now
    return Begun.ASKED


def may_ask(session: Session, ctx: Context, call: Call, payment: Payment) -> bool:
    """Right before it is asked: whether the consent stands still, and the payment still waits for its payer."""
    consent = session.get(BalanceConsent, uuid.UUID(call.arguments["consent_id"]), populate_existing=True)
    return (
        consent is not None
        and consent.ended_at is None
        and payment.state == PaymentState.REQUIRES_CONFIRMATION
        and instant_text(ctx.now) < call.arguments["until"]
    )


def ask(gateway: RemoteGateway, call: Call, provider_id: str) -> Apply:
    """What to write down of its answer. Raises GatewayUnavailable."""
    try:
        seen = gateway.charge_saved(
            provider_id=provider_id,
            customer=call.arguments["customer"],
            payment_method=call.arguments["payment_method"],
            key=call.key,
        )
    except GatewayRefuses as refusal:
        return partial(_refused, call=call, problem=refusal.code)
    return partial(_take, call=call, seen=seen)


def opening_refused(session: Session, ctx: Context, payment_id: uuid.UUID, problem: str) -> None:
    """The gateway will not have a locked balance at all: it may be paid otherwise, and its payer is told."""
    payment = session.get_one(Payment, payment_id)
    consent = consents.standing_for(session, order_id=payment.order_id)
    if payment.purpose == PaymentPurpose.BALANCE and consent is not None and consent.charge_at is not None:
        _tell(session, ctx, payment, consent.id, problem)


def _take(session: Session, ctx: Context, *, call: Call, seen: Seen) -> None:
    """A decline is written down and told; everything else is as if its payer had paid."""
    is_declined = seen.state in UNDECIDED
    problem = (seen.problem or "authentication_required") if is_declined else None
    state = CallState.REFUSED if is_declined else CallState.DONE
    calls.finish(session, ctx, calls.locked(session, call.id), state, problem=problem)
    payment = online.meet(session, ctx, seen)
    if payment is not None and problem is not None:
        _tell(session, ctx, payment, uuid.UUID(call.arguments["consent_id"]), problem)


def _refused(session: Session, ctx: Context, *, call: Call, problem: str) -> None:
    calls.finish(session, ctx, calls.locked(session, call.id), CallState.REFUSED, problem=problem)
    payment = session.get_one(Payment, call.payment_id)
    _tell(session, ctx, payment, uuid.UUID(call.arguments["consent_id"]), problem)


def _tell(session: Session, ctx: Context, payment: Payment, consent_id: uuid.UUID, problem: str) -> None:
    declined = ChargeDeclined(
        payment_id=payment.id, order_id=payment.order_id, consent_id=consent_id, problem=problem[:80]
    )
    events.publish(session, ctx, declined)
