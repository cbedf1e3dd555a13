"""What may be claimed and refunded, and what a light box is worth: laws of the rules."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.claims import rules, states
from orders.claims.rules import ClaimTooEarly, MoreThanArrived, MoreThanPaid
from orders.claims.states import (
    AFTER,
    COUNTED,
    MOVES,
    WAITING,
    ClaimKind,
    ClaimState,
    ClaimStateForbids,
    Remedy,
)
from orders.fulfilment import weight_rules
from orders.fulfilment.states import ParcelState, ParcelStateForbids
from orders.fulfilment.weight_rules import WeightUnlikely

SHIPPED = datetime(2026, 10, 1, 8, tzinfo=UTC)
PRICES = st.integers(0, 10**13)
GRAMS = st.integers(1, 10**9)


def test_a_claim_that_waits_is_not_over_and_one_that_is_over_goes_nowhere() -> None:
    assert {state for state, after in MOVES.items() if after} == WAITING
    assert {ClaimState.REFUNDED, ClaimState.REPLACED} == COUNTED - WAITING
    for remedy, after in AFTER.items():
        states.check_move(ClaimState.OPEN, after)
        assert remedy in set(Remedy)
    with pytest.raises(ClaimStateForbids):
        states.check_move(ClaimState.REFUNDED, ClaimState.REFUNDED)


@pytest.mark.parametrize("kind", list(ClaimKind))
def test_what_has_arrived_may_be_claimed_whatever_is_wrong(kind: ClaimKind) -> None:
    rules.check_claimable(kind, parcel_state=ParcelState.DELIVERED, shipped_at=SHIPPED, now=SHIPPED)


def test_what_is_on_its_way_may_only_be_missing_and_only_in_time() -> None:
    def check(kind: ClaimKind, after: timedelta) -> None:
        rules.check_claimable(kind, parcel_state=ParcelState.SHIPPED, shipped_at=SHIPPED, now=SHIPPED + after)

    check(ClaimKind.MISSING, rules.MISSING_AFTER)
    for kind, after in (
        (ClaimKind.MISSING, rules.MISSING_AFTER - timedelta(microseconds=1)),
        (ClaimKind.DAMAGE, rules.MISSING_AFTER),
    ):
        with pytest.raises(ClaimTooEarly):
            check(kind, after)


def test_a_replacement_is_claimed_when_it_has_arrived_and_given_up_no_sooner_than_it_would_be_missing() -> (
    None
):
    late = SHIPPED + rules.MISSING_AFTER

    def check(state: ParcelState) -> None:
        rules.check_claimable(
            ClaimKind.MISSING, parcel_state=state, shipped_at=SHIPPED, now=late, is_replacement=True
        )

    check(ParcelState.DELIVERED)
    with pytest.raises(ParcelStateForbids):
        check(ParcelState.SHIPPED)
    rules.check_given_up(shipped_at=SHIPPED, now=late)
    with pytest.raises(ClaimTooEarly):
        rules.check_given_up(shipped_at=SHIPPED, now=late - timedelta(microseconds=1))


def test_light_boxes_and_those_that_were_replaced_twice_are_not_replaced() -> None:
    for kind in set(ClaimKind) - {ClaimKind.WEIGHT}:
        rules.check_replaceable(kind, times_before=1)
        with pytest.raises(rules.ReplacedTooOften):
            rules.check_replaceable(kind, times_before=2)
    with pytest.raises(rules.NotReplaceable):
        rules.check_replaceable(ClaimKind.WEIGHT, times_before=0)


@pytest.mark.parametrize(
    "state", [ParcelState.PLANNED, ParcelState.PACKED, ParcelState.LOST, ParcelState.CANCELLED]
)
def test_what_has_not_left_or_is_lost_is_not_claimed(state: ParcelState) -> None:
    with pytest.raises(ParcelStateForbids):
        rules.check_claimable(
            ClaimKind.MISSING, parcel_state=state, shipped_at=None, now=SHIPPED + rules.MISSING_AFTER
        )


def test_boxes_are_claimed_once() -> None:
    rules.check_boxes(2, parcel_boxes=5, claimed_boxes=3)
    with pytest.raises(MoreThanArrived) as refused:
        rules.check_boxes(3, parcel_boxes=5, claimed_boxes=3)
    assert refused.value.facts == {"boxes_left": 2}


@given(PRICES, st.lists(st.integers(1, 1_000), min_size=1, max_size=6), st.integers(0, 1_000), st.data())
def test_all_claims_of_a_parcel_give_back_no_more_than_its_boxes_cost(
    paid: int, claimed: list[int], unclaimed: int, data: st.DataObject
) -> None:
    """Whatever went back before because it was light, and in whatever parts it is claimed."""
    parcel = sum(claimed) + unclaimed
    order = parcel + data.draw(st.integers(0, 1_000))
    cost = rules.cost_minor(paid, boxes=parcel, of_boxes=order)
    light = data.draw(st.integers(0, cost))
    back = light
    for boxes in claimed:
        kept = paid - back
        most = rules.refundable_minor(
            paid, boxes=boxes, of_boxes=order, parcel_boxes=parcel, light_minor=light, kept_minor=kept
        )
        assert 0 <= most <= kept
        back += most
    assert back <= cost <= paid


@given(PRICES, st.integers(1, 1_000_000))
def test_all_boxes_together_cost_what_was_paid(paid: int, boxes: int) -> None:
    assert rules.cost_minor(paid, boxes=boxes, of_boxes=boxes) == paid
    assert (
        rules.refundable_minor(
            paid, boxes=boxes, of_boxes=boxes, parcel_boxes=boxes, light_minor=0, kept_minor=paid
        )
        == paid
    )


def test_nothing_goes_back_only_for_what_cost_nothing() -> None:
    rules.check_amount(0, max_minor=0)
    rules.check_amount(1, max_minor=5)
    rules.check_amount(5, max_minor=5)
    for amount, most in ((0, 5), (6, 5), (1, 0)):
        with pytest.raises(MoreThanPaid) as refused:
            rules.check_amount(amount, max_minor=most)
        assert refused.value.facts == {"max_minor": most}


@given(st.lists(PRICES, max_size=4), st.data())
def test_a_refund_is_taken_of_payments_to_the_unit(kept: list[int], data: st.DataObject) -> None:
    amount = data.draw(st.integers(0, sum(kept)))
    parts = rules.parted(amount, kept)
    assert sum(parts) == amount
    assert all(0 <= part <= each for part, each in zip(parts, kept, strict=True))


@given(PRICES, GRAMS, GRAMS)
def test_nobody_pays_more_for_weight_and_nobody_gets_more_than_the_price(
    price: int, nominal: int, weighed: int
) -> None:
    back = weight_rules.light_minor(price, nominal_grams=nominal, weighed_grams=weighed)
    assert 0 <= back <= price
    if weighed >= nominal:
        assert back == 0


@given(PRICES, GRAMS, st.data())
def test_less_fruit_never_gives_less_back(price: int, nominal: int, data: st.DataObject) -> None:
    weighed = data.draw(st.integers(1, nominal))
    lighter = data.draw(st.integers(1, weighed))
    back = [
        weight_rules.light_minor(price, nominal_grams=nominal, weighed_grams=grams)
        for grams in (weighed, lighter)
    ]
    assert back == sorted(back)


@given(PRICES, GRAMS, st.data())
def test_below_the_band_the_buyer_never_loses_by_rounding(
    price: int, nominal: int, data: st.DataObject
) -> None:
    """What goes back is worth all of the missing grams, and less than one unit more."""
    weighed = data.draw(st.integers(1, nominal))
    missing = nominal - weighed
    back = weight_rules.light_minor(price, nominal_grams=nominal, weighed_grams=weighed)
    if missing * 1_000 <= nominal * weight_rules.LIGHT_PERMILLE:
        assert back == 0
    else:
        assert 0 <= back * nominal - price * missing < nominal


def test_the_edge_of_the_band() -> None:
    """5 kg at 60 yuan: 100 g may be missing; of 101 g all are paid back, 1.212 yuan rounded up."""
    assert weight_rules.light_minor(6_000, nominal_grams=5_000, weighed_grams=4_900) == 0
    assert weight_rules.light_minor(6_000, nominal_grams=5_000, weighed_grams=4_899) == 122


def test_a_weight_that_cannot_be_is_asked_for_again() -> None:
    for grams in (3_500, 5_000, 6_500):
        weight_rules.check_weight(grams, nominal_grams=5_000)
    for grams in (3_499, 6_501, 5):
        with pytest.raises(WeightUnlikely) as refused:
            weight_rules.check_weight(grams, nominal_grams=5_000)
        assert refused.value.facts == {"nominal_grams": 5_000}
