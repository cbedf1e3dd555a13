"""Doors of stock takes and of what storing fruit costs."""

import uuid
from typing import Any

from sqlalchemy.orm import Session

from inventory import counting_schemas as schemas
from inventory import lots, rooms, stock_takes, storage_costs
from inventory.models import StockTake
from inventory.storage_costs import Cost
from marketplace import context, paging
from marketplace.catalogue.cooperatives import CooperativeNotFound
from marketplace.database import reading
from marketplace.door import Blueprint

counts = Blueprint("stock_takes", __name__, url_prefix="/lots", description="Counting lots 盘点")
costs = Blueprint("storage_costs", __name__, description="What storing costs 冷藏费")


@counts.get("/<uuid:lot_id>/stock-takes")
@counts.arguments(paging.Query, location="query")
@counts.problems(lots.LotNotFound)
@counts.response(200, schemas.StockTakePage)
def list_stock_takes(query: dict[str, Any], lot_id: uuid.UUID) -> dict[str, Any]:
    """A lot's counts 盘点列表"""
    with reading() as session:
        lots.get(session, context.current(), lot_id=lot_id)
        return paging.read(session, stock_takes.of_lot(lot_id), StockTake.id, **query)


@counts.post("/<uuid:lot_id>/stock-takes")
@counts.arguments(schemas.TakeStock)
@counts.problems(lots.LotNotFound, lots.FruitPromised, lots.LotTooLarge, rooms.NoSpace)
@counts.writes(201, schemas.StockTake)
def take(session: Session, body: dict[str, Any], lot_id: uuid.UUID) -> StockTake:
    """Count a lot: the book is set right, the loss compared with the expected one 盘点批次"""
    return stock_takes.take(session, context.current(), lot_id=lot_id, **body)


@costs.get("/lots/<uuid:lot_id>/storage-cost")
@costs.problems(lots.LotNotFound)
@costs.response(200, schemas.StorageCost)
def get_cost(lot_id: uuid.UUID) -> Cost:
    """What storing a lot has cost, and what selling early saves 批次冷藏费"""
    with reading() as session:
        return storage_costs.of_lot(session, context.current(), lot_id=lot_id)


@costs.get("/storage-costs")
@costs.arguments(schemas.CostQuery, location="query")
@costs.problems(CooperativeNotFound)
@costs.response(200, schemas.StorageCosts)
def sum_costs(query: dict[str, Any]) -> dict[str, Any]:
    """The same for all lots of a cooperative 合作社冷藏费"""
    with reading() as session:
        return {"items": storage_costs.of_cooperative(session, context.current(), **query)}


blueprints = (counts, costs)
