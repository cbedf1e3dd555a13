"""Shapes of the repository's answers, and of what is sent to it beside events."""

from marshmallow import Schema, fields, validate

from inventory.repository.models import Behaviour
from inventory.repository.query_rules import PER_PAGE_MAX, PER_PAGE_USUAL
from marketplace.fields import Code, Instant, Whole


class Collection(Schema):
    """A list of names."""

    context = fields.Raw(data_key="@context")
    type = fields.String(validate=validate.OneOf(["Collection"]))
    member = fields.List(fields.String())


class QueryDocument(Schema):
    """An EPCISQueryDocument with the events that were found."""

    context = fields.Raw(data_key="@context")
    type = fields.String(validate=validate.OneOf(["EPCISQueryDocument"]))
    schema_version = fields.String(data_key="schemaVersion")
    creation_date = Instant(data_key="creationDate")
    body = fields.Dict(keys=fields.String(), data_key="epcisBody")


class ToldEvent(Schema):
    """The name of an event that was taken in."""

    event_id = fields.String(attribute="entry.event_id", data_key="eventID")


class PageQuery(Schema):
    """What lists of the repository take in their address."""

    per_page = Whole(low=1, high=PER_PAGE_MAX, in_query=True, load_default=PER_PAGE_USUAL, data_key="perPage")
    token = fields.String(load_default=None, data_key="nextPageToken")


class CaptureJob(Schema):
    """What became of a document."""

    capture_id = fields.UUID(attribute="id", data_key="captureID")
    running = fields.Constant(False)
    success = fields.Boolean()
    behaviour = fields.String(
        data_key="captureErrorBehaviour", validate=validate.OneOf([each.value for each in Behaviour])
    )
    created_at = Instant(data_key="createdAt")
    finished_at = Instant(data_key="finishedAt")
    events = fields.Integer()
    taken = fields.Integer()
    faults = fields.List(fields.Dict(keys=fields.String()), data_key="errors")


class KeepQuery(Schema):
    """A query and its name."""

    name = Code(required=True, high=80)
    query = fields.Dict(required=True, keys=fields.String())


class EventQuery(Schema):
    """A query that is kept under a name."""

    name = fields.String()
    query = fields.Dict(keys=fields.String())
