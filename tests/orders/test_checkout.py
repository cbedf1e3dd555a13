"""Shoppers' orders at the door: placed, read, withdrawn, expired; every refusal leaves everything as it was."""

import uuid
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from inventory.models import Hold
from marketplace import context, database
from marketplace.access import Role
from marketplace.jobs.models import StoredJob
from marketplace.payments.models import Payment
from orders import checkout, jobs
from orders.models import Order
from tests.builders import (
    PACK_GRAMS,
    PRICE_MINOR,
    Market,
    assert_refused,
    confirmed,
    held,
    ordered,
    paid,
)
from tests.house import Caller


def place(shopper: Caller, hold_id: str):
    return shopper.post("/v1/orders", json={"hold_id": hold_id})


def withdraw(shopper: Caller, order: dict):
    return shopper.post(f"/v1/orders/{order['id']}/withdrawal")


def test_an_order_takes_hold_boxes_and_price_and_opens_its_payment(market: Market, shopper: Caller) -> None:
    sale = market.on_sale()
    hold = held(shopper, sale, 3)
    response = place(shopper, hold["hold_id"])
    order = response.json
    assert response.status_code == 201
    assert response.headers["Location"] == f"/v1/orders/{order['id']}"
    assert order["state"] == "deposit_due"
    assert (order["kind"], order["boxes"], order["pack_grams"]) == ("shopper_presale", 3, PACK_GRAMS)
    assert (order["unit_price_minor"], order["total_minor"]) == (PRICE_MINOR, 3 * PRICE_MINOR)
    payment = market.stored(Payment, order["payment_id"])
    assert (payment.state, payment.amount_minor) == ("requires_confirmation", 3 * PRICE_MINOR)
    assert market.stored(Hold, hold["hold_id"]).state == "converting"
    assert market.actions(response) == {"hold.start_payment", "order.place", "payment.open"}


def test_a_repeated_request_gets_the_first_answer_and_one_order(market: Market, shopper: Caller) -> None:
    hold = held(shopper, market.on_sale())
    body, key = {"hold_id": hold["hold_id"]}, str(uuid.uuid4())
    first = shopper.post("/v1/orders", json=body, key=key)
    second = shopper.post("/v1/orders", json=body, key=key)
    assert (first.status_code, second.status_code, second.json) == (201, 201, first.json)
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(shopper.get("/v1/orders").json["items"]) == 1


def test_a_hold_is_ordered_once(market: Market, shopper: Caller) -> None:
    hold = held(shopper, market.on_sale())
    assert place(shopper, hold["hold_id"]).status_code == 201
    with market.unchanged():
        refusal = assert_refused(place(shopper, hold["hold_id"]), 409, "hold_not_active")
    assert refusal["state"] == "converting"


def test_an_expired_hold_is_gone_even_before_it_is_swept(market: Market, shopper: Caller) -> None:
    hold = held(shopper, market.on_sale())
    market.let_expire(hold["hold_id"])
    with market.unchanged():
        assert_refused(place(shopper, hold["hold_id"]), 410, "hold_expired")


def test_a_released_hold_cannot_be_ordered(market: Market, shopper: Caller) -> None:
    hold = held(shopper, market.on_sale())
    assert shopper.post(f"/v1/holds/{hold['hold_id']}/release").status_code == 200
    with market.unchanged():
        assert_refused(place(shopper, hold["hold_id"]), 409, "hold_not_active")


def test_foreign_missing_and_cooperatives_holds_look_alike(market: Market, shopper: Caller, as_role) -> None:
    sale = market.on_sale()
    foreign = held(as_role(Role.SHOPPER), sale)["hold_id"]
    [pledge] = database.transact(
        lambda session: [
            str(each.id)
            for each in session.query(Hold).filter(Hold.kind == "pledge", Hold.pool_id == sale.pool_id)
        ]
    )
    with market.unchanged():
        for hold_id in (foreign, pledge, str(uuid.uuid4())):
            assert_refused(place(shopper, hold_id), 404, "hold_not_found")


