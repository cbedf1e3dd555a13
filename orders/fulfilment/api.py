"""Doors of parcels: seen, packed, handed to a carrier, delivered."""

import uuid
from typing import Any, Final

from sqlalchemy.orm import Session

from inventory.families import parentage
from inventory.labels import serials
from inventory.labels.schemas import BindLabels, Labels
from inventory.lots import LotStatusForbids
from inventory.stores import rooms
from marketplace import context, errors, paging
from marketplace.database import reading
from marketplace.door import Blueprint
from orders import checkout
from orders.addressing import AddressNotChosen
from orders.bulk import OrderNotFound
from orders.fulfilment import labelling, parcels, schemas, tracking, voiding, weight_rules
from orders.fulfilment.models import Parcel
from orders.fulfilment.pallets.states import ParcelOnPallet
from orders.fulfilment.parcels import ParcelNotFound
from orders.fulfilment.states import ParcelStateForbids
from orders.schemas import OrderAddress

blueprint = Blueprint("parcels", __name__, url_prefix="/parcels", description="Parcels 包裹")
of_orders = Blueprint(
    "order_parcels", __name__, url_prefix="/orders", description="An order's parcels 订单包裹"
)

STEP: Final[tuple[type[errors.Refusal], ...]] = (ParcelNotFound, ParcelStateForbids)


@blueprint.get("")
@blueprint.arguments(schemas.ParcelQuery, location="query")
@blueprint.response(200, schemas.ParcelPage)
def list_parcels(query: dict[str, Any]) -> dict[str, Any]:
    """One's cooperatives' parcels, all for staff 包裹列表"""
    columns = (Parcel.wave_id, Parcel.order_id, Parcel.cooperative_id, Parcel.state)
    statement = paging.only(parcels.visible(context.current()), query, *columns)
    with reading() as session:
        return paging.read(session, statement, Parcel.id, **query)


@blueprint.get("/<uuid:parcel_id>")
@blueprint.problems(ParcelNotFound)
@blueprint.response(200, schemas.Parcel)
def get_parcel(parcel_id: uuid.UUID) -> Parcel:
    """One parcel 查询包裹"""
    with reading() as session:
        return parcels.get(session, context.current(), parcel_id=parcel_id)


@blueprint.post("/<uuid:parcel_id>/recipient")
@blueprint.problems(*STEP, AddressNotChosen)
@blueprint.writes(200, OrderAddress, key=False)
def read_recipient(session: Session, parcel_id: uuid.UUID) -> dict[str, Any]:
    """Where it goes; that it was asked is written down, and the answer is stored nowhere 查看收件人"""
    return parcels.recipient(session, context.current(), parcel_id=parcel_id)


@blueprint.get("/<uuid:parcel_id>/labels")
@blueprint.problems(ParcelNotFound)
@blueprint.response(200, Labels)
def list_labels(parcel_id: uuid.UUID) -> dict[str, Any]:
    """The labels on its boxes 包裹标签"""
    with reading() as session:
        parcel = parcels.get(session, context.current(), parcel_id=parcel_id)
        return {"items": serials.of_parcel(session, parcel_id=parcel.id)}


@blueprint.post("/<uuid:parcel_id>/labels")
@blueprint.arguments(BindLabels)
@blueprint.problems(*STEP, LotStatusForbids, *labelling.REFUSALS)
@blueprint.writes(200, Labels)
def label(session: Session, body: dict[str, Any], parcel_id: uuid.UUID) -> dict[str, Any]:
    """Put labels on its boxes before it leaves: one on each; safe to send again 包裹贴标"""
    parcels.label(session, context.current(), parcel_id=parcel_id, found=body["serials"])
    return {"items": serials.of_parcel(session, parcel_id=parcel_id)}


@blueprint.post("/<uuid:parcel_id>/packing")
@blueprint.arguments(schemas.PackParcel, required=False)
@blueprint.problems(*STEP, LotStatusForbids, labelling.ParcelLabelsDiffer, weight_rules.WeightUnlikely)
@blueprint.writes(200, schemas.Parcel)
def pack(session: Session, body: dict[str, Any], parcel_id: uuid.UUID) -> Parcel:
    """Its boxes stand ready, and what they weigh, if that is known 打包完成（可填净重）"""
    return parcels.pack(session, context.current(), parcel_id=parcel_id, **body)


@blueprint.post("/<uuid:parcel_id>/shipment")
@blueprint.arguments(schemas.ShipParcel)
@blueprint.problems(
    *STEP, ParcelOnPallet, LotStatusForbids, labelling.ParcelLabelsDiffer, serials.LabelStateForbids
)
@blueprint.writes(200, schemas.Parcel)
def ship(session: Session, body: dict[str, Any], parcel_id: uuid.UUID) -> Parcel:
    """A carrier has it 交付承运"""
    return parcels.ship(session, context.current(), parcel_id=parcel_id, **body)


@blueprint.post("/<uuid:parcel_id>/shipment-void")
@blueprint.arguments(schemas.VoidShipment)
@blueprint.problems(*STEP, *voiding.REFUSALS, serials.LabelStateForbids, parentage.NotShipped, rooms.NoSpace)
@blueprint.writes(200, schemas.Parcel)
def void_shipment(session: Session, body: dict[str, Any], parcel_id: uuid.UUID) -> Parcel:
    """It has not left after all: packed as before; its cooperative within 24 hours, then operators 撤销发货"""
    return voiding.void(session, context.current(), parcel_id=parcel_id, **body)


@blueprint.post("/<uuid:parcel_id>/delivery")
@blueprint.problems(*STEP)
@blueprint.writes(200, schemas.Parcel)
def deliver(session: Session, parcel_id: uuid.UUID) -> Parcel:
    """Its buyer has it 确认送达"""
    return parcels.deliver(session, context.current(), parcel_id=parcel_id)


@of_orders.get("/<uuid:order_id>/parcels")
@of_orders.problems(OrderNotFound)
@of_orders.response(200, schemas.OrderParcels)
def list_of_order(order_id: uuid.UUID) -> dict[str, Any]:
    """Where the boxes of an order are 订单物流"""
    with reading() as session:
        order = checkout.get(session, context.current(), order_id=order_id)
        return {"items": tracking.followed(session, order_id=order.id)}
