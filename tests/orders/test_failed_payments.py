"""A payment that fails: its order is over, its boxes are in the cart again for what is left of their time."""

import uuid
from collections.abc import Callable

import pytest
from sqlalchemy import select

from inventory import holds, waitlist
from inventory.models import Hold
from marketplace import context, database
from marketplace.access import Role
from marketplace.audit import AuditEntry
from marketplace.language import Text
from marketplace.payments import gateways
from marketplace.payments.gateways import Answered, Asked
from marketplace.payments.models import Payment
from marketplace.payments.states import PaymentState
from orders.jobs import expire_unpaid
from orders.models import Order
from tests.builders import (
    Market,
    assert_refused,
    at_once,
    confirmed,
    ordered,
    paid,
    receipt,
    waiting,
)
from tests.house import Caller


class RefusingGateway:
    """A gateway that takes nobody's money."""

    name = "offline"

    def confirm(self, asked: Asked) -> Answered:
        return Answered(
            state=PaymentState.CANCELED, instructions=Text(en="The card was declined.", zh="银行卡被拒绝。")
        )


def fail(operator: Caller, order: dict, reason: str = "the transfer bounced"):
    return operator.post(f"/v1/payments/{order['payment_id']}/failure", json={"reason": reason})


def hold_of(market: Market, order: dict) -> Hold:
    return market.stored(Hold, str(market.stored(Order, order["id"]).hold_id))


def outcome(market: Market, order: dict) -> tuple[str, str, str]:
    """The order's state, its payment's, and its hold's."""
    return (
        market.stored(Order, order["id"]).state,
        market.stored(Payment, order["payment_id"]).state,
        hold_of(market, order).state,
    )


def order_again(market: Market, shopper: Caller, order: dict):
    return shopper.post("/v1/orders", json={"hold_id": str(hold_of(market, order).id)})


@pytest.mark.parametrize("make", [ordered, confirmed])
def test_the_boxes_of_a_failed_payment_are_in_the_cart_again(
    market: Market, shopper: Caller, operator: Caller, make: Callable[..., dict]
) -> None:
    sale = market.on_sale(5)
    order = make(shopper, sale, 2)
    ends_at = hold_of(market, order).expires_at
    response = fail(operator, order)
    assert (response.status_code, response.json["state"]) == (200, "canceled")
    assert outcome(market, order) == ("payment_failed", "canceled", "active")
    assert market.actions(response) == {
        "payment.canceled",
        "hold.stop_payment",
        "order.payment_failed",
    }
    hold = hold_of(market, order)
    assert (hold.expires_at, hold.open_boxes, market.pool(sale).boxes_held) == (ends_at, 2, 2), "no more time"
    assert shopper.get(f"/v1/orders/{order['id']}").json["state"] == "payment_failed"
    with database.reading() as session:
        told = session.scalars(select(AuditEntry.after).where(AuditEntry.action == "payment.canceled"))
        assert list(told) == [{"state": "canceled", "received_minor": 0, "reason": "the transfer bounced"}]


