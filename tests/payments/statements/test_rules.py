"""Which entry pays which payment: exact alone or together, and else the reason why it stays open."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.payments.statements.rules import Book, Due, Money, Stay, decide, receipt_reference
from marketplace.payments.statements.states import OpenReason
from marketplace.payments.states import PaymentState


def money(minor: int, currency: str = "CNY", **changes) -> Money:
    return Money(id=uuid.uuid4(), amount_minor=minor, currency=currency, **changes)


def due(minor: int = 100, **changes) -> Due:
    facts = {
        "id": uuid.uuid4(),
        "state": PaymentState.PROCESSING,
        "amount_minor": minor,
        "currency": "CNY",
        "is_received": False,
        "is_offline": True,
    }
    return Due(**{**facts, **changes})


@pytest.mark.parametrize("state", [PaymentState.PROCESSING, PaymentState.CANCELED])
def test_the_exact_amount_is_booked_in_time_or_late(state: PaymentState) -> None:
    came = money(100)
    assert decide(came, due(state=state), parts=[]) == Book(entry_ids=(came.id,))


def test_parts_that_add_up_are_booked_together() -> None:
    came, before = money(60), [money(30), money(10)]
    decision = decide(came, due(), parts=before)
    assert isinstance(decision, Book)
    assert set(decision.entry_ids) == {came.id, *(each.id for each in before)}


def test_the_exact_amount_does_not_wait_for_parts() -> None:
    came = money(100)
    assert decide(came, due(), parts=[money(60)]) == Book(entry_ids=(came.id,))


@pytest.mark.parametrize(
    ("came", "facts", "parts", "reason"),
    [
        (money(99), {}, [], "too_little"),
        (money(101), {}, [], "too_much"),
        (money(60), {}, [money(39)], "too_little"),
        (money(60), {}, [money(41)], "too_much"),
        (money(60), {}, [money(40, "USD")], "too_little"),
        (money(60), {}, [money(40, is_reversal=True)], "too_little"),
        (money(100, "USD"), {}, [], "currency_differs"),
        (money(100, is_reversal=True), {}, [], "reversal"),
        (money(100), {"is_received": True, "state": PaymentState.SUCCEEDED}, [], "paid_already"),
        (money(99), {"is_received": True, "is_this_receipt": True}, [], "paid_already"),
        (money(100), {"is_offline": False}, [], "other_gateway"),
        (money(100), {"state": PaymentState.REQUIRES_CONFIRMATION}, [], "not_confirmed"),
    ],
)
def test_what_is_not_exact_stays_open_with_its_reason(came, facts, parts, reason) -> None:
    assert decide(came, due(**facts), parts=parts) == Stay(reason=OpenReason(reason))


def test_a_receipt_that_was_booked_by_hand_is_known_again() -> None:
    came = money(100)
    received = due(is_received=True, is_this_receipt=True, state=PaymentState.SUCCEEDED)
    assert decide(came, received, parts=[]) == Book(entry_ids=(came.id,), is_known=True)


moneys = st.builds(money, st.integers(1, 60), st.sampled_from(["CNY", "USD"]), is_reversal=st.booleans())
dues = st.builds(
    due,
    st.integers(1, 90),
    state=st.sampled_from(list(PaymentState)),
    is_received=st.booleans(),
    is_offline=st.booleans(),
    is_this_receipt=st.booleans(),
)


@given(moneys, dues, st.lists(moneys, max_size=4))
def test_whatever_is_booked_is_the_amount_in_the_currency_and_awaited(came, wanted, parts) -> None:
    decision = decide(came, wanted, parts=parts)
    if isinstance(decision, Stay):
        return
    chosen = [each for each in (came, *parts) if each.id in decision.entry_ids]
    assert came in chosen
    assert sum(each.amount_minor for each in chosen) == wanted.amount_minor
    assert {each.currency for each in chosen} == {wanted.currency}
    assert not any(each.is_reversal for each in chosen)
    assert decision.is_known == wanted.is_received
    assert wanted.is_received or (
        wanted.is_offline and wanted.state in (PaymentState.PROCESSING, PaymentState.CANCELED)
    )


def test_receipts_have_room_for_the_longest_numbers() -> None:
    assert len(receipt_reference("x" * 20, "y" * 56, number=20)) <= 80
    assert receipt_reference("BANK-1", "B1") == "BANK-1:B1"
