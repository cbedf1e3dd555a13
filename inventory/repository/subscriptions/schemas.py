"""Shapes of subscriptions, with the standard's names."""

from typing import Any, Final

from marshmallow import Schema, fields, validate

from inventory.repository.subscriptions.rules import PATTERN_LENGTH_MAX, TOKEN_LENGTH_MAX, PausedReason, State
from marketplace.fields import Flag, Instant, Line
from marketplace.outbound.rules import URL_LENGTH_MAX, Outcome

_PATTERN: Final = validate.Length(1, PATTERN_LENGTH_MAX)


class Schedule(Schema):
    """Numbers and ranges (`0,[10-20],45`) of each part of a moment in UTC; days of the week from 1, Monday."""

    second = fields.String(validate=_PATTERN)
    minute = fields.String(validate=_PATTERN)
    hour = fields.String(validate=_PATTERN)
    day_of_month = fields.String(validate=_PATTERN, data_key="dayOfMonth", attribute="dayOfMonth")
    month = fields.String(validate=_PATTERN)
    day_of_week = fields.String(validate=_PATTERN, data_key="dayOfWeek", attribute="dayOfWeek")


class _Address(Line):
    """One line that may be longer than others; what it says is looked at by the rule of addresses."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(high=URL_LENGTH_MAX, **kwargs)


class Subscribe(Schema):
    """Where to send events, and when: by a schedule, or each as it is told."""

    dest = _Address(
        required=True,
        metadata={"description": "https, a public name, no user or password, no fragment, port 443."},
    )
    signature_token = fields.String(
        validate=validate.Length(1, TOKEN_LENGTH_MAX), data_key="signatureToken", load_only=True
    )
    schedule = fields.Nested(Schedule)
    stream = Flag()
    report_if_empty = Flag(data_key="reportIfEmpty")
    initial_record_time = Instant(data_key="initialRecordTime")


class Subscription(Schema):
    """A subscription and how it is doing; what is not there is not told."""

    subscription_id = fields.UUID(data_key="subscriptionID")
    query_name = fields.String(data_key="queryName")
    dest = fields.String()
    schedule = fields.Nested(Schedule)
    stream = fields.Boolean()
    report_if_empty = fields.Boolean(data_key="reportIfEmpty")
    initial_record_time = Instant(data_key="initialRecordTime")
    created_at = Instant(data_key="createdAt")
    last_notified_at = Instant(data_key="lastNotifiedAt")
    is_signed = fields.Boolean(data_key="isSigned")
    due_at = Instant(data_key="dueAt")
    state = fields.String(validate=validate.OneOf([each.value for each in State]))
    paused_reason = fields.String(
        data_key="pausedReason", validate=validate.OneOf([each.value for each in PausedReason])
    )
    paused_at = Instant(data_key="pausedAt")
    failures = fields.Integer()
    last_outcome = fields.String(
        data_key="lastOutcome", validate=validate.OneOf([each.value for each in Outcome])
    )
    last_status = fields.Integer(data_key="lastStatus")
    next_attempt_at = Instant(data_key="nextAttemptAt")
