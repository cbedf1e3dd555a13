"""Doors of quality holds, of the end of recalls, of what is measured of fruit, and of how long it keeps."""

import uuid
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory import holds, lots
from inventory.models import Hold, KeepingTime, QualityReading
from inventory.quality import keeping, quality, quality_holds, readings, schemas
from inventory.schemas import RecalledLot, TurnLot
from marketplace import context, paging
from marketplace.database import reading
from marketplace.door import Blueprint

blueprint = Blueprint("quality", __name__, description="Quality holds and recalls 品质留存与召回")
measures = Blueprint(
    "quality_readings", __name__, url_prefix="/lots", description="Quality readings 品质检测"
)
keeping_times = Blueprint(
    "keeping_times", __name__, url_prefix="/keeping-times", description="How long fruit keeps 储藏期"
)


@blueprint.post("/lots/<uuid:lot_id>/recall/closing")
@blueprint.arguments(schemas.CloseRecall)
@blueprint.problems(lots.LotNotFound, lots.LotStatusForbids)
@blueprint.writes(200, RecalledLot)
def close_recall(session: Session, body: dict[str, Any], lot_id: uuid.UUID) -> quality.Recalled:
    """End a lot's recall: cull what is free, or clear it; answers its family as well (operators) 结束召回"""
    return quality.close_recall(session, context.current(), lot_id=lot_id, **body)


@blueprint.post("/lots/<uuid:lot_id>/quality-holds")
@blueprint.arguments(schemas.KeepBack)
@blueprint.problems(lots.LotNotFound, lots.FruitPromised, lots.LotStatusForbids)
@blueprint.writes(201, schemas.QualityHold)
def keep_back(session: Session, body: dict[str, Any], lot_id: uuid.UUID) -> dict[str, Any]:
    """Keep part of a lot back for its quality 品质留存"""
    return _shown(session, quality_holds.place(session, context.current(), lot_id=lot_id, **body))


@blueprint.post("/quality-holds/<uuid:hold_id>/release")
@blueprint.problems(holds.HoldNotFound, holds.HoldNotActive)
@blueprint.writes(200, schemas.QualityHold)
def release(session: Session, hold_id: uuid.UUID) -> dict[str, Any]:
    """The fruit is good: free again (operators) 解除品质留存"""
    return _shown(session, quality_holds.release(session, context.current(), hold_id=hold_id))


@blueprint.post("/quality-holds/<uuid:hold_id>/cull")
@blueprint.arguments(TurnLot)
@blueprint.problems(holds.HoldNotFound, holds.HoldNotActive)
@blueprint.writes(200, schemas.QualityHold)
def cull(session: Session, body: dict[str, Any], hold_id: uuid.UUID) -> dict[str, Any]:
    """Throw the fruit away (operators) 剔除留存货品"""
    return _shown(session, quality_holds.cull(session, context.current(), hold_id=hold_id, **body))


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


@keeping_times.get("")
@keeping_times.arguments(paging.Query, location="query")
@keeping_times.response(200, schemas.KeepingTimePage)
def list_keeping_times(query: dict[str, Any]) -> dict[str, Any]:
    """What was told of varieties, oldest first; the last one counts 储藏期列表"""
    with reading() as session:
        return paging.read(session, select(KeepingTime), KeepingTime.id, **query)


@keeping_times.post("")
@keeping_times.arguments(schemas.TellKeepingTime)
@keeping_times.writes(201, schemas.KeepingTime)
def tell(session: Session, body: dict[str, Any]) -> KeepingTime:
    """Say how long a variety keeps in a kind of store (operators) 设定储藏期"""
    return keeping.tell(session, context.current(), **body)


def _shown(session: Session, hold: Hold) -> dict[str, Any]:
    return {"hold": hold, "lot": quality_holds.lot_of(session, hold), "version": hold.version}


blueprints = (blueprint, measures, keeping_times)
