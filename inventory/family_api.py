"""Doors of lots that come out of lots, and of what is measured of their fruit."""

import uuid
from typing import Any

from sqlalchemy.orm import Session

from inventory import family_schemas as schemas
from inventory import lots, parentage, readings
from inventory.models import QualityReading
from inventory.parentage import Family, Relatives
from inventory.stores import rooms
from marketplace import context, paging
from marketplace.database import reading
from marketplace.door import Blueprint

families = Blueprint("lot_families", __name__, url_prefix="/lots", description="Lots out of lots 批次拆合")
measures = Blueprint(
    "quality_readings", __name__, url_prefix="/lots", description="Quality readings 品质检测"
)

_REFUSALS = (
    lots.LotNotFound,
    lots.FruitPromised,
    lots.LotStatusForbids,
    lots.LotCodeTaken,
    rooms.RoomNotFound,
    rooms.NoSpace,
)


@families.post("/<uuid:lot_id>/splits")
@families.arguments(schemas.SplitLot)
@families.problems(*_REFUSALS)
@families.writes(201, schemas.Family)
def split(session: Session, body: dict[str, Any], lot_id: uuid.UUID) -> Family:
    """Make parts of a lot's free fruit lots of their own; safe to send again 拆分批次"""
    return parentage.split(session, context.current(), lot_id=lot_id, **body)


@families.post("/<uuid:lot_id>/gradings")
@families.arguments(schemas.GradeLot)
@families.problems(*_REFUSALS)
@families.writes(201, schemas.Family)
def grade(session: Session, body: dict[str, Any], lot_id: uuid.UUID) -> Family:
    """Sort a lot's free fruit into grades, and cull the rest; safe to send again 批次分级"""
    return parentage.grade(session, context.current(), lot_id=lot_id, **body)


@families.post("/merges")
@families.arguments(schemas.MergeLots)
@families.problems(*_REFUSALS, parentage.LotsDiffer, lots.LotTooLarge)
@families.writes(201, schemas.Family)
def merge(session: Session, body: dict[str, Any]) -> Family:
    """Bring free fruit of several lots of one sort into one lot; safe to send again 合并批次"""
    return parentage.merge(session, context.current(), **body)


@families.post("/<uuid:lot_id>/returns")
@families.arguments(schemas.TakeBack)
@families.problems(lots.LotNotFound, lots.LotCodeTaken, parentage.NotShipped, rooms.NoSpace)
@families.writes(201, schemas.Family)
def take_back(session: Session, body: dict[str, Any], lot_id: uuid.UUID) -> Family:
    """Take shipped fruit back as a lot under quarantine; safe to send again 退货入库"""
    return parentage.take_back(session, context.current(), lot_id=lot_id, **body)


@families.get("/<uuid:lot_id>/relatives")
@families.problems(lots.LotNotFound)
@families.response(200, schemas.Relatives)
def get_relatives(lot_id: uuid.UUID) -> Relatives:
    """Where a lot's fruit came from and where it went 批次来源与去向"""
    with reading() as session:
        return parentage.relatives(session, context.current(), lot_id=lot_id)


@measures.get("/<uuid:lot_id>/quality-readings")
@measures.arguments(paging.Query, location="query")
@measures.problems(lots.LotNotFound)
@measures.response(200, schemas.QualityReadingPage)
def list_readings(query: dict[str, Any], lot_id: uuid.UUID) -> dict[str, Any]:
    """What was measured of a lot's fruit 品质检测列表"""
    with reading() as session:
        lots.get(session, context.current(), lot_id=lot_id)
        return paging.read(session, readings.of_lot(lot_id), QualityReading.id, **query)


@measures.post("/<uuid:lot_id>/quality-readings")
@measures.arguments(schemas.WriteDownReading)
@measures.problems(lots.LotNotFound, readings.NothingMeasured, readings.MeasuredTooEarly)
@measures.writes(201, schemas.QualityReading)
def write_down(session: Session, body: dict[str, Any], lot_id: uuid.UUID) -> QualityReading:
    """Write down sugar and firmness 登记品质检测"""
    return readings.write_down(session, context.current(), lot_id=lot_id, **body)


blueprints = (families, measures)
