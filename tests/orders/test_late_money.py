"""Money that comes when its order was given up: the boxes again, or the money back; never both, never neither."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, update

from inventory import holds
from marketplace import context, database
from marketplace.access import Role
from marketplace.payments import payments
from marketplace.payments.models import Payment
from marketplace.payments.payments import LateMoney
from orders import checkout
from orders.models import Order
from tests.builders import (
    Market,
    Sale,
    assert_refused,
    at_once,
    confirmed,
    held,
    ordered,
    paid,
    receipt,
)
from tests.house import Caller


def given_up(market: Market, shopper: Caller, sale: Sale, boxes: int = 2, *, how: str = "expired") -> dict:
    """An order whose payment was canceled."""
    order = ordered(shopper, sale, boxes)
    if how == "withdrawn":
        assert shopper.post(f"/v1/orders/{order['id']}/withdrawal").status_code == 200
        return order
    market.let_age(order["id"], minutes=21)
    database.transact(lambda session: checkout.expire_unpaid(session, context.system(), minutes=20, batch=10))
    return order


def book(operator: Caller, order: dict, **changes: Any):
    return operator.post(f"/v1/payments/{order['payment_id']}/receipts", json=receipt(order, **changes))


def outcome(market: Market, order: dict) -> tuple[str, str, int]:
    """The order's state, the payment's, and what is owed back."""
    payment = market.stored(Payment, order["payment_id"])
    return market.stored(Order, order["id"]).state, payment.state, payment.refund_due_minor


def test_late_money_gets_the_boxes_if_they_are_free(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = market.on_sale(5)
    order = given_up(market, shopper, sale)
    response = book(operator, order)
    assert (response.status_code, response.json["state"]) == (200, "succeeded")
    assert outcome(market, order) == ("committed", "succeeded", 0)
    assert (market.pool(sale).boxes_sold, market.pool(sale).boxes_held) == (2, 0)
    assert {"hold.place", "hold.consume", "order.committed", "payment.succeeded"} <= market.actions(response)


def test_money_for_what_the_buyer_gave_up_is_owed_back_though_the_boxes_are_free(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = market.on_sale(5)
    order = given_up(market, shopper, sale, how="withdrawn")
    response = book(operator, order)
    assert (response.json["state"], response.json["refund_reason"]) == ("canceled", "order_state")
    assert outcome(market, order) == ("withdrawn", "canceled", order["total_minor"])
    assert market.pool(sale).available_boxes == 5


def test_late_money_is_owed_back_if_the_boxes_are_gone(
    market: Market, shopper: Caller, operator: Caller, as_role
) -> None:
    sale = market.on_sale(2)
    order = given_up(market, shopper, sale)
    held(as_role(Role.SHOPPER), sale, 1)
    response = book(operator, order)
    assert (response.status_code, response.json["state"]) == (200, "canceled")
    assert response.json["refund_due_minor"] == order["total_minor"]
    assert response.json["refund_reason"] == "sold_out"
    assert outcome(market, order) == ("expired", "canceled", order["total_minor"])
    assert market.actions(response) == {"refund.owe", "case.opened"}
    assert market.pool(sale).boxes_sold == 0


def test_late_money_does_not_pass_the_buyers_limit(market: Market, shopper: Caller, operator: Caller) -> None:
    sale = market.on_sale(20, per_buyer=3)
    order = given_up(market, shopper, sale, 2)
    paid(shopper, operator, sale, 2)
    assert book(operator, order).json["refund_reason"] == "over_limit"
    assert outcome(market, order) == ("expired", "canceled", order["total_minor"])


def test_late_money_does_not_overtake_the_line(
    market: Market, shopper: Caller, operator: Caller, as_role
) -> None:
    sale = market.on_sale(2)
    order = ordered(shopper, sale, 2)
    waiting = as_role(Role.SHOPPER)
    joined = waiting.post(f"{sale.url}/waitlist", json={"item_id": str(sale.item_id), "boxes": 2})
    assert joined.status_code == 201
    market.let_age(order["id"], minutes=21)
    database.transact(lambda session: checkout.expire_unpaid(session, context.system(), minutes=20, batch=10))
    assert book(operator, order).json["refund_reason"] == "sold_out"
    assert waiting.get(f"/v1/waitlist/{joined.json['id']}").json["state"] == "offered"


def test_a_receipt_is_booked_once_late_or_not(market: Market, shopper: Caller, operator: Caller) -> None:
    sale = market.on_sale(20)
    first, second, third = (given_up(market, shopper, sale, 1) for _ in range(3))
    assert book(operator, first, receipt_reference="BANK-1").status_code == 200
    with market.unchanged():
        assert_refused(book(operator, second, receipt_reference="BANK-1"), 409, "receipt_booked")
        assert_refused(book(operator, first), 409, "payment_not_awaited")
    held_by = market.on_sale(1)
    gone = given_up(market, shopper, held_by, 1)
    held(shopper, held_by, 1)
    assert book(operator, gone, receipt_reference="BANK-2").json["refund_due_minor"] == gone["total_minor"]
    with market.unchanged():
        assert_refused(book(operator, gone, receipt_reference="BANK-3"), 409, "payment_not_awaited")
        assert_refused(book(operator, third, receipt_reference="BANK-2"), 409, "receipt_booked")


@pytest.mark.parametrize("changes", [{"amount_minor": 1}, {"currency": "USD"}])
def test_a_late_receipt_over_another_amount_is_refused(
    market: Market, shopper: Caller, operator: Caller, changes: dict
) -> None:
    order = given_up(market, shopper, market.on_sale())
    with market.unchanged():
        assert_refused(book(operator, order, **changes), 409, "amount_differs")


def test_how_late_money_came_out_is_told(
    market: Market, shopper: Caller, operator: Caller, monkeypatch
) -> None:
    told: list[LateMoney] = []
    registry = market.app.extensions["events"]
    heard = registry[LateMoney]
    monkeypatch.setitem(registry, LateMoney, [*heard, lambda _session, _ctx, event: told.append(event)])
    sale = market.on_sale(2)
    order = given_up(market, shopper, sale, 2)
    book(operator, order)
    again = given_up(market, shopper, market.on_sale(2), 2)
    monkeypatch.setitem(registry, payments.MoneyCameLate, [])
    book(operator, again)
    assert [(event.refund_due_minor, event.reason) for event in told] == [
        (0, None),
        (again["total_minor"], "not_wanted"),
    ], "money that nobody asks for is owed back, too"


def late_cases(caller: Caller) -> list[dict]:
    return caller.get("/v1/cases?kind=late_payment").json["items"]


def test_money_that_must_go_back_opens_a_case_for_staff(
    market: Market, shopper: Caller, operator: Caller, as_role
) -> None:
    order = given_up(market, shopper, market.on_sale(2), how="withdrawn")
    book(operator, order)
    [case] = late_cases(operator)
    assert (case["state"], case["subject_kind"], case["subject_id"]) == (
        "open",
        "payment",
        order["payment_id"],
    )
    assert case["facts"] == {
        "order_id": order["id"],
        "refund_due_minor": order["total_minor"],
        "currency": "CNY",
        "reason": "order_state",
    }
    member = as_role(Role.COOPERATIVE, cooperative_ids=market.cooperative_ids[:1])
    assert late_cases(member) == [], "a buyer's money is no cooperative's business"
    assert_refused(member.get(f"/v1/cases/{case['id']}"), 404, "case_not_found")
    settled = operator.post(f"/v1/cases/{case['id']}/settlement", json={"decision": "paid back"})
    assert (settled.status_code, settled.json["state"]) == (200, "settled")


def test_money_that_is_accepted_late_and_money_in_time_open_no_case(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = market.on_sale(5)
    assert book(operator, given_up(market, shopper, sale)).json["state"] == "succeeded"
    paid(shopper, operator, sale)
    assert late_cases(operator) == []


def test_a_refused_receipt_opens_no_case(market: Market, shopper: Caller, operator: Caller) -> None:
    order = given_up(market, shopper, market.on_sale(2), how="withdrawn")
    assert book(operator, order).status_code == 200
    with market.unchanged():
        assert_refused(book(operator, order), 409, "payment_not_awaited")
    assert [case["version"] for case in late_cases(operator)] == [1]


def test_only_late_money_is_accepted_late_or_owed_back(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = market.on_sale()
    bought, open_order = paid(shopper, operator, sale), confirmed(shopper, sale)
    without_money = given_up(market, shopper, sale, 1)
    staff = market.acting(operator, roles=frozenset({Role.OPERATOR}))
    for order in (bought, open_order, without_money):
        payment_id = uuid.UUID(order["payment_id"])
        with market.unchanged():
            with pytest.raises(payments.PaymentNotAwaited):
                database.transact(
                    lambda session, payment_id=payment_id: payments.accept_late(
                        session, staff, payment_id=payment_id
                    )
                )
            with pytest.raises(payments.PaymentNotAwaited):
                database.transact(
                    lambda session, payment_id=payment_id: payments.owe_refund(
                        session, staff, payment_id=payment_id, reason="x"
                    )
                )


@pytest.mark.parametrize("stock", ["left", "gone"])
@pytest.mark.parametrize("sweeper", ["on", "off"])
@pytest.mark.parametrize("after", [-60, -1, 0, 1, 60, 86_400])
def test_money_around_the_end_of_an_order(
    market: Market, shopper: Caller, operator: Caller, as_role, after: int, sweeper: str, stock: str
) -> None:
    """T-06: `after` seconds after its time, with the sweeper at work or dead, with boxes left or gone."""
    sale = market.on_sale(2)
    order = confirmed(shopper, sale, 2) if after < 0 else ordered(shopper, sale, 2)
    opened_at = func.clock_timestamp() - timedelta(minutes=20, seconds=after)
    database.transact(
        lambda session: session.execute(
            update(Payment).where(Payment.id == uuid.UUID(order["payment_id"])).values(created_at=opened_at)
        )
    )
    if sweeper == "on":
        database.transact(
            lambda session: checkout.expire_unpaid(session, context.system(), minutes=20, batch=10)
        )
    rival = as_role(Role.SHOPPER)
    if stock == "gone":
        rival.post(sale.holds_url, json={"item_id": str(sale.item_id), "boxes": 1})
    if market.stored(Payment, order["payment_id"]).state == "requires_confirmation":
        shopper.post(f"/v1/payments/{order['payment_id']}/confirm")
    assert book(operator, order).status_code == 200
    state, payment, owed = outcome(market, order)
    was_ended = after >= 0 and sweeper == "on"
    assert (state, payment, owed) == (
        ("expired", "canceled", order["total_minor"])
        if was_ended and stock == "gone"
        else ("committed", "succeeded", 0)
    )
    pool = market.pool(sale)
    assert pool.boxes_held + pool.boxes_sold <= 2


@pytest.mark.parametrize("round_number", range(4))
def test_late_money_races_those_who_take_the_last_boxes(
    market: Market, shopper: Caller, operator: Caller, as_role, round_number: int
) -> None:
    sale = market.on_sale(3)
    order = ordered(shopper, sale, 2)
    lapsed = held(as_role(Role.SHOPPER), sale, 1)
    market.let_age(order["id"], minutes=21)
    market.let_expire(lapsed["hold_id"])
    rivals = [as_role(Role.SHOPPER) for _ in range(3)]
    staff = market.acting(operator, roles=frozenset({Role.OPERATOR}))
    payment_id = uuid.UUID(order["payment_id"])

    def booking() -> object:
        return database.transact(
            lambda session: payments.book_receipt(
                session,
                staff,
                payment_id=payment_id,
                amount_minor=order["total_minor"],
                currency=order["currency"],
                receipt_reference="BANK-1",
            )
        )

    def ending() -> object:
        return database.transact(
            lambda session: checkout.expire_unpaid(session, context.system(), minutes=20, batch=10)
        )

    def sweeping_up() -> object:
        return database.transact(lambda session: holds.expire_due(session, context.system()))

    def taking(caller: Caller):
        ctx = market.acting(caller)
        return lambda: database.transact(
            lambda session: holds.place_on_pool(session, ctx, pool_id=sale.pool_id, boxes=1, minutes=10)
        )

    if round_number % 2:
        ending()
    at_once(market.app, [booking, ending, sweeping_up, *map(taking, rivals), booking])
    ending()
    state, payment, owed = outcome(market, order)
    if (payment, owed) == ("canceled", 0):
        # The receipt came before the end, when it was not awaited, and is booked again.
        assert book(operator, order, receipt_reference="BANK-1").status_code == 200
        state, payment, owed = outcome(market, order)
    assert (state, payment, owed) in {
        ("committed", "succeeded", 0),
        ("expired", "canceled", order["total_minor"]),
    }
    pool = market.pool(sale)
    assert pool.boxes_held + pool.boxes_sold <= 3
