"""What a person decides of an open entry: exact to the last unit, within one payer, and open to a second thought."""

import uuid
from typing import Any

import pytest
from sqlalchemy import update
from werkzeug.test import TestResponse

from marketplace import database
from marketplace.access import Role
from marketplace.payments.models import Payment
from tests.builders import PRICE_MINOR, Market, Sale, assert_refused, confirmed, ordered, paid, receipt
from tests.house import Caller
from tests.payments.statements.files import entry_of, line, uploaded

OPEN = {"remittance": "apples"}


def arrived(market: Market, operator: Caller, key: str = "B1", **changes: Any) -> dict[str, Any]:
    """An entry that names no payment."""
    uploaded(market.app, operator, line(key, **{**OPEN, **changes}))
    return entry_of(operator, key)


def match(
    operator: Caller, entry: dict, *orders: dict, also: tuple[dict, ...] = (), **body: Any
) -> TestResponse:
    said = {
        "payment_ids": [each["payment_id"] for each in orders],
        **({"with_entry_ids": [each["id"] for each in also]} if also else {}),
        **body,
    }
    return operator.post(f"/v1/bank-entries/{entry['id']}/matches", json=said)


def state_of(market: Market, order: dict) -> tuple[str, str | None]:
    payment = market.stored(Payment, order["payment_id"])
    return payment.state, payment.receipt_reference


@pytest.fixture
def sale(market: Market) -> Sale:
    return market.on_sale()


def test_an_entry_without_a_reference_is_booked_by_a_person(
    market: Market, sale: Sale, shopper: Caller, operator: Caller
) -> None:
    order = confirmed(shopper, sale)
    response = match(operator, arrived(market, operator), order)
    assert response.status_code == 200, response.json
    assert (response.json["state"], response.json["decided_by"]) == (
        "booked",
        f"account:{operator.account_id}",
    )
    assert response.json["paid"] == [{"payment_id": order["payment_id"], "amount_minor": PRICE_MINOR}]
    assert state_of(market, order) == ("succeeded", "BANK-1:B1")
    assert market.actions(response) >= {"bank_entry.booked", "payment.succeeded", "order.committed"}


def test_one_transfer_pays_several_orders_of_one_payer(
    market: Market, sale: Sale, shopper: Caller, operator: Caller, as_role
) -> None:
    first, second = (confirmed(shopper, sale, boxes) for boxes in (1, 2))
    foreign = confirmed(as_role(Role.SHOPPER), sale, 2)
    entry = arrived(market, operator, minor=3 * PRICE_MINOR)
    with market.unchanged():
        assert_refused(match(operator, entry, first, foreign), 409, "payers_differ")
    response = match(operator, entry, first, second)
    assert sorted(each["amount_minor"] for each in response.json["paid"]) == [PRICE_MINOR, 2 * PRICE_MINOR]
    references = {state_of(market, each)[1] for each in (first, second)}
    assert references == {"BANK-1:B1/1", "BANK-1:B1/2"}


def test_several_transfers_pay_one_order(
    market: Market, sale: Sale, shopper: Caller, operator: Caller
) -> None:
    order = confirmed(shopper, sale, 3)
    entries = [arrived(market, operator, f"B{number}", minor=PRICE_MINOR) for number in (1, 2, 3)]
    response = match(operator, entries[1], order, also=(entries[0], entries[2]))
    assert (response.status_code, response.json["entry_key"]) == (200, "B2")
    assert {entry_of(operator, key)["state"] for key in ("B1", "B2", "B3")} == {"booked"}
    assert state_of(market, order)[0] == "succeeded"


def test_too_little_is_refused_and_too_much_only_with_a_word_about_the_rest(
    market: Market, sale: Sale, shopper: Caller, operator: Caller
) -> None:
    order = confirmed(shopper, sale, 2)
    little = arrived(market, operator, "B1", minor=2 * PRICE_MINOR - 1)
    much = arrived(market, operator, "B2", minor=2 * PRICE_MINOR + 30)
    with market.unchanged():
        refused = assert_refused(match(operator, little, order, sends_rest_back=True), 409, "too_little_came")
        assert refused["missing_minor"] == 1
        assert assert_refused(match(operator, much, order), 409, "too_much_came")["rest_minor"] == 30
    response = match(operator, much, order, sends_rest_back=True)
    assert (response.json["state"], response.json["send_back_minor"]) == ("booked", 30)
    assert response.json["paid"][0]["amount_minor"] == 2 * PRICE_MINOR


def test_an_entry_that_is_not_needed_cannot_be_taken_along(
    market: Market, sale: Sale, shopper: Caller, operator: Caller
) -> None:
    order = confirmed(shopper, sale)
    enough, spare = arrived(market, operator, "B1"), arrived(market, operator, "B2", minor=7)
    with market.unchanged():
        assert_refused(
            match(operator, enough, order, also=(spare,), sends_rest_back=True), 409, "too_much_came"
        )


