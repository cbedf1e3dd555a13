"""The engine against slow ways to the same answer: a heap pack by pack, and trying out everything."""

import heapq
import itertools
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from orders.allocation import allocate, ties
from tests.orders.allocation.cases import problems
from tests.thorough import many


def pack_by_pack(problem):
    """Serves one pack after the other, always the smallest key: the definition itself."""

    def key(index, number):
        seller = problem.sellers[index]
        before = Fraction(seller.history_grams + (number - 1) * seller.pack_grams, seller.weight)
        after = Fraction(seller.history_grams + number * seller.pack_grams, seller.weight)
        places = {
            "nearest": ((before + after) / 2, 0),
            "lowest": (before, -after),
            "lowest_after": (after, -before),
        }
        return (*places[problem.policy.rule], ties.rank_of(problem, seller), index, number)

    caps = [
        seller.cap_packs
        if seller.household_cap_packs is None
        else min(
            seller.cap_packs,
            max(
                0, seller.household_cap_packs * seller.weight - -(-seller.history_grams // seller.pack_grams)
            ),
        )
        for seller in problem.sellers
    ]
    packs = [0] * len(caps)
    heap = [key(index, 1) for index, cap in enumerate(caps) if cap]
    heapq.heapify(heap)
    for _ in range(problem.orders[0].packs):
        if not heap:
            break
        *_, index, number = heapq.heappop(heap)
        packs[index] = number
        if number < caps[index]:
            heapq.heappush(heap, key(index, number + 1))
    return packs


@settings(max_examples=many(1_000), deadline=None)
@given(problems(count_max=9, packs_max=80, strict=False, catch_up_grams_per_weight=None))
def test_the_line_gives_what_a_heap_gives_pack_by_pack(problem):
    assert [share.packs for share in allocate(problem).sellers] == pack_by_pack(problem)


def every_split(caps, packs):
    ranges = [range(cap + 1) for cap in caps]
    return [counts for counts in itertools.product(*ranges) if sum(counts) == min(packs, sum(caps))]


def small(rule):
    return problems(
        count_max=4, packs_max=12, strict=False, rule=rule, catch_up_grams_per_weight=None
    ).filter(lambda problem: all(seller.household_cap_packs is None for seller in problem.sellers))


def levels(problem, counts):
    return [
        Fraction(seller.history_grams + count * seller.pack_grams, seller.weight)
        for seller, count in zip(problem.sellers, counts, strict=True)
    ]


@settings(max_examples=many(300), deadline=None)
@given(small("nearest"))
def test_nearest_has_the_least_weighted_squares_of_all_splits(problem):
    def squares(counts):
        return sum(
            seller.weight * level**2
            for seller, level in zip(problem.sellers, levels(problem, counts), strict=True)
        )

    ours = tuple(share.packs for share in allocate(problem).sellers)
    everything = every_split([seller.cap_packs for seller in problem.sellers], problem.orders[0].packs)
    assert ours in everything
    assert squares(ours) == min(map(squares, everything))


@settings(max_examples=many(300), deadline=None)
@given(small("lowest"))
def test_lowest_lifts_the_lowest_then_the_next_like_no_other_split(problem):
    ours = tuple(share.packs for share in allocate(problem).sellers)
    everything = every_split([seller.cap_packs for seller in problem.sellers], problem.orders[0].packs)

    assert sorted(levels(problem, ours)) == max(sorted(levels(problem, counts)) for counts in everything)


@settings(max_examples=many(300), deadline=None)
@given(small("lowest_after"))
def test_lowest_after_keeps_the_highest_level_as_low_as_any_split(problem):
    ours = tuple(share.packs for share in allocate(problem).sellers)
    everything = every_split([seller.cap_packs for seller in problem.sellers], problem.orders[0].packs)

    def raised(counts):
        """Levels of those who sell anything; a level that history alone made is nobody's doing."""
        return max(
            (lv for lv, n in zip(levels(problem, counts), counts, strict=True) if n), default=Fraction(0)
        )

    assert raised(ours) == min(map(raised, everything))


@settings(max_examples=many(500), deadline=None)
@given(problems(strict=False), st.integers(0, 6))
def test_the_exact_share_rises_with_the_line_only(problem, index):
    """The exact shares are the clamped distances to the line, and no smaller line fills the order."""
    allocation = allocate(problem)
    line = allocation.segments[0].line
    if line is None or problem.policy.catch_up_grams_per_weight is not None:
        return
    for seller, share in zip(problem.sellers, allocation.sellers, strict=True):
        room = (line * seller.weight - seller.history_grams) / seller.pack_grams
        assert share.exact_packs <= max(0, room)
        if share.exact_packs < room:
            assert (
                share.exact_packs in (share.packs, seller.cap_packs) or seller.household_cap_packs is not None
            )
