"""The market engine against slow ways to the same answer: pack by pack along chains of swaps, and all splits."""

from dataclasses import replace

import pytest
from hypothesis import given, settings

from orders.allocation import allocate
from tests.orders.allocation.markets import greedy_totals, markets
from tests.thorough import many


def totals(allocation):
    return (
        {share.id: share.packs for share in allocation.sellers},
        {fill.id: fill.packs for fill in allocation.orders},
    )


@pytest.mark.parametrize("rule", ["nearest", "lowest", "lowest_after"])
@settings(max_examples=many(1_000), deadline=None)
@given(problem=markets(strict=False))
def test_both_sides_get_what_serving_the_smallest_key_that_still_ships_gives(rule, problem):
    problem = with_rule(problem, rule)

    assert totals(allocate(problem)) == greedy_totals(problem)


def with_rule(problem, rule):
    return replace(problem, policy=replace(problem.policy, rule=rule))
