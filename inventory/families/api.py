"""Doors of lots that come out of lots."""

import uuid
from typing import Any

from sqlalchemy.orm import Session

from inventory import lots
from inventory.families import parentage, schemas
from inventory.families.parentage import Family, Relatives
from inventory.stores import rooms
from marketplace import context
from marketplace.database import reading
from marketplace.door import Blueprint

blueprint = Blueprint("lot_families", __name__, url_prefix="/lots", description="Lots out of lots 批次拆合")

_REFUSALS = (
    lots.LotNotFound,
    lots.FruitPromised,
    lots.LotStatusForbids,
    lots.LotCodeTaken,
    rooms.RoomNotFound,
    rooms.NoSpace,
)


@blueprint.post("/<uuid:lot_id>/splits")
@blueprint.arguments(schemas.SplitLot)
@blueprint.problems(*_REFUSALS)
@blueprint.writes(201, schemas.Family)
def split(session: Session, body: dict[str, Any], lot_id: uuid.UUID) -> Family:
    """Make parts of a lot's free fruit lots of their own; safe to send again 拆分批次"""
    return parentage.split(session, context.current(), lot_id=lot_id, **body)


@blueprint.post("/<uuid:lot_id>/gradings")
@blueprint.arguments(schemas.GradeLot)
@blueprint.problems(*_REFUSALS)
@blueprint.writes(201, schemas.Family)
def grade(session: Session, body: dict[str, Any], lot_id: uuid.UUID) -> Family:
    """Sort a lot's free fruit into grades, and cull the rest; safe to send again 批次分级"""
    return parentage.grade(session, context.current(), lot_id=lot_id, **body)


@blueprint.post("/merges")
@blueprint.arguments(schemas.MergeLots)
@blueprint.problems(*_REFUSALS, parentage.LotsDiffer, lots.LotTooLarge)
@blueprint.writes(201, schemas.Family)
def merge(session: Session, body: dict[str, Any]) -> Family:
    """Bring free fruit of several lots of one sort into one lot; safe to send again 合并批次"""
    return parentage.merge(session, context.current(), **body)


@blueprint.post("/<uuid:lot_id>/returns")
@blueprint.arguments(schemas.TakeBack)
@blueprint.problems(lots.LotNotFound, lots.LotCodeTaken, parentage.NotShipped, rooms.NoSpace)
@blueprint.writes(201, schemas.Family)
def take_back(session: Session, body: dict[str, Any], lot_id: uuid.UUID) -> Family:
    """Take shipped fruit back as a lot under quarantine; safe to send again 退货入库"""
    return parentage.take_back(session, context.current(), lot_id=lot_id, **body)


@blueprint.get("/<uuid:lot_id>/relatives")
@blueprint.problems(lots.LotNotFound)
@blueprint.response(200, schemas.Relatives)
def get_relatives(lot_id: uuid.UUID) -> Relatives:
    """Where a lot's fruit came from and where it went 批次来源与去向"""
    with reading() as session:
        return parentage.relatives(session, context.current(), lot_id=lot_id)
