"""Shapes of webhooks in and out."""

from typing import Any

from marshmallow import Schema, fields, validate

from marketplace import paging
from marketplace.fields import Id, Instant, Line, Whole
from marketplace.outbound.rules import URL_LENGTH_MAX, Outcome
from marketplace.webhooks.catalogue import WISHED
from marketplace.webhooks.endpoints import OVERLAP_HOURS_MAX
from marketplace.webhooks.rules import DeliveryState, DisabledReason, EndpointState

_STATE = validate.OneOf([each.value for each in DeliveryState])


class _Events(fields.List[str]):
    """Different events of the catalogue, at least one."""

    def __init__(self, **kwargs: Any) -> None:
        name = fields.String(validate=validate.OneOf(WISHED))
        super().__init__(name, validate=validate.Length(1, len(WISHED)), **kwargs)


class _Url(Line):
    """One line that may be longer than others; what it says is looked at by the rule of addresses."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(high=URL_LENGTH_MAX, **kwargs)


class EditEndpoint(Schema):
    url = _Url(
        required=True,
        metadata={"description": "https, a public name, no user or password, no fragment, port 443."},
    )
    events = _Events(required=True)
    description = Line(required=True)


class RegisterEndpoint(EditEndpoint):
    cooperative_id = Id(
        load_default=None,
        allow_none=True,
        metadata={"description": "Whose it is; null: the marketplace's own (operators)."},
    )


class RotateSecret(Schema):
    overlap_hours = Whole(
        high=OVERLAP_HOURS_MAX,
        load_default=24,
        metadata={"description": "How long the secrets before it sign along; 0: they end at once."},
    )


class ReplaySince(Schema):
    since = Instant(required=True)


class DeliveryQuery(paging.Query):
    state = fields.String(load_default=None, validate=_STATE)


class EndpointQuery(paging.Query):
    cooperative_id = Id(load_default=None)


class Endpoint(Schema):
    id = fields.UUID()
    cooperative_id = fields.UUID(allow_none=True)
    url = fields.String()
    events = fields.List(fields.String())
    description = fields.String()
    state = fields.String(
        validate=validate.OneOf([EndpointState.ENABLED.value, EndpointState.DISABLED.value])
    )
    disabled_reason = fields.String(
        allow_none=True, validate=validate.OneOf([each.value for each in DisabledReason])
    )
    disabled_at = Instant(allow_none=True)
    failures_in_row = fields.Integer()
    failing_since = Instant(allow_none=True)
    rests_until = Instant(
        allow_none=True, metadata={"description": "After failures in a row nothing is sent until then."}
    )
    created_at = Instant()
    version = fields.Integer()


class LiveSecret(Schema):
    number = fields.Integer()
    created_at = Instant()
    expires_at = Instant(allow_none=True)


class EndpointInFull(Endpoint):
    secrets = fields.List(
        fields.Nested(LiveSecret), metadata={"description": "Those that sign now, the newest first."}
    )


class EndpointWithSecret(Endpoint):
    secret = fields.String(
        metadata={"description": "Standard Webhooks: `whsec_` and the key in base64. Shown once."}
    )


class Delivery(Schema):
    id = fields.UUID()
    endpoint_id = fields.UUID()
    message_id = fields.UUID(metadata={"description": "The `webhook-id`: the same at every attempt."})
    type = fields.String()
    happened_at = Instant()
    state = fields.String(validate=_STATE)
    is_replay = fields.Boolean(metadata={"description": "Made by a replay, not when it happened."})
    attempts = fields.Integer()
    due_at = Instant(metadata={"description": "Of one that waits: not before."})


class Attempt(Schema):
    number = fields.Integer()
    at = Instant()
    outcome = fields.String(validate=validate.OneOf([each.value for each in Outcome]))
    status = fields.Integer(allow_none=True)
    duration_ms = fields.Integer()


class DeliveryInFull(Delivery):
    body = fields.Dict(keys=fields.String(), metadata={"description": "What is sent."})
    log = fields.List(fields.Nested(Attempt))


class Replayed(Schema):
    replayed_count = fields.Integer()
    is_all = fields.Boolean(metadata={"description": "Else ask again, from `until` on."})
    until = Instant()


class EventType(Schema):
    name = fields.String()
    version = fields.Integer()
    says_en = fields.String()
    says_zh = fields.String()
    for_cooperatives = fields.Boolean()
    is_wished = fields.Boolean(metadata={"description": "Else it comes without being asked for."})
    data_schema = fields.Dict(
        keys=fields.String(), metadata={"description": "The JSON Schema of a message's `data`."}
    )


class EventTypes(Schema):
    items = fields.List(fields.Nested(EventType))


EndpointPage = paging.page_of(Endpoint)
DeliveryPage = paging.page_of(Delivery)
