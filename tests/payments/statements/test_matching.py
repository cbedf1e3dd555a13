"""Statements through the doors: exact money is booked, all other money stays open with its reason, none is lost."""

import uuid
from functools import partial

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from marketplace import context, database
from marketplace.access import Role
from marketplace.payments.models import Payment
from marketplace.payments.statements import matching
from marketplace.payments.statements.models import BankEntry, BankReceipt
from marketplace.payments.states import PaymentState
from orders import checkout
from orders.models import Order
from tests import builders
from tests.builders import PRICE_MINOR, Market, confirmed, ordered, paid, receipt
from tests.house import Caller
from tests.payments.statements.files import (
    camt,
    camt_entry,
    counts,
    entry_of,
    line,
    send,
    table,
    uploaded,
    work_off,
)


def reference_of(market: Market, order: dict) -> str:
    return market.stored(Payment, order["payment_id"]).reference


def transfer(market: Market, order: dict, key: str = "", **changes) -> dict[str, str]:
    """The line of a transfer that names an order's payment, and is its amount."""
    return line(
        key,
        **{"minor": order["total_minor"], "remittance": f"苹果 {reference_of(market, order)}", **changes},
    )


def state_of(market: Market, order: dict) -> tuple[str, str | None]:
    payment = market.stored(Payment, order["payment_id"])
    return payment.state, payment.receipt_reference


def test_an_exact_transfer_commits_its_order(market: Market, shopper: Caller, operator: Caller) -> None:
    order = confirmed(shopper, market.on_sale(), 2)
    shown = uploaded(market.app, operator, transfer(market, order, "B1"))
    assert (shown["lines"], shown["entries"], shown["duplicates"], shown["bad_lines"]) == (1, 1, 0, 0)
    assert counts(shown) == {"booked": 1}
    assert state_of(market, order) == ("succeeded", "BANK-1:B1")
    assert market.stored(Order, order["id"]).state == "committed"
    entry = entry_of(operator, "B1")
    assert entry["paid"] == [{"payment_id": order["payment_id"], "amount_minor": order["total_minor"]}]
    assert (entry["counterparty_name"], entry["counterparty_account"]) == ("李四", "6222020000001234")
    assert (entry["reason"], entry["says"], entry["suggestions"]) == (None, None, [])


def test_camt_books_as_well(market: Market, shopper: Caller, operator: Caller) -> None:
    order = confirmed(shopper, market.on_sale())
    words = reference_of(market, order).lower()
    response = send(operator, camt(camt_entry("K1", words=(words[:4], words[4:]))), format="camt_053")
    assert response.status_code == 201
    work_off(market.app)
    assert state_of(market, order) == ("succeeded", "BANK-1:K1")


def test_what_the_database_holds_tells_nobody_who_paid(market: Market, operator: Caller) -> None:
    uploaded(market.app, operator, line("B1", counterparty_name="王五", counterparty_account="6217001234"))
    with database.reading() as session:
        [sealed] = session.scalars(select(BankEntry.counterparty))
    assert sealed is not None
    assert "王五".encode() not in sealed
    assert b"6217001234" not in sealed
    assert entry_of(operator, "B1")["counterparty_name"] == "王五"


def test_a_statement_that_overlaps_changes_nothing_but_what_is_new(
    market: Market, operator: Caller, as_role
) -> None:
    sale = market.on_sale()
    first, second = (confirmed(as_role(Role.SHOPPER), sale) for _ in range(2))
    monday = transfer(market, first, "B1")
    uploaded(market.app, operator, monday)
    shown = uploaded(market.app, operator, monday, transfer(market, second, "B2"))
    assert (shown["entries"], shown["duplicates"]) == (1, 1)
    assert {state_of(market, each)[0] for each in (first, second)} == {"succeeded"}
    again = uploaded(market.app, operator, monday, transfer(market, second, "B2"), line("B3"))
    assert (again["entries"], again["duplicates"], counts(again)) == (1, 2, {"open:no_reference": 1})