def test_what_is_in_the_cart_again_is_ordered_again_and_paid(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = market.on_sale(5)
    first = confirmed(shopper, sale, 2)
    fail(operator, first)
    second = order_again(market, shopper, first)
    assert second.status_code == 201, second.json
    assert_refused(order_again(market, shopper, first), 409, "hold_not_active")
    shopper.post(f"/v1/payments/{second.json['payment_id']}/confirm")
    booked = operator.post(f"/v1/payments/{second.json['payment_id']}/receipts", json=receipt(second.json))
    assert booked.status_code == 200
    assert outcome(market, second.json) == ("committed", "succeeded", "consumed")
    assert market.stored(Order, first["id"]).state == "payment_failed"
    assert (market.pool(sale).boxes_sold, market.pool(sale).boxes_held) == (2, 0)


def test_boxes_whose_time_in_the_cart_is_over_are_free_and_go_to_who_waits(
    market: Market, shopper: Caller, operator: Caller, as_role
) -> None:
    sale = market.on_sale(2)
    order = confirmed(shopper, sale, 1)
    market.let_expire(hold_of(market, order).id)
    assert hold_of(market, order).state == "converting", "while it is not known, it does not lapse"
    waits = as_role(Role.SHOPPER)
    place = waiting(waits, as_role(Role.SHOPPER), sale)
    assert fail(operator, order).status_code == 200
    assert outcome(market, order) == ("payment_failed", "canceled", "expired")
    assert market.pool(sale).available_boxes == 1
    assert_refused(order_again(market, shopper, order), 410, "hold_expired")
    database.transact(lambda session: waitlist.serve(session, context.system(), pool_id=sale.pool_id))
    assert waits.get(f"/v1/waitlist/{place['id']}").json["state"] == "offered"


def test_the_cart_lapses_after_a_failed_payment_as_it_would_have(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = market.on_sale(2)
    order = confirmed(shopper, sale, 2)
    fail(operator, order)
    market.let_expire(hold_of(market, order).id)
    database.transact(lambda session: holds.expire_due(session, context.system()))
    assert hold_of(market, order).state == "expired"
    assert market.pool(sale).available_boxes == 2


def test_a_gateway_that_refuses_at_once_fails_the_payment(
    market: Market, shopper: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = ordered(shopper, market.on_sale(2), 2)
    monkeypatch.setitem(gateways.GATEWAYS, RefusingGateway.name, RefusingGateway())
    response = shopper.post(f"/v1/payments/{order['payment_id']}/confirm")
    assert (response.status_code, response.json["payment"]["state"]) == (200, "canceled")
    assert response.json["instructions"] == "The card was declined."
    assert outcome(market, order) == ("payment_failed", "canceled", "active")


def test_money_for_a_failed_payment_is_owed_back_whether_or_not_it_was_ordered_again(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    """Never both: the buyer was told that it failed, and may have bought the boxes since."""
    sale = market.on_sale(5)
    alone, bought = confirmed(shopper, sale, 1), confirmed(shopper, sale, 1)
    for order in (alone, bought):
        fail(operator, order)
    again = order_again(market, shopper, bought).json
    shopper.post(f"/v1/payments/{again['payment_id']}/confirm")
    operator.post(f"/v1/payments/{again['payment_id']}/receipts", json=receipt(again))
    for order in (alone, bought):
        late = operator.post(f"/v1/payments/{order['payment_id']}/receipts", json=receipt(order))
        assert (late.status_code, late.json["refund_reason"]) == (200, "order_state")
        assert late.json["refund_due_minor"] == order["total_minor"]
    assert market.pool(sale).boxes_sold == 1
    assert len(operator.get("/v1/cases?kind=late_payment").json["items"]) == 2


def test_what_is_paid_or_over_does_not_fail_any_more(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = market.on_sale(10)
    bought, failed, withdrawn = (
        paid(shopper, operator, sale),
        confirmed(shopper, sale),
        ordered(shopper, sale),
    )
    fail(operator, failed)
    shopper.post(f"/v1/orders/{withdrawn['id']}/withdrawal")
    with market.unchanged():
        for order, state in ((bought, "succeeded"), (failed, "canceled"), (withdrawn, "canceled")):
            assert assert_refused(fail(operator, order), 409, "payment_not_awaited")["state"] == state
        assert_refused(shopper.post(f"/v1/orders/{failed['id']}/withdrawal"), 409, "payment_not_awaited")
        assert_refused(
            shopper.post(f"/v1/payments/{failed['payment_id']}/confirm"), 409, "payment_not_awaited"
        )


def test_only_operators_write_a_failure_down(
    market: Market, shopper: Caller, operator: Caller, as_role
) -> None:
    order = confirmed(shopper, market.on_sale())
    others = [as_role(role) for role in (Role.COOPERATIVE, Role.BUYER, Role.AUDITOR)]
    with market.unchanged():
        for caller in others:
            assert_refused(fail(caller, order), 403, "forbidden")
        assert_refused(fail(shopper, order), 403, "forbidden")
        missing = {"payment_id": str(uuid.uuid4())}
        assert_refused(fail(operator, missing), 404, "payment_not_found")
        url = f"/v1/payments/{order['payment_id']}/failure"
        assert operator.post(url, json={}).status_code == 422
        assert operator.post(url, json={"reason": " "}).status_code == 422
        assert operator.post(url, json={"reason": "x"}, key=None).status_code == 400
    key = str(uuid.uuid4())
    first = operator.post(url, json={"reason": "x"}, key=key)
    assert first.status_code == 200
    assert operator.post(url, json={"reason": "x"}, key=key).json == first.json


@pytest.mark.parametrize("round_", range(4))
def test_failing_paying_withdrawing_and_expiring_at_once_have_one_ending(
    market: Market, shopper: Caller, operator: Caller, round_: int
) -> None:
    sale = market.on_sale(5)
    order = ordered(shopper, sale, 2)
    market.let_age(order["id"], minutes=30)
    if round_ % 2:
        shopper.post(f"/v1/payments/{order['payment_id']}/confirm")

    def expire() -> int:
        return database.transact(lambda session: expire_unpaid(session, context.system()))

    works: list[Callable[[], object]] = [
        lambda: fail(operator, order),
        lambda: operator.post(f"/v1/payments/{order['payment_id']}/receipts", json=receipt(order)),
        lambda: shopper.post(f"/v1/orders/{order['id']}/withdrawal"),
        expire,
    ]
    at_once(market.app, works[round_:] + works[:round_])
    pool = market.pool(sale)
    ended = (*outcome(market, order), pool.boxes_sold)
    assert ended in {
        ("payment_failed", "canceled", "active", 0),
        ("withdrawn", "canceled", "released", 0),
        ("expired", "canceled", "released", 0),
        ("committed", "succeeded", "consumed", 2),
    } | {("committed", "succeeded", "released", 2)}, "late money took the boxes again"
    if ended[2] == "active":
        hold_id = hold_of(market, order).id
        database.transact(lambda session: holds.release(session, context.system(), hold_id=hold_id))
        assert market.pool(sale).available_boxes == 5
