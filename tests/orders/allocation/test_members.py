"""A cooperative's share divided over its growers by what they delivered."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orders.allocation import Policy, ProblemRefused, verify
from orders.allocation.members import Member, divide_share, member_problem
from tests.thorough import many

TONNE = 1_000_000


def a_share(members, packs, pack_grams=5_000, **policy):
    problem, allocation = divide_share(
        members, share_id="run 7", packs=packs, pack_grams=pack_grams, policy=Policy(**policy)
    )
    assert verify(problem, allocation) == ()
    return [share.packs for share in allocation.sellers]


def test_growers_share_by_what_they_delivered():
    members = [
        Member(id="Li", delivered_grams=2 * TONNE),
        Member(id="Wang", delivered_grams=TONNE),
        Member(id="Zhao", delivered_grams=3 * TONNE),
    ]
    assert a_share(members, 120) == [40, 20, 60]


def test_what_was_sold_for_a_grower_before_counts():
    members = [
        Member(id="Li", delivered_grams=TONNE, sold_grams=500_000),
        Member(id="Wang", delivered_grams=TONNE),
    ]

    assert a_share(members, 120) == [10, 110]


def test_who_has_nothing_left_gives_nothing_and_the_missing_packs_are_named():
    members = [
        Member(id="Li", delivered_grams=0),
        Member(id="Wang", delivered_grams=4_999),
        Member(id="Zhao", delivered_grams=10_000, sold_grams=20_000),
        Member(id="Wu", delivered_grams=12_000),
    ]
    problem, allocation = divide_share(members, share_id="run 7", packs=5, pack_grams=5_000)

    assert [share.packs for share in allocation.sellers] == [0, 0, 0, 2]
    assert allocation.unfilled_packs == 3
    assert verify(problem, allocation) == ()


@settings(max_examples=many(300), deadline=None)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=8), st.data())
def test_nobody_is_far_off_its_part_where_fruit_is_enough(tens_of_kilograms, data):
    members = [Member(id=f"m{i}", delivered_grams=n * 10_000) for i, n in enumerate(tens_of_kilograms)]
    packs = data.draw(st.integers(0, 2 * sum(tens_of_kilograms)))

    shares = a_share(members, packs, strict=True)
    assert sum(shares) == packs
    for share, delivered in zip(shares, tens_of_kilograms, strict=True):
        assert abs(share - Fraction(packs * delivered, sum(tens_of_kilograms))) < 1


def test_masses_beyond_a_thousand_tonnes_are_weighed_in_kilograms():
    members = [Member(id="Li", delivered_grams=10**10 + 1), Member(id="Wang", delivered_grams=5 * 10**9)]
    problem = member_problem(members, share_id="run 7", packs=30, pack_grams=5_000)

    assert [seller.weight for seller in problem.sellers] == [10**7 + 1, 5 * 10**6]


@pytest.mark.parametrize(
    ("members", "packs", "pack_grams"),
    [
        ([Member(id="a", delivered_grams=-1)], 1, 5),
        ([Member(id="a", delivered_grams=5, sold_grams=-1)], 1, 5),
        ([Member(id="a", delivered_grams=10**16)], 1, 5),
        ([Member(id="a", delivered_grams=5), Member(id="a", delivered_grams=5)], 1, 5),
        ([Member(id="a", delivered_grams=5)], -1, 5),
        ([Member(id="a", delivered_grams=5)], 1, 0),
    ],
)
def test_what_cannot_be_divided_is_refused(members, packs, pack_grams):
    with pytest.raises(ProblemRefused):
        divide_share(members, share_id="run 7", packs=packs, pack_grams=pack_grams)