def test_a_known_number_with_another_amount_is_a_bad_line(market: Market, operator: Caller) -> None:
    uploaded(market.app, operator, line("B1", minor=100))
    shown = uploaded(market.app, operator, line("B1", minor=101), line("B2"))
    assert (shown["entries"], shown["duplicates"], shown["bad_lines"]) == (1, 0, 1)
    [fault] = operator.get(f"/v1/bank-statements/{shown['id']}/faults").json["items"]
    assert (fault["line"], fault["column"], fault["fault"]) == (2, "key", "key_differs")
    assert fault["says"]["zh"].endswith("。")


def test_two_accounts_may_use_the_same_numbers(market: Market, operator: Caller, as_role) -> None:
    sale = market.on_sale()
    first, second = (confirmed(as_role(Role.SHOPPER), sale) for _ in range(2))
    uploaded(market.app, operator, transfer(market, first, "B1"), account="ICBC")
    uploaded(market.app, operator, transfer(market, second, "B1"), account="CCB")
    assert state_of(market, first) == ("succeeded", "ICBC:B1")
    assert state_of(market, second) == ("succeeded", "CCB:B1")


def test_transfers_that_add_up_are_booked_together(market: Market, shopper: Caller, operator: Caller) -> None:
    order = confirmed(shopper, market.on_sale(), 2)
    half = transfer(market, order, "B1", minor=PRICE_MINOR)
    assert counts(uploaded(market.app, operator, half)) == {"open:too_little": 1}
    assert state_of(market, order) == ("processing", None)
    rest = transfer(market, order, "B2", minor=PRICE_MINOR)
    assert counts(uploaded(market.app, operator, rest)) == {"booked": 1}
    assert state_of(market, order)[0] == "succeeded"
    assert {entry_of(operator, key)["state"] for key in ("B1", "B2")} == {"booked"}
    assert [entry_of(operator, key)["paid"][0]["amount_minor"] for key in ("B1", "B2")] == [PRICE_MINOR] * 2


def test_three_parts_in_one_file_are_one_payment(market: Market, shopper: Caller, operator: Caller) -> None:
    order = confirmed(shopper, market.on_sale(), 3)
    parts = [transfer(market, order, f"B{number}", minor=PRICE_MINOR) for number in (1, 2, 3)]
    assert counts(uploaded(market.app, operator, *parts)) == {"booked": 3}
    assert state_of(market, order)[0] == "succeeded"


