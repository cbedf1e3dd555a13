"""Telling people: messages are written in the transaction of their cause, with jobs for the ways they go.

Nobody is told twice of one cause: (person, kind, cause) is unique, and who is told already is left out silently.
"""

import uuid
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from flask import current_app
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from marketplace import jobs
from marketplace.context import Context
from marketplace.identity.models import Account, AccountStatus
from marketplace.notifications import channels
from marketplace.notifications.kinds import About, Kind
from marketplace.notifications.models import Notification, NotificationDelivery, NotificationRefusal
from marketplace.notifications.rules import DeliveryState, due_at, is_wanted
from marketplace.values import new_id

DELIVER: Final = "notifications.deliver"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Something to tell an account. `cause` names what it is told of: the same cause is told once."""

    account_id: uuid.UUID
    cause: str
    about: About


def notify(session: Session, ctx: Context, message: Message) -> bool:
    """Tell one person; False when they have been told already, or their account is no longer in use."""
    return notify_all(session, ctx, [message]) == 1


def notify_all(session: Session, ctx: Context, messages: Sequence[Message]) -> int:
    """Tell many, in a handful of statements; how many of them had not been told yet."""
    if not messages:
        return 0
    people = _people(session, {each.account_id for each in messages})
    known = [each for each in messages if each.account_id in people]
    rows = {new_id(): each for each in sorted(known, key=lambda each: (each.account_id, each.cause))}
    if not rows:
        return 0
    made = session.scalars(
        insert(Notification)
        .values([_row(ctx, notification_id, each) for notification_id, each in rows.items()])
        .on_conflict_do_nothing(constraint="uq_notification_account_id_kind_cause")
        .returning(Notification.id)
    ).all()
    refused = _refused(session, people.keys())
    ways = [
        way
        for notification_id in made
        for way in _ways(
            ctx, notification_id, rows[notification_id], people, refused[rows[notification_id].account_id]
        )
    ]
    if ways:
        session.execute(insert(NotificationDelivery).values(ways))
    together: defaultdict[tuple[str, datetime], list[uuid.UUID]] = defaultdict(list)
    for way in ways:
        together[way["channel"], way["due_at"]].append(way["notification_id"])
    for (channel, at), ids in together.items():
        put_in(session, ids, channel, at=at)
    return len(made)


def already_told(
    session: Session, account_ids: Collection[uuid.UUID], *, kind: Kind, cause: str
) -> frozenset[uuid.UUID]:
    """Who of these has been told of this cause in this kind."""
    found = select(Notification.account_id).where(
        Notification.account_id.in_(account_ids), Notification.kind == kind, Notification.cause == cause
    )
    return frozenset(session.scalars(found))


def put_in(session: Session, notification_ids: Sequence[uuid.UUID], channel: str, *, at: datetime) -> None:
    """The jobs that send them, each as many as the channel takes at once."""
    size = channels.of(current_app).by_name[channel].at_once_max
    for first in range(0, len(notification_ids), size):
        ids = [str(each) for each in notification_ids[first : first + size]]
        jobs.enqueue(session, DELIVER, arguments={"notification_ids": ids, "channel": channel}, at=at)


def _row(ctx: Context, notification_id: uuid.UUID, message: Message) -> dict[str, Any]:
    told = message.about.wording(channels.of(current_app).quiet.zone)
    return {
        "id": notification_id,
        "account_id": message.account_id,
        "kind": message.about.kind,
        "cause": message.cause,
        "facts": message.about.facts(),
        "title_en": told.title.en,
        "title_zh": told.title.zh,
        "body_en": told.body.en,
        "body_zh": told.body.zh,
        "created_at": ctx.now,
        "read_at": None,
    }


def _ways(
    ctx: Context,
    notification_id: uuid.UUID,
    message: Message,
    people: dict[uuid.UUID, str | None],
    refused: set[tuple[str, str]],
) -> list[dict[str, Any]]:
    """The channels that reach the person and that they want for this kind."""
    about, offered = message.about, channels.of(current_app)
    at = due_at(ctx.now, is_urgent=about.is_urgent, quiet=offered.quiet)
    return [
        {
            "notification_id": notification_id,
            "channel": name,
            "state": DeliveryState.WAITING,
            "attempts": 0,
            "due_at": at,
        }
        for name in offered.by_name
        if channels.address_of(name, account_id=message.account_id, email=people[message.account_id])
        is not None
        and is_wanted(is_mandatory=about.is_mandatory, kind=about.kind, channel=name, switched_off=refused)
    ]


def _people(session: Session, account_ids: set[uuid.UUID]) -> dict[uuid.UUID, str | None]:
    """The accounts that are in use, with their verified e-mail addresses."""
    rows = session.execute(
        select(Account.id, Account.email).where(
            Account.id.in_(account_ids), Account.status == AccountStatus.ACTIVE
        )
    )
    return {row.id: row.email for row in rows}


def _refused(session: Session, account_ids: Any) -> defaultdict[uuid.UUID, set[tuple[str, str]]]:
    found: defaultdict[uuid.UUID, set[tuple[str, str]]] = defaultdict(set)
    for row in session.scalars(
        select(NotificationRefusal).where(NotificationRefusal.account_id.in_(list(account_ids)))
    ):
        found[row.account_id].add((row.kind, row.channel))
    return found
