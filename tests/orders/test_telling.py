"""Buyers are told of their orders, and of boxes that they waited for."""

from flask import Flask
from sqlalchemy import text

from inventory import waitlist
from marketplace import database, jobs
from marketplace.access import Role
from orders import checkout
from tests import builders
from tests.builders import Market
from tests.house import Caller


def kinds(app: Flask, caller: Caller) -> list[str]:
    jobs.work(app, once=True)
    return sorted(item["kind"] for item in caller.get("/v1/me/notifications").json["items"])


def test_a_placed_order_is_told_with_what_is_to_be_paid(app: Flask, market: Market, shopper):
    order = builders.ordered(shopper, market.on_sale(20), 2)

    assert kinds(app, shopper) == ["order_placed"]
    [item] = shopper.get("/v1/me/notifications").json["items"]
    assert item["facts"] == {
        "order_id": order["id"],
        "boxes": 2,
        "total": {"minor": order["total_minor"], "currency": "CNY"},
    }


def test_a_paid_order_is_told_as_paid_and_committed_and_no_more_as_placed(
    app: Flask, market: Market, shopper, operator
):
    builders.paid(shopper, operator, market.on_sale(20), 2)

    assert kinds(app, shopper) == ["order_committed", "payment_received"]


def test_a_withdrawn_order_is_told_and_its_late_money_goes_back(
    app: Flask, market: Market, shopper, operator
):
    order = builders.ordered(shopper, market.on_sale(20), 2)
    shopper.post(f"/v1/orders/{order['id']}/withdrawal")
    assert kinds(app, shopper) == ["order_withdrawn"]
    operator.post(f"/v1/payments/{order['payment_id']}/receipts", json=builders.receipt(order))

    assert kinds(app, shopper) == ["order_withdrawn", "refund_due"]


def test_an_expired_order_is_told(app: Flask, market: Market, shopper):
    order = builders.ordered(shopper, market.on_sale(20), 2)
    market.let_age(order["id"], 60)
    database.transact(lambda session: checkout.expire_unpaid(session, market.ctx, minutes=20, batch=10))

    assert kinds(app, shopper) == ["order_expired"]


def test_nobody_else_is_told(app: Flask, market: Market, shopper, as_role):
    builders.ordered(shopper, market.on_sale(20), 2)

    assert kinds(app, as_role(Role.SHOPPER)) == []


def test_boxes_offered_from_the_line_are_told(app: Flask, market: Market, shopper, as_role):
    holder = as_role(Role.SHOPPER)
    place = builders.waiting(shopper, holder, sale := market.on_sale(1))
    [held] = database.transact(
        lambda session: (
            session.execute(
                text("SELECT id FROM hold WHERE kind = 'cart' AND owner_id = :owner"),
                {"owner": holder.account_id},
            )
            .scalars()
            .all()
        )
    )
    assert holder.post(f"/v1/holds/{held}/release").status_code == 200
    database.transact(lambda session: waitlist.serve(session, market.ctx, pool_id=sale.pool_id))

    assert "boxes_offered" in kinds(app, shopper)
    shown = shopper.get(f"/v1/waitlist/{place['id']}").json
    [item] = [
        each for each in shopper.get("/v1/me/notifications").json["items"] if each["kind"] == "boxes_offered"
    ]
    assert item["facts"]["hold_id"] == shown["hold_id"]