def test_a_part_is_told_when_the_whole_came_beside_it(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    order = confirmed(shopper, market.on_sale(), 2)
    uploaded(market.app, operator, transfer(market, order, "B1", minor=PRICE_MINOR))
    uploaded(market.app, operator, transfer(market, order, "B2"))
    assert state_of(market, order) == ("succeeded", "BANK-1:B2")
    assert entry_of(operator, "B1")["reason"] == "paid_already"


def test_money_that_is_not_exact_stays_open_with_its_reason(
    market: Market, operator: Caller, as_role
) -> None:
    sale = market.on_sale()
    little, much, twice, foreign = (confirmed(as_role(Role.SHOPPER), sale) for _ in range(4))
    unconfirmed = ordered(as_role(Role.SHOPPER), sale)
    both = f"{reference_of(market, little)} {reference_of(market, much)}"
    shown = uploaded(
        market.app,
        operator,
        transfer(market, little, "LITTLE", minor=PRICE_MINOR - 1),
        transfer(market, much, "MUCH", minor=PRICE_MINOR + 1),
        transfer(market, twice, "ONCE"),
        transfer(market, twice, "TWICE"),
        transfer(market, foreign, "FOREIGN", currency="USD"),
        transfer(market, unconfirmed, "EARLY"),
        line("BOTH", remittance=both, minor=2 * PRICE_MINOR),
        line("NOBODY", remittance="谢谢"),
        line("OUT", direction="debit"),
    )
    assert counts(shown) == {
        "booked": 1,
        "kept": 1,
        "open:currency_differs": 1,
        "open:no_reference": 1,
        "open:not_confirmed": 1,
        "open:paid_already": 1,
        "open:several_references": 1,
        "open:too_little": 1,
        "open:too_much": 1,
    }
    assert state_of(market, twice) == ("succeeded", "BANK-1:ONCE")
    assert {state_of(market, each)[0] for each in (little, much, foreign)} == {"processing"}
    said = entry_of(operator, "MUCH")["says"]
    assert said["en"].startswith("It is more")
    assert said["zh"].endswith("。")


def test_a_reversal_is_never_booked(market: Market, shopper: Caller, operator: Caller) -> None:
    order = confirmed(shopper, market.on_sale())
    entry = camt_entry("K1", words=(reference_of(market, order),), reversal="<RvslInd>true</RvslInd>")
    assert send(operator, camt(entry), format="camt_053").status_code == 201
    work_off(market.app)
    assert entry_of(operator, "K1")["reason"] == "reversal"
    assert state_of(market, order)[0] == "processing"


def test_a_receipt_that_a_person_booked_before_is_known_by_its_number(
    market: Market, operator: Caller, as_role
) -> None:
    sale = market.on_sale()
    first, second = (confirmed(as_role(Role.SHOPPER), sale) for _ in range(2))
    for order, name in ((first, "B1"), (second, "BANK-1:B2")):
        body = receipt(order, receipt_reference=name)
        assert operator.post(f"/v1/payments/{order['payment_id']}/receipts", json=body).status_code == 200
    shown = uploaded(
        market.app, operator, line("B1"), transfer(market, second, "B2"), transfer(market, first, "B3")
    )
    assert counts(shown) == {"booked": 2, "open:paid_already": 1}
    assert entry_of(operator, "B1")["paid"][0]["payment_id"] == first["payment_id"]
    assert state_of(market, first) == ("succeeded", "B1")


def test_late_money_goes_the_way_of_late_money(market: Market, operator: Caller, as_role) -> None:
    sale = market.on_sale()
    gone, lapsed = (ordered(as_role(Role.SHOPPER), sale) for _ in range(2))
    owner = as_role(Role.SHOPPER)
    withdrawn = confirmed(owner, sale)
    market.let_age(lapsed["id"], minutes=21)
    market.let_age(gone["id"], minutes=21)
    database.transact(lambda session: checkout.expire_unpaid(session, context.system(), minutes=20, batch=10))
    assert owner.post(f"/v1/orders/{withdrawn['id']}/withdrawal").status_code == 200
    lines = [transfer(market, each, f"B{number}") for number, each in enumerate((lapsed, withdrawn))]
    assert counts(uploaded(market.app, operator, *lines)) == {"booked": 2}
    assert state_of(market, lapsed)[0] == "succeeded"
    assert market.stored(Order, lapsed["id"]).state == "committed"
    back = market.stored(Payment, withdrawn["payment_id"])
    assert (back.state, back.refund_due_minor) == ("canceled", withdrawn["total_minor"])
    assert counts(uploaded(market.app, operator, transfer(market, withdrawn, "B9"))) == {
        "open:paid_already": 1
    }


def test_a_payment_of_another_gateway_is_left_to_it(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    order = confirmed(shopper, market.on_sale())
    card = update(Payment).where(Payment.id == uuid.UUID(order["payment_id"])).values(gateway="card")
    database.transact(lambda session: session.execute(card))
    assert counts(uploaded(market.app, operator, transfer(market, order))) == {"open:other_gateway": 1}


def test_the_same_number_is_not_booked_again_by_hand(
    market: Market, shopper: Caller, operator: Caller, as_role
) -> None:
    sale = market.on_sale()
    other, order = confirmed(as_role(Role.SHOPPER), sale), confirmed(shopper, sale)
    taken = receipt(other, receipt_reference="BANK-1:B1", amount_minor=other["total_minor"])
    response = send(operator, table(transfer(market, order, "B1")))
    work_off(market.app)
    assert response.status_code == 201
    assert state_of(market, order)[0] == "succeeded"
    refused = operator.post(f"/v1/payments/{other['payment_id']}/receipts", json=taken)
    assert (refused.status_code, refused.json["code"]) == (409, "receipt_booked")


def test_a_subscriber_that_refuses_leaves_the_entry_open_and_everything_else_as_it_was(
    market: Market, shopper: Caller, operator: Caller, monkeypatch
) -> None:
    order = confirmed(shopper, market.on_sale())
    response = send(operator, table(transfer(market, order, "B1")))

    def refuse(*_args, **_named):
        raise matching.payments.ReceiptBooked

    monkeypatch.setattr(matching.payments, "book_receipt", refuse)
    work_off(market.app)
    monkeypatch.undo()
    entry = entry_of(operator, "B1")
    assert (entry["reason"], entry["refusal"], entry["paid"]) == ("refused", "receipt_booked", [])
    assert state_of(market, order) == ("processing", None)
    again = operator.post(f"/v1/bank-statements/{response.json['id']}/rematch")
    assert (again.status_code, again.json["waiting"]) == (200, 1)
    work_off(market.app)
    assert entry_of(operator, "B1")["state"] == "booked"


def test_a_job_that_fails_midway_leaves_nothing_and_is_done_again(
    market: Market, shopper: Caller, operator: Caller, monkeypatch
) -> None:
    order = confirmed(shopper, market.on_sale())
    send(operator, table(transfer(market, order, "B1")))

    def crash(*_args, **_named):
        raise ZeroDivisionError

    monkeypatch.setattr(matching, "booked", crash)
    work_off(market.app)
    monkeypatch.undo()
    assert state_of(market, order) == ("processing", None)
    assert entry_of(operator, "B1")["reason"] == "waiting"
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(BankReceipt)) == 0
    entry_id = uuid.UUID(entry_of(operator, "B1")["id"])
    for _ in range(2):
        database.transact(lambda session: matching.settle(session, market.ctx, entry_id=entry_id))
        assert state_of(market, order) == ("succeeded", "BANK-1:B1")


def test_money_that_came_before_the_confirmation_is_booked_after_it(
    market: Market, operator: Caller, as_role
) -> None:
    sale, early, never = market.on_sale(), as_role(Role.SHOPPER), as_role(Role.SHOPPER)
    order, other = ordered(early, sale), ordered(never, sale)
    uploaded(market.app, operator, transfer(market, order, "B1"), transfer(market, other, "B2"))
    wake = partial(matching.wake_confirmed, ctx=market.ctx)
    assert database.transact(wake) == 0
    assert early.post(f"/v1/payments/{order['payment_id']}/confirm").status_code == 200
    assert [database.transact(wake) for _ in range(2)] == [1, 0]
    work_off(market.app)
    assert state_of(market, order) == ("succeeded", "BANK-1:B1")
    assert entry_of(operator, "B2")["reason"] == "not_confirmed"


def test_an_unconfirmed_payment_is_booked_when_it_is_looked_at_again(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    order = ordered(shopper, market.on_sale())
    shown = uploaded(market.app, operator, transfer(market, order, "B1"))
    assert shopper.post(f"/v1/payments/{order['payment_id']}/confirm").status_code == 200
    assert operator.post(f"/v1/bank-statements/{shown['id']}/rematch").status_code == 200
    work_off(market.app)
    assert market.stored(Payment, order["payment_id"]).state == PaymentState.SUCCEEDED


def test_one_slip_is_suggested_and_never_booked(market: Market, shopper: Caller, operator: Caller) -> None:
    order = confirmed(shopper, market.on_sale())
    meant = "ABCD2345XY"
    named = update(Payment).where(Payment.id == uuid.UUID(order["payment_id"])).values(reference=meant)
    database.transact(lambda session: session.execute(named))
    slip = "A8CD 2345 XY"
    shown = uploaded(market.app, operator, transfer(market, order, "B1", remittance=slip, minor=1))
    assert counts(shown) == {"open:no_reference": 1}
    [suggested] = entry_of(operator, "B1")["suggestions"]
    assert (suggested["payment_id"], suggested["by"]) == (order["payment_id"], "near_reference")
    assert state_of(market, order)[0] == "processing"


def test_who_waits_for_just_this_amount_is_suggested(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    order = confirmed(shopper, market.on_sale(), 3)
    uploaded(market.app, operator, line("B1", minor=order["total_minor"], remittance="apples"))
    [suggested] = entry_of(operator, "B1")["suggestions"]
    assert (suggested["payment_id"], suggested["by"]) == (order["payment_id"], "amount")
    assert suggested["reference"] == reference_of(market, order)


def test_paid_payments_are_told_by_their_reference(market: Market, shopper: Caller, operator: Caller) -> None:
    order = paid(shopper, operator, market.on_sale())
    uploaded(market.app, operator, transfer(market, order, "B1"))
    entry = entry_of(operator, "B1")
    assert (entry["reason"], entry["suggestions"][0]["by"]) == ("paid_already", "reference")


@pytest.mark.parametrize("boxes", [1, 2])
def test_a_trial_says_what_the_upload_then_does(
    market: Market, operator: Caller, as_role, boxes: int
) -> None:
    sale = market.on_sale()
    orders = [confirmed(as_role(Role.SHOPPER), sale, boxes) for _ in range(3)]
    early = ordered(as_role(Role.SHOPPER), sale)
    uploaded(market.app, operator, transfer(market, orders[2], "P1", minor=1))
    lines = [
        transfer(market, orders[0], "B1"),
        transfer(market, orders[0], "B2"),
        transfer(market, orders[1], "B3", minor=orders[1]["total_minor"] - 7),
        transfer(market, orders[1], "B4", minor=7),
        transfer(market, orders[2], "B5", minor=orders[2]["total_minor"] - 1),
        transfer(market, early, "B6"),
        line("B7"),
        line("B8", direction="debit"),
        {**line("B9"), "amount": "1,000.00"},
        transfer(market, orders[2], "P1", minor=1),
    ]
    before = builders.contents()
    trial = send(operator, table(*lines), trial=True)
    after = builders.contents()
    assert {name for name in before if before[name] != after[name]} == {"audit_entry"}
    assert trial.status_code == 200, trial.json
    shown = uploaded(market.app, operator, *lines)
    for name in ("lines", "entries", "duplicates", "bad_lines"):
        assert trial.json[name] == shown[name]
    assert counts(trial.json) == counts(shown)
    assert counts(shown) == {
        "booked": 4,
        "kept": 1,
        "open:no_reference": 1,
        "open:not_confirmed": 1,
        "open:paid_already": 1,
    }
    assert [each["state"] for each in trial.json["tried"]][:2] == ["booked", "open"]
    assert trial.json["bad"][0]["fault"] == "amount_separated"


def test_many_entries_are_matched_batch_by_batch(
    market: Market, operator: Caller, as_role, monkeypatch
) -> None:
    monkeypatch.setattr(matching, "BATCH", 7)
    sale = market.on_sale()
    orders = [confirmed(as_role(Role.SHOPPER), sale) for _ in range(4)]
    lines = [line(f"N{number}") for number in range(20)]
    for number, order in enumerate(orders):
        lines.insert(number * 6, transfer(market, order, f"B{number}"))
    assert counts(uploaded(market.app, operator, *lines)) == {"booked": 4, "open:no_reference": 20}


def test_references_of_payments_are_as_long_as_those_that_are_looked_for(
    app: Flask, market: Market, shopper: Caller
) -> None:
    assert len(reference_of(market, ordered(shopper, market.on_sale()))) == 10
