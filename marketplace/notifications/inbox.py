"""What a person was told, by whatever channel or none: read, and marked as read."""

import uuid
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from marketplace import audit, errors
from marketplace.context import Context
from marketplace.language import Text
from marketplace.notifications.models import Notification


class NotificationNotFound(errors.NotFound):
    title = Text(en="There is no such notification.", zh="没有该通知。")


def page(
    session: Session, ctx: Context, *, limit: int, cursor: uuid.UUID | None, unread: bool
) -> dict[str, Any]:
    """The actor's messages from the newest to the oldest, with how many are unread."""
    own = select(Notification).where(Notification.account_id == ctx.actor.id)
    if unread:
        own = own.where(Notification.read_at.is_(None))
    if cursor is not None:
        own = own.where(Notification.id < cursor)
    rows = list(session.scalars(own.order_by(Notification.id.desc()).limit(limit + 1)))
    count = session.scalar(
        select(func.count()).where(Notification.account_id == ctx.actor.id, Notification.read_at.is_(None))
    )
    following = rows[limit - 1].id if len(rows) > limit else None
    return {"items": rows[:limit], "next_cursor": following, "unread": count or 0}


def read(session: Session, ctx: Context, *, notification_id: uuid.UUID, and_older: bool) -> Notification:
    """Mark one of the actor's as read, and all before it if told; what is read stays so.

    Raises NotificationNotFound.
    """
    found = session.get(Notification, notification_id, with_for_update=True, populate_existing=True)
    if found is None or found.account_id != ctx.actor.id:
        raise NotificationNotFound
    found.read_at = found.read_at or ctx.now
    if and_older:
        older = (Notification.account_id == found.account_id, Notification.id < found.id)
        session.execute(
            update(Notification).where(*older, Notification.read_at.is_(None)).values(read_at=ctx.now)
        )
    audit.record(session, ctx, "notification.read", subject=("notification", found.id))
    return found
