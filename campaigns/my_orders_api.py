"""Doors of a shopper's own orders, with what only campaigns know of them."""

import uuid
from typing import Any

from flask import Response

from campaigns import my_orders, schemas
from marketplace import context, paging, versions
from marketplace.door import Blueprint
from orders.bulk import OrderNotFound

blueprint = Blueprint("my_orders", __name__, url_prefix="/me/orders", description="One's own orders 我的订单")


@blueprint.get("")
@blueprint.arguments(paging.Query, location="query")
@blueprint.revalidates(200, schemas.MyOrderPage)
def list_mine(query: dict[str, Any]) -> Response:
    """My orders, newest first: what is due and what I may do 我的订单"""
    told = my_orders.page(context.current(), **query)
    links = {"Link": paging.link(told.next_cursor)} if told.next_cursor else {}
    return versions.fresh(told.body, etag=told.etag, headers=links)


@blueprint.get("/<uuid:order_id>")
@blueprint.problems(OrderNotFound)
@blueprint.revalidates(200, schemas.MyOrderWithHistory)
def get_mine(order_id: uuid.UUID) -> Response:
    """One order of mine and all that happened to it 我的订单详情"""
    told = my_orders.one(context.current(), order_id=order_id)
    return versions.fresh(told.body, etag=told.etag)
