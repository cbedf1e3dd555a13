"""Ids, weights and money: exact, whole, nothing lost."""

import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace import values
from marketplace.values import Money, NotExact

UNITS = st.sampled_from(sorted(values.GRAMS_PER_UNIT))
WEIGHTS = st.lists(st.integers(0, 10**6), min_size=1, max_size=40).filter(any)


def test_the_headline_number_is_exact():
    assert values.to_grams(420_000, "jin") == 210_000_000
    assert values.whole_packs(210_000_000, 5_000) == (42_000, 0)


@given(st.integers(-(10**13), 10**13), UNITS)
def test_grams_to_a_unit_and_back_are_the_same_grams(grams, unit):
    assert values.to_grams(values.from_grams(grams, unit), unit) == grams


@given(st.integers(0, 10**9), UNITS)
def test_whole_units_are_whole_grams(number, unit):
    assert values.to_grams(number, unit) == number * values.GRAMS_PER_UNIT[unit]


@pytest.mark.parametrize(("value", "unit"), [(Fraction(1, 3), "kg"), (Fraction(1, 2), "g")])
def test_a_broken_gram_is_refused(value, unit):
    with pytest.raises(NotExact):
        values.to_grams(value, unit)


def test_an_unknown_unit_is_refused():
    with pytest.raises(KeyError):
        values.to_grams(1, "stone")


@given(st.integers(0, 10**13), st.integers(1, 10**6))
def test_packs_and_the_rest_add_up(grams, pack_grams):
    packs, rest = values.whole_packs(grams, pack_grams)
    assert packs * pack_grams + rest == grams
    assert 0 <= rest < pack_grams


@pytest.mark.parametrize("pack_grams", [0, -1])
def test_a_pack_of_nothing_is_refused(pack_grams):
    with pytest.raises(ValueError, match="at least one gram"):
        values.whole_packs(10, pack_grams)


@given(st.integers(-(10**13), 10**13), WEIGHTS)
def test_the_parts_of_an_amount_add_up_to_it(total, weights):
    assert sum(values.split_minor(total, weights)) == total


@given(st.integers(0, 10**13), WEIGHTS)
def test_a_part_is_less_than_one_unit_from_its_proportion(total, weights):
    for part, weight in zip(values.split_minor(total, weights), weights, strict=True):
        assert abs(part - Fraction(total * weight, sum(weights))) < 1


@given(st.integers(0, 10**6), WEIGHTS)
def test_who_weighs_nothing_gets_nothing_and_who_weighs_more_not_less(total, weights):
    parts = values.split_minor(total, weights)
    by_weight = sorted(zip(weights, parts, strict=True))
    assert all(part == 0 for weight, part in by_weight if weight == 0)
    assert all(light[1] <= heavy[1] for light, heavy in itertools.pairwise(by_weight) if light[0] < heavy[0])


def test_equal_remainders_go_to_the_earlier():
    assert values.split_minor(2, [1, 1, 1]) == [1, 1, 0]


@pytest.mark.parametrize("weights", [[], [0], [0, 0], [3, -1]])
def test_weights_that_mean_nothing_are_refused(weights):
    with pytest.raises(ValueError, match="weights"):
        values.split_minor(10, weights)


@given(st.integers(), st.integers(), st.integers(-100, 100))
def test_money_adds_subtracts_and_multiplies_in_whole_units(one, other, count):
    left, right = Money(one, "CNY"), Money(other, "CNY")
    assert left + right - right == left
    assert (left * count).minor == one * count


def test_two_currencies_do_not_add_up():
    with pytest.raises(ValueError, match="do not add up"):
        Money(1, "CNY") + Money(1, "USD")


@pytest.mark.parametrize("minor", [1.0, True, "1", Fraction(1)])
def test_money_is_whole(minor):
    with pytest.raises(TypeError):
        Money(minor, "CNY")


def test_ids_are_ordered_by_time_and_never_the_same():
    made = [values.new_id() for _ in range(1_000)]
    assert len(set(made)) == 1_000
    assert {each.version for each in made} == {7}
    assert made[0].int >> 80 <= made[-1].int >> 80
