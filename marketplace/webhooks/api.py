"""Doors of webhooks: a cooperative's members and operators look after endpoints; an auditor looks."""

import json
import uuid
from typing import Any, Final

from sqlalchemy.orm import Session

from marketplace import context, errors, paging, versions
from marketplace.catalogue.cooperatives import CooperativeNotFound
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.limits import limited
from marketplace.outbound.rules import UrlNotAllowed
from marketplace.problems import VersionDiffers, VersionMissing
from marketplace.webhooks import delivering, endpoints, replaying, schemas
from marketplace.webhooks.catalogue import EVENT_TYPES
from marketplace.webhooks.models import Delivery, Endpoint, Message

event_types = Blueprint(
    "webhook_event_types", __name__, url_prefix="/webhook-event-types", description="Events 事件目录"
)
blueprint = Blueprint(
    "webhook_endpoints", __name__, url_prefix="/webhook-endpoints", description="Webhook endpoints 外发端点"
)
deliveries = Blueprint(
    "webhook_deliveries",
    __name__,
    url_prefix="/webhook-deliveries",
    description="Webhook deliveries 外发投递",
)
blueprints: Final = (event_types, blueprint, deliveries)


@event_types.get("")
@event_types.response(200, schemas.EventTypes)
def list_event_types() -> dict[str, Any]:
    """What partners can be told, with the schema of each 事件目录"""
    return {
        "items": [
            {
                "name": each.name,
                "version": each.version,
                "says_en": each.says.en,
                "says_zh": each.says.zh,
                "for_cooperatives": each.for_cooperatives,
                "is_wished": each.is_wished,
                "data_schema": each.schema(),
            }
            for each in EVENT_TYPES
        ]
    }


@blueprint.get("")
@blueprint.arguments(schemas.EndpointQuery, location="query")
@blueprint.response(200, schemas.EndpointPage)
def list_endpoints(query: dict[str, Any]) -> dict[str, Any]:
    """Endpoints in pages: a member's own cooperative's, all for staff 端点列表"""
    statement = paging.only(endpoints.visible(context.current()), query, Endpoint.cooperative_id)
    with reading() as session:
        return paging.read(session, statement, Endpoint.id, **query)


@blueprint.post("")
@limited("30 per minute", per="actor")
@blueprint.arguments(schemas.RegisterEndpoint)
@blueprint.problems(
    UrlNotAllowed,
    CooperativeNotFound,
    endpoints.EventNotForCooperatives,
    endpoints.TooManyEndpoints,
    errors.TooMany,
)
@blueprint.writes(
    201,
    schemas.EndpointWithSecret,
    key=False,
    location=lambda made: f"/v1/webhook-endpoints/{made['id']}",
)
def register(session: Session, body: dict[str, Any]) -> dict[str, Any]:
    """Register an endpoint; its secret is shown this once 登记端点"""
    return _with_secret(*endpoints.register(session, context.current(), **body))


@blueprint.get("/<uuid:endpoint_id>")
@blueprint.problems(endpoints.EndpointNotFound)
@blueprint.response(200, schemas.EndpointInFull)
def get_endpoint(endpoint_id: uuid.UUID) -> dict[str, Any]:
    """One endpoint and how it is doing 查询端点"""
    ctx = context.current()
    with reading() as session:
        endpoint = endpoints.get(session, ctx, endpoint_id=endpoint_id)
        versions.tag(endpoint.version)
        live = endpoints.live_secrets(session, ctx, endpoint_id=endpoint_id)
        return {**_fields(endpoint), "secrets": live}


@blueprint.put("/<uuid:endpoint_id>")
@blueprint.doc(parameters=[versions.IF_MATCH])
@blueprint.arguments(schemas.EditEndpoint)
@blueprint.problems(
    endpoints.EndpointNotFound,
    UrlNotAllowed,
    endpoints.EventNotForCooperatives,
    VersionMissing,
    VersionDiffers,
)
@blueprint.writes(200, schemas.Endpoint, key=False)
def edit_endpoint(session: Session, body: dict[str, Any], endpoint_id: uuid.UUID) -> Endpoint:
    """Another address, other events, from now on 修改端点"""
    endpoint = endpoints.get(session, context.current(), endpoint_id=endpoint_id, locked=True)
    versions.check(endpoint.version)
    return endpoints.edit(session, context.current(), endpoint=endpoint, **body)


@blueprint.delete("/<uuid:endpoint_id>")
@blueprint.problems(endpoints.EndpointNotFound)
@blueprint.writes(204, key=False)
def remove(session: Session, endpoint_id: uuid.UUID) -> None:
    """Remove an endpoint for good 删除端点"""
    endpoints.remove(session, context.current(), endpoint_id=endpoint_id)


@blueprint.post("/<uuid:endpoint_id>/secrets")
@limited("10 per minute", per="actor")
@blueprint.arguments(schemas.RotateSecret)
@blueprint.problems(endpoints.EndpointNotFound, endpoints.TooManySecrets, errors.TooMany)
@blueprint.writes(201, schemas.EndpointWithSecret, key=False)
def rotate(session: Session, body: dict[str, Any], endpoint_id: uuid.UUID) -> dict[str, Any]:
    """Make a new secret; the old ones sign along for a while 轮换密钥"""
    return _with_secret(*endpoints.rotate(session, context.current(), endpoint_id=endpoint_id, **body))


