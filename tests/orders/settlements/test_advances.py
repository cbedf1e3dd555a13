"""How much may be advanced, what decides, and how exposed the marketplace is."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.settlements.account import Account, Advance, Held
from orders.settlements.advances import (
    AdvanceTerms,
    AdvanceTooHigh,
    Bound,
    Funds,
    Pledged,
    exposure,
    limit,
    made_due,
    offer,
    shared,
)
from orders.settlements.rules import settle
from orders.sponsoring.rules import Progress, Tranche
from tests.orders.settlements.cases import SEASON_END, TODAY, accounts, delivery, facts

PLENTY = Funds(cleared_minor=10**13)
TERMS = AdvanceTerms(confirmation=200, intake=200, delivery=0, factor=500)
HUNDRED = (Pledged(progress=Progress(boxes=100, taken_in=40), unit_price_minor=5_200),)


@st.composite
def terms_(draw):
    first = draw(st.integers(0, 1_000))
    second = draw(st.integers(0, 1_000 - first))
    third = draw(st.integers(0, 1_000 - first - second))
    return AdvanceTerms(confirmation=first, intake=second, delivery=third, factor=draw(st.integers(0, 1_000)))


@st.composite
def pledged_(draw):
    boxes = draw(st.integers(0, 10_000))
    taken_in = draw(st.integers(0, boxes))
    progress = Progress(boxes=boxes, taken_in=taken_in, delivered=draw(st.integers(0, taken_in)))
    return Pledged(progress=progress, unit_price_minor=draw(st.integers(0, 10**6)))


PLEDGES = st.lists(pledged_(), max_size=4)
FUNDS = st.builds(
    Funds,
    cleared_minor=st.integers(0, 10**9),
    escrowed_minor=st.integers(0, 10**9),
    spoken_for_minor=st.integers(0, 10**9),
)


def test_confirmation_and_intake_of_a_hundred_boxes():
    """20 % of 100 boxes confirmed and of 40 taken in, at 52 yuan: 1,456; half of the fruit is trusted: 2,600."""
    assert made_due(TERMS, HUNDRED) == {
        Tranche.CONFIRMATION: 104_000,
        Tranche.INTAKE: 41_600,
        Tranche.DELIVERY: 0,
    }
    assert limit(TERMS, HUNDRED) == 260_000
    found = offer(TERMS, HUNDRED, advanced_minor=0, outstanding_minor=0, funds=PLENTY)
    assert (found.amount_minor, found.bound) == (145_600, Bound.PROGRESS)


@pytest.mark.parametrize(
    ("advanced", "outstanding", "funds", "amount", "bound"),
    [
        (104_000, 104_000, PLENTY, 41_600, Bound.PROGRESS),
        (0, 200_000, PLENTY, 60_000, Bound.LIMIT),
        (0, 300_000, PLENTY, 0, Bound.LIMIT),
        (0, 0, Funds(cleared_minor=50_000), 50_000, Bound.FUNDS),
        (0, 0, Funds(cleared_minor=50_000, escrowed_minor=20_000), 70_000, Bound.FUNDS),
        (0, 0, Funds(cleared_minor=50_000, spoken_for_minor=49_999), 1, Bound.FUNDS),
        (0, 0, Funds(cleared_minor=50_000, spoken_for_minor=60_000), 0, Bound.FUNDS),
        (200_000, 0, PLENTY, 0, Bound.PROGRESS),
    ],
)
def test_the_least_of_three_bounds_decides(advanced, outstanding, funds, amount, bound):
    found = offer(TERMS, HUNDRED, advanced_minor=advanced, outstanding_minor=outstanding, funds=funds)

    assert (found.amount_minor, found.bound) == (amount, bound)
    found.check(amount)
    with pytest.raises(AdvanceTooHigh) as refused:
        found.check(amount + 1)
    assert refused.value.facts == {"offered_minor": amount, "bound": bound.value}


@given(terms_(), PLEDGES, st.integers(0, 10**9), st.integers(0, 10**9), FUNDS)
def test_an_offer_keeps_all_three_bounds(terms, pledges, advanced, outstanding, funds):
    found = offer(terms, pledges, advanced_minor=advanced, outstanding_minor=outstanding, funds=funds)
    worth = sum(Fraction(each.progress.boxes * each.unit_price_minor) for each in pledges)

    assert found.amount_minor >= 0
    if found.amount_minor:
        assert outstanding + found.amount_minor <= worth * terms.factor / 1_000
        assert advanced + found.amount_minor <= worth
        assert found.amount_minor + funds.spoken_for_minor <= funds.cleared_minor + funds.escrowed_minor
    again = offer(
        terms,
        pledges,
        advanced_minor=advanced + found.amount_minor,
        outstanding_minor=outstanding + found.amount_minor,
        funds=replace(funds, spoken_for_minor=funds.spoken_for_minor + found.amount_minor),
    )
    assert again.amount_minor == 0


@given(terms_(), PLEDGES, pledged_(), st.integers(0, 10**9), FUNDS)
def test_more_fruit_never_means_a_smaller_offer(terms, pledges, more, outstanding, funds):
    asked = {"advanced_minor": 0, "outstanding_minor": outstanding, "funds": funds}

    assert offer(terms, [*pledges, more], **asked).amount_minor >= offer(terms, pledges, **asked).amount_minor


@given(st.dictionaries(st.text(max_size=3), PLEDGES, max_size=5), terms_(), FUNDS)
def test_scarce_money_is_shared_by_what_each_may_have(pledges, terms, funds):
    offers = {
        each: offer(terms, told, advanced_minor=0, outstanding_minor=0, funds=funds)
        for each, told in pledges.items()
    }
    parts = shared(offers, funds, seed="s")

    wanted = {each: min(found.due_minor, found.room_minor) for each, found in offers.items()}
    assert sum(parts.values()) == min(funds.free_minor, sum(wanted.values()))
    assert all(0 <= parts[each] <= wanted[each] for each in offers)
    assert parts == shared(dict(reversed(offers.items())), funds, seed="s")


def test_exposure_counts_what_is_held_against_what_is_out():
    account = Account(
        currency="CNY",
        owed_minor=500,
        held=(Held(reference="S", amount_minor=2_000, until=SEASON_END),),
        advances=(Advance(reference="V", paid_on=TODAY, outstanding_minor=10_000),),
    )
    found = exposure(account, limit_minor=30_000)

    assert (found.exposed_minor, found.used_permille, found.is_beyond_limit) == (8_500, 334, False)
    assert exposure(account, limit_minor=0).used_permille is None
    assert exposure(account, limit_minor=9_999).is_beyond_limit


@given(accounts(), st.integers(0, 10**7))
def test_repaid_is_the_oldest_first_and_never_too_much(account, available):
    taken, after = account.repaid(available)

    assert sum(each.amount_minor for each in taken) == min(available, account.advanced_minor)
    assert account.advanced_minor - after.advanced_minor == sum(each.amount_minor for each in taken)
    days = [each.day for each in taken]
    assert days == sorted(days)
    assert all(each.paid_on >= max(days, default=TODAY - timedelta(days=999)) for each in after.advances)


def test_an_advance_of_three_steps_is_repaid_by_netting():
    """Advanced 1,456 on 100 boxes; 40 delivered repay all of it but what they do not bring."""
    account = Account(
        currency="CNY",
        advances=(
            Advance(reference="intake", paid_on=TODAY, outstanding_minor=41_600),
            Advance(reference="confirmed", paid_on=TODAY - timedelta(days=30), outstanding_minor=104_000),
        ),
    )
    first = settle(facts(delivery(25)), account)
    assert first.payout_minor == 0
    assert first.after.advances == (replace(account.advances[0], outstanding_minor=41_600 - 20_800),)
    second = settle(facts(delivery(75), settlement="S2"), first.after)
    assert first.payout_minor + second.payout_minor == 100 * 4_992 - 145_600
    assert second.after == Account(currency="CNY")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: AdvanceTerms(confirmation=500, intake=400, delivery=101),
        lambda: AdvanceTerms(confirmation=-1),
        lambda: AdvanceTerms(factor=1_001),
        lambda: Funds(cleared_minor=-1),
        lambda: Pledged(progress=Progress(boxes=1), unit_price_minor=-1),
    ],
)
def test_terms_that_cannot_be(wrong):
    with pytest.raises(ValueError):
        wrong()