@pytest.mark.parametrize(
    "body", [{}, {"hold_id": 7}, {"hold_id": "x"}, {"hold_id": str(uuid.uuid4()), "boxes": 1}, []]
)
def test_a_malformed_order_is_refused(market: Market, shopper: Caller, body) -> None:
    with market.unchanged():
        assert shopper.post("/v1/orders", json=body).status_code == 422


def test_only_shoppers_order_and_withdraw(market: Market, shopper: Caller, anyone: Caller, as_role) -> None:
    sale = market.on_sale()
    order, hold = ordered(shopper, sale), held(shopper, sale)
    with_roles = [as_role(role) for role in (Role.COOPERATIVE, Role.BUYER, Role.OPERATOR, Role.AUDITOR)]
    with market.unchanged():
        assert_refused(place(anyone, hold["hold_id"]), 401, "unauthenticated")
        assert_refused(withdraw(anyone, order), 401, "unauthenticated")
        for caller in with_roles:
            assert_refused(place(caller, hold["hold_id"]), 403, "forbidden")
            assert_refused(withdraw(caller, order), 403, "forbidden")


def test_orders_are_seen_by_their_buyer_and_staff_only(market: Market, shopper: Caller, as_role) -> None:
    sale = market.on_sale()
    order = ordered(shopper, sale)
    url = f"/v1/orders/{order['id']}"
    for caller in (shopper, as_role(Role.OPERATOR), as_role(Role.AUDITOR)):
        assert caller.get(url).json == order
        assert caller.get("/v1/orders").json["items"] == [order]
    for caller in (as_role(Role.SHOPPER), as_role(Role.BUYER)):
        assert_refused(caller.get(url), 404, "order_not_found")
        assert caller.get("/v1/orders").json == {"items": [], "next_cursor": None}
    assert_refused(shopper.get(f"/v1/orders/{uuid.uuid4()}"), 404, "order_not_found")
    assert_refused(as_role(Role.COOPERATIVE).get(url), 403, "forbidden")


def test_orders_are_listed_in_pages(market: Market, shopper: Caller) -> None:
    sale = market.on_sale()
    made = [ordered(shopper, sale)["id"] for _ in range(3)]
    first = shopper.get("/v1/orders", query_string={"limit": 2}).json
    second = shopper.get("/v1/orders", query_string={"limit": 2, "cursor": first["next_cursor"]}).json
    assert sorted(each["id"] for each in first["items"] + second["items"]) == sorted(made)
    assert second["next_cursor"] is None


def test_withdrawal_frees_the_boxes_and_cancels_the_payment(market: Market, shopper: Caller) -> None:
    sale = market.on_sale(5)
    order = ordered(shopper, sale, 5)
    assert market.pool(sale).available_boxes == 0
    response = withdraw(shopper, order)
    assert (response.status_code, response.json["state"], response.json["version"]) == (200, "withdrawn", 2)
    assert market.pool(sale).available_boxes == 5
    assert market.stored(Payment, order["payment_id"]).state == "canceled"
    assert market.actions(response) == {"payment.canceled", "hold.release", "order.withdrawn"}
    assert ordered(shopper, sale, 5)["state"] == "deposit_due"


def test_a_confirmed_payment_is_still_withdrawn_while_no_money_is_here(
    market: Market, shopper: Caller
) -> None:
    order = confirmed(shopper, market.on_sale())
    assert withdraw(shopper, order).json["state"] == "withdrawn"


