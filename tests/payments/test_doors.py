"""Payments at the door: read, confirmed, received; every refusal leaves everything as it was."""

import uuid

import pytest

from inventory.models import Hold
from marketplace.access import Role
from marketplace.payments.models import Payment
from orders.models import Order
from tests.builders import Market, assert_refused, confirmed, ordered, receipt
from tests.house import Caller


def url(order: dict, ending: str = "") -> str:
    return f"/v1/payments/{order['payment_id']}{ending}"


def confirm(caller: Caller, order: dict, **options):
    return caller.post(url(order, "/confirm"), **options)


def book(caller: Caller, order: dict, **changes):
    return caller.post(url(order, "/receipts"), json=receipt(order, **changes))


def test_confirming_tells_how_to_pay_in_the_asked_language(market: Market, as_role) -> None:
    sale = market.on_sale()
    for language, word in (("en", "Transfer"), ("zh", "转账")):
        shopper = as_role(Role.SHOPPER)
        order = ordered(shopper, sale, 2)
        response = confirm(shopper, order, headers={"Accept-Language": language})
        assert response.status_code == 200
        payment = response.json["payment"]
        assert (payment["state"], payment["received_minor"]) == ("processing", 0)
        for said in (word, payment["reference"], str(order["total_minor"]), "CNY"):
            assert said in response.json["instructions"]
        assert market.actions(response) == {"payment.processing"}


def test_a_payment_is_confirmed_once_and_a_repeat_gets_the_same_answer(
    market: Market, shopper: Caller
) -> None:
    order = ordered(shopper, market.on_sale())
    key = str(uuid.uuid4())
    first = confirm(shopper, order, key=key)
    assert confirm(shopper, order, key=key).json == first.json
    with market.unchanged():
        assert_refused(confirm(shopper, order), 409, "payment_not_awaited")


def test_only_the_payer_confirms(market: Market, shopper: Caller, as_role) -> None:
    order = ordered(shopper, market.on_sale())
    others, operator = [as_role(Role.SHOPPER), as_role(Role.SHOPPER, Role.OPERATOR)], as_role(Role.OPERATOR)
    with market.unchanged():
        for caller in others:
            assert_refused(confirm(caller, order), 404, "payment_not_found")
        assert_refused(confirm(shopper, {"payment_id": uuid.uuid4()}), 404, "payment_not_found")
        assert_refused(confirm(operator, order), 403, "forbidden")


def test_a_payment_is_seen_by_its_payer_and_staff(market: Market, shopper: Caller, as_role) -> None:
    order = ordered(shopper, market.on_sale(), 2)
    shown = shopper.get(url(order)).json
    assert (shown["order_id"], shown["state"]) == (order["id"], "requires_confirmation")
    assert (shown["amount_minor"], shown["currency"]) == (order["total_minor"], "CNY")
    assert as_role(Role.OPERATOR).get(url(order)).json == shown
    assert as_role(Role.AUDITOR).get(url(order)).json == shown
    assert_refused(as_role(Role.SHOPPER).get(url(order)), 404, "payment_not_found")
    assert_refused(shopper.get(f"/v1/payments/{uuid.uuid4()}"), 404, "payment_not_found")
    assert_refused(as_role(Role.BUYER).get(url(order)), 404, "payment_not_found")
    assert_refused(as_role(Role.COOPERATIVE).get(url(order)), 403, "forbidden")


