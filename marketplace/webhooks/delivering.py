"""Sending: one sender at a time for each endpoint, so that a slow one delays nobody but itself.

A sender takes the oldest deliveries that are due, calls without a lock on any row, then writes down how it went. It
holds its worker for no longer than a second and one call; what is left is for its next turn, behind everybody else's.
A sender that is cut off has written nothing: its messages are sent again, under the same ids.
"""

import json
import random
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from marketplace import database, jobs, metrics, turns
from marketplace.context import Context
from marketplace.logs import log
from marketplace.outbound import client as outbound
from marketplace.outbound.client import Answer, Client
from marketplace.outbound.rules import Outcome
from marketplace.sealed import SealBroken
from marketplace.values import instant_text
from marketplace.webhooks import endpoints, outbox, rules, signing
from marketplace.webhooks.models import Attempt, Delivery, Endpoint, Message
from marketplace.webhooks.rules import DeliveryState, DisabledReason, EndpointState, Health

BATCH: Final = 20
"""How many messages one turn sends at most."""
TURN_MS: Final = 1_000
"""After so long no further call is begun in a turn."""
GONE: Final = 410
BUSY_WAIT: Final = timedelta(seconds=1)
SWEPT_MAX: Final = 500
PATIENCE_SECONDS: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One call of a turn."""

    delivery_id: uuid.UUID
    answer: Answer
    at: datetime


def wake(session: Session, _ctx: Context, *, message_id: str) -> None:
    """The job of every message: let the senders of its endpoints look."""
    told = session.scalars(
        select(Delivery.endpoint_id).where(
            Delivery.message_id == uuid.UUID(message_id), Delivery.state == DeliveryState.WAITING
        )
    )
    outbox.wake(session, list(told))


def sweep(session: Session, ctx: Context) -> int:
    """The job of every minute: wake senders that have something due; how many. Their own job may have been lost."""
    late = session.scalars(
        select(Endpoint.id)
        .where(
            Endpoint.state == EndpointState.ENABLED,
            (Endpoint.rests_until.is_(None)) | (Endpoint.rests_until <= ctx.now),
            select(Delivery.id)
            .where(
                Delivery.endpoint_id == Endpoint.id,
                Delivery.state == DeliveryState.WAITING,
                Delivery.due_at <= ctx.now,
            )
            .exists(),
        )
        .order_by(Endpoint.id)
        .limit(SWEPT_MAX)
    ).all()
    outbox.wake(session, late)
    return len(late)


def deliver(session: Session, ctx: Context, *, endpoint_id: str) -> None:
    """One turn of an endpoint's sender."""
    key = uuid.UUID(endpoint_id)
    with jobs.line("webhooks") as has_line:
        if has_line and _is_alone(session, key):
            _turn(session, ctx, key)
        else:
            outbox.wake(session, [key], at=ctx.now + BUSY_WAIT)


def _turn(session: Session, ctx: Context, endpoint_id: uuid.UUID) -> None:
    endpoint = session.get(Endpoint, endpoint_id, populate_existing=True)
    if endpoint is None or endpoint.state != EndpointState.ENABLED:
        return
    if endpoint.health.is_resting(ctx.now):
        outbox.wake(session, [endpoint_id], at=endpoint.rests_until)
        return
    try:
        keys = endpoints.keys_of(session, ctx, endpoint_id=endpoint_id)
    except SealBroken:
        locked = _locked(session, endpoint_id)
        if locked.state == EndpointState.ENABLED:
            endpoints.disable_by_system(
                session, ctx, endpoint=locked, reason=DisabledReason.SECRET_UNREADABLE
            )
        return
    due = _due(session, ctx, endpoint)
    if due:
        database.may_rest(session, seconds=PATIENCE_SECONDS)
        sent = _send(outbound.client(), endpoint.url, keys, due, health=endpoint.health, began_at=ctx.now)
        _write_down(session, ctx, endpoint_id, sent)
    _go_on(session, endpoint_id)


def _due(session: Session, ctx: Context, endpoint: Endpoint) -> Sequence[tuple[Delivery, Message]]:
    """The oldest that are due; of an endpoint that failed again and again one, to see whether it is well."""
    rows = session.execute(
        select(Delivery, Message)
        .join(Message, Message.id == Delivery.message_id)
        .where(
            Delivery.endpoint_id == endpoint.id,
            Delivery.state == DeliveryState.WAITING,
            Delivery.due_at <= ctx.now,
        )
        .order_by(Delivery.due_at, Delivery.id)
        .limit(1 if endpoint.health.is_suspect else BATCH)
    )
    return [(delivery, message) for delivery, message in rows]


