"""The job that sends messages by one channel: each at most once to the end, again after a certain failure.

The job itself is never run twice: a worker that dies while it sends leaves a dead job, and somebody decides whether
the person got the message; so only channels on which that is harmless send many in one job. What failed for certain
is put in again, later each time; what may have been taken is not.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace import metrics
from marketplace.context import Context
from marketplace.identity.models import Account, AccountStatus
from marketplace.language import Text
from marketplace.module import Job
from marketplace.notifications import channels, outbox
from marketplace.notifications.failing import Uncertain, Undelivered
from marketplace.notifications.kinds import KINDS, Kind
from marketplace.notifications.models import Notification, NotificationDelivery, NotificationRefusal
from marketplace.notifications.rules import DeliveryState, after_failure, is_wanted, wait_seconds

_OUTCOMES_MAX: Final = 1_000

Outcome = Undelivered | Uncertain | None


def deliver(session: Session, ctx: Context, *, notification_ids: Sequence[str], channel: str) -> None:
    """Send what waits; what is sent, dead or skipped already stays so."""
    waiting = session.scalars(
        select(NotificationDelivery)
        .where(
            NotificationDelivery.notification_id.in_([uuid.UUID(each) for each in notification_ids]),
            NotificationDelivery.channel == channel,
            NotificationDelivery.state == DeliveryState.WAITING,
        )
        .order_by(NotificationDelivery.notification_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    if not waiting:
        return
    facts = _Facts.of(session, waiting)
    for delivery in waiting:
        _deliver(session, ctx, delivery, facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What messages say, to whom, and what their people do not want."""

    told: dict[uuid.UUID, Notification]
    accounts: dict[uuid.UUID, Account]
    refused: set[tuple[uuid.UUID, str, str]]

    @classmethod
    def of(cls, session: Session, deliveries: Sequence[NotificationDelivery]) -> "_Facts":
        ids = [each.notification_id for each in deliveries]
        told = {
            each.id: each for each in session.scalars(select(Notification).where(Notification.id.in_(ids)))
        }
        people = {each.account_id for each in told.values()}
        accounts = session.scalars(select(Account).where(Account.id.in_(people)))
        refusals = session.scalars(
            select(NotificationRefusal).where(NotificationRefusal.account_id.in_(people))
        )
        return cls(
            told=told,
            accounts={each.id: each for each in accounts},
            refused={(each.account_id, each.kind, each.channel) for each in refusals},
        )


def _deliver(session: Session, ctx: Context, delivery: NotificationDelivery, facts: _Facts) -> None:
    channel, told = delivery.channel, facts.told[delivery.notification_id]
    account = facts.accounts[told.account_id]
    address = channels.address_of(channel, account_id=account.id, email=account.email)
    way = channels.of(current_app).by_name.get(channel)
    if way is None or address is None or not _is_wanted(told, account, channel, facts):
        _end(ctx, delivery, told, DeliveryState.SKIPPED)
        return
    delivery.attempts += 1
    outcome = _send_once(way, _parcel(told, account), address, attempt=(told.id, channel, delivery.attempts))
    if outcome is None:
        _end(ctx, delivery, told, DeliveryState.SENT)
        return
    _fail(session, ctx, delivery, told, outcome)


def _send_once(
    way: channels.Channel, parcel: channels.Parcel, address: str, *, attempt: tuple[uuid.UUID, str, int]
) -> Outcome:
    """The outcome of this attempt: a unit of work that is run again by the database's wish does not send again."""
    known: dict[tuple[uuid.UUID, str, int], Outcome] = current_app.extensions.setdefault(
        "notification_outcomes", {}
    )
    if attempt in known:
        return known[attempt]
    try:
        way.deliver(parcel, address=address)
        outcome: Outcome = None
    except (Undelivered, Uncertain) as problem:
        outcome = problem
    if len(known) >= _OUTCOMES_MAX:
        known.clear()
    known[attempt] = outcome
    return outcome


def _fail(
    session: Session,
    ctx: Context,
    delivery: NotificationDelivery,
    told: Notification,
    problem: Undelivered | Uncertain,
) -> None:
    is_final = isinstance(problem, Uncertain) or problem.is_final
    delivery.problem = problem.why[:200]
    if after_failure(delivery.attempts, is_final=is_final) == DeliveryState.DEAD:
        _end(ctx, delivery, told, DeliveryState.DEAD)
        return
    metrics.observe_notification(delivery.channel, told.kind, "failed")
    delivery.due_at = ctx.now + timedelta(seconds=wait_seconds(delivery.attempts))
    outbox.put_in(session, [told.id], delivery.channel, at=delivery.due_at)


def _end(ctx: Context, delivery: NotificationDelivery, told: Notification, state: DeliveryState) -> None:
    delivery.state = state
    delivery.resolved_at = ctx.now
    metrics.observe_notification(delivery.channel, told.kind, state)


def _is_wanted(told: Notification, account: Account, channel: str, facts: _Facts) -> bool:
    """Asked again now: people change their minds while a message waits."""
    is_refused = (account.id, told.kind, channel) in facts.refused
    return account.status == AccountStatus.ACTIVE and is_wanted(
        is_mandatory=KINDS[Kind(told.kind)].is_mandatory,
        kind=told.kind,
        channel=channel,
        switched_off={(told.kind, channel)} if is_refused else set(),
    )


def _parcel(told: Notification, account: Account) -> channels.Parcel:
    language = account.language
    return channels.Parcel(
        id=told.id,
        kind=told.kind,
        account_id=told.account_id,
        facts=told.facts,
        title=Text(en=told.title_en, zh=told.title_zh),
        body=Text(en=told.body_en, zh=told.body_zh),
        language="zh" if language == "zh" else "en" if language == "en" else None,
    )


JOBS: Final = (Job(name=outbox.DELIVER, run=deliver, attempts_max=1),)
