"""The outbox: what happened becomes a message for whom it concerns, in the transaction in which it happened.

Whoever knows of something calls `tell`. With the message come its deliveries, one for each enabled endpoint that
asked for it, and a job that wakes their senders; nothing is written when no endpoint asked. Rows are only added, and
no row is locked for it, so that telling makes nobody wait.
"""

import uuid
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, select
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
    wanted = session.execute(
        select(Endpoint.id, Endpoint.state)
        .where(Endpoint.state != EndpointState.REMOVED, _concerns(kind, concerned))
        .order_by(Endpoint.id)
    ).all()
    if wanted:
        enabled = [endpoint_id for endpoint_id, state in wanted if state == EndpointState.ENABLED]
        _put_down(session, ctx, kind, written, cooperative_ids=concerned, told=enabled)


def tell_one(
    session: Session, ctx: Context, name: str, *, data: Mapping[str, Any], endpoint: Endpoint
) -> Delivery:
    """A message for one endpoint and nobody else."""
    kind = BY_NAME[name]
    [delivery] = _put_down(
        session,
        ctx,
        kind,
        kind.written(data),
        cooperative_ids=[],
        told=[endpoint.id],
        only_id=endpoint.id,
    )
    return delivery


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


def _concerns(kind: EventType, cooperative_ids: Collection[uuid.UUID]) -> ColumnElement[bool]:
    whose: ColumnElement[bool] = Endpoint.cooperative_id.is_(None)
    if kind.for_cooperatives and cooperative_ids:
        whose = whose | Endpoint.cooperative_id.in_(cooperative_ids)
    return whose & Endpoint.events.contains(array([kind.name])) if kind.is_wished else whose


def _put_down(
    session: Session,
    ctx: Context,
    kind: EventType,
    data: dict[str, Any],
    *,
    cooperative_ids: list[uuid.UUID],
    told: list[uuid.UUID],
    only_id: uuid.UUID | None = None,
) -> list[Delivery]:
    message = Message(
        id=new_id(),
        type=kind.name,
        schema_version=kind.version,
        data=data,
        cooperative_ids=cooperative_ids,
        endpoint_id=only_id,
        told_count=len(told),
        at=ctx.now,
    )
    deliveries = [
        Delivery(
            id=new_id(),
            message_id=message.id,
            endpoint_id=endpoint_id,
            is_replay=False,
            state=DeliveryState.WAITING,
            attempts=0,
            tries=0,
            due_at=ctx.now,
            created_at=ctx.now,
        )
        for endpoint_id in told
    ]
    session.add(message)
    session.flush()
    session.add_all(deliveries)
    session.flush()
    if deliveries:
        jobs.enqueue(session, WAKE, arguments={"message_id": str(message.id)})
    return deliveries
