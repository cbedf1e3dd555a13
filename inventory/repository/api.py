"""Doors of each county's repository of events: the REST binding of EPCIS 2.0 below `/v1/counties/{county_id}/epcis`."""

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from urllib.parse import quote

import flask
from flask import Response, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.epcis import vocabulary
from inventory.repository import (
    answers,
    capturing,
    finding,
    intake,
    pages,
    query_rules,
    schemas,
    stored_queries,
    tokens,
)
from inventory.repository.models import Behaviour, CaptureJob, EventQuery
from inventory.repository.query_rules import Query
from inventory.repository.query_values import KNOWN_EVENT_TYPES
from inventory.repository.refusals import (
    CaptureLimitExceededException,
    NoSuchNameException,
    NoSuchResourceException,
    QueryParameterException,
    QueryTooLargeException,
    ResourceAlreadyExistsException,
    ValidationException,
    told_as,
)
from inventory.traces.models import TraceEvent, TraceMention
from inventory.traces.recording import EventNamed, Recorded
from marketplace import context, door, errors
from marketplace.catalogue import counties
from marketplace.catalogue.counties import CountyNotFound
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.language import Text

blueprint = Blueprint(
    "epcis",
    __name__,
    url_prefix="/counties/<uuid:county_id>/epcis",
    description="Events of EPCIS 2.0 追溯事件",
)

TOP: Final = (
    "events", "eventTypes", "epcs", "bizSteps", "bizLocations", "readPoints", "dispositions", "capture", "queries",
)  # fmt: skip
ASKED_BY: Final = {
    "eventTypes": "eventType",
    "epcs": "MATCH_anyEPC",
    "bizSteps": "EQ_bizStep",
    "bizLocations": "EQ_bizLocation",
    "readPoints": "EQ_readPoint",
    "dispositions": "EQ_disposition",
}
"""Which parameter finds the events of a resource."""
_KINDS: Final = f"<any({', '.join(ASKED_BY)}):resource>"
_WORDS: Final = {
    "eventTypes": KNOWN_EVENT_TYPES,
    "bizSteps": vocabulary.BIZ_STEPS.names,
    "dispositions": vocabulary.DISPOSITIONS.names,
}
_COLUMNS: Final = {
    "epcs": TraceMention.key,
    "bizLocations": TraceEvent.biz_location,
    "readPoints": TraceEvent.read_point,
}
_NOT_A_BEHAVIOUR: Final = Text(en="Must be rollback or proceed.", zh="须为 rollback 或 proceed。")
_BODY: Final = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
}
_FREE: Final = {
    "parameters": [
        {
            "in": "query",
            "name": "parameters",
            "style": "form",
            "explode": True,
            "schema": {"type": "object", "additionalProperties": {"type": "string"}},
            "description": "SimpleEventQuery of EPCIS 2.0, lists with `|` (docs/epcis.md) 标准查询参数",
        }
    ]
}


_PATHS: Final[Mapping[str, tuple[str, ...]]] = {
    "": ("GET",),
    "/capture": ("GET", "POST"),
    "/capture/<uuid:capture_id>": ("GET",),
    "/events": ("GET", "POST"),
    "/events/<path:event_id>": ("GET",),
    f"/{_KINDS}": ("GET",),
    f"/{_KINDS}/<path:name>": ("GET",),
    f"/{_KINDS}/<path:name>/events": ("GET",),
    "/queries": ("GET", "POST"),
    "/queries/<name>": ("GET", "DELETE"),
    "/queries/<name>/events": ("GET",),
}
"""The addresses, and what may be done there."""


def discover(county_id: uuid.UUID, **_path: str) -> Response:
    """Which versions, forms and limits there are 能力发现"""
    with reading() as session:
        counties.get(session, county_id=county_id)
    assert request.url_rule is not None
    path = request.url_rule.rule.partition("/epcis")[2]
    return answers.discovered(_PATHS[path], answers.LIMITS if path == "/capture" else {})


for _path in _PATHS:  # before the others, which answer OPTIONS with what they allow and nothing more
    flask.Blueprint.add_url_rule(
        blueprint, _path, "discover", discover, methods=["OPTIONS"], provide_automatic_options=False
    )


@blueprint.get("")
@blueprint.problems(CountyNotFound)
@blueprint.response(200, schemas.Collection)
def list_resources(county_id: uuid.UUID) -> Response:
    """What there is to ask here 资源列表"""
    with reading() as session:
        counties.get(session, county_id=county_id)
        return answers.given(answers.collection(TOP))


@blueprint.post("/capture")
@blueprint.doc(**_BODY)
@blueprint.problems(CountyNotFound, ValidationException, CaptureLimitExceededException)
@blueprint.response(202, schemas.CaptureJob)
def capture(county_id: uuid.UUID) -> CaptureJob:
    """Take in a document of events 采集事件文档"""
    answers.tell(answers.VERSIONS)
    job = intake.take_in(
        context.current(), county_id=county_id, document=door.read_json(), behaviour=_behaviour()
    )
    answers.tell({"Location": f"/v1/counties/{county_id}/epcis/capture/{job.id}"})
    return job


