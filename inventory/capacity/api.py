"""Doors of capacities: forecasts and their revisions, promises to look at, weighings, the end of a week."""

import uuid
from typing import Any

from flask import current_app
from sqlalchemy.orm import Session

from inventory import lots
from inventory.capacity import forecasts, schemas, weighing
from inventory.capacity.models import Capacity, CapacityLine, CapacityRevision, Weighing
from inventory.capacity.rules import Haircut
from inventory.stores import cold_stores
from marketplace import context, paging, versions
from marketplace.catalogue.cooperatives import CooperativeNotFound
from marketplace.database import reading
from marketplace.door import Blueprint

blueprint = Blueprint(
    "capacities", __name__, url_prefix="/capacities", description="Fruit that is only forecast 预估产量"
)


@blueprint.get("")
@blueprint.arguments(schemas.CapacityQuery, location="query")
@blueprint.response(200, schemas.CapacityPage)
def list_capacities(query: dict[str, Any]) -> dict[str, Any]:
    """Forecasts in pages: a member's own, all for staff 预估产量列表"""
    every = forecasts.visible(context.current().actor)
    statement = paging.only(every, query, Capacity.cooperative_id, Capacity.state, Capacity.week_on)
    with reading() as session:
        return paging.read(session, statement, Capacity.id, **query)


@blueprint.post("")
@blueprint.arguments(schemas.DeclareCapacity)
@blueprint.problems(
    CooperativeNotFound, forecasts.CapacityExists, forecasts.NotAMonday, forecasts.BandOutOfOrder
)
@blueprint.writes(201, schemas.Capacity, location=lambda capacity: f"/v1/capacities/{capacity.id}")
def declare(session: Session, body: dict[str, Any]) -> Capacity:
    """Forecast what a week will give 申报预估产量"""
    return forecasts.declare(session, context.current(), haircut=_haircut(), **body)


@blueprint.get("/<uuid:capacity_id>")
@blueprint.problems(forecasts.CapacityNotFound)
@blueprint.response(200, schemas.Capacity)
def get_capacity(capacity_id: uuid.UUID) -> Capacity:
    """One forecast: promised, weighed, converted, missing 查询预估产量"""
    with reading() as session:
        capacity = forecasts.get(session, context.current(), capacity_id=capacity_id)
        versions.tag(capacity.version)
        return capacity


@blueprint.get("/<uuid:capacity_id>/revisions")
@blueprint.arguments(paging.Query, location="query")
@blueprint.problems(forecasts.CapacityNotFound)
@blueprint.response(200, schemas.CapacityRevisionPage)
def list_revisions(query: dict[str, Any], capacity_id: uuid.UUID) -> dict[str, Any]:
    """Every forecast that was made, with who, when and why 预估修订记录"""
    with reading() as session:
        forecasts.get(session, context.current(), capacity_id=capacity_id)
        return paging.read(session, forecasts.revisions(capacity_id), CapacityRevision.id, **query)


@blueprint.post("/<uuid:capacity_id>/revisions")
@blueprint.arguments(schemas.ReviseCapacity)
@blueprint.problems(forecasts.CapacityNotFound, forecasts.CapacityClosed, forecasts.BandOutOfOrder)
@blueprint.writes(201, schemas.Capacity)
def revise(session: Session, body: dict[str, Any], capacity_id: uuid.UUID) -> Capacity:
    """Forecast anew; less than is promised opens a shortfall case 修订预估产量"""
    return forecasts.revise(session, context.current(), capacity_id=capacity_id, haircut=_haircut(), **body)


@blueprint.get("/<uuid:capacity_id>/lines")
@blueprint.arguments(paging.Query, location="query")
@blueprint.problems(forecasts.CapacityNotFound)
@blueprint.response(200, schemas.CapacityLinePage)
def list_lines(query: dict[str, Any], capacity_id: uuid.UUID) -> dict[str, Any]:
    """The journal of what was promised, given back and weighed 预售流水"""
    with reading() as session:
        forecasts.get(session, context.current(), capacity_id=capacity_id)
        return paging.read(session, forecasts.lines(capacity_id), CapacityLine.id, **query)


@blueprint.get("/<uuid:capacity_id>/weighings")
@blueprint.arguments(paging.Query, location="query")
@blueprint.problems(forecasts.CapacityNotFound)
@blueprint.response(200, schemas.WeighingPage)
def list_weighings(query: dict[str, Any], capacity_id: uuid.UUID) -> dict[str, Any]:
    """The loads that were weighed 称重记录"""
    with reading() as session:
        forecasts.get(session, context.current(), capacity_id=capacity_id)
        return paging.read(session, forecasts.weighings(capacity_id), Weighing.id, **query)


@blueprint.post("/<uuid:capacity_id>/weighings")
@blueprint.arguments(schemas.Weigh)
@blueprint.problems(
    forecasts.CapacityNotFound,
    forecasts.CapacityClosed,
    weighing.WeighingDiffers,
    weighing.TareTooHeavy,
    weighing.HarvestedOtherWeek,
    cold_stores.ColdStoreNotFound,
    lots.LotCodeTaken,
    lots.DaysOutOfOrder,
    lots.LotTooLarge,
)
@blueprint.writes(201, schemas.Weighing)
def weigh(session: Session, body: dict[str, Any], capacity_id: uuid.UUID) -> Weighing:
    """Weigh a load in: it becomes a lot; safe to send again 称重入库"""
    return weighing.weigh(session, context.current(), capacity_id=capacity_id, **body)


@blueprint.post("/<uuid:capacity_id>/close")
@blueprint.problems(forecasts.CapacityNotFound, forecasts.CapacityClosed)
@blueprint.writes(200, schemas.Capacity)
def close(session: Session, capacity_id: uuid.UUID) -> Capacity:
    """All is weighed; what is still promised is missing 结束称重"""
    return forecasts.close(session, context.current(), capacity_id=capacity_id)


def _haircut() -> Haircut:
    settings = current_app.config["SETTINGS"]
    return Haircut(
        base_permille=settings.forecast_haircut_base_permille,
        weekly_permille=settings.forecast_haircut_weekly_permille,
        most_permille=settings.forecast_haircut_most_permille,
    )
