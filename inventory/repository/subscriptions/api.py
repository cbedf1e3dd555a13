"""Doors of subscriptions to kept queries, below `/v1/counties/{county_id}/epcis/queries/{name}/subscriptions`."""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Final

import flask
from flask import Response, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.repository import answers, pages, stored_queries
from inventory.repository.refusals import (
    InvalidUriException,
    NoSuchNameException,
    NoSuchSubscriptionException,
    QueryParameterException,
    SubscribeNotPermittedException,
    SubscriptionControlsException,
)
from inventory.repository.schemas import PageQuery
from inventory.repository.subscriptions import schemas, subscribing
from inventory.repository.subscriptions.models import EventDelivery, EventSubscription
from inventory.repository.subscriptions.rules import State
from inventory.repository.subscriptions.subscribing import SubscriptionActive
from marketplace import context, errors
from marketplace.catalogue import counties
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.limits import limited

blueprint = Blueprint(
    "epcis_subscriptions",
    __name__,
    url_prefix="/counties/<uuid:county_id>/epcis/queries/<name>/subscriptions",
    description="Subscriptions to kept queries 事件订阅",
)

_PATHS: Final[Mapping[str, tuple[str, ...]]] = {
    "": ("GET", "POST"),
    "/<uuid:subscription_id>": ("GET", "DELETE"),
    "/<uuid:subscription_id>/resuming": ("POST",),
}
"""The addresses, and what may be done there."""


def discover(county_id: uuid.UUID, **_path: str) -> Response:
    """Which versions and forms there are 能力发现"""
    with reading() as session:
        counties.get(session, county_id=county_id)
    assert request.url_rule is not None
    return answers.discovered(_PATHS[request.url_rule.rule.partition("/subscriptions")[2]], {})


for _path in _PATHS:  # before the others, which answer OPTIONS with what they allow and nothing more
    flask.Blueprint.add_url_rule(
        blueprint, _path, "discover", discover, methods=["OPTIONS"], provide_automatic_options=False
    )


@blueprint.post("")
@limited("30 per minute", per="actor")
@blueprint.arguments(schemas.Subscribe)
@blueprint.problems(
    NoSuchNameException,
    InvalidUriException,
    SubscriptionControlsException,
    SubscribeNotPermittedException,
    errors.TooMany,
)
@blueprint.writes(
    201,
    schemas.Subscription,
    key=False,
    location=lambda made: f"{made['collection']}/{made['subscription_id']}",
)
def subscribe(session: Session, body: dict[str, Any], county_id: uuid.UUID, name: str) -> dict[str, Any]:
    """Be sent what a kept query finds 订阅查询结果"""
    answers.tell(answers.VERSIONS)
    made = subscribing.subscribe(session, context.current(), county_id=county_id, name=name, **body)
    collection = f"/v1/counties/{county_id}/epcis/queries/{name}/subscriptions"
    return {**_shown(session, name, [made])[0], "collection": collection}


@blueprint.get("")
@blueprint.arguments(PageQuery, location="query")
@blueprint.problems(NoSuchNameException, QueryParameterException)
@blueprint.response(200, schemas.Subscription(many=True))
def list_subscriptions(query: dict[str, Any], county_id: uuid.UUID, name: str) -> list[dict[str, Any]]:
    """Subscriptions to a kept query, oldest first 订阅列表"""
    with reading() as session:
        kept = stored_queries.get(session, county_id=county_id, name=name)
        question = {"list": "subscriptions", "query": kept.id}
        begin = pages.begin(query, question)
        statement = subscribing.every(kept).order_by(EventSubscription.id)
        found = list(session.scalars(statement.offset(begin).limit(query["per_page"] + 1)))
        return _shown(session, name, pages.cut(found, query, begin, question))


@blueprint.get("/<uuid:subscription_id>")
@blueprint.problems(NoSuchNameException, NoSuchSubscriptionException)
@blueprint.response(200, schemas.Subscription)
def get_subscription(county_id: uuid.UUID, name: str, subscription_id: uuid.UUID) -> dict[str, Any]:
    """A subscription and how it is doing 查看订阅"""
    answers.tell(answers.VERSIONS)
    with reading() as session:
        found = subscribing.get(session, county_id=county_id, name=name, subscription_id=subscription_id)
        return _shown(session, name, [found])[0]


@blueprint.delete("/<uuid:subscription_id>")
@blueprint.problems(NoSuchNameException, NoSuchSubscriptionException)
@blueprint.writes(204, key=False)
def unsubscribe(session: Session, county_id: uuid.UUID, name: str, subscription_id: uuid.UUID) -> None:
    """End a subscription 取消订阅"""
    subscribing.unsubscribe(
        session, context.current(), county_id=county_id, name=name, subscription_id=subscription_id
    )


@blueprint.post("/<uuid:subscription_id>/resuming")
@blueprint.problems(NoSuchNameException, NoSuchSubscriptionException, SubscriptionActive)
@blueprint.writes(200, schemas.Subscription, key=False)
def resume(session: Session, county_id: uuid.UUID, name: str, subscription_id: uuid.UUID) -> dict[str, Any]:
    """Let a paused subscription go on where it stopped 恢复订阅"""
    answers.tell(answers.VERSIONS)
    found = subscribing.resume(
        session, context.current(), county_id=county_id, name=name, subscription_id=subscription_id
    )
    return _shown(session, name, [found])[0]


def _shown(session: Session, name: str, found: Iterable[EventSubscription]) -> list[dict[str, Any]]:
    """What is told of each, with the delivery that waits for it; never its token."""
    rows = list(found)
    session.flush()
    waiting = {
        each.subscription_id: each
        for each in session.scalars(
            select(EventDelivery).where(EventDelivery.subscription_id.in_([row.id for row in rows]))
        )
    }
    return [_told(name, row, waiting.get(row.id)) for row in rows]


def _told(name: str, row: EventSubscription, delivery: EventDelivery | None) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "subscription_id": row.id,
        "query_name": name,
        "dest": row.dest,
        "schedule": row.schedule,
        "stream": True if row.is_stream else None,
        "report_if_empty": row.report_if_empty,
        "initial_record_time": row.initial_record_time,
        "created_at": row.created_at,
        "last_notified_at": row.last_notified_at,
        "is_signed": row.sealed_token is not None,
        "due_at": row.due_at if row.state == State.ACTIVE else None,
        "state": row.state,
        "paused_reason": row.paused_reason,
        "paused_at": row.paused_at,
        "failures": delivery.tries if delivery else 0,
        "last_outcome": delivery.last_outcome if delivery else None,
        "last_status": delivery.last_status if delivery else None,
        "next_attempt_at": delivery.due_at if delivery and row.state == State.ACTIVE else None,
    }
    return {fact: value for fact, value in facts.items() if value is not None}
