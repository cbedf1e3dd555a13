"""Doors of a person's own notifications and preferences."""

import uuid
from typing import Any

from flask import Response, after_this_request
from sqlalchemy.orm import Session

from marketplace import context, paging
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.notifications import inbox, preferences, schemas
from marketplace.notifications.models import Notification

blueprint = Blueprint("notifications", __name__, url_prefix="/me", description="My notifications 我的通知")


@blueprint.get("/notifications")
@blueprint.arguments(schemas.NotificationQuery, location="query")
@blueprint.response(200, schemas.NotificationPage)
def list_notifications(query: dict[str, Any]) -> dict[str, Any]:
    """What I was told, the newest first 我的通知列表"""
    query["unread"] = query["unread"] == "true"
    with reading() as session:
        page = inbox.page(session, context.current(), **query)
    if page["next_cursor"] is not None:
        value = paging.link(str(page["next_cursor"]))

        @after_this_request
        def add(response: Response) -> Response:
            response.headers["Link"] = value
            return response

    return page


@blueprint.post("/notifications/<uuid:notification_id>/reading")
@blueprint.arguments(schemas.ReadNotification)
@blueprint.problems(inbox.NotificationNotFound)
@blueprint.writes(200, schemas.Notification, key=False)
def read_notification(session: Session, body: dict[str, Any], notification_id: uuid.UUID) -> Notification:
    """Mark one as read, or all up to it 标记已读"""
    return inbox.read(session, context.current(), notification_id=notification_id, **body)


@blueprint.get("/notification-preferences")
@blueprint.response(200, schemas.Preferences)
def get_preferences() -> dict[str, Any]:
    """What I am told, by which channel, in which language 通知偏好"""
    with reading() as session:
        return preferences.shown(session, context.current())


@blueprint.put("/notification-preferences")
@blueprint.arguments(schemas.ReplacePreferences)
@blueprint.problems(preferences.KindIsMandatory)
@blueprint.writes(200, schemas.Preferences, key=False)
def replace_preferences(session: Session, body: dict[str, Any]) -> dict[str, Any]:
    """Choose anew: what is listed is off, all else is on 更改通知偏好"""
    return preferences.replace(session, context.current(), **body)
