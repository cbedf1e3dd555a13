"""Doors of cold stores: their rooms, their space, what a day in them costs, and what storing has cost."""

import uuid
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory import lots, safety
from inventory.models import ColdStore, Room, SafetyStock, StoragePrice
from inventory.stores import cold_stores, rooms, schemas, storage_costs, storage_prices
from inventory.stores.storage_costs import Cost
from marketplace import context, paging
from marketplace.catalogue.cooperatives import CooperativeNotFound
from marketplace.catalogue.counties import CountyNotFound
from marketplace.database import reading
from marketplace.door import Blueprint

stores = Blueprint("cold_stores", __name__, url_prefix="/cold-stores", description="Cold stores 冷库")
safety_stocks = Blueprint(
    "safety_stocks", __name__, url_prefix="/safety-stocks", description="What is not promised 安全库存"
)
costs = Blueprint("storage_costs", __name__, description="What storing costs 冷藏费")


@stores.get("")
@stores.arguments(paging.Query, location="query")
@stores.response(200, schemas.ColdStorePage)
def list_cold_stores(query: dict[str, Any]) -> dict[str, Any]:
    """All cold stores, in pages 冷库列表"""
    with reading() as session:
        return paging.read(session, select(ColdStore), ColdStore.id, **query)


@stores.get("/<uuid:cold_store_id>")
@stores.problems(cold_stores.ColdStoreNotFound)
@stores.response(200, schemas.ColdStore)
def get_cold_store(cold_store_id: uuid.UUID) -> ColdStore:
    """One cold store 查询冷库"""
    with reading() as session:
        return cold_stores.get(session, cold_store_id=cold_store_id)


@stores.post("")
@stores.arguments(schemas.CreateColdStore)
@stores.problems(CountyNotFound, cold_stores.ColdStoreCodeTaken)
@stores.writes(201, schemas.ColdStore, location=lambda store: f"/v1/cold-stores/{store.id}")
def create_cold_store(session: Session, body: dict[str, Any]) -> ColdStore:
    """Add a cold store (operators) 新增冷库"""
    return cold_stores.create(session, context.current(), **body)


@stores.get("/<uuid:cold_store_id>/space")
@stores.problems(cold_stores.ColdStoreNotFound)
@stores.response(200, schemas.StoreSpace)
def get_space(cold_store_id: uuid.UUID) -> rooms.StoreSpace:
    """What lies in a cold store and its rooms, and what still fits 库容"""
    with reading() as session:
        return rooms.space_of(session, cold_store_id=cold_store_id)


@stores.post("/<uuid:cold_store_id>/rooms")
@stores.arguments(schemas.CreateRoom)
@stores.problems(cold_stores.ColdStoreNotFound, rooms.RoomCodeTaken)
@stores.writes(201, schemas.Room)
def create_room(session: Session, body: dict[str, Any], cold_store_id: uuid.UUID) -> Room:
    """Add a room (operators) 新增库房"""
    return rooms.create(session, context.current(), cold_store_id=cold_store_id, **body)


@stores.post("/<uuid:cold_store_id>/capacity")
@stores.arguments(schemas.SetCapacity)
@stores.problems(cold_stores.ColdStoreNotFound, rooms.RoomNotFound, rooms.CapacityTooSmall)
@stores.writes(200, schemas.StoreSpace)
def set_capacity(session: Session, body: dict[str, Any], cold_store_id: uuid.UUID) -> rooms.StoreSpace:
    """Say how much fits into a cold store or a room (operators) 设定库容"""
    return rooms.set_capacity(session, context.current(), cold_store_id=cold_store_id, **body)


@stores.get("/<uuid:cold_store_id>/prices")
@stores.arguments(paging.Query, location="query")
@stores.problems(cold_stores.ColdStoreNotFound)
@stores.response(200, schemas.StoragePricePage)
def list_prices(query: dict[str, Any], cold_store_id: uuid.UUID) -> dict[str, Any]:
    """What a tonne costs for a day, and from which day on 冷藏费单价"""
    with reading() as session:
        cold_stores.get(session, cold_store_id=cold_store_id)
        return paging.read(session, storage_prices.prices(cold_store_id), StoragePrice.id, **query)


@stores.post("/<uuid:cold_store_id>/prices")
@stores.arguments(schemas.SetPrice)
@stores.problems(
    cold_stores.ColdStoreNotFound, storage_prices.PriceDayTaken, storage_prices.PriceCurrencyDiffers
)
@stores.writes(201, schemas.StoragePrice)
def set_price(session: Session, body: dict[str, Any], cold_store_id: uuid.UUID) -> StoragePrice:
    """Set the price from a day on (operators) 设定冷藏费单价"""
    return storage_prices.set_price(session, context.current(), cold_store_id=cold_store_id, **body)


@safety_stocks.get("")
@safety_stocks.arguments(schemas.SafetyQuery, location="query")
@safety_stocks.problems(CooperativeNotFound)
@safety_stocks.response(200, schemas.SafetyStocks)
def list_safety_stocks(query: dict[str, Any]) -> dict[str, Any]:
    """What a cooperative does not promise 安全库存列表"""
    with reading() as session:
        return {"items": safety.of_cooperative(session, context.current(), **query)}


@safety_stocks.post("")
@safety_stocks.arguments(schemas.KeepSafety)
@safety_stocks.problems(CooperativeNotFound)
@safety_stocks.writes(200, schemas.SafetyStock)
def keep(session: Session, body: dict[str, Any]) -> SafetyStock:
    """Keep grams of a variety and grade back from promises 设定安全库存"""
    return safety.keep(session, context.current(), **body)


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


blueprints = (stores, safety_stocks, costs)
