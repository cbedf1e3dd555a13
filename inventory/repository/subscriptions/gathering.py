"""What there is to tell, put down as a delivery in the transaction that moves the cursor over it.

At most one delivery waits for a subscription, so that its events arrive in their order and nothing heaps up while a
destination is away: the chain keeps what is to come.
"""

import json
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy.orm import Session

from inventory.epcis.event_hash import namespaces_of
from inventory.repository import answers, finding
from inventory.repository.finding import Told
from inventory.repository.matching import order_key
from inventory.repository.models import EventQuery
from inventory.repository.query_rules import Order, Query, of_document
from inventory.repository.subscriptions import rules, subscribing, waking
from inventory.repository.subscriptions.models import EventDelivery, EventSubscription
from inventory.repository.subscriptions.rules import State
from inventory.repository.tokens import LIVES, Position
from marketplace.context import Context
from marketplace.values import instant_text, new_id

BYTES_MAX: Final = 1_000_000
"""Of the events in one delivery, if it holds more than one."""


def gather(session: Session, ctx: Context, *, subscription_id: str) -> None:
    """The job of a subscription that is woken: put down its next delivery, if there is something to tell."""
    found = session.get(
        EventSubscription, uuid.UUID(subscription_id), with_for_update=True, populate_existing=True
    )
    if found is None or found.state != State.ACTIVE:
        return
    kept = session.get_one(EventQuery, found.query_id)
    _set_out(session, ctx, found, kept)
    if session.get(EventDelivery, found.id) is None and (found.cursor < found.goal or found.owes_report):
        _put_down(session, ctx, found, kept)
    if found.due_at is not None:
        subscribing.wake_up(session, ctx, found)


def _set_out(session: Session, ctx: Context, found: EventSubscription, kept: EventQuery) -> None:
    """How far it is told now: a stream all there is, a schedule all there is at the moment when it is due."""
    if found.due_at is not None:
        if found.due_at > ctx.now:
            return
        assert found.schedule is not None
        found.due_at = rules.next_due(rules.read_schedule(found.schedule), ctx.now)
        found.owes_report = found.report_if_empty
    found.goal = max(found.goal, subscribing.chain_length(session, kept.county_id))


def _put_down(session: Session, ctx: Context, found: EventSubscription, kept: EventQuery) -> None:
    query = of_document(kept.query)
    events, reached = _looked_up(session, ctx, found, kept, query)
    if events or (found.owes_report and reached == found.goal):
        told = _ordered(events, query.order) if query.order is not None else events
        document = answers.document(told, ctx.now, query_name=kept.name, subscription_id=found.id)
        session.add(
            EventDelivery(
                subscription_id=found.id,
                id=new_id(),
                begins=found.cursor,
                ends=reached,
                events=len(events),
                body=json.dumps(document, ensure_ascii=False, separators=(",", ":")),
                tries=0,
                last_outcome=None,
                last_status=None,
                due_at=ctx.now,
                created_at=ctx.now,
            )
        )
        found.owes_report = False
        waking.send(session, [found.id])
    elif reached < found.goal:
        waking.look(session, [found.id])
    found.cursor = reached


def _looked_up(
    session: Session, ctx: Context, found: EventSubscription, kept: EventQuery, query: Query
) -> tuple[Sequence[Told], int]:
    """The next events to tell, in the order of the chain, and the number up to which was looked."""
    conditions = query.conditions
    if found.initial_record_time is not None:
        since = {"GE_recordTime": instant_text(found.initial_record_time)}
        conditions += of_document(since).conditions
    page = finding.page(
        session,
        county_id=kept.county_id,
        query=replace(query, conditions=conditions, order=None, per_page=found.batch_max),
        position=Position(found.cursor, 0, 0, ctx.now + LIVES),
        now=ctx.now,
    )
    reached = found.goal if page.following is None else min(page.following.after, found.goal)
    events = [each for each in page.events if each.number <= found.goal]
    size = 0
    for at, each in enumerate(events):
        size += len(json.dumps(each.event, ensure_ascii=False).encode())
        if at and size > BYTES_MAX:
            return events[:at], events[at - 1].number
    return events, reached


def _ordered(events: Sequence[Told], order: Order) -> Sequence[Told]:
    """Within a delivery as the query has it; deliveries follow each other in the order of the chain."""
    key = order_key(order)
    ranked = sorted((key(each.event, namespaces_of(each.contexts)), each.number, each) for each in events)
    return [each for _, _, each in (reversed(ranked) if order.descending else ranked)]
