"""Deliveries looked at and sent again: one, or all that an endpoint should have had since an instant.

A replay changes nothing about a message: it goes out under its own id and the time at which it happened, so that a
receiver that has it already knows it. What waits is left as it is, so asking twice sends once.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, delete, or_, select
from sqlalchemy.dialects.postgresql import array, insert
from sqlalchemy.orm import Session

from marketplace import audit, errors
from marketplace.context import Context
from marketplace.language import Text
from marketplace.webhooks import endpoints, outbox
from marketplace.webhooks.models import Attempt, Delivery, Endpoint, Message
from marketplace.webhooks.rules import DeliveryState

KEPT_DAYS: Final = 30
REPLAYED_MAX: Final = 10_000
_CHUNK: Final = 1_000


class DeliveryNotFound(errors.NotFound):
    title = Text(en="There is no such webhook delivery.", zh="没有该 webhook 投递。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """How many messages are sent (again); there are more when `is_all` is false: ask from `until` on."""

    replayed_count: int
    is_all: bool
    until: datetime


def visible(ctx: Context, *, endpoint_id: uuid.UUID) -> Select[Delivery]:
    """An endpoint's deliveries, for whom the endpoint may be seen by."""
    return select(Delivery).where(
        Delivery.endpoint_id.in_(endpoints.visible(ctx).with_only_columns(Endpoint.id)),
        Delivery.endpoint_id == endpoint_id,
    )


def get(session: Session, ctx: Context, *, delivery_id: uuid.UUID) -> Delivery:
    """Raises DeliveryNotFound, for a foreign one too."""
    found = session.scalar(
        select(Delivery).where(
            Delivery.endpoint_id.in_(endpoints.visible(ctx).with_only_columns(Endpoint.id)),
            Delivery.id == delivery_id,
        )
    )
    if found is None:
        raise DeliveryNotFound
    return found


def message_of(session: Session, delivery: Delivery) -> Message:
    return session.get_one(Message, delivery.message_id)


def messages_of(session: Session, deliveries: Sequence[Delivery]) -> dict[uuid.UUID, Message]:
    ids = [each.message_id for each in deliveries]
    return {each.id: each for each in session.scalars(select(Message).where(Message.id.in_(ids)))}


def attempts_of(session: Session, delivery: Delivery) -> list[Attempt]:
    return list(
        session.scalars(select(Attempt).where(Attempt.delivery_id == delivery.id).order_by(Attempt.number))
    )


def replay(session: Session, ctx: Context, *, delivery_id: uuid.UUID) -> Delivery:
    """Send one message again, with all its tries. Raises DeliveryNotFound, EndpointDisabled."""
    seen = get(session, ctx, delivery_id=delivery_id)
    endpoint = endpoints.enabled(session, ctx, endpoint_id=seen.endpoint_id)
    _again(session, ctx, endpoint, [seen.message_id])
    delivery = session.get_one(Delivery, delivery_id, populate_existing=True)
    _audit(session, ctx, endpoint, {"delivery_id": str(delivery.id)})
    return delivery


def replay_since(session: Session, ctx: Context, *, endpoint_id: uuid.UUID, since: datetime) -> Replayed:
    """Send all that concerns the endpoint and that it asks for now, what it missed while disabled too.

    Raises EndpointNotFound, EndpointDisabled.
    """
    endpoint = endpoints.enabled(session, ctx, endpoint_id=endpoint_id)
    found = session.execute(
        _for(endpoint).where(Message.at >= since).order_by(Message.at, Message.id).limit(REPLAYED_MAX + 1)
    ).all()
    taken = found[:REPLAYED_MAX]
    count = sum(
        _again(session, ctx, endpoint, [row.id for row in taken[start : start + _CHUNK]])
        for start in range(0, len(taken), _CHUNK)
    )
    _audit(session, ctx, endpoint, {"since": since.isoformat(), "count": count})
    is_all = len(found) == len(taken)
    return Replayed(replayed_count=count, is_all=is_all, until=ctx.now if is_all else taken[-1].at)


def forget_old(session: Session, ctx: Context) -> int:
    """Delete messages older than KEPT_DAYS with their deliveries and attempts; how many messages."""
    gone = session.execute(delete(Message).where(Message.at < ctx.now - timedelta(days=KEPT_DAYS)))
    return int(getattr(gone, "rowcount", 0))


def _for(endpoint: Endpoint) -> Select[uuid.UUID, datetime]:
    """The messages that concern the endpoint's owner and are of the events that it asks for."""
    whose = (
        Message.endpoint_id.is_(None)
        if endpoint.cooperative_id is None
        else Message.cooperative_ids.contains(array([endpoint.cooperative_id]))
    )
    return select(Message.id, Message.at).where(whose, Message.type.in_(endpoint.events))


def _again(session: Session, ctx: Context, endpoint: Endpoint, message_ids: Sequence[uuid.UUID]) -> int:
    """Put the deliveries back, and make those that are missing; how many. What waits is left as it is."""
    statement = insert(Delivery).values(
        [
            outbox.delivery_row(ctx, message_id=message_id, endpoint_id=endpoint.id, is_replay=True)
            for message_id in message_ids
        ]
    )
    done = session.execute(
        statement.on_conflict_do_update(
            index_elements=[Delivery.message_id, Delivery.endpoint_id],
            set_={"state": DeliveryState.WAITING, "tries": 0, "due_at": ctx.now},
            where=or_(Delivery.state == DeliveryState.DELIVERED, Delivery.state == DeliveryState.DEAD),
        ).returning(Delivery.id)
    ).all()
    outbox.wake(session, [endpoint.id])
    return len(done)


def _audit(session: Session, ctx: Context, endpoint: Endpoint, after: dict[str, Any]) -> None:
    audit.record(session, ctx, "webhook.replay", subject=("webhook_endpoint", endpoint.id), after=after)
