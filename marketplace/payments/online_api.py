"""Doors of payments through a gateway outside: each is two transactions with a question in between."""

import uuid
from typing import Any, Final

from flask import request
from sqlalchemy.orm import Session

from marketplace import context, door, errors, two_steps
from marketplace.door import Blueprint
from marketplace.idempotency import Answer, Claim
from marketplace.limits import limited
from marketplace.payments import calls, event_intake, gateways, online, payments, schemas
from marketplace.payments.gateways import GatewayNotOffered, GatewayRefuses, GatewayUnavailable
from marketplace.payments.gateways.interface import EventForged, Seen
from marketplace.payments.online import Begun, PaymentDeclined, PaymentNotOnline, Told
from marketplace.payments.saved.events import MethodNotSaved, NoBalanceAhead
from marketplace.payments.states import PaymentNotAwaited, PaymentNotFound

blueprint = Blueprint(
    "online_payments", __name__, url_prefix="/payments", description="Payments by card or wallet 在线付款"
)
gateway_events = Blueprint(
    "provider_events", __name__, url_prefix="/webhooks", description="Events of payment services 支付服务事件"
)
BLUEPRINTS: Final = (blueprint, gateway_events)

EVENT_BYTES_MAX: Final = 262_144
SIGNATURE_HEADER: Final = "Stripe-Signature"
EVENTS_RATE: Final = "6000 per minute"
"""For one address: a payment service sends the events of all payers from a few."""

_ONLINE: Final = schemas.OnlinePayment()
_PAYMENT: Final = schemas.Payment()


@blueprint.post("/<uuid:payment_id>/online")
@blueprint.arguments(schemas.PayOnline)
@blueprint.problems(
    PaymentNotFound,
    PaymentNotAwaited,
    PaymentDeclined,
    GatewayNotOffered,
    GatewayUnavailable,
    calls.CallInFlight,
    NoBalanceAhead,
    MethodNotSaved,
)
@blueprint.answers(200, schemas.OnlinePayment)
def pay(claim: Claim, body: dict[str, Any], payment_id: uuid.UUID) -> Answer:
    """Pay by card or wallet 在线付款"""
    ctx = context.current()
    heard: list[Seen] = []

    def first(session: Session) -> Begun:
        return online.begin(session, ctx, payment_id=payment_id, **body)

    def second(session: Session, begun: Begun, told: Told) -> Answer:
        payment = online.take(session, ctx, begun, told)
        if isinstance(payment, errors.Refusal):
            return door.refused(payment, ctx)
        assert told.seen is not None, "what was not even seen there is declined"
        shown = {
            "payment": payment,
            "client_secret": told.seen.client_secret,
            "next_step": told.seen.next_step,
        }
        return door.answered(_ONLINE, shown)

    return two_steps.run(
        ctx,
        claim,
        first=first,
        between=lambda begun: online.ask(gateways.remote(), begun, heard),
        second=second,
        refused=lambda refusal: door.refused(refusal, ctx),
        given_up=lambda session, begun: online.give_up(session, ctx, begun, heard),
    )


@blueprint.post("/<uuid:payment_id>/refresh")
@blueprint.problems(PaymentNotFound, PaymentNotOnline, GatewayNotOffered, GatewayUnavailable)
@blueprint.answers(200, schemas.Payment)
def refresh(claim: Claim, payment_id: uuid.UUID) -> Answer:
    """Look at the payment service how a payment stands: for who comes back from paying 查询线上付款结果"""
    ctx = context.current()

    def second(session: Session, _begun: str, seen: Seen | None) -> Answer:
        payment = payments.get(session, ctx, payment_id=payment_id, locked=True)
        if seen is not None:
            online.meet_locked(session, ctx, payment, seen)
        return door.answered(_PAYMENT, payment)

    return two_steps.run(
        ctx,
        claim,
        first=lambda session: online.to_look_up(session, ctx, payment_id=payment_id),
        between=_look,
        second=second,
        refused=lambda refusal: door.refused(refusal, ctx),
        given_up=lambda _session, _begun: None,
    )


@gateway_events.post("/stripe")
@gateway_events.doc(
    parameters=[
        {
            "in": "header",
            "name": SIGNATURE_HEADER,
            "required": True,
            "schema": {"type": "string"},
            "description": "Made by the payment service of the time and the bytes of the body.",
        }
    ]
)
@limited(EVENTS_RATE)
@gateway_events.problems(EventForged, GatewayNotOffered)
@gateway_events.response(200, schemas.EventTaken)
def take_in() -> dict[str, bool]:
    """Take in an event that the payment service signed 接收支付服务事件"""
    gateway = gateways.remote()
    ctx = context.current()
    request.max_content_length = EVENT_BYTES_MAX
    body = request.get_data()
    signature = request.headers.get(SIGNATURE_HEADER)
    event = gateway.read_event(body, signature, now=ctx.now)
    return {"is_new": event_intake.take_in(ctx, provider=gateway.name, event=event)}


def _look(provider_id: str) -> Seen | None:
    try:
        return gateways.remote().retrieve(provider_id=provider_id)
    except GatewayRefuses:
        return None