@blueprint.get("/capture")
@blueprint.arguments(schemas.PageQuery, location="query")
@blueprint.problems(CountyNotFound, QueryParameterException)
@blueprint.response(200, schemas.CaptureJob(many=True))
def list_captures(query: dict[str, Any], county_id: uuid.UUID) -> list[CaptureJob]:
    """Documents that were sent, oldest first 采集任务列表"""
    with reading() as session:
        counties.get(session, county_id=county_id)
        begin = pages.begin(query, {"list": "capture", "county": county_id})
        statement = select(CaptureJob).where(CaptureJob.county_id == county_id).order_by(CaptureJob.id)
        found = list(session.scalars(statement.offset(begin).limit(query["per_page"] + 1)))
        return pages.cut(found, query, begin, {"list": "capture", "county": county_id})


@blueprint.get("/capture/<uuid:capture_id>")
@blueprint.problems(NoSuchResourceException)
@blueprint.response(200, schemas.CaptureJob)
def get_capture(county_id: uuid.UUID, capture_id: uuid.UUID) -> CaptureJob:
    """What became of a document 查询采集任务"""
    answers.tell(answers.VERSIONS)
    with reading() as session:
        return capturing.get_job(session, county_id=county_id, job_id=capture_id)


@blueprint.post("/events")
@blueprint.doc(**_BODY)
@blueprint.problems(CountyNotFound, ValidationException, EventNamed)
@blueprint.writes(
    201,
    schemas.ToldEvent,
    key=False,
    location=lambda told: f"/v1/counties/{told.county_id}/epcis/events/{quote(told.entry.event_id, safe='')}",
)
def capture_event(session: Session, county_id: uuid.UUID) -> Recorded:
    """Take in one event, which brings its own context 采集单个事件"""
    answers.tell(answers.VERSIONS)
    return capturing.capture_one(session, context.current(), county_id=county_id, event=door.read_json())


@blueprint.get("/events")
@blueprint.doc(**_FREE)
@blueprint.problems(CountyNotFound, QueryParameterException, QueryTooLargeException)
@blueprint.response(200, schemas.QueryDocument)
def find_events(county_id: uuid.UUID) -> Response:
    """Events that a query finds 查询事件"""
    return _found(county_id, {})


@blueprint.get("/events/<path:event_id>")
@blueprint.problems(CountyNotFound, NoSuchResourceException)
@blueprint.response(200, schemas.QueryDocument)
def get_event(county_id: uuid.UUID, event_id: str) -> Response:
    """One event with its declarations of error 查询单个事件"""
    try:
        query = query_rules.of_document({"EQ_eventID": event_id})
    except errors.Invalid:
        raise NoSuchResourceException from None
    ctx = context.current()
    with reading() as session:
        counties.get(session, county_id=county_id)
        found = finding.page(session, county_id=county_id, query=query, position=None, now=ctx.now)
        if not found.events:
            raise NoSuchResourceException
        return answers.given(answers.document(found.events, ctx.now))


@blueprint.get(f"/{_KINDS}")
@blueprint.arguments(schemas.PageQuery, location="query")
@blueprint.problems(CountyNotFound, QueryParameterException)
@blueprint.response(200, schemas.Collection)
def list_names(query: dict[str, Any], county_id: uuid.UUID, resource: str) -> Response:
    """Types, objects, steps, places or states that events may speak of 名称列表"""
    question = {"list": resource, "county": county_id}
    with reading() as session:
        counties.get(session, county_id=county_id)
        begin = pages.begin(query, question)
        if resource in _WORDS:
            names = sorted(_WORDS[resource])[begin : begin + query["per_page"] + 1]
        else:
            column = _COLUMNS[resource]
            statement = (
                select(column).where(column.class_.county_id == county_id, column.is_not(None)).distinct()
            )
            names = list(
                session.scalars(statement.order_by(column).offset(begin).limit(query["per_page"] + 1))
            )
        return answers.given(answers.collection(pages.cut(names, query, begin, question)))


@blueprint.get(f"/{_KINDS}/<path:name>")
@blueprint.problems(CountyNotFound)
@blueprint.response(200, schemas.Collection)
def list_of_name(county_id: uuid.UUID, **_path: str) -> Response:
    """What there is to ask of one of them 子资源列表"""
    with reading() as session:
        counties.get(session, county_id=county_id)
        return answers.given(answers.collection(["events"]))


