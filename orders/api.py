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
from marketplace.payments.models import Payment as PaymentRow
from marketplace.payments.schemas import Payment
from marketplace.payments.states import PaymentNotAwaited
from orders import addressing, at_till, balances, bulk, checkout, schemas
from orders.models import DepositTerms, Order
from orders.ordering import QuoteOutdated
from orders.states import OrderStateForbids

blueprint = Blueprint("orders", __name__, url_prefix="/orders", description="Shoppers' orders 购物订单")


@blueprint.post("")
@blueprint.arguments(schemas.PlaceOrder)
@blueprint.problems(holds.HoldNotFound, holds.HoldExpired, holds.HoldNotActive, QuoteOutdated)
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
@blueprint.problems(bulk.OrderNotFound, OrderStateForbids, PaymentNotAwaited, checkout.FreeTimeOver)
@blueprint.writes(200, schemas.Order)
def withdraw(session: Session, order_id: uuid.UUID) -> dict[str, Any]:
    """Give an order up that is unpaid, or whose deposit still goes back 取消订单"""
    return _with_payment(session, checkout.withdraw(session, context.current(), order_id=order_id))


@blueprint.post("/<uuid:order_id>/balance")
@blueprint.problems(bulk.OrderNotFound, OrderStateForbids)
@blueprint.writes(201, Payment, location=lambda payment: f"/v1/payments/{payment.id}")
def pay_balance(session: Session, order_id: uuid.UUID) -> PaymentRow:
    """Open the payment of what is left of the price 支付尾款"""
    return balances.ask(session, context.current(), order_id=order_id)


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
    ids = [order.id for order in orders]
    found, terms = payments.of_orders(session, ids), balances.terms_of(session, ids)
    rest = {payment.order_id: payment.id for payment in payments.balances_of(session, list(terms))}
    shown = [_shown(order, found[order.id].id if order.id in found else None) for order in orders]
    for order, each in zip(orders, shown, strict=True):
        if order.id in terms:
            each["deposit"] = _deposit(order, terms[order.id], rest.get(order.id))
    return shown


def _deposit(order: Order, terms: DepositTerms, payment_id: uuid.UUID | None) -> dict[str, Any]:
    of_terms = {name: getattr(terms, name) for name in _OF_TERMS}
    return {
        **of_terms,
        "deposit_minor": order.boxes * terms.per_box_minor,
        "counts_minor": order.boxes * terms.counts_minor,
        "later_minor": order.total_minor - order.boxes * terms.counts_minor,
        "balance_payment_id": payment_id,
    }


_OF_ORDER: Final = tuple(name for name in schemas.Order().fields if name not in ("payment_id", "deposit"))
_OF_TERMS: Final = (
    "type",
    "funder",
    "free_until",
    "final_unit_price_minor",
    "bonus_minor",
    "discount_minor",
    "balance_boxes",
    "balance_minor",
    "balance_due_at",
)


def _shown(order: Order, payment_id: uuid.UUID | None) -> dict[str, Any]:
    shown = {name: getattr(order, name) for name in _OF_ORDER}
    return {**shown, "payment_id": payment_id}
