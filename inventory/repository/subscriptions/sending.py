"""Sending: what waits for a destination is sent, signed, and sent again with growing pauses.

One sender at a time for each subscription, without a lock on any row while it calls. A sender that is cut off has
written nothing: the same document is sent again, under the same id.
"""

import base64
import hashlib
import hmac
import random
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from inventory.repository import answers
from inventory.repository.subscriptions import rules, subscribing, waking
from inventory.repository.subscriptions.models import EventDelivery, EventSubscription
from inventory.repository.subscriptions.rules import PausedReason, State, Verdict
from marketplace import database, jobs, metrics, turns
from marketplace.context import Context
from marketplace.logs import log
from marketplace.outbound import client as outbound
from marketplace.outbound.client import Answer
from marketplace.sealed import SealBroken
from marketplace.webhooks import signing
from marketplace.webhooks.rules import JITTER_PERMILLE

BUSY_WAIT: Final = timedelta(seconds=1)
PATIENCE_SECONDS: Final = 30


def send(session: Session, ctx: Context, *, subscription_id: str) -> None:
    """The job of a delivery: call its destination once. Outgoing webhooks and this share a line of workers."""
    key = uuid.UUID(subscription_id)
    with jobs.line("webhooks") as has_line:
        if has_line and _is_alone(session, key):
            _call(session, ctx, key)
        else:
            waking.send(session, [key], at=ctx.now + BUSY_WAIT)


def _call(session: Session, ctx: Context, subscription_id: uuid.UUID) -> None:
    found = session.get(EventSubscription, subscription_id, populate_existing=True)
    delivery = session.get(EventDelivery, subscription_id, populate_existing=True)
    if found is None or delivery is None or found.state != State.ACTIVE:
        return
    if delivery.due_at > ctx.now:
        waking.send(session, [subscription_id], at=delivery.due_at)
        return
    try:
        key = subscribing.token_key(found)
    except SealBroken:
        locked = _locked(session, subscription_id)
        if locked is not None and locked.state == State.ACTIVE:
            subscribing.pause(session, ctx, locked, PausedReason.TOKEN_UNREADABLE)
        return
    message_id, body = delivery.id, delivery.body.encode()
    database.may_rest(session, seconds=PATIENCE_SECONDS)
    answer = outbound.client().post(found.dest, headers=fields_of(message_id, ctx.now, body, key), body=body)
    metrics.observe_webhook(answer.outcome)
    _write_down(session, ctx, subscription_id, message_id, answer)


def fields_of(message_id: uuid.UUID, at: datetime, body: bytes, key: bytes | None) -> Mapping[str, str]:
    """The header fields of Standard Webhooks and those of EPCIS; without a key, no signatures."""
    told = dict(signing.headers(str(message_id), int(at.timestamp()), body, [] if key is None else [key]))
    if key is None:
        del told["webhook-signature"]
    else:
        told["GS1-Signature"] = base64.b64encode(hmac.digest(key, body, hashlib.sha256)).decode()
    return {**told, **answers.VERSIONS}


def _write_down(
    session: Session, ctx: Context, subscription_id: uuid.UUID, message_id: uuid.UUID, answer: Answer
) -> None:
    """How it went, under the locks of the subscription and then of its delivery; nothing if it was ended meanwhile."""
    found = _locked(session, subscription_id)
    delivery = session.get(EventDelivery, subscription_id, with_for_update=True, populate_existing=True)
    if found is None or delivery is None or delivery.id != message_id:
        return
    tries = delivery.tries + 1
    shift = random.randint(-JITTER_PERMILLE, JITTER_PERMILLE)  # noqa: S311 (jitter, not a secret)
    after = rules.after_call(
        answer.outcome, answer.status, tries=tries, events=delivery.events, shift_permille=shift
    )
    if after.verdict in (Verdict.DELIVERED, Verdict.SMALLER):
        if after.verdict == Verdict.DELIVERED:
            found.last_notified_at = ctx.now
        else:
            found.batch_max, found.cursor = delivery.events // 2, delivery.begins
        session.delete(delivery)
        session.flush()
        waking.look(session, [subscription_id])
        return
    delivery.tries, delivery.last_outcome, delivery.last_status = tries, answer.outcome, answer.status
    delivery.due_at = ctx.now + timedelta(seconds=after.wait_seconds)
    if after.reason is None:
        waking.send(session, [subscription_id], at=delivery.due_at)
    elif found.state == State.ACTIVE:
        subscribing.pause(session, ctx, found, after.reason)
        log.warning("event subscription paused", subscription=str(found.id), reason=after.reason)


def _locked(session: Session, subscription_id: uuid.UUID) -> EventSubscription | None:
    return session.get(EventSubscription, subscription_id, with_for_update=True, populate_existing=True)


def _is_alone(session: Session, subscription_id: uuid.UUID) -> bool:
    """Whether nobody else sends for this subscription until the end of the transaction."""
    return turns.take_if_free(session, f"epcis-sender\n{subscription_id}")
