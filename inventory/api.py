"""Doors of lots, pools, holds, and of the reasons why no more can be sold."""

import uuid
from typing import Any, Final

from flask import current_app
from sqlalchemy.orm import Session

from inventory import csv_intake, explaining, extending, holds, lots, pools, refusals, schemas, waitlist
from inventory.models import Hold, Lot, Movement, Pool, WaitlistEntry
from inventory.quality import quality
from inventory.states import state_at
from inventory.stores import cold_stores, rooms
from marketplace import context, paging, versions
from marketplace.catalogue import csv_api
from marketplace.catalogue.cooperatives import CooperativeNotFound
from marketplace.catalogue.csv_table import CsvRefused
from marketplace.catalogue.products import PackNotFound
from marketplace.context import Context
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.problems import UnsupportedMediaType
from marketplace.settings import Settings

stock = Blueprint("lots", __name__, url_prefix="/lots", description="Lots and their journals 批次")
sale = Blueprint("pools", __name__, url_prefix="/pools", description="What may be sold 货源池")
promises = Blueprint("holds", __name__, url_prefix="/holds", description="Promises of stock 保留")
line = Blueprint("waitlist", __name__, url_prefix="/waitlist", description="Waiting for boxes 候补")
reasons = Blueprint(
    "stock_explanations", __name__, url_prefix="/stock-explanations", description="Why only so many 可售说明"
)

LOTS_FILE: Final[dict[str, Any]] = {
    "required": True,
    "description": "UTF-8, at most 5,000 rows and 1 MB; a heading with the columns "
    + ", ".join(f"`{each.name}`{' (optional)' if each.optional else ''}" for each in csv_intake.COLUMNS)
    + ".",
    "content": {csv_api.MEDIA_TYPE: {"schema": {"type": "string"}}},
}

blueprints = (stock, sale, promises, line, reasons)


@stock.get("")
@stock.arguments(schemas.LotQuery, location="query")
@stock.response(200, schemas.LotPage)
def list_lots(query: dict[str, Any]) -> dict[str, Any]:
    """Lots in pages: a member's own, all for staff 批次列表"""
    statement = paging.only(lots.visible(context.current().actor), query, Lot.cooperative_id)
    with reading() as session:
        return paging.read(session, statement, Lot.id, **query)


@stock.post("")
@stock.arguments(schemas.ReceiveLot)
@stock.problems(
    CooperativeNotFound,
    cold_stores.ColdStoreNotFound,
    rooms.RoomNotFound,
    rooms.NoSpace,
    lots.LotCodeTaken,
    lots.DaysOutOfOrder,
)
@stock.writes(201, schemas.Lot, location=lambda lot: f"/v1/lots/{lot.id}")
def receive(session: Session, body: dict[str, Any]) -> Lot:
    """Take fruit into a cold store 批次入库"""
    return lots.receive(session, context.current(), **body)


@stock.post("/imports")
@stock.arguments(schemas.CooperativeOfLots, location="query")
@stock.doc(requestBody=LOTS_FILE)
@stock.problems(UnsupportedMediaType, CooperativeNotFound, CsvRefused, rooms.NoSpace, lots.LotCodeTaken)
@stock.writes(200, schemas.LotsReport)
def receive_file(session: Session, query: dict[str, Any]) -> csv_intake.Report:
    """Take many lots in from a file, all or none; safe to send again 批量入库"""
    return csv_intake.receive_file(session, context.current(), text=csv_api.body_text(), **query)


@stock.get("/<uuid:lot_id>")
@stock.problems(lots.LotNotFound)
@stock.response(200, schemas.Lot)
def get_lot(lot_id: uuid.UUID) -> Lot:
    """One lot: what is there, held and free 查询批次"""
    with reading() as session:
        lot = lots.get(session, context.current(), lot_id=lot_id)
        versions.tag(lot.version)
        return lot


@stock.get("/<uuid:lot_id>/movements")
@stock.arguments(paging.Query, location="query")
@stock.problems(lots.LotNotFound)
@stock.response(200, schemas.MovementPage)
def list_movements(query: dict[str, Any], lot_id: uuid.UUID) -> dict[str, Any]:
    """The lot's journal, line by line 批次流水"""
    with reading() as session:
        lots.get(session, context.current(), lot_id=lot_id)
        return paging.read(session, lots.movements(lot_id), Movement.id, **query)


@stock.post("/<uuid:lot_id>/losses")
@stock.arguments(schemas.LoseFruit)
@stock.problems(lots.LotNotFound, lots.FruitPromised)
@stock.writes(201, schemas.Lot)
def lose(session: Session, body: dict[str, Any], lot_id: uuid.UUID) -> Lot:
    """Write spoiled or missing fruit off 登记损耗"""
    return lots.lose(session, context.current(), lot_id=lot_id, **body)


@stock.post("/<uuid:lot_id>/corrections")
@stock.arguments(schemas.CorrectLot)
@stock.problems(lots.LotNotFound, lots.FruitPromised, lots.LotTooLarge, rooms.NoSpace)
@stock.writes(201, schemas.Lot)
def correct(session: Session, body: dict[str, Any], lot_id: uuid.UUID) -> Lot:
    """Set a miscount right, up or down 更正数量"""
    return lots.correct(session, context.current(), lot_id=lot_id, **body)


