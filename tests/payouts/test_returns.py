"""Payouts that the bank sends back: proposed by name, sum and currency, and booked when a person says so, once."""

from typing import Any

import pytest

from marketplace.payouts.models import Payout
from tests.builders import assert_refused
from tests.payments.statements import files
from tests.payouts.desk import Desk
from tests.payouts.test_confirming import out, tell

URL = "/v1/payout-returns"


def back(payout: Payout, key: str = "R1", **changes: object) -> dict[str, str]:
    """An incoming line that names a payout."""
    facts = {"direction": "credit", "minor": payout.amount_minor, "remittance": f"退款 {payout.reference}"}
    return files.line(key, **{**facts, **changes})


def gone(desk: Desk, *, cooperative: int = 0) -> Payout:
    """A payout that its bank says it has paid."""
    payout = desk.approved(1_000, cooperative=cooperative)
    desk.make()
    tell(desk, out(payout, f"K{cooperative}"))
    return payout


def proposed(desk: Desk) -> list[dict[str, Any]]:
    return list(desk.drafter.get(URL).json["items"])


def confirm(desk: Desk, entry_id: str, payout: Payout) -> Any:
    return desk.drafter.post(URL, json={"bank_entry_id": entry_id, "payout_id": str(payout.id)})


def test_money_that_comes_back_is_proposed_and_booked_by_a_person(ready: Desk) -> None:
    payout = gone(ready)
    tell(ready, back(payout))
    [found] = proposed(ready)
    assert (found["en"], found["payout"]["id"]) == (f"returned payout {payout.reference}", str(payout.id))
    assert ready.stored(payout).state == "paid", "nobody has looked at it yet"
    answer = confirm(ready, found["entry"]["id"], payout)
    assert (answer.status_code, answer.json["state"]) == (200, "returned")
    entry = ready.drafter.get(f"/v1/bank-entries/{found['entry']['id']}").json
    assert (entry["state"], entry["reason"]) == ("closed", "payout_returned")
    assert ready.stands() == (100_000, 0)
    assert proposed(ready) == []
    assert_refused(confirm(ready, found["entry"]["id"], payout), 409, "payout_state")


@pytest.mark.parametrize(
    "changes",
    [{"minor": 999}, {"currency": "USD"}, {"remittance": "rent"}],
)
def test_another_sum_currency_or_name_is_no_return(ready: Desk, changes: dict[str, object]) -> None:
    payout = gone(ready)
    tell(ready, back(payout, **changes))
    assert proposed(ready) == []
    entry = files.entry_of(ready.drafter, "R1")
    assert_refused(confirm(ready, entry["id"], payout), 409, "no_such_return")
    assert ready.stored(payout).state == "paid"


def test_an_entry_that_names_two_is_left_to_a_person(ready: Desk) -> None:
    first, second = gone(ready), gone(ready, cooperative=1)
    tell(ready, back(first, remittance=f"{first.reference} {second.reference}"))
    assert proposed(ready) == []


def test_only_operators_confirm_and_the_reason_is_not_given_by_hand(ready: Desk) -> None:
    payout = gone(ready)
    tell(ready, back(payout))
    [found] = proposed(ready)
    told = {"bank_entry_id": found["entry"]["id"], "payout_id": str(payout.id)}
    assert_refused(ready.member.post(URL, json=told), 403, "forbidden")
    assert_refused(ready.member.get(URL), 403, "forbidden")
    closing = f"/v1/bank-entries/{found['entry']['id']}/closing"
    by_hand = ready.drafter.post(closing, json={"reason": "payout_returned", "note": "x"})
    assert_refused(by_hand, 422, "invalid")
