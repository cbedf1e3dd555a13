"""What a person wants to be told, and by what: everything, but for what they have switched off."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import current_app
from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace import audit, errors
from marketplace.context import Context
from marketplace.identity import accounts, emails
from marketplace.language import Language, Text
from marketplace.notifications import channels
from marketplace.notifications.kinds import KINDS, Kind
from marketplace.notifications.models import NotificationRefusal
from marketplace.notifications.rules import ChannelName


class KindIsMandatory(errors.Conflict):
    """Money or a decision of the person's own hangs on it; `kinds` lists which."""

    title = Text(en="This kind of notification cannot be switched off.", zh="此类通知不能关闭。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    kind: Kind
    channel: ChannelName


def shown(session: Session, ctx: Context) -> dict[str, Any]:
    """Every kind and channel with the actor's choice."""
    account = accounts.get(session, account_id=_own(ctx))
    off = {(row.kind, row.channel) for row in _refusals(session, ctx)}
    offered = channels.of(current_app).by_name
    return {
        "language": account.language,
        "items": [
            {
                "kind": kind,
                "channel": channel,
                "is_on": (kind, channel) not in off,
                "is_mandatory": about.is_mandatory,
                "reaches_you": channel in offered
                and channels.address_of(channel, account_id=account.id, email=account.email) is not None,
            }
            for kind, about in KINDS.items()
            for channel in ChannelName
        ],
    }


def replace(
    session: Session, ctx: Context, *, language: Language | None, switched_off: Iterable[Choice]
) -> dict[str, Any]:
    """The actor's choices from now on: what stands in the list is off, all else is on. Raises KindIsMandatory."""
    wanted = {(each.kind, each.channel) for each in switched_off}
    if mandatory := sorted({kind.value for kind, _ in wanted if KINDS[kind].is_mandatory}):
        raise KindIsMandatory(kinds=mandatory)
    account = emails.speak(session, ctx, language=language)
    had = {(row.kind, row.channel): row for row in _refusals(session, ctx)}
    for choice, row in had.items():
        if choice not in wanted:
            session.delete(row)
    session.add_all(
        NotificationRefusal(account_id=account.id, kind=kind, channel=channel, created_at=ctx.now)
        for kind, channel in sorted(wanted - had.keys())
    )
    session.flush()
    after = {"switched_off": [f"{kind} {channel}" for kind, channel in sorted(wanted)]}
    audit.record(session, ctx, "notifications.prefer", subject=("account", account.id), after=after)
    return shown(session, ctx)


def _refusals(session: Session, ctx: Context) -> Sequence[NotificationRefusal]:
    return session.scalars(
        select(NotificationRefusal).where(NotificationRefusal.account_id == _own(ctx))
    ).all()


def _own(ctx: Context) -> uuid.UUID:
    if ctx.actor.id is None:
        raise errors.Forbidden
    return ctx.actor.id
