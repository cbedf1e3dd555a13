"""Who is woken when: streams as soon as their county's chain has grown, schedules when they are due."""

import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from inventory.repository.models import EventQuery
from inventory.repository.subscriptions.models import EventDelivery, EventSubscription
from inventory.repository.subscriptions.rules import State
from inventory.traces.models import TraceChain
from inventory.traces.recording import EventsRecorded
from marketplace import jobs, last_words
from marketplace.context import Context
from marketplace.events import Subscription

WAKE: Final = "epcis.wake"
GATHER: Final = "epcis.gather"
SEND: Final = "epcis.send"
AHEAD: Final = timedelta(minutes=1)
"""So far ahead a due moment is put into the queue: until the next look at what is due."""
SWEPT_MAX: Final = 500


def hear(session: Session, _ctx: Context, event: EventsRecorded) -> None:
    """Of all events of a unit of work once, before the chain is locked."""
    last_words.keep(session, _tell, event.county_id)


def _tell(session: Session, county_ids: list[uuid.UUID]) -> None:
    """One job without a key, for many units of work put one in at once; those that wait are run as one."""
    told = session.scalars(
        select(EventQuery.county_id)
        .join(EventSubscription, EventSubscription.query_id == EventQuery.id)
        .where(
            EventQuery.county_id.in_(set(county_ids)),
            EventSubscription.is_stream,
            EventSubscription.state == State.ACTIVE,
        )
        .distinct()
    ).all()
    if told:
        jobs.enqueue(session, WAKE, arguments={"county_ids": sorted(map(str, told))})


def wake(session: Session, _ctx: Context, *, county_ids: list[str]) -> None:
    """The job of every chain that has grown: let its streams look."""
    streams = session.scalars(
        select(EventSubscription.id)
        .join(EventQuery, EventQuery.id == EventSubscription.query_id)
        .where(
            EventQuery.county_id.in_({uuid.UUID(each) for each in county_ids}),
            EventSubscription.is_stream,
            EventSubscription.state == State.ACTIVE,
        )
    ).all()
    look(session, streams)


def look(session: Session, subscription_ids: Iterable[uuid.UUID], *, at: datetime | None = None) -> None:
    """Let these gather what there is to tell, not before `at`."""
    _put_in(session, GATHER, subscription_ids, at)


def send(session: Session, subscription_ids: Iterable[uuid.UUID], *, at: datetime | None = None) -> None:
    """Let what waits for these be sent, not before `at`."""
    _put_in(session, SEND, subscription_ids, at)


def _put_in(session: Session, name: str, ids: Iterable[uuid.UUID], at: datetime | None) -> None:
    for each in sorted(ids):
        jobs.enqueue(session, name, arguments={"subscription_id": str(each)}, key=f"{name}:{each}", at=at)


def sweep(session: Session, ctx: Context) -> int:
    """The job of every minute: wake those that are due before the next one, and those whose own job was lost; how many.

    A subscription for which a delivery waits gathers nothing more before it is taken.
    """
    soon = ctx.now + AHEAD
    due = session.execute(
        select(EventSubscription.id, EventSubscription.due_at)
        .where(EventSubscription.state == State.ACTIVE, EventSubscription.due_at < soon)
        .order_by(EventSubscription.due_at, EventSubscription.id)
        .limit(SWEPT_MAX)
    ).all()
    for subscription_id, at in due:
        look(session, [subscription_id], at=at)
    waiting = select(EventDelivery.subscription_id).where(
        EventDelivery.subscription_id == EventSubscription.id
    )
    behind = session.scalars(
        select(EventSubscription.id)
        .join(EventQuery, EventQuery.id == EventSubscription.query_id)
        .join(TraceChain, TraceChain.county_id == EventQuery.county_id)
        .where(
            EventSubscription.state == State.ACTIVE,
            or_(
                EventSubscription.cursor < EventSubscription.goal,
                EventSubscription.owes_report,
                EventSubscription.is_stream & (EventSubscription.cursor < TraceChain.length),
            ),
            ~waiting.exists(),
        )
        .order_by(EventSubscription.id)
        .limit(SWEPT_MAX)
    ).all()
    look(session, behind)
    late = session.scalars(
        select(EventSubscription.id)
        .join(EventDelivery, EventDelivery.subscription_id == EventSubscription.id)
        .where(EventSubscription.state == State.ACTIVE, EventDelivery.due_at <= ctx.now)
        .order_by(EventDelivery.due_at, EventSubscription.id)
        .limit(SWEPT_MAX)
    ).all()
    send(session, late)
    return len(due) + len(behind) + len(late)


SUBSCRIPTIONS: Final[tuple[Subscription, ...]] = ((EventsRecorded, hear),)