@blueprint.get(f"/{_KINDS}/<path:name>/events")
@blueprint.doc(**_FREE)
@blueprint.problems(CountyNotFound, QueryParameterException, QueryTooLargeException)
@blueprint.response(200, schemas.QueryDocument)
def find_events_of(county_id: uuid.UUID, resource: str, name: str) -> Response:
    """Events of a type, an object, a step, a place or a state 按资源查询事件"""
    return _found(county_id, {ASKED_BY[resource]: name})


@blueprint.get("/queries")
@blueprint.arguments(schemas.PageQuery, location="query")
@blueprint.problems(CountyNotFound, QueryParameterException)
@blueprint.response(200, schemas.EventQuery(many=True))
def list_queries(query: dict[str, Any], county_id: uuid.UUID) -> list[EventQuery]:
    """Queries that are kept under a name 已保存的查询"""
    question = {"list": "queries", "county": county_id}
    with reading() as session:
        counties.get(session, county_id=county_id)
        begin = pages.begin(query, question)
        statement = stored_queries.every(county_id).order_by(EventQuery.name)
        found = list(session.scalars(statement.offset(begin).limit(query["per_page"] + 1)))
        return pages.cut(found, query, begin, question)


@blueprint.post("/queries")
@blueprint.arguments(schemas.KeepQuery)
@blueprint.problems(CountyNotFound, QueryParameterException, ResourceAlreadyExistsException)
@blueprint.writes(
    201,
    schemas.EventQuery,
    key=False,
    location=lambda kept: f"/v1/counties/{kept.county_id}/epcis/queries/{kept.name}",
)
def keep_query(session: Session, body: dict[str, Any], county_id: uuid.UUID) -> EventQuery:
    """Keep a query under a name 保存查询"""
    return stored_queries.keep(session, context.current(), county_id=county_id, **body)


@blueprint.get("/queries/<name>")
@blueprint.problems(NoSuchNameException)
@blueprint.response(200, schemas.EventQuery)
def get_query(county_id: uuid.UUID, name: str) -> EventQuery:
    """A query that is kept 查看查询"""
    with reading() as session:
        return stored_queries.get(session, county_id=county_id, name=name)


@blueprint.delete("/queries/<name>")
@blueprint.problems(NoSuchNameException)
@blueprint.writes(204, key=False)
def remove_query(session: Session, county_id: uuid.UUID, name: str) -> None:
    """Forget a query and end its subscriptions 删除查询及其订阅"""
    stored_queries.remove(session, context.current(), county_id=county_id, name=name)


@blueprint.get("/queries/<name>/events")
@blueprint.arguments(schemas.PageQuery, location="query")
@blueprint.problems(NoSuchNameException, QueryParameterException, QueryTooLargeException)
@blueprint.response(200, schemas.QueryDocument)
def find_events_by_name(query: dict[str, Any], county_id: uuid.UUID, name: str) -> Response:
    """Events that a kept query finds 按已保存的查询查找事件"""
    with reading() as session:
        kept = stored_queries.get(session, county_id=county_id, name=name).query
    asked = query_rules.of_document(kept)
    paged = replace(asked, per_page=query["per_page"], token=query["token"])
    return _page(county_id, paged, {"kept": kept, "county": county_id}, query_name=name)


def _found(county_id: uuid.UUID, fixed: Mapping[str, str]) -> Response:
    """The page of events that the address asks for, besides what its path says."""
    repeated = [name for name, values in request.args.lists() if len(values) > 1]
    if repeated:
        told = Text(en="Stands twice; part values with |.", zh="参数重复；多个值请用 | 分隔。")
        raise QueryParameterException(errors=[{"parameter": name, "detail": told} for name in repeated])
    arguments = request.args.to_dict()
    with told_as(QueryParameterException):
        query = query_rules.of_address(
            arguments, query_rules.extensions(request.headers.get("GS1-Extensions"))
        )
        asked = query_rules.of_document(fixed)
    question = {**arguments, "fixed": dict(fixed), "county": county_id, "nextPageToken": None}
    return _page(county_id, replace(query, conditions=query.conditions + asked.conditions), question)


def _page(
    county_id: uuid.UUID, query: Query, question: Mapping[str, Any], *, query_name: str = "SimpleEventQuery"
) -> Response:
    ctx = context.current()
    mark = tokens.fingerprint(question)
    position = pages.position(query.token, mark, ctx.now)
    with reading() as session:
        counties.get(session, county_id=county_id)
        found = finding.page(session, county_id=county_id, query=query, position=position, now=ctx.now)
    if found.following is not None:
        answers.tell_next(tokens.written(found.following, mark), found.following.until)
    return answers.given(answers.document(found.events, ctx.now, query_name=query_name))


def _behaviour() -> Behaviour:
    told = request.headers.get("GS1-Capture-Error-Behaviour", Behaviour.ROLLBACK)
    try:
        return Behaviour(told)
    except ValueError:
        wrong = {"parameter": "GS1-Capture-Error-Behaviour", "detail": _NOT_A_BEHAVIOUR}
        raise ValidationException(errors=[wrong]) from None
