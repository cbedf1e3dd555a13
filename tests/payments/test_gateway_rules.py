"""What follows from what is seen at a gateway: every pair of states, and laws for any numbers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.payments import gateway_rules
from marketplace.payments.gateway_rules import (
    Ours,
    Step,
    decide,
    next_look,
    refundable_until,
    repayment_begins,
)
from marketplace.payments.gateways.interface import Seen
from marketplace.payments.states import PartRefundKind, PaymentState, RepaymentState

NOW = datetime(2026, 11, 1, tzinfo=UTC)
REQUIRES, ACTION, PROCESSING, SUCCEEDED, CANCELED = PaymentState

EXPECTED = {
    **{
        (ours, seen): Step.MOVE
        for ours, seen in product((REQUIRES, ACTION, PROCESSING), repeat=2)
        if ours != seen
    },
    **{(ours, ours): Step.NOTHING for ours in (REQUIRES, ACTION, PROCESSING, CANCELED)},
    **{(ours, SUCCEEDED): Step.RECEIVE for ours in (REQUIRES, ACTION, PROCESSING)},
    **{(ours, CANCELED): Step.END for ours in (REQUIRES, ACTION, PROCESSING)},
    **{(CANCELED, seen): Step.CANCEL_THERE for seen in (REQUIRES, ACTION, PROCESSING)},
    (CANCELED, SUCCEEDED): Step.RECEIVE_LATE,
}


def ours(state: PaymentState, *, is_booked: bool = False) -> Ours:
    return Ours(state=state, amount_minor=5_200, currency="CNY", is_booked=is_booked)


def seen(state: PaymentState, *, minor: int = 5_200, currency: str = "CNY") -> Seen:
    received = minor if state == SUCCEEDED else 0
    return Seen(
        provider_id="pi_1",
        payment_id=None,
        state=state,
        received_minor=received,
        currency=currency,
    )


@pytest.mark.parametrize(("here", "there"), sorted(EXPECTED))
def test_each_pair_of_states_has_its_step(here: PaymentState, there: PaymentState) -> None:
    assert decide(ours(here), seen(there)) == EXPECTED[here, there]


def test_every_pair_is_said_and_what_is_booked_stays() -> None:
    assert set(EXPECTED) == set(product((REQUIRES, ACTION, PROCESSING, CANCELED), PaymentState))
    for here, there in product((SUCCEEDED, CANCELED), PaymentState):
        assert decide(ours(here, is_booked=True), seen(there)) == Step.NOTHING


@given(
    st.sampled_from([REQUIRES, ACTION, PROCESSING, CANCELED]),
    st.integers(1, 10**13),
    st.sampled_from(["CNY", "USD"]),
)
def test_what_is_held_is_charged_if_it_is_what_is_due_and_let_go_if_nobody_waits(
    here: PaymentState, minor: int, currency: str
) -> None:
    there = replace(seen(PROCESSING, currency=currency), authorised_minor=minor)
    step = decide(ours(here), there)
    if here == CANCELED:
        assert step == Step.CANCEL_THERE
    else:
        is_due = (minor, currency) == (5_200, "CNY")
        assert step == (Step.CAPTURE if is_due else Step.ASK_A_PERSON)
    assert decide(ours(here), replace(there, authorised_minor=5_200, currency="CNY")) in (
        Step.CAPTURE,
        Step.CANCEL_THERE,
    )
    assert decide(ours(here, is_booked=True), there) == Step.NOTHING


@given(
    st.sampled_from([REQUIRES, ACTION, PROCESSING, CANCELED]),
    st.integers(0, 10**13),
    st.sampled_from(["CNY", "USD"]),
)
def test_money_is_only_taken_for_what_was_due(here: PaymentState, minor: int, currency: str) -> None:
    step = decide(ours(here), seen(SUCCEEDED, minor=minor, currency=currency))
    assert (step == Step.ASK_A_PERSON) == ((minor, currency) != (5_200, "CNY"))


@given(
    st.sampled_from(["card", "alipay", "wechat_pay", "other", None]),
    st.timedeltas(timedelta(0), timedelta(days=400)),
)
def test_a_gateway_is_asked_within_its_window_and_never_for_compensation(method, passed) -> None:
    until = refundable_until(method, paid_at=NOW)
    begins = repayment_begins(PartRefundKind.REFUND, is_remote=True, until=until, now=NOW + passed)
    days = gateway_rules.REFUND_DAYS.get(method or "")
    if days is None:
        assert begins == RepaymentState.ASKED
    else:
        is_open = passed < timedelta(days=days) - gateway_rules.REFUND_MARGIN
        assert begins == (RepaymentState.ASKED if is_open else RepaymentState.DUE)
    for kind, is_remote in ((PartRefundKind.COMPENSATION, True), (PartRefundKind.REFUND, False)):
        assert repayment_begins(kind, is_remote=is_remote, until=until, now=NOW) == RepaymentState.DUE


@given(st.timedeltas(timedelta(0), timedelta(days=30)), st.timedeltas(timedelta(0), timedelta(days=30)))
def test_looks_come_later_the_longer_it_lasts(one: timedelta, other: timedelta) -> None:
    first, second = (next_look(since=NOW, now=NOW + age) - NOW - age for age in sorted((one, other)))
    assert gateway_rules.LOOK_SOONEST <= first <= second <= gateway_rules.LOOK_LATEST


def test_attempts_without_an_answer_come_later_each_time_and_at_least_hourly() -> None:
    waits = [gateway_rules.wait_after(tries) for tries in range(100)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (timedelta(minutes=1), timedelta(hours=1))