@stock.post("/<uuid:lot_id>/quarantine")
@stock.arguments(schemas.TurnLot)
@stock.problems(lots.LotNotFound, lots.LotStatusForbids)
@stock.writes(200, schemas.TurnedLot)
def quarantine(session: Session, body: dict[str, Any], lot_id: uuid.UUID) -> quality.Turned:
    """Stop a lot until it is cleared; what is promised stays promised 隔离批次"""
    return quality.quarantine(session, context.current(), lot_id=lot_id, **body)


@stock.post("/<uuid:lot_id>/release-from-quarantine")
@stock.arguments(schemas.TurnLot)
@stock.problems(lots.LotNotFound, lots.LotStatusForbids)
@stock.writes(200, schemas.TurnedLot)
def release_from_quarantine(session: Session, body: dict[str, Any], lot_id: uuid.UUID) -> quality.Turned:
    """Let a lot be sold again (operators) 解除隔离"""
    return quality.clear(session, context.current(), lot_id=lot_id, **body)


@stock.post("/<uuid:lot_id>/recall")
@stock.arguments(schemas.TurnLot)
@stock.problems(lots.LotNotFound, lots.LotStatusForbids)
@stock.writes(200, schemas.RecalledLot)
def recall(session: Session, body: dict[str, Any], lot_id: uuid.UUID) -> quality.Recalled:
    """Stop a lot, and all lots that came out of it (operators) 召回批次"""
    return quality.recall(session, context.current(), lot_id=lot_id, **body)


@reasons.get("")
@reasons.arguments(schemas.StockExplanationQuery, location="query")
@reasons.problems(CooperativeNotFound, PackNotFound)
@reasons.response(200, schemas.StockExplanation)
def explain_stock(query: dict[str, Any]) -> explaining.Explanation:
    """Why a cooperative can sell only so many boxes 为何只能卖这么多"""
    with reading() as session:
        return explaining.explain(session, context.current(), **query)


@sale.get("/<uuid:pool_id>")
@sale.problems(holds.PoolNotFound)
@sale.response(200, schemas.Pool)
def get_pool(pool_id: uuid.UUID) -> Pool:
    """What is left of a pool 查询剩余箱数"""
    with reading() as session:
        pool = pools.get(session, pool_id=pool_id)
        versions.tag(pool.version)
        return pool


@promises.get("/<uuid:hold_id>")
@promises.problems(holds.HoldNotFound)
@promises.response(200, schemas.Hold)
def get_hold(hold_id: uuid.UUID) -> dict[str, Any]:
    """One hold of one's own 查询保留"""
    ctx = context.current()
    with reading() as session:
        hold = holds.get(session, ctx, hold_id=hold_id)
        versions.tag(hold.version)
        return _shown(ctx, hold)


@promises.post("/<uuid:hold_id>/release")
@promises.problems(holds.HoldNotFound, holds.HoldNotActive)
@promises.writes(200, schemas.ReleasedHold)
def release(session: Session, hold_id: uuid.UUID) -> dict[str, Any]:
    """Give held boxes back 释放保留"""
    ctx = context.current()
    hold = holds.release_own(session, ctx, hold_id=hold_id)
    assert hold.pool_id is not None
    return {"hold": _shown(ctx, hold), "pool": pools.get(session, pool_id=hold.pool_id)}


@promises.post("/<uuid:hold_id>/extension")
@promises.problems(holds.HoldNotFound, holds.HoldExpired, holds.HoldNotActive, holds.HoldNotExtendable)
@promises.writes(200, schemas.Hold)
def extend(session: Session, hold_id: uuid.UUID) -> dict[str, Any]:
    """Keep a hold in the cart for its minutes from now, up to `expires_at_max` 延长保留"""
    ctx = context.current()
    settings: Settings = current_app.config["SETTINGS"]
    hold = extending.extend(
        session,
        ctx,
        hold_id=hold_id,
        minutes=settings.hold_minutes,
        minutes_guest=settings.hold_minutes_guest,
    )
    return _shown(ctx, hold)


@line.get("")
@line.arguments(paging.Query, location="query")
@line.response(200, schemas.WaitlistPlacePage)
def list_places(query: dict[str, Any]) -> dict[str, Any]:
    """One's own places in waitlists; staff see everybody's 候补列表"""
    ctx = context.current()
    with reading() as session:
        page = paging.read(session, waitlist.visible(ctx), WaitlistEntry.id, **query)
        shown = [waitlist.shown(waitlist.place_of(session, ctx, entry)) for entry in page["items"]]
        return {**page, "items": shown}


@line.get("/<uuid:entry_id>")
@line.problems(refusals.PlaceNotFound)
@line.response(200, schemas.WaitlistPlace)
def get_place(entry_id: uuid.UUID) -> dict[str, Any]:
    """One place of one's own, and how many wait in front 查询候补"""
    ctx = context.current()
    with reading() as session:
        entry = waitlist.get(session, ctx, entry_id=entry_id)
        versions.tag(entry.version)
        return waitlist.shown(waitlist.place_of(session, ctx, entry))


@line.post("/<uuid:entry_id>/leaving")
@line.problems(refusals.PlaceNotFound, refusals.NotWaiting)
@line.writes(200, schemas.WaitlistPlace)
def leave(session: Session, entry_id: uuid.UUID) -> dict[str, Any]:
    """Give one's place up 退出候补"""
    ctx = context.current()
    entry = waitlist.leave(session, ctx, entry_id=entry_id)
    return waitlist.shown(waitlist.place_of(session, ctx, entry))


def _shown(ctx: Context, hold: Hold) -> dict[str, Any]:
    plain = {name: getattr(hold, name) for name in schemas.Hold().fields}
    return {**plain, "state": state_at(hold.state, hold.expires_at, ctx.now)}
