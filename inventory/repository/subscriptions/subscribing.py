"""Subscriptions made, shown, let go on after a pause, and ended."""

import uuid
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from inventory.repository import stored_queries
from inventory.repository.models import EventQuery
from inventory.repository.query_rules import of_document
from inventory.repository.refusals import (
    InvalidUriException,
    NoSuchNameException,
    NoSuchSubscriptionException,
    SubscribeNotPermittedException,
    SubscriptionControlsException,
    told_as,
)
from inventory.repository.subscriptions import rules, waking
from inventory.repository.subscriptions.models import SEALED_AS, EventDelivery, EventSubscription
from inventory.repository.subscriptions.rules import State
from inventory.traces.models import TraceChain, TraceEvent
from marketplace import audit, database, errors, sealed, turns
from marketplace.access import Role
from marketplace.context import Context
from marketplace.identity.scopes import Scope
from marketplace.language import Text
from marketplace.outbound import client as outbound
from marketplace.outbound.rules import UrlNotAllowed, read_url
from marketplace.resealing import context_of
from marketplace.values import new_id

QUERY_MAX: Final = 20
"""Subscriptions to one query."""
COUNTY_MAX: Final = 200
"""Subscriptions in one county."""
_EITHER: Final = Text(
    en="Give either a schedule or stream: true.", zh="须在 schedule 与 stream: true 中二选一。"
)
_COUNTS: Final = Text(
    en="eventCountLimit and maxEventCount are for answers that are asked for; a subscription tells all.",
    zh="eventCountLimit 与 maxEventCount 仅用于主动查询；订阅会告知全部事件。",
)
_FULL_QUERY: Final = Text(en="A query has at most {n} subscriptions.", zh="每个查询最多 {n} 个订阅。")
_FULL_COUNTY: Final = Text(en="A county has at most {n} subscriptions.", zh="每县最多 {n} 个订阅。")
_MAY_NOT_READ: Final = Text(
    en="Who subscribes is told events, which needs the scope epcis.read as well.",
    zh="订阅会收到事件，因此还需 epcis.read 权限。",
)


class SubscriptionActive(errors.Conflict):
    """Only a paused subscription can go on."""

    title = Text(en="The subscription is not paused.", zh="该订阅未暂停。")


def subscribe(
    session: Session,
    ctx: Context,
    *,
    county_id: uuid.UUID,
    name: str,
    dest: str,
    signature_token: str | None = None,
    schedule: dict[str, str] | None = None,
    stream: bool = False,
    report_if_empty: bool = False,
    initial_record_time: datetime | None = None,
) -> EventSubscription:
    """Send what the query finds to `dest` from now on, or with all that was recorded since `initial_record_time`.

    Raises NoSuchNameException, Forbidden, SubscribeNotPermittedException, InvalidUriException,
    SubscriptionControlsException.
    """
    kept = stored_queries.get(session, county_id=county_id, name=name)
    if ctx.actor.has(Role.SERVICE) and Scope.EPCIS_READ not in ctx.actor.scopes:
        raise errors.Forbidden(_MAY_NOT_READ)
    query = of_document(kept.query)
    if query.limit is not None or query.most is not None:
        raise SubscribeNotPermittedException(_COUNTS)
    if stream == (schedule is not None):
        raise SubscriptionControlsException(_EITHER)
    with told_as(SubscriptionControlsException):
        plan = None if schedule is None else rules.read_schedule(schedule)
        if signature_token is not None:
            rules.key_of(signature_token)
    url = _url(dest)
    _make_room(session, kept)
    length = chain_length(session, county_id)
    begins = (
        length if initial_record_time is None else _before(session, county_id, initial_record_time, length)
    )
    subscription_id = new_id()
    made = EventSubscription(
        id=subscription_id,
        query_id=kept.id,
        dest=url,
        sealed_token=None if signature_token is None else _sealed(subscription_id, signature_token),
        is_stream=stream,
        schedule=schedule,
        report_if_empty=report_if_empty,
        initial_record_time=initial_record_time,
        cursor=begins,
        goal=begins,
        owes_report=False,
        batch_max=rules.BATCH_MAX,
        due_at=None if plan is None else rules.next_due(plan, ctx.now),
        state=State.ACTIVE,
        paused_reason=None,
        paused_at=None,
        last_notified_at=None,
        actor=ctx.actor.label,
        created_at=ctx.now,
    )
    session.add(made)
    with database.refusing({"fk_event_subscription_query_id_event_query": NoSuchNameException()}):
        session.flush()
    wake_up(session, ctx, made)
    _audit(session, ctx, made, "made", after={"query": name, "county_id": str(county_id), "dest": url})
    return made


