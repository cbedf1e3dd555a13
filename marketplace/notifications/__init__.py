"""Telling people what happened to what is theirs: `notify(session, ctx, Message(...))` in the transaction of its cause.

See docs/notifications.md.
"""

from marketplace.notifications.outbox import Message, notify, notify_all

__all__ = ("Message", "notify", "notify_all")
