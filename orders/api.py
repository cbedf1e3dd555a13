"""Doors of orders, bulk orders and split runs."""

import uuid
from collections.abc import Sequence
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from inventory import holds
from marketplace import context, errors, paging
from marketplace.catalogue.counties import CountyNotFound
from marketplace.catalogue.products import PackNotFound
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.language import Text
from marketplace.payments import payments
from marketplace.payments.states import PaymentNotAwaited
from orders import allocation, bulk, checkout, schemas
from orders.allocation import picture, text
from orders.models import AllocationRun, Order
from orders.states import OrderStateForbids

shopping = Blueprint("orders", __name__, url_prefix="/orders", description="Shoppers' orders 购物订单")
bulk_orders = Blueprint(
    "bulk_orders", __name__, url_prefix="/bulk-orders", description="Bulk orders 大宗订单"
)
runs = Blueprint(
    "allocation_runs", __name__, url_prefix="/allocation-runs", description="Split runs 公平分配"
)


class ShareNotFound(errors.NotFound):
    title = Text(en="That cooperative has no share in this run.", zh="该合作社不在此次分配中。")


@shopping.post("")
@shopping.arguments(schemas.PlaceOrder)
@shopping.problems(holds.HoldNotFound, holds.HoldExpired, holds.HoldNotActive)
@shopping.writes(201, schemas.Order, location=lambda order: f"/v1/orders/{order['id']}")
def place(session: Session, body: dict[str, Any]) -> dict[str, Any]:
    """Order what a hold keeps; the payment is opened with it 下单"""
    return _with_payment(session, checkout.place(session, context.current(), **body))


@shopping.get("")
@shopping.arguments(paging.Query, location="query")
@shopping.response(200, schemas.OrderPage)
def list_orders(query: dict[str, Any]) -> dict[str, Any]:
    """One's own orders; staff see everybody's 订单列表"""
    with reading() as session:
        page = paging.read(session, checkout.visible(context.current()), Order.id, **query)
        return {**page, "items": _with_payments(session, page["items"])}


@shopping.get("/<uuid:order_id>")
@shopping.problems(bulk.OrderNotFound)
@shopping.response(200, schemas.Order)
def get_order(order_id: uuid.UUID) -> dict[str, Any]:
    """One order of one's own 查询订单"""
    with reading() as session:
        return _with_payment(session, checkout.get(session, context.current(), order_id=order_id))


@shopping.post("/<uuid:order_id>/withdrawal")
@shopping.problems(bulk.OrderNotFound, OrderStateForbids, PaymentNotAwaited)
@shopping.writes(200, schemas.Order)
def withdraw(session: Session, order_id: uuid.UUID) -> dict[str, Any]:
    """Give an unpaid order up 取消未付款订单"""
    return _with_payment(session, checkout.withdraw(session, context.current(), order_id=order_id))


@bulk_orders.post("")
@bulk_orders.arguments(schemas.PlaceBulkOrder)
@bulk_orders.problems(
    CountyNotFound,
    PackNotFound,
    bulk.NotWholeBoxes,
    bulk.TooManyBoxes,
    bulk.TotalTooHigh,
    bulk.DeliveryInThePast,
    bulk.NotEnoughFruit,
)
@bulk_orders.writes(201, schemas.BulkOrder, location=lambda made: f"/v1/bulk-orders/{made['order'].id}")
def place_bulk(session: Session, body: dict[str, Any]) -> dict[str, Any]:
    """Buy tonnes: split fairly, proved, held lot by lot 大宗采购"""
    order, run = bulk.place(session, context.current(), **body)
    return {"order": order, "runs": [run]}


@bulk_orders.get("/<uuid:order_id>")
@bulk_orders.problems(bulk.OrderNotFound)
@bulk_orders.response(200, schemas.BulkOrder)
def get_bulk(order_id: uuid.UUID) -> dict[str, Any]:
    """One bulk order with its runs 查询大宗订单"""
    with reading() as session:
        order = bulk.get(session, context.current(), order_id=order_id)
        return {"order": order, "runs": bulk.runs_of(session, order_id=order.id)}


@runs.get("/<uuid:run_id>")
@runs.problems(bulk.RunNotFound)
@runs.response(200, schemas.Run)
def get_run(run_id: uuid.UUID) -> AllocationRun:
    """A run's inputs, result, digest and certificate 查询分配"""
    return _run(run_id)


@runs.get("/<uuid:run_id>/picture.svg")
@runs.problems(bulk.RunNotFound)
@runs.response(200, content_type="image/svg+xml")
def draw_run(run_id: uuid.UUID) -> Response:
    """The run as a picture: levels before and after, and the line 分配图"""
    _, result = bulk.stored(_run(run_id))
    return Response(picture.draw(result), mimetype="image/svg+xml")


@runs.get("/<uuid:run_id>/explanations/<string:code>")
@runs.problems(bulk.RunNotFound, ShareNotFound)
@runs.response(200, schemas.Explanation)
def explain_share(run_id: uuid.UUID, code: str) -> dict[str, Any]:
    """Why a cooperative got what it got, with the sum to redo on paper 份额说明"""
    problem, result = bulk.stored(_run(run_id))
    if code not in {seller.id for seller in problem.sellers}:
        raise ShareNotFound
    why = allocation.explain(problem, result, code)
    return {
        "cooperative": code,
        "sentences_en": list(text.render(why, "en")),
        "sentences_zh": list(text.render(why, "zh")),
    }


def _run(run_id: uuid.UUID) -> AllocationRun:
    with reading() as session:
        return bulk.get_run(session, context.current(), run_id=run_id)


def _with_payment(session: Session, order: Order) -> dict[str, Any]:
    return _with_payments(session, [order])[0]


def _with_payments(session: Session, orders: Sequence[Order]) -> list[dict[str, Any]]:
    found = payments.of_orders(session, [order.id for order in orders])
    names = [name for name in schemas.Order().fields if name != "payment_id"]
    return [
        {
            **{name: getattr(order, name) for name in names},
            "payment_id": found[order.id].id if order.id in found else None,
        }
        for order in orders
    ]
