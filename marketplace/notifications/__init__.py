"""Telling people what happened to what is theirs: `notify(session, ctx, Message(...))` in the transaction of its cause.

See docs/notifications.md.
"""

from marketplace.notifications.members import ToMembers, notify_cooperatives, notify_members
from marketplace.notifications.outbox import Message, already_told, notify, notify_all

__all__ = (
    "Message",
    "ToMembers",
    "already_told",
    "notify",
    "notify_all",
    "notify_cooperatives",
    "notify_members",
)
