"""Doors of stock takes."""

import uuid
from typing import Any

from sqlalchemy.orm import Session

from inventory import lots
from inventory.counting import schemas, stock_takes
from inventory.models import StockTake
from inventory.stores import rooms
from marketplace import context, paging
from marketplace.database import reading
from marketplace.door import Blueprint

blueprint = Blueprint("stock_takes", __name__, url_prefix="/lots", description="Counting lots 盘点")


@blueprint.get("/<uuid:lot_id>/stock-takes")
@blueprint.arguments(paging.Query, location="query")
@blueprint.problems(lots.LotNotFound)
@blueprint.response(200, schemas.StockTakePage)
def list_stock_takes(query: dict[str, Any], lot_id: uuid.UUID) -> dict[str, Any]:
    """A lot's counts 盘点列表"""
    with reading() as session:
        lots.get(session, context.current(), lot_id=lot_id)
        return paging.read(session, stock_takes.of_lot(lot_id), StockTake.id, **query)


@blueprint.post("/<uuid:lot_id>/stock-takes")
@blueprint.arguments(schemas.TakeStock)
@blueprint.problems(lots.LotNotFound, lots.FruitPromised, lots.LotTooLarge, rooms.NoSpace)
@blueprint.writes(201, schemas.StockTake)
def take(session: Session, body: dict[str, Any], lot_id: uuid.UUID) -> StockTake:
    """Count a lot: the book is set right, the loss compared with the expected one 盘点批次"""
    return stock_takes.take(session, context.current(), lot_id=lot_id, **body)
