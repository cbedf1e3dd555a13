"""The outbox: what happened becomes a message for whom it concerns, in the transaction in which it happened.

Whoever knows of something calls `tell`. With the message come its deliveries, one for each enabled endpoint that
asked for it, and a job that wakes their senders; nothing is written when no endpoint asked. Rows are only added, and
no row is locked for it, so that telling makes nobody wait.
"""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, insert, select
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.orm import Session

from marketplace import jobs
from marketplace.context import Context
from marketplace.values import new_id
from marketplace.webhooks.catalogue import BY_NAME, EventType
from marketplace.webhooks.models import Delivery, Endpoint, Message
from marketplace.webhooks.rules import DeliveryState, EndpointState

WAKE: Final = "webhooks.wake"
DELIVER: Final = "webhooks.deliver"


def tell(
    session: Session,
    ctx: Context,
    name: str,
    *,
    data: Mapping[str, Any],
    cooperative_ids: Collection[uuid.UUID | None] = (),
) -> None:
    """Put the message down for the marketplace's own endpoints and those of the cooperatives that it concerns."""
    kind = BY_NAME[name]
    concerned = sorted({each for each in cooperative_ids if each is not None})
    written = kind.written(data)
    told = _wanted(session, kind, concerned)
    if told is not None:
        _put_down(session, ctx, [_message(ctx, kind, written, told=told, cooperative_ids=concerned)], told)


def tell_many(session: Session, ctx: Context, name: str, *, data: Iterable[Mapping[str, Any]]) -> None:
    """A message for each of these, in their order, in three statements; for the marketplace's own endpoints.

    One job wakes the senders for all of them. `data` is not asked for anything while no endpoint wants it.
    """
    kind = BY_NAME[name]
    told = _wanted(session, kind, [])
    if told is not None:
        _put_down(session, ctx, [_message(ctx, kind, kind.written(each), told=told) for each in data], told)


def tell_one(
    session: Session, ctx: Context, name: str, *, data: Mapping[str, Any], endpoint: Endpoint
) -> Delivery:
    """A message for one endpoint and nobody else."""
    kind, told = BY_NAME[name], [endpoint.id]
    message = {**_message(ctx, kind, kind.written(data), told=told), "endpoint_id": endpoint.id}
    [made] = _put_down(session, ctx, [message], told)
    return session.get_one(Delivery, made["id"])


def wake(session: Session, endpoint_ids: Iterable[uuid.UUID], *, at: Any = None) -> None:
    """Let the senders of these endpoints look, not before `at`; one job waits for each, however often it is woken."""
    for endpoint_id in sorted(endpoint_ids):
        jobs.enqueue(
            session,
            DELIVER,
            arguments={"endpoint_id": str(endpoint_id)},
            key=f"{DELIVER}:{endpoint_id}",
            at=at,
        )


def delivery_row(
    ctx: Context, *, message_id: uuid.UUID, endpoint_id: uuid.UUID, is_replay: bool = False
) -> dict[str, Any]:
    """A delivery that waits, as it is stored."""
    return {
        "id": new_id(),
        "message_id": message_id,
        "endpoint_id": endpoint_id,
        "is_replay": is_replay,
        "state": DeliveryState.WAITING,
        "attempts": 0,
        "tries": 0,
        "due_at": ctx.now,
        "created_at": ctx.now,
    }


def _concerns(kind: EventType, cooperative_ids: Collection[uuid.UUID]) -> ColumnElement[bool]:
    whose: ColumnElement[bool] = Endpoint.cooperative_id.is_(None)
    if kind.for_cooperatives and cooperative_ids:
        whose = whose | Endpoint.cooperative_id.in_(cooperative_ids)
    return whose & Endpoint.events.contains(array([kind.name])) if kind.is_wished else whose


def _wanted(session: Session, kind: EventType, concerned: Collection[uuid.UUID]) -> list[uuid.UUID] | None:
    """The enabled endpoints that asked for it, by id; None: nobody did, and no message is kept."""
    wanted = session.execute(
        select(Endpoint.id, Endpoint.state)
        .where(Endpoint.state != EndpointState.REMOVED, _concerns(kind, concerned))
        .order_by(Endpoint.id)
    ).all()
    if not wanted:
        return None
    return [endpoint_id for endpoint_id, state in wanted if state == EndpointState.ENABLED]


def _put_down(
    session: Session, ctx: Context, messages: Sequence[dict[str, Any]], told: Collection[uuid.UUID]
) -> list[dict[str, Any]]:
    """All of these for all of those endpoints; their deliveries."""
    if not messages:
        return []
    deliveries = [
        delivery_row(ctx, message_id=message["id"], endpoint_id=endpoint_id)
        for message in messages
        for endpoint_id in told
    ]
    session.flush()
    session.execute(insert(Message), messages)
    if deliveries:
        session.execute(insert(Delivery), deliveries)
        jobs.enqueue(session, WAKE, arguments={"message_id": str(messages[0]["id"])})  # all go to the same
    return deliveries


def _message(
    ctx: Context,
    kind: EventType,
    data: dict[str, Any],
    *,
    told: Collection[uuid.UUID],
    cooperative_ids: Sequence[uuid.UUID] = (),
) -> dict[str, Any]:
    return {
        "id": new_id(),
        "type": kind.name,
        "schema_version": kind.version,
        "data": data,
        "cooperative_ids": list(cooperative_ids),
        "endpoint_id": None,
        "told_count": len(told),
        "at": ctx.now,
    }