def resume(
    session: Session, ctx: Context, *, county_id: uuid.UUID, name: str, subscription_id: uuid.UUID
) -> EventSubscription:
    """Go on after a pause, where it stopped.

    Raises NoSuchNameException, NoSuchSubscriptionException, SubscriptionActive.
    """
    found = get(session, county_id=county_id, name=name, subscription_id=subscription_id, locked=True)
    if found.state != State.PAUSED:
        raise SubscriptionActive
    before = {"reason": found.paused_reason}
    found.state, found.paused_reason, found.paused_at = State.ACTIVE, None, None
    if found.schedule is not None:
        found.due_at = rules.next_due(rules.read_schedule(found.schedule), ctx.now)
    delivery = session.get(EventDelivery, found.id, with_for_update=True)
    if delivery is not None:
        delivery.tries, delivery.last_outcome, delivery.last_status = 0, None, None
        delivery.due_at = ctx.now
        waking.send(session, [found.id])
    wake_up(session, ctx, found)
    _audit(session, ctx, found, "resumed", before=before)
    return found


def pause(
    session: Session, ctx: Context, subscription: EventSubscription, reason: rules.PausedReason
) -> None:
    """The locked subscription is told nothing more before somebody lets it go on."""
    subscription.state, subscription.paused_reason, subscription.paused_at = State.PAUSED, reason, ctx.now
    _audit(session, ctx, subscription, "paused", after={"reason": str(reason)})


def unsubscribe(
    session: Session, ctx: Context, *, county_id: uuid.UUID, name: str, subscription_id: uuid.UUID
) -> None:
    """End it; what waits is not sent any more. Raises NoSuchNameException, NoSuchSubscriptionException."""
    found = get(session, county_id=county_id, name=name, subscription_id=subscription_id, locked=True)
    _audit(session, ctx, found, "ended", before={"query": name, "county_id": str(county_id)})
    session.delete(found)


def get(
    session: Session, *, county_id: uuid.UUID, name: str, subscription_id: uuid.UUID, locked: bool = False
) -> EventSubscription:
    """Raises NoSuchNameException, NoSuchSubscriptionException."""
    kept = stored_queries.get(session, county_id=county_id, name=name)
    statement = every(kept).where(EventSubscription.id == subscription_id)
    if locked:
        statement = statement.with_for_update().execution_options(populate_existing=True)
    found = session.scalar(statement)
    if found is None:
        raise NoSuchSubscriptionException
    return found


def every(kept: EventQuery) -> Select[EventSubscription]:
    """All subscriptions to a query."""
    return select(EventSubscription).where(EventSubscription.query_id == kept.id)


def wake_up(session: Session, ctx: Context, subscription: EventSubscription) -> None:
    """Let it look for what there is to tell: a stream now, a schedule when it is due, if that is soon."""
    if subscription.due_at is None:
        waking.look(session, [subscription.id])
    elif subscription.due_at < ctx.now + waking.AHEAD:
        waking.look(session, [subscription.id], at=subscription.due_at)


def token_key(subscription: EventSubscription) -> bytes | None:
    """What its deliveries are signed with. Raises SealBroken."""
    if subscription.sealed_token is None:
        return None
    token = sealed.unseal(subscription.sealed_token, context=context_of(SEALED_AS, subscription.id))
    return rules.key_of(token.decode())


def chain_length(session: Session, county_id: uuid.UUID) -> int:
    """The number of the county's last event; 0 without any."""
    return session.scalar(select(TraceChain.length).where(TraceChain.county_id == county_id)) or 0


def _sealed(subscription_id: uuid.UUID, token: str) -> bytes:
    return sealed.seal(token.encode(), context=context_of(SEALED_AS, subscription_id))


def _url(dest: str) -> str:
    try:
        return read_url(dest, ports=outbound.allowed_ports()).url
    except UrlNotAllowed as refusal:
        wrong = [{**each, "pointer": "/dest"} for each in refusal.facts["errors"]]
        raise InvalidUriException(refusal.detail, errors=wrong) from refusal


def _before(session: Session, county_id: uuid.UUID, moment: datetime, length: int) -> int:
    """The number before the first event that was recorded at the moment or later."""
    first = session.scalar(
        select(func.min(TraceEvent.number)).where(
            TraceEvent.county_id == county_id, TraceEvent.recorded_at >= moment
        )
    )
    return length if first is None else min(first - 1, length)


def _make_room(session: Session, kept: EventQuery) -> None:
    """One subscription at a time in a county, so that counting sees every other."""
    turns.take(session, f"epcis-subscriptions\n{kept.county_id}")
    county, query = session.execute(
        select(func.count(), func.count().filter(EventSubscription.query_id == kept.id))
        .select_from(EventSubscription)
        .join(EventQuery, EventQuery.id == EventSubscription.query_id)
        .where(EventQuery.county_id == kept.county_id)
    ).one()
    if query >= QUERY_MAX:
        raise SubscribeNotPermittedException(_FULL_QUERY.format(n=QUERY_MAX))
    if county >= COUNTY_MAX:
        raise SubscribeNotPermittedException(_FULL_COUNTY.format(n=COUNTY_MAX))


def _audit(
    session: Session, ctx: Context, subscription: EventSubscription, verb: str, **facts: dict[str, Any]
) -> None:
    subject = ("event_subscription", subscription.id)
    audit.record(session, ctx, f"event_subscription.{verb}", subject=subject, **facts)
