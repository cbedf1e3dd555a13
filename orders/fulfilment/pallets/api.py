"""Doors of pallets: opened, loaded, closed, arrived, broken. They leave by a hand-over."""

import uuid
from typing import Any, Final

from sqlalchemy.orm import Session

from inventory.stores.cold_stores import ColdStoreNotFound
from marketplace import context, errors, paging
from marketplace.catalogue.cooperatives import CooperativeNotFound
from marketplace.catalogue.gs1 import GlnRefused
from marketplace.database import reading
from marketplace.door import Blueprint
from orders.fulfilment.pallets import building, schemas
from orders.fulfilment.pallets.building import Loaded, PalletNotFound
from orders.fulfilment.pallets.models import Pallet
from orders.fulfilment.pallets.states import PalletStateForbids, ParcelOnPallet

blueprint = Blueprint("pallets", __name__, url_prefix="/pallets", description="Pallets 托盘")
of_cooperatives = Blueprint(
    "cooperative_pallets", __name__, url_prefix="/cooperatives", description="Pallets 托盘"
)

STEP: Final[tuple[type[errors.Refusal], ...]] = (PalletNotFound, PalletStateForbids)


@of_cooperatives.post("/<uuid:cooperative_id>/pallets")
@of_cooperatives.arguments(schemas.OpenPallet)
@of_cooperatives.problems(CooperativeNotFound, ColdStoreNotFound)
@of_cooperatives.writes(201, schemas.Pallet, location=lambda found: f"/v1/pallets/{found.pallet.id}")
def open_pallet(session: Session, body: dict[str, Any], cooperative_id: uuid.UUID) -> Loaded:
    """An empty pallet in a cold store, with its SSCC 新建托盘"""
    return building.open_one(session, context.current(), cooperative_id=cooperative_id, **body)


@blueprint.get("")
@blueprint.arguments(schemas.PalletQuery, location="query")
@blueprint.response(200, schemas.PalletPage)
def list_pallets(query: dict[str, Any]) -> dict[str, Any]:
    """One's cooperatives' pallets, all for staff 托盘列表"""
    columns = (Pallet.cooperative_id, Pallet.cold_store_id, Pallet.state)
    statement = paging.only(building.visible(context.current()), query, *columns)
    with reading() as session:
        page = paging.read(session, statement, Pallet.id, **query)
        return {**page, "items": building.loaded(session, page["items"])}


@blueprint.get("/<uuid:pallet_id>")
@blueprint.problems(PalletNotFound)
@blueprint.response(200, schemas.Pallet)
def get_pallet(pallet_id: uuid.UUID) -> Loaded:
    """One pallet, and what lies on it 查询托盘"""
    with reading() as session:
        return building.get(session, context.current(), pallet_id=pallet_id)


@blueprint.post("/<uuid:pallet_id>/parcels")
@blueprint.arguments(schemas.PalletParcels)
@blueprint.problems(*STEP, building.ParcelsUnfit, building.PalletFull, ParcelOnPallet)
@blueprint.writes(200, schemas.Pallet)
def put_on(session: Session, body: dict[str, Any], pallet_id: uuid.UUID) -> Loaded:
    """Put packed parcels on it, all or none; safe to send again 包裹上托盘"""
    return building.put_on(session, context.current(), pallet_id=pallet_id, **body)


@blueprint.post("/<uuid:pallet_id>/removals")
@blueprint.arguments(schemas.PalletParcels)
@blueprint.problems(*STEP)
@blueprint.writes(200, schemas.Pallet)
def take_off(session: Session, body: dict[str, Any], pallet_id: uuid.UUID) -> Loaded:
    """Take parcels off while it is open; safe to send again 包裹下托盘"""
    return building.take_off(session, context.current(), pallet_id=pallet_id, **body)


@blueprint.post("/<uuid:pallet_id>/closing")
@blueprint.problems(*STEP, building.PalletEmpty)
@blueprint.writes(200, schemas.Pallet)
def close(session: Session, pallet_id: uuid.UUID) -> Loaded:
    """It stands ready to leave 封托盘"""
    return building.close(session, context.current(), pallet_id=pallet_id)


@blueprint.post("/<uuid:pallet_id>/arrival")
@blueprint.arguments(schemas.PalletArrival)
@blueprint.problems(*STEP, GlnRefused)
@blueprint.writes(200, schemas.Pallet)
def arrive(session: Session, body: dict[str, Any], pallet_id: uuid.UUID) -> Loaded:
    """It is at a hub 到达中转站"""
    return building.arrive(session, context.current(), pallet_id=pallet_id, **body)


@blueprint.post("/<uuid:pallet_id>/breaking")
@blueprint.problems(*STEP)
@blueprint.writes(200, schemas.Pallet)
def break_up(session: Session, pallet_id: uuid.UUID) -> Loaded:
    """Take all off: in the store, or at the hub where it is 拆托盘"""
    return building.break_up(session, context.current(), pallet_id=pallet_id)
