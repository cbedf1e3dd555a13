"""Telling everybody who acts for a cooperative."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy.orm import Session

from marketplace.context import Context
from marketplace.identity import accounts
from marketplace.notifications.kinds import About
from marketplace.notifications.outbox import Message, notify_all

AT_ONCE: Final = 500
"""So many people are told in one round of statements."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToMembers:
    """Something to tell all members of a cooperative."""

    cooperative_id: uuid.UUID
    cause: str
    about: About


def notify_members(
    session: Session, ctx: Context, *, cooperative_id: uuid.UUID, cause: str, about: About
) -> int:
    """Tell each of its members the same; how many had not been told yet."""
    return notify_cooperatives(
        session, ctx, [ToMembers(cooperative_id=cooperative_id, cause=cause, about=about)]
    )


def notify_cooperatives(session: Session, ctx: Context, told: Collection[ToMembers]) -> int:
    """Tell the members of many cooperatives, each what is theirs; how many people had not been told yet."""
    members = accounts.members_by_cooperative(session, {each.cooperative_id for each in told})
    messages = [
        Message(account_id=account_id, cause=each.cause, about=each.about)
        for each in told
        for account_id in members.get(each.cooperative_id, ())
    ]
    return sum(
        notify_all(session, ctx, messages[first : first + AT_ONCE])
        for first in range(0, len(messages), AT_ONCE)
    )