@blueprint.post("/<uuid:endpoint_id>/disabling")
@blueprint.problems(endpoints.EndpointNotFound, endpoints.EndpointDisabled)
@blueprint.writes(200, schemas.Endpoint, key=False)
def disable(session: Session, endpoint_id: uuid.UUID) -> Endpoint:
    """Stop telling an endpoint 停用端点"""
    return endpoints.disable(session, context.current(), endpoint_id=endpoint_id)


@blueprint.post("/<uuid:endpoint_id>/enabling")
@blueprint.problems(endpoints.EndpointNotFound, endpoints.EndpointEnabled, endpoints.SecretUnreadable)
@blueprint.writes(200, schemas.Endpoint, key=False)
def enable(session: Session, endpoint_id: uuid.UUID) -> Endpoint:
    """Tell an endpoint again 启用端点"""
    return endpoints.enable(session, context.current(), endpoint_id=endpoint_id)


@blueprint.post("/<uuid:endpoint_id>/tests")
@limited("10 per minute", per="actor")
@blueprint.problems(endpoints.EndpointNotFound, endpoints.EndpointDisabled, errors.TooMany)
@blueprint.writes(202, schemas.Delivery, key=False)
def try_out(session: Session, endpoint_id: uuid.UUID) -> dict[str, Any]:
    """Send a test message; its delivery tells how it went 发送测试消息"""
    delivery = endpoints.try_out(session, context.current(), endpoint_id=endpoint_id)
    return _shown(delivery, replaying.message_of(session, delivery))


@blueprint.post("/<uuid:endpoint_id>/replays")
@limited("10 per minute", per="actor")
@blueprint.arguments(schemas.ReplaySince)
@blueprint.problems(endpoints.EndpointNotFound, endpoints.EndpointDisabled, errors.TooMany)
@blueprint.writes(202, schemas.Replayed, key=False)
def replay_since(session: Session, body: dict[str, Any], endpoint_id: uuid.UUID) -> replaying.Replayed:
    """Send again all that happened since an instant 重发某时刻以来的消息"""
    return replaying.replay_since(session, context.current(), endpoint_id=endpoint_id, **body)


@blueprint.get("/<uuid:endpoint_id>/deliveries")
@blueprint.arguments(schemas.DeliveryQuery, location="query")
@blueprint.problems(endpoints.EndpointNotFound)
@blueprint.response(200, schemas.DeliveryPage)
def list_deliveries(query: dict[str, Any], endpoint_id: uuid.UUID) -> dict[str, Any]:
    """An endpoint's deliveries, the oldest first 投递记录"""
    ctx = context.current()
    with reading() as session:
        endpoints.get(session, ctx, endpoint_id=endpoint_id)
        statement = paging.only(replaying.visible(ctx, endpoint_id=endpoint_id), query, Delivery.state)
        page = paging.read(session, statement, Delivery.id, **query)
        messages = replaying.messages_of(session, page["items"])
        return {**page, "items": [_shown(each, messages[each.message_id]) for each in page["items"]]}


@deliveries.get("/<uuid:delivery_id>")
@deliveries.problems(replaying.DeliveryNotFound)
@deliveries.response(200, schemas.DeliveryInFull)
def get_delivery(delivery_id: uuid.UUID) -> dict[str, Any]:
    """One delivery: what is sent, and how each attempt went 查询投递"""
    with reading() as session:
        delivery = replaying.get(session, context.current(), delivery_id=delivery_id)
        message = replaying.message_of(session, delivery)
        return {
            **_shown(delivery, message),
            "body": json.loads(delivering.body_of(message)),
            "log": replaying.attempts_of(session, delivery),
        }


@deliveries.post("/<uuid:delivery_id>/replay")
@limited("60 per minute", per="actor")
@deliveries.problems(replaying.DeliveryNotFound, endpoints.EndpointDisabled, errors.TooMany)
@deliveries.writes(202, schemas.Delivery, key=False)
def replay(session: Session, delivery_id: uuid.UUID) -> dict[str, Any]:
    """Send one message again, under its own id 重发一条消息"""
    delivery = replaying.replay(session, context.current(), delivery_id=delivery_id)
    return _shown(delivery, replaying.message_of(session, delivery))


def _with_secret(endpoint: Endpoint, clear: str) -> dict[str, Any]:
    return {**_fields(endpoint), "secret": clear}


def _fields(endpoint: Endpoint) -> dict[str, Any]:
    return {name: getattr(endpoint, name) for name in schemas.Endpoint().fields}


def _shown(delivery: Delivery, message: Message) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "endpoint_id": delivery.endpoint_id,
        "message_id": delivery.message_id,
        "type": message.type,
        "happened_at": message.at,
        "state": delivery.state,
        "is_replay": delivery.is_replay,
        "attempts": delivery.attempts,
        "due_at": delivery.due_at,
    }