def _send(
    client: Client,
    url: str,
    keys: Sequence[bytes],
    due: Sequence[tuple[Delivery, Message]],
    *,
    health: Health,
    began_at: datetime,
) -> list[Sent]:
    """Call one after the other, until the turn is over or the endpoint must rest."""
    began, sent = time.monotonic_ns(), []
    for delivery, message in due:
        elapsed_ms = (time.monotonic_ns() - began) // 1_000_000
        if elapsed_ms >= TURN_MS:
            break
        at = began_at + timedelta(milliseconds=elapsed_ms)
        body = body_of(message)
        fields = signing.headers(str(message.id), int(at.timestamp()), body, keys)
        answer = client.post(url, headers=fields, body=body)
        metrics.observe_webhook(answer.outcome)
        sent.append(Sent(delivery_id=delivery.id, answer=answer, at=at))
        health = rules.health_after(health, is_accepted=answer.outcome == Outcome.ACCEPTED, at=at)
        if health.is_resting(at) or answer.status == GONE:
            break
    return sent


def body_of(message: Message) -> bytes:
    """The bytes that are sent and signed: the same at every attempt."""
    told = {
        "id": str(message.id),
        "type": message.type,
        "version": message.schema_version,
        "timestamp": instant_text(message.at),
        "data": message.data,
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def _write_down(session: Session, ctx: Context, endpoint_id: uuid.UUID, sent: Sequence[Sent]) -> None:
    """What was called, under the locks of the endpoint and then of its deliveries."""
    endpoint = _locked(session, endpoint_id)
    rows = {
        row.id: row
        for row in session.scalars(
            select(Delivery)
            .where(Delivery.id.in_([each.delivery_id for each in sent]))
            .order_by(Delivery.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    }
    health = endpoint.health
    for each in sent:
        health = rules.health_after(health, is_accepted=each.answer.outcome == Outcome.ACCEPTED, at=each.at)
        if each.delivery_id in rows:  # it may have been forgotten meanwhile
            _note(session, rows[each.delivery_id], each)
    endpoints.set_health(endpoint, health)
    session.flush()
    if endpoint.state != EndpointState.ENABLED:
        return
    if any(each.answer.status == GONE for each in sent):
        endpoints.disable_by_system(session, ctx, endpoint=endpoint, reason=DisabledReason.GONE)
    elif health.is_given_up(ctx.now):
        endpoints.disable_by_system(session, ctx, endpoint=endpoint, reason=DisabledReason.FAILING)
    if endpoint.state != EndpointState.ENABLED:
        log.warning("webhook endpoint disabled", endpoint=str(endpoint.id), reason=endpoint.disabled_reason)


def _note(session: Session, delivery: Delivery, sent: Sent) -> None:
    answer = sent.answer
    delivery.attempts += 1
    delivery.tries += 1
    session.add(
        Attempt(
            delivery_id=delivery.id,
            number=delivery.attempts,
            outcome=answer.outcome,
            status=answer.status,
            duration_ms=answer.duration_ms,
            at=sent.at,
        )
    )
    if answer.outcome == Outcome.ACCEPTED:
        delivery.state = DeliveryState.DELIVERED
    elif delivery.state == DeliveryState.WAITING:
        shift = random.randint(-rules.JITTER_PERMILLE, rules.JITTER_PERMILLE)  # noqa: S311 (jitter, not a secret)
        wait = rules.wait_seconds(delivery.tries, shift_permille=shift)
        if wait is None:
            delivery.state = DeliveryState.DEAD
        else:
            delivery.due_at = sent.at + timedelta(seconds=wait)


def _go_on(session: Session, endpoint_id: uuid.UUID) -> None:
    """The next turn, when the next delivery is due and the endpoint has rested."""
    session.flush()
    endpoint = session.get_one(Endpoint, endpoint_id)
    following = session.scalar(
        select(func.min(Delivery.due_at)).where(
            Delivery.endpoint_id == endpoint_id, Delivery.state == DeliveryState.WAITING
        )
    )
    if following is not None and endpoint.state == EndpointState.ENABLED:
        outbox.wake(session, [endpoint_id], at=max(following, endpoint.rests_until or following))


def _locked(session: Session, endpoint_id: uuid.UUID) -> Endpoint:
    return session.get_one(Endpoint, endpoint_id, with_for_update={"key_share": True}, populate_existing=True)


def _is_alone(session: Session, endpoint_id: uuid.UUID) -> bool:
    """Whether nobody else sends to this endpoint until the end of the transaction."""
    return turns.take_if_free(session, f"webhook-sender\n{endpoint_id}")
