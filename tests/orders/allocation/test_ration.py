"""Too few boxes for all who ordered: first boxes first, then equal awards or equal parts, ties by a bound seed."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orders.allocation import ProblemRefused, verify
from orders.allocation.commitment import is_committed, seed_commitment
from orders.allocation.ration import Claim, ration
from tests.thorough import many

law = settings(max_examples=many(300), deadline=None)


def claims_of(*boxes):
    return [Claim(id=f"b{i}", boxes=count, tie=i) for i, count in enumerate(boxes)]


def awards_of(claims, boxes, policy="equal_awards"):
    return [award.boxes for award in ration(claims, boxes, policy=policy, seed="s", batch="b").awards]


@pytest.mark.parametrize(
    ("asked", "boxes", "equal", "proportional"),
    [
        ((10, 10), 30, [10, 10], [10, 10]),
        ((1, 4, 95), 50, [1, 4, 45], [1, 2, 47]),
        ((1, 1, 98), 10, [1, 1, 8], [1, 1, 8]),
        ((5, 5, 5), 2, [1, 1, 0], [1, 1, 0]),
        ((5, 0, 5), 3, [2, 0, 1], [2, 0, 1]),
        ((7,), 0, [0], [0]),
        ((), 5, [], []),
    ],
)
def test_the_awards_are(asked, boxes, equal, proportional):
    assert awards_of(claims_of(*asked), boxes) == equal
    assert awards_of(claims_of(*asked), boxes, "proportional") == proportional


counts = st.lists(st.integers(0, 30), max_size=8)
choices = st.sampled_from(["equal_awards", "proportional"])


@law
@given(counts, st.integers(0, 120), choices)
def test_nothing_is_wasted_nobody_gets_more_than_asked_and_first_boxes_come_first(asked, boxes, policy):
    result = ration(claims_of(*asked), boxes, policy=policy, seed="s", batch="b")
    awards = [award.boxes for award in result.awards]

    assert sum(awards) == min(boxes, sum(asked))
    assert all(0 <= got <= want for got, want in zip(awards, asked, strict=True))
    assert [award.missing for award in result.awards] == [w - g for w, g in zip(asked, awards, strict=True)]
    if any(got >= 2 for got in awards):
        assert all(got >= 1 for got, want in zip(awards, asked, strict=True) if want)
    assert verify(result.problem, result.allocation) == ()


@law
@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.integers(0, 120), st.integers(1, 40))
def test_inflating_an_order_gains_nothing_under_equal_awards_unless_it_was_filled(asked, boxes, more):
    honest = awards_of(claims_of(*asked), boxes)
    inflated = awards_of(claims_of(asked[0] + more, *asked[1:]), boxes)

    assert honest[0] == asked[0] or inflated[0] == honest[0]


@law
@given(st.lists(st.integers(0, 30), max_size=8), st.integers(0, 120))
def test_equal_awards_differ_by_one_box_at_most_where_more_was_asked(asked, boxes):
    awards = awards_of(claims_of(*asked), boxes)
    wanting = [got for got, want in zip(awards, asked, strict=True) if got < want]

    assert not wanting or max(awards) - min(wanting) <= 1


def test_another_seed_draws_another_winner_of_the_last_box():
    claims = [Claim(id="a", boxes=1), Claim(id="b", boxes=1)]
    winners = {
        tuple(award.boxes for award in ration(claims, 1, seed=str(seed), batch="b").awards)
        for seed in range(20)
    }
    assert winners == {(1, 0), (0, 1)}


@pytest.mark.parametrize(
    ("claims", "boxes"),
    [
        (claims_of(-1), 5),
        (claims_of(10**9 + 1), 5),
        (claims_of(True), 5),
        (claims_of(2.5), 5),
        ([Claim(id="a", boxes=1), Claim(id="a", boxes=1)], 1),
        ([Claim(id="", boxes=1)], 1),
        (claims_of(1), -1),
        (claims_of(1), 1.5),
    ],
)
@pytest.mark.parametrize("policy", ["equal_awards", "proportional"])
def test_what_is_no_claim_is_refused(claims, boxes, policy):
    with pytest.raises(ProblemRefused):
        ration(claims, boxes, policy=policy, seed="s", batch="b")


def test_the_seed_is_bound_by_its_hash():
    commitment = seed_commitment("苹果 2026")

    assert commitment == hashlib.sha256("苹果 2026".encode()).hexdigest()
    assert is_committed("苹果 2026", commitment)
    assert not is_committed("苹果 2027", commitment)
    assert not is_committed("苹果 2026", commitment.upper())
    assert not is_committed("苹果 2026", "")
    assert not is_committed("苹果 2026", "错" * 64)
