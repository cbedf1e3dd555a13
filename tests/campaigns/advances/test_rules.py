"""Boxes that bear an advance, parts of scarce money, and sums that a calculator repeats."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.advances import rules
from campaigns.advances.commands import bar
from campaigns.advances.rules import Position, Stand
from campaigns.states import CampaignState
from orders.settlements import advances
from orders.settlements.advances import AdvanceTerms, Bound, Funds, Pledged
from orders.sponsoring.rules import Progress, Tranche

TERMS = AdvanceTerms()


@st.composite
def stands(draw):
    """The cooperatives of one pool, of which no more was sold than stands in it."""
    standing = draw(st.lists(st.integers(1, 10_000), min_size=1, max_size=6))
    sold = draw(st.integers(0, sum(standing)))
    made = []
    for boxes in standing:
        share = boxes * sold // sum(standing)
        there = draw(st.integers(0, boxes))
        made.append(
            Stand(
                standing=boxes,
                there=there,
                delivered=draw(st.integers(0, min(share, there))),
                sold_of_all=sold,
                standing_of_all=sum(standing),
            )
        )
    return made


@st.composite
def positions(draw):
    boxes = draw(st.integers(0, 10_000))
    taken_in = draw(st.integers(0, boxes))
    pledged = Pledged(
        progress=Progress(boxes=boxes, taken_in=taken_in, delivered=draw(st.integers(0, taken_in))),
        unit_price_minor=draw(st.integers(0, 10**6)),
    )
    ever = draw(st.integers(0, 10**9))
    return Position(
        pledged=(pledged,),
        advanced_minor=ever,
        open_minor=draw(st.integers(0, ever)),
        uncovered_minor=draw(st.integers(0, 10**6)),
    )


SEVERAL = st.dictionaries(st.sampled_from("abcdef"), positions(), max_size=5)
MONEY = st.builds(Funds, cleared_minor=st.integers(0, 10**9), spoken_for_minor=st.integers(0, 10**9))


@given(stands())
def test_no_more_boxes_of_a_pool_bear_an_advance_than_were_sold_of_it(pool):
    found = [rules.progress(each) for each in pool]
    assert sum(each.boxes for each in found) <= pool[0].sold_of_all
    for stand, progress in zip(pool, found, strict=True):
        assert stand.delivered <= progress.delivered <= progress.taken_in <= progress.boxes <= stand.standing
        assert progress.taken_in <= max(stand.there, stand.delivered)


def test_what_a_pool_did_not_sell_is_nobodys_in_particular():
    """Ten boxes stand, six of one and four of another; five are sold: three and two of them bear an advance."""
    found = [
        rules.progress(Stand(standing=each, there=each, delivered=0, sold_of_all=5, standing_of_all=10))
        for each in (6, 4)
    ]
    assert [(each.boxes, each.taken_in) for each in found] == [(3, 3), (2, 2)]


@given(SEVERAL, MONEY)
def test_all_offers_together_stay_within_the_money_and_each_within_its_own_bounds(several, funds):
    found = rules.offers(TERMS, several, funds, seed="a campaign")
    wanted = sum(min(each.due_minor, each.room_minor) for each in found.values())
    given_out = sum(each.amount_minor for each in found.values())
    assert given_out == min(wanted, funds.free_minor)
    for name, each in found.items():
        assert 0 <= each.amount_minor <= min(each.due_minor, each.room_minor)
        position = several[name]
        limit = advances.limit(TERMS, position.pledged)
        if each.amount_minor:
            assert position.open_minor + position.uncovered_minor + each.amount_minor <= limit
        if each.amount_minor < min(each.due_minor, each.room_minor):
            assert each.bound is Bound.FUNDS


def test_who_comes_first_takes_nothing_from_the_others():
    """Two might have 100 and 300, and 200 are there: 50 and 150, also after one of them has its part."""
    whole = AdvanceTerms(confirmation=1_000, intake=0, delivery=0, factor=1_000)

    def position(boxes, has=0):
        pledged = Pledged(progress=Progress(boxes=boxes), unit_price_minor=100)
        return Position(pledged=(pledged,), advanced_minor=has, open_minor=has)

    def amounts(first, second):
        several = {"a": position(1, first), "b": position(3, second)}
        funds = Funds(cleared_minor=200, spoken_for_minor=first + second)
        found = rules.offers(whole, several, funds, seed="s")
        return found["a"].amount_minor, found["b"].amount_minor

    assert amounts(0, 0) == (50, 150)
    assert amounts(50, 0) == (0, 150)
    assert amounts(0, 150) == (50, 0)
    assert amounts(100, 0) == (0, 100), "what one has had too much the other cannot have"


@given(SEVERAL, MONEY)
def test_every_sum_is_what_a_calculator_says_rounded_down(several, funds):
    for name, offer in rules.offers(TERMS, several, funds, seed="s").items():
        for line in rules.sums(TERMS, several[name], funds, offer, currency="CNY"):
            left, right = line.formula.split(" → ")
            typed = "".join(
                f"Fraction('{word}')" if word[0].isdigit() else {"×": "*", "−": "-"}.get(word, word)
                for word in left.split()
            )
            exact = eval(typed, {"Fraction": Fraction}) * 100
            assert Fraction(right) * 100 == line.amount_minor
            assert line.amount_minor == max(0, exact.numerator // exact.denominator)


@given(
    st.dictionaries(st.sampled_from("abc"), st.integers(0, 1_000)),
    st.dictionaries(st.sampled_from("abc"), st.integers(0, 1_000)),
)
def test_only_what_other_campaigns_do_not_cover_counts_here(opened, limits):
    found = rules.uncovered(opened, limits)
    assert 0 <= found <= sum(opened.values())
    assert found == sum(minor for name, minor in opened.items() if name not in limits) + sum(
        max(0, minor - limits[name]) for name, minor in opened.items() if name in limits
    )


def test_the_step_that_is_reached_is_the_last_that_made_anything_due():
    def at(**boxes):
        return rules.reached(TERMS, [Pledged(progress=Progress(**boxes), unit_price_minor=5_200)])

    assert at(boxes=10) is Tranche.CONFIRMATION
    assert at(boxes=10, taken_in=1) is Tranche.INTAKE
    assert at(boxes=10, taken_in=1, delivered=1) is Tranche.DELIVERY
    assert rules.reached(TERMS, []) is Tranche.CONFIRMATION


def test_money_is_not_cleared_before_a_campaign_is_allocated_nor_in_a_shortage():
    assert {
        CampaignState.DEPOSIT_OPEN,
        CampaignState.ALLOCATING,
        CampaignState.SHORTFALL,
        CampaignState.CANCELLED,
        CampaignState.SETTLED,
    }.isdisjoint(rules.CLEARING)
    assert CampaignState.SHORTFALL in rules.LIVE, "its boxes still cover what was advanced on them"


@pytest.mark.parametrize(
    ("used", "told"),
    [
        (None, "–"),
        (0, "···················· 0.0 %"),
        (1, "█··················· 0.1 %"),
        (500, "██████████·········· 50.0 %"),
        (1_000, "████████████████████ 100.0 %"),
        (1_234, "████████████████████ 123.4 % !"),
    ],
)
def test_a_bar_is_as_long_as_the_limit_is_used(used, told):
    assert bar(used) == told
