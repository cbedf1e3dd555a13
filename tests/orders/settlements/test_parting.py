"""Laws of parting a sum: against an oracle in fractions, to the unit, and without regard of order or names."""

from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from orders.settlements.parting import NothingToShareBy, parted

WEIGHTS = st.dictionaries(st.text(max_size=4), st.integers(0, 10**6), min_size=1, max_size=12)
TOTALS = st.integers(0, 10**13)


@given(TOTALS, WEIGHTS, st.text(max_size=5))
def test_parts_add_up_and_are_less_than_a_unit_from_exact(total, weights, seed):
    assume(sum(weights.values()) > 0)
    parts = parted(total, weights, seed=seed)

    assert sum(parts.values()) == total
    exact = {each: Fraction(total * weight, sum(weights.values())) for each, weight in weights.items()}
    assert all(abs(parts[each] - exact[each]) < 1 for each in weights)
    up = {each for each in weights if parts[each] > exact[each]}
    down = {each for each in weights if parts[each] < exact[each]}
    remainders = {each: exact[each] - exact[each].numerator // exact[each].denominator for each in weights}
    assert all(remainders[high] >= remainders[low] for high in up for low in down)


@given(TOTALS, WEIGHTS, st.text(max_size=5), st.randoms())
def test_order_makes_no_difference(total, weights, seed, random):
    assume(sum(weights.values()) > 0)
    mixed = dict(random.sample(list(weights.items()), len(weights)))

    assert list(parted(total, weights, seed=seed).items()) == list(parted(total, mixed, seed=seed).items())


@given(TOTALS, WEIGHTS, st.integers(1, 10**6))
def test_a_larger_weight_never_gets_less(total, weights, more):
    assume(sum(weights.values()) > 0)
    for each in weights:
        grown = {**weights, each: weights[each] + more}
        assert parted(total, grown, seed="s")[each] >= parted(total, weights, seed="s")[each]


@given(TOTALS, WEIGHTS)
def test_who_has_no_weight_gets_nothing(total, weights):
    assume(sum(weights.values()) > 0)
    parts = parted(total, weights, seed="s")
    assert all(parts[each] == 0 for each, weight in weights.items() if not weight)


def test_equal_remainders_are_drawn_and_nobody_is_favoured_for_ever():
    winners = Counter(
        next(each for each, part in parted(1, {"a": 1, "b": 1, "c": 1}, seed=str(seed)).items() if part)
        for seed in range(3_000)
    )
    assert all(900 < winners[each] < 1_100 for each in "abc")


def test_what_cannot_be_parted():
    for total, weights in ((-1, {"a": 1}), (1, {}), (1, {"a": 0}), (1, {"a": -1, "b": 2})):
        with pytest.raises(NothingToShareBy):
            parted(total, weights, seed="s")