def test_withdrawal_after_payment_or_twice_is_refused(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = market.on_sale()
    bought = paid(shopper, operator, sale)
    given_up = ordered(shopper, sale)
    withdraw(shopper, given_up)
    with market.unchanged():
        assert assert_refused(withdraw(shopper, bought), 409, "payment_not_awaited")["state"] == "succeeded"
        assert assert_refused(withdraw(shopper, given_up), 409, "payment_not_awaited")["state"] == "canceled"


def test_foreign_and_missing_orders_cannot_be_withdrawn(market: Market, shopper: Caller, as_role) -> None:
    order = ordered(as_role(Role.SHOPPER), market.on_sale())
    staff_who_shops = as_role(Role.SHOPPER, Role.OPERATOR)
    with market.unchanged():
        assert_refused(withdraw(shopper, order), 404, "order_not_found")
        assert_refused(withdraw(staff_who_shops, order), 404, "order_not_found")
        assert_refused(withdraw(shopper, {"id": uuid.uuid4()}), 404, "order_not_found")


def test_a_bulk_order_is_not_withdrawn(market: Market, as_role) -> None:
    both = as_role(Role.SHOPPER, Role.BUYER)
    market.lot(10)
    order, _ = market.bulk(both, 4)
    with market.unchanged():
        assert_refused(withdraw(both, {"id": order.id}), 409, "state")


def expire() -> int:
    return database.transact(lambda session: jobs.expire_unpaid(session, context.system()))


def test_an_order_that_nobody_pays_expires_after_twice_the_holds_time(
    market: Market, shopper: Caller
) -> None:
    sale = market.on_sale(5)
    order = ordered(shopper, sale, 5)
    market.let_age(order["id"], minutes=19)
    with market.unchanged():
        assert expire() == 0
    market.let_age(order["id"], minutes=20)
    assert expire() == 1
    assert market.stored(Order, order["id"]).state == "expired"
    assert market.stored(Payment, order["payment_id"]).state == "canceled"
    assert market.pool(sale).available_boxes == 5
    with market.unchanged():
        assert expire() == 0
        assert_refused(withdraw(shopper, order), 409, "payment_not_awaited")
        confirm = shopper.post(f"/v1/payments/{order['payment_id']}/confirm")
        assert_refused(confirm, 409, "payment_not_awaited")


def test_who_has_confirmed_or_paid_is_left_alone(market: Market, shopper: Caller, operator: Caller) -> None:
    sale = market.on_sale()
    some = [confirmed(shopper, sale), paid(shopper, operator, sale), ordered(shopper, sale)]
    withdraw(shopper, some[-1])
    for order in some:
        market.let_age(order["id"], minutes=60 * 24 * 30)
    with market.unchanged():
        assert expire() == 0


def test_unpaid_orders_of_several_campaigns_expire_in_batches(market: Market, as_role) -> None:
    sales = [market.on_sale(5), market.on_sale(5)]
    for sale in sales * 2:
        market.let_age(ordered(as_role(Role.SHOPPER), sale, 2)["id"], minutes=30)

    def some(batch: int) -> int:
        return database.transact(
            lambda session: checkout.expire_unpaid(session, context.system(), minutes=20, batch=batch)
        )

    assert (some(3), some(3), some(3)) == (3, 1, 0)
    assert [market.pool(sale).available_boxes for sale in sales] == [5, 5]


def test_a_full_batch_calls_for_the_next_at_once(market: Market, as_role, monkeypatch) -> None:
    sale = market.on_sale(5)
    for _ in range(2):
        market.let_age(ordered(as_role(Role.SHOPPER), sale)["id"], minutes=30)
    monkeypatch.setattr(checkout, "BATCH", 1)

    def waiting() -> list[str]:
        with database.reading() as session:
            named = StoredJob.name == "orders.expire_unpaid"
            return list(session.scalars(select(StoredJob.name).where(named)))

    assert (expire(), waiting()) == (1, ["orders.expire_unpaid"])


def test_the_job_runs_every_minute_and_knows_the_holds_time(app: Flask) -> None:
    job = app.extensions["jobs"]["orders.expire_unpaid"]
    assert job.cron == "* * * * *"
    assert timedelta(minutes=jobs.PATIENCE * app.config["SETTINGS"].hold_minutes) == timedelta(minutes=20)
