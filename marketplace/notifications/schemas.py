"""Shapes of notifications in and out."""

from typing import Any

from marshmallow import Schema, fields, post_load, validate

from marketplace import context
from marketplace.fields import Flag, Instant
from marketplace.language import LANGUAGES
from marketplace.notifications.kinds import Kind
from marketplace.notifications.preferences import Choice
from marketplace.notifications.rules import ChannelName
from marketplace.paging import Query

KINDS = [kind.value for kind in Kind]
CHANNELS = [channel.value for channel in ChannelName]


class NotificationQuery(Query):
    unread = fields.String(
        load_default="false",
        validate=validate.OneOf(["true", "false"]),
        metadata={"description": "true: only those that are not read."},
    )


class Notification(Schema):
    id = fields.UUID()
    kind = fields.String(validate=validate.OneOf(KINDS))
    title = fields.Method("_title", metadata={"type": "string", "description": "By Accept-Language."})
    body = fields.Method("_body", metadata={"type": "string"})
    facts = fields.Dict(metadata={"description": "The same for programs, by the kind's fields."})
    created_at = Instant()
    read_at = Instant(allow_none=True)

    def _title(self, row: Any) -> str:
        return row.title_zh if context.current().language == "zh" else row.title_en  # type: ignore[no-any-return]

    def _body(self, row: Any) -> str:
        return row.body_zh if context.current().language == "zh" else row.body_en  # type: ignore[no-any-return]


class NotificationPage(Schema):
    items = fields.List(fields.Nested(Notification))
    next_cursor = fields.UUID(allow_none=True)
    unread = fields.Integer(metadata={"description": "Of all, not of this page."})


class ReadNotification(Schema):
    and_older = Flag(load_default=False, metadata={"description": "All before it, too."})


class SwitchedOff(Schema):
    kind = fields.String(required=True, validate=validate.OneOf(KINDS))
    channel = fields.String(required=True, validate=validate.OneOf(CHANNELS))

    @post_load
    def _choice(self, data: dict[str, Any], **_kwargs: Any) -> Choice:
        return Choice(kind=Kind(data["kind"]), channel=ChannelName(data["channel"]))


class ReplacePreferences(Schema):
    language = fields.String(
        required=True,
        allow_none=True,
        validate=validate.OneOf(LANGUAGES),
        metadata={"description": "In which I am written to; null: in both."},
    )
    switched_off = fields.List(
        fields.Nested(SwitchedOff),
        required=True,
        validate=validate.Length(0, len(KINDS) * len(CHANNELS)),
        metadata={"description": "All else is on."},
    )


class Preference(Schema):
    kind = fields.String(validate=validate.OneOf(KINDS))
    channel = fields.String(validate=validate.OneOf(CHANNELS))
    is_on = fields.Boolean()
    is_mandatory = fields.Boolean()
    reaches_you = fields.Boolean(
        metadata={"description": "The channel is offered here, and you have an address there."}
    )


class Preferences(Schema):
    language = fields.String(allow_none=True, validate=validate.OneOf(LANGUAGES))
    items = fields.List(fields.Nested(Preference))