@pytest.mark.parametrize("how", ["mixed", "twice", "same entry"])
def test_a_match_has_one_side_that_is_one(
    market: Market, sale: Sale, shopper: Caller, operator: Caller, how: str
) -> None:
    first, second = (confirmed(shopper, sale) for _ in range(2))
    one, other = arrived(market, operator, "B1"), arrived(market, operator, "B2")
    asked = {
        "mixed": lambda: match(operator, one, first, second, also=(other,)),
        "twice": lambda: match(operator, one, first, first),
        "same entry": lambda: match(operator, one, first, also=(one,)),
    }
    with market.unchanged():
        assert_refused(asked[how](), 422, "match_too_mixed")


def test_what_a_payment_refuses_is_refused_here(
    market: Market, sale: Sale, shopper: Caller, operator: Caller
) -> None:
    early, done, card = ordered(shopper, sale), paid(shopper, operator, sale), confirmed(shopper, sale)
    moved = update(Payment).where(Payment.id == uuid.UUID(card["payment_id"])).values(gateway="card")
    database.transact(lambda session: session.execute(moved))
    entry = arrived(market, operator)
    dollars = arrived(market, operator, "B2", currency="USD")
    with market.unchanged():
        assert_refused(match(operator, entry, early), 409, "payment_not_awaited")
        assert_refused(match(operator, entry, done), 409, "payment_not_awaited")
        assert_refused(match(operator, entry, card), 409, "paid_otherwise")
        assert_refused(match(operator, dollars, early), 409, "currencies_differ")
        assert_refused(match(operator, entry, {"payment_id": str(uuid.uuid4())}), 404, "payment_not_found")
        assert_refused(match(operator, {"id": uuid.uuid4()}, early), 404, "entry_not_found")
        gone = {"id": str(uuid.uuid4())}
        assert_refused(match(operator, entry, early, also=(gone,)), 404, "entry_not_found")


def test_a_receipt_booked_by_hand_is_linked_once_to_the_entry_that_brought_it(
    market: Market, sale: Sale, shopper: Caller, operator: Caller
) -> None:
    order, other = confirmed(shopper, sale), confirmed(shopper, sale)
    body = receipt(order, receipt_reference="from the bank's letter")
    assert operator.post(f"/v1/payments/{order['payment_id']}/receipts", json=body).status_code == 200
    entry, second = arrived(market, operator, "B1"), arrived(market, operator, "B2")
    with market.unchanged():
        assert_refused(match(operator, entry, other, is_booked_already=True), 409, "receipt_linked")
    assert match(operator, entry, order, is_booked_already=True).json["state"] == "booked"
    assert state_of(market, order) == ("succeeded", "from the bank's letter")
    with market.unchanged():
        assert_refused(match(operator, second, order, is_booked_already=True), 409, "receipt_linked")


def test_money_for_nothing_here_is_closed_with_a_word_and_may_be_opened_again(
    market: Market, sale: Sale, shopper: Caller, operator: Caller
) -> None:
    order, entry = confirmed(shopper, sale), arrived(market, operator)
    url = f"/v1/bank-entries/{entry['id']}"
    closed = operator.post(f"{url}/closing", json={"reason": "not_ours", "note": "interest"})
    assert (closed.json["state"], closed.json["reason"], closed.json["note"]) == (
        "closed",
        "not_ours",
        "interest",
    )
    assert closed.json["send_back_minor"] == 0
    with market.unchanged():
        assert_refused(match(operator, entry, order), 409, "entry_not_open")
        again = operator.post(f"{url}/closing", json={"reason": "send_back", "note": "x"})
        assert_refused(again, 409, "entry_not_open")
    opened = operator.post(f"{url}/reopening", json={"note": "it was the school"})
    assert (opened.json["state"], opened.json["reason"]) == ("open", "reopened")
    assert_refused(operator.post(f"{url}/reopening", json={"note": "x"}), 409, "entry_not_closed")
    back = operator.post(f"{url}/closing", json={"reason": "send_back", "note": "unknown payer"})
    assert back.json["send_back_minor"] == entry["amount_minor"]
    listed = operator.get("/v1/bank-entries?state=closed&reason=send_back").json["items"]
    assert [each["id"] for each in listed] == [entry["id"]]


def test_what_a_person_opened_is_not_matched_by_itself(
    market: Market, sale: Sale, shopper: Caller, operator: Caller
) -> None:
    order = ordered(shopper, sale)
    text = market.stored(Payment, order["payment_id"]).reference
    entry = arrived(market, operator, remittance=text)
    url = f"/v1/bank-entries/{entry['id']}"
    assert operator.post(f"{url}/closing", json={"reason": "not_ours", "note": "x"}).status_code == 200
    assert operator.post(f"{url}/reopening", json={"note": "y"}).status_code == 200
    assert shopper.post(f"/v1/payments/{order['payment_id']}/confirm").status_code == 200
    shown = operator.post(f"/v1/bank-statements/{entry['statement_id']}/rematch")
    assert shown.json["waiting"] == 0
    assert entry_of(operator, "B1")["reason"] == "reopened"


def test_money_that_went_out_is_kept_and_never_matched(
    market: Market, sale: Sale, shopper: Caller, operator: Caller
) -> None:
    order = confirmed(shopper, sale)
    entry = arrived(market, operator, direction="debit")
    assert (entry["state"], entry["suggestions"]) == ("kept", [])
    with market.unchanged():
        assert_refused(match(operator, entry, order), 409, "entry_not_open")
