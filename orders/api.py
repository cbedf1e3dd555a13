"""Doors of shoppers' orders."""

import uuid
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy.orm import Session

from inventory import holds
from marketplace import context, paging
from marketplace.addresses.addresses import AddressNotFound
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.idempotency import Answer, Claim
from marketplace.payments import payments
from marketplace.payments.states import PaymentNotAwaited
from orders import addressing, at_till, bulk, checkout, schemas
from orders.models import Order
from orders.states import OrderStateForbids

blueprint = Blueprint("orders", __name__, url_prefix="/orders", description="Shoppers' orders 购物订单")


@blueprint.post("")
@blueprint.arguments(schemas.PlaceOrder)
@blueprint.problems(holds.HoldNotFound, holds.HoldExpired, holds.HoldNotActive)
@blueprint.answers(201, schemas.Order)
def place(claim: Claim, body: dict[str, Any]) -> Answer:
    """Order what a hold keeps; the payment is opened with it 下单"""
    return at_till.place(context.current(), claim, **body)


@blueprint.get("")
@blueprint.arguments(paging.Query, location="query")
@blueprint.response(200, schemas.OrderPage)
def list_orders(query: dict[str, Any]) -> dict[str, Any]:
    """One's own orders; staff see everybody's 订单列表"""
    with reading() as session:
        page = paging.read(session, checkout.visible(context.current()), Order.id, **query)
        return {**page, "items": _with_payments(session, page["items"])}


@blueprint.get("/<uuid:order_id>")
@blueprint.problems(bulk.OrderNotFound)
@blueprint.response(200, schemas.Order)
def get_order(order_id: uuid.UUID) -> dict[str, Any]:
    """One order of one's own 查询订单"""
    with reading() as session:
        return _with_payment(session, checkout.get(session, context.current(), order_id=order_id))


@blueprint.post("/<uuid:order_id>/withdrawal")
@blueprint.problems(bulk.OrderNotFound, OrderStateForbids, PaymentNotAwaited)
@blueprint.writes(200, schemas.Order)
def withdraw(session: Session, order_id: uuid.UUID) -> dict[str, Any]:
    """Give an unpaid order up 取消未付款订单"""
    return _with_payment(session, checkout.withdraw(session, context.current(), order_id=order_id))


@blueprint.get("/<uuid:order_id>/address")
@blueprint.problems(bulk.OrderNotFound, addressing.AddressNotChosen)
@blueprint.response(200, schemas.OrderAddress)
def get_address(order_id: uuid.UUID) -> dict[str, Any]:
    """Where an order is sent, for its buyer and who sends it 查询订单收货地址"""
    with reading() as session:
        return addressing.chosen(session, context.current(), order_id=order_id)


@blueprint.put("/<uuid:order_id>/address")
@blueprint.arguments(schemas.ChooseAddress)
@blueprint.problems(bulk.OrderNotFound, AddressNotFound, OrderStateForbids)
@blueprint.writes(200, schemas.OrderAddress, key=False)
def choose_address(session: Session, body: dict[str, Any], order_id: uuid.UUID) -> dict[str, Any]:
    """Say where an order is sent; it keeps a copy of the address 选择收货地址"""
    return addressing.choose(session, context.current(), order_id=order_id, **body)


def _with_payment(session: Session, order: Order) -> dict[str, Any]:
    return _with_payments(session, [order])[0]


def _with_payments(session: Session, orders: Sequence[Order]) -> list[dict[str, Any]]:
    found = payments.of_orders(session, [order.id for order in orders])
    return [_shown(order, found[order.id].id if order.id in found else None) for order in orders]


_OF_ORDER: Final = tuple(name for name in schemas.Order().fields if name != "payment_id")


def _shown(order: Order, payment_id: uuid.UUID | None) -> dict[str, Any]:
    return {**{name: getattr(order, name) for name in _OF_ORDER}, "payment_id": payment_id}
