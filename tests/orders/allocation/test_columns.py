"""The fast path over columns gives the same packs, line, marks and digest as the one in whole numbers."""

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings

from orders.allocation import allocate, single
from orders.allocation.engines import columns
from orders.allocation.measures import basin_of
from tests.orders.allocation.cases import a_problem, a_seller, problems
from tests.thorough import many

law = settings(max_examples=many(500), deadline=None)


@pytest.fixture(autouse=True, scope="module")
def _even_for_few_sellers():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "_SELLERS_WORTH_IT", 1)
        yield


def a_county(count, *, seed=1, packs=21, equal=False):
    draw = random.Random(seed)
    return a_problem(
        [
            a_seller(
                f"s{i}",
                60 if equal else draw.randint(20, 320),
                0 if equal else draw.randint(0, packs * 10_000),
                packs * 2 if equal else draw.randint(packs // 2, packs * 4),
                5_000,
            )
            for i in range(count)
        ],
        packs * count + 7,
    )


@law
@given(problems(count_max=30, packs_max=200, strict=False))
def test_few_sellers_with_many_ties_are_filled_alike(problem):
    assume(problem.sellers)
    _, basin = basin_of(problem)
    demand, ranks = problem.orders[0].packs, [seller.id for seller in problem.sellers][::-1]

    assert columns.fill(basin, demand, ranks.__getitem__) == single.fill(basin, demand, ranks.__getitem__)


@pytest.mark.parametrize("rule", ["nearest", "lowest", "lowest_after"])
@pytest.mark.parametrize("equal", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_the_digest_is_the_same_with_and_without_numpy(rule, equal, seed, monkeypatch):
    problem = a_county(1_000, seed=seed, equal=equal)
    problem = replace(problem, policy=replace(problem.policy, rule=rule, tie_seed=str(seed)))
    fast = allocate(problem)
    monkeypatch.setattr(columns, "numpy_or_none", lambda: None)

    assert allocate(problem) == fast


def test_floats_settle_a_large_order_without_falling_back(monkeypatch):
    _, basin = basin_of(a_county(20_000))
    expected = single.fill(basin, 400_000, lambda i: i)
    monkeypatch.setattr(columns.single, "fill", None)

    assert columns.fill(basin, 400_000, lambda i: i) == expected


def test_columns_may_be_arrays():
    _, basin = basin_of(a_county(2_000))
    arrays = replace(
        basin,
        **{name: np.array(getattr(basin, name)) for name in ("weights", "histories", "caps", "seconds")},
    )
    for demand in (0, 1, 30_000, 10**9):
        assert columns.fill(arrays, demand, lambda i: i) == single.fill(basin, demand, lambda i: i)


@pytest.mark.parametrize("huge", [10**15, 10**18, 10**30])
def test_numbers_that_are_not_whole_in_a_float_are_still_exact(huge):
    _, basin = basin_of(a_county(600))
    basin = replace(basin, histories=[huge + history for history in basin.histories])

    assert columns.fill(basin, 5_000, lambda i: i) == single.fill(basin, 5_000, lambda i: i)
