"""Shapes of jobs in and out."""

from typing import Any

from marshmallow import Schema, fields, validate

from marketplace.fields import Instant, Whole
from marketplace.jobs.models import ID_MAX, STATES


class JobQuery(Schema):
    state = fields.String(load_default=None, validate=validate.OneOf(STATES))
    limit = Whole(low=1, high=100, in_query=True, load_default=20)
    cursor = Whole(low=1, high=ID_MAX, in_query=True, load_default=None)


class JobShown(Schema):
    id = fields.Integer()
    name = fields.String()
    arguments: Any = fields.Dict()
    key = fields.String(allow_none=True)
    state = fields.String()
    due_at = Instant()
    attempts = fields.Integer()
    enqueued_at = Instant()
    started_at = Instant(allow_none=True)
    finished_at = Instant(allow_none=True)
    problem = fields.String(allow_none=True)


class JobPage(Schema):
    items = fields.List(fields.Nested(JobShown))
    next_cursor = fields.Integer(allow_none=True)