def test_a_receipt_commits_the_order_and_sells_the_boxes(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = market.on_sale(5)
    order = confirmed(shopper, sale, 3)
    response = book(operator, order)
    assert response.status_code == 200
    assert (response.json["state"], response.json["received_minor"]) == ("succeeded", order["total_minor"])
    assert response.json["resolved_at"] is not None
    committed = market.stored(Order, order["id"])
    assert (committed.state, committed.version) == ("committed", 2)
    assert committed.hold_id is not None
    assert market.stored(Hold, committed.hold_id).state == "consumed"
    pool = market.pool(sale)
    assert (pool.boxes_sold, pool.boxes_held, pool.available_boxes) == (3, 0, 2)
    assert market.actions(response) == {"payment.succeeded", "hold.consume", "order.committed"}


def test_a_receipt_is_booked_once_whatever_its_key(market: Market, shopper: Caller, operator: Caller) -> None:
    order = confirmed(shopper, market.on_sale())
    body, key = receipt(order), str(uuid.uuid4())
    first = operator.post(url(order, "/receipts"), json=body, key=key)
    with market.unchanged():
        assert operator.post(url(order, "/receipts"), json=body, key=key).json == first.json
        assert_refused(operator.post(url(order, "/receipts"), json=body), 409, "payment_not_awaited")


def test_one_bank_reference_pays_one_order(market: Market, operator: Caller, as_role) -> None:
    sale = market.on_sale()
    first, second = (confirmed(as_role(Role.SHOPPER), sale) for _ in range(2))
    assert book(operator, first, receipt_reference="BANK-1").status_code == 200
    with market.unchanged():
        assert_refused(book(operator, second, receipt_reference="BANK-1"), 409, "receipt_booked")
    assert book(operator, second, receipt_reference="BANK-2").status_code == 200


@pytest.mark.parametrize("by", [-1, 1])
def test_another_amount_than_what_is_due_is_refused(
    market: Market, shopper: Caller, operator: Caller, by: int
) -> None:
    order = confirmed(shopper, market.on_sale())
    with market.unchanged():
        refusal = assert_refused(
            book(operator, order, amount_minor=order["total_minor"] + by), 409, "amount_differs"
        )
    assert (refusal["due_minor"], refusal["currency"]) == (order["total_minor"], "CNY")
    assert book(operator, order).status_code == 200


def test_another_currency_is_refused(market: Market, shopper: Caller, operator: Caller) -> None:
    order = confirmed(shopper, market.on_sale())
    with market.unchanged():
        assert_refused(book(operator, order, currency="USD"), 409, "amount_differs")


def test_no_receipt_before_confirmation(market: Market, shopper: Caller, operator: Caller) -> None:
    order = ordered(shopper, market.on_sale())
    with market.unchanged():
        refusal = assert_refused(book(operator, order), 409, "payment_not_awaited")
    assert refusal["state"] == "requires_confirmation"


def test_a_missing_payment_gets_no_receipt(market: Market, operator: Caller, shopper: Caller) -> None:
    order = ordered(shopper, market.on_sale())
    with market.unchanged():
        assert_refused(book(operator, {**order, "payment_id": uuid.uuid4()}), 404, "payment_not_found")


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_minor": 0},
        {"amount_minor": -1},
        {"amount_minor": 52.0},
        {"amount_minor": "5200"},
        {"amount_minor": 10**13 + 1},
        {"currency": "cny"},
        {"currency": "XXX"},
        {"receipt_reference": ""},
        {"receipt_reference": "x" * 81},
        {"receipt_reference": "a\nb"},
        {"paid": True},
    ],
)
def test_a_malformed_receipt_is_refused(
    market: Market, shopper: Caller, operator: Caller, changes: dict
) -> None:
    order = confirmed(shopper, market.on_sale())
    with market.unchanged():
        assert book(operator, order, **changes).status_code == 422


def test_only_operators_book_receipts(market: Market, shopper: Caller, anyone: Caller, as_role) -> None:
    order = confirmed(shopper, market.on_sale())
    others = [as_role(role) for role in (Role.COOPERATIVE, Role.BUYER, Role.AUDITOR)]
    with market.unchanged():
        assert_refused(book(anyone, order), 401, "unauthenticated")
        assert_refused(confirm(anyone, order), 401, "unauthenticated")
        assert_refused(anyone.get(url(order)), 401, "unauthenticated")
        for caller in (shopper, *others):
            assert_refused(book(caller, order), 403, "forbidden")


def test_references_are_short_readable_and_differ(market: Market, shopper: Caller) -> None:
    sale = market.on_sale()
    references = {market.stored(Payment, ordered(shopper, sale)["payment_id"]).reference for _ in range(8)}
    assert len(references) == 8
    assert all(len(each) == 10 and not set(each) & set("01OI") for each in references), references


def test_every_step_without_a_key_is_refused(market: Market, shopper: Caller, operator: Caller) -> None:
    sale = market.on_sale()
    order = ordered(shopper, sale)
    steps = [
        (shopper, url(order, "/confirm"), None),
        (operator, url(order, "/receipts"), receipt(order)),
        (shopper, f"/v1/orders/{order['id']}/withdrawal", None),
        (shopper, "/v1/orders", {"hold_id": str(uuid.uuid4())}),
        (shopper, sale.holds_url, {"item_id": str(sale.item_id), "boxes": 1}),
    ]
    with market.unchanged():
        for caller, path, body in steps:
            assert_refused(caller.post(path, json=body, key=None), 400, "idempotency_key_missing")


def test_what_was_bought_is_paid_even_when_the_campaign_has_ended(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = market.on_sale()
    order = confirmed(shopper, sale)
    assert operator.post(f"{sale.url}/closing", json={"reason": "sold enough"}).status_code == 200
    assert book(operator, order).json["state"] == "succeeded"
