"""Slow ways to the answers of one order, written from the definitions: a queue pack by pack, and every split."""

import heapq
import itertools
from fractions import Fraction

from hypothesis import strategies as st

from orders.allocation import Order, Policy, Problem, ties
from tests.orders.allocation.cases import a_seller, policies


def stock_of(seller):
    if seller.household_cap_packs is None:
        return seller.cap_packs
    room = seller.household_cap_packs * seller.weight - -(-seller.history_grams // seller.pack_grams)
    return max(0, min(seller.cap_packs, room))


def counted(problem):
    bound = problem.policy.catch_up_grams_per_weight
    levels = sorted(Fraction(s.history_grams, s.weight) for s in problem.sellers)
    if bound is None or not levels:
        return [Fraction(s.history_grams) for s in problem.sellers]
    floor = (levels[(len(levels) - 1) // 2] + levels[len(levels) // 2]) / 2 - bound
    return [max(Fraction(s.history_grams), floor * s.weight) for s in problem.sellers]


def smallest_key_that_fits(problem):
    """One pack after the other, the smallest key first, skipping what no longer fits."""
    histories = counted(problem)

    def key(index, number):
        seller, history = problem.sellers[index], histories[index]
        before = Fraction(history + (number - 1) * seller.pack_grams) / seller.weight
        after = Fraction(history + number * seller.pack_grams) / seller.weight
        places = {
            "nearest": ((before + after) / 2, 0),
            "lowest": (before, -after),
            "lowest_after": (after, -before),
        }
        return (*places[problem.policy.rule], ties.rank_of(problem, seller), index, number)

    caps = [stock_of(seller) for seller in problem.sellers]
    packs, left = [0] * len(caps), problem.orders[0].grams
    queue = [key(index, 1) for index, cap in enumerate(caps) if cap]
    heapq.heapify(queue)
    while queue:
        *_, index, number = heapq.heappop(queue)
        if problem.sellers[index].pack_grams <= left:
            packs[index], left = number, left - problem.sellers[index].pack_grams
            if number < caps[index]:
                heapq.heappush(queue, key(index, number + 1))
    return packs


def best_of_all_splits(problem):
    """Most grams, then least sum of (history + g)^2 / weight, then the most packs by lottery rank."""
    order, sellers, histories = problem.orders[0], problem.sellers, counted(problem)
    seats = len(sellers) if order.max_sellers is None else order.max_sellers
    grams = order.grams if order.packs is None else order.packs * min(s.pack_grams for s in sellers)
    by_rank = sorted(range(len(sellers)), key=lambda i: ties.rank_of(problem, sellers[i]))
    choices = [[0, *range(max(1, s.min_packs), stock_of(s) + 1)] for s in sellers]

    def merit(packs):
        shipped = sum(n * s.pack_grams for n, s in zip(packs, sellers, strict=True))
        cost = sum(
            (history + n * s.pack_grams) ** 2 / Fraction(s.weight)
            for n, s, history in zip(packs, sellers, histories, strict=True)
        )
        return -shipped, cost, [-packs[i] for i in by_rank]

    return min(
        (
            packs
            for packs in itertools.product(*choices)
            if sum(map(bool, packs)) <= seats
            and sum(n * s.pack_grams for n, s in zip(packs, sellers, strict=True)) <= grams
        ),
        key=merit,
    )


@st.composite
def mixed_problems(draw, *, count_max=6):
    """One order in grams, packs of several sizes that seldom go into one another."""
    sizes = draw(st.sampled_from([(2, 3), (3, 5, 7), (4, 6), (2_500, 5_000), (1, 100)]))
    weight_max = draw(st.sampled_from([1, 3, 12, 10**9]))
    history_max = draw(st.sampled_from([0, 4, 60, 10**12]))
    sellers = [
        a_seller(
            f"s{index}",
            draw(st.integers(1, weight_max)),
            draw(st.integers(0, history_max)),
            draw(st.integers(0, 9)),
            sizes[index] if index < 2 else draw(st.sampled_from(sizes)),
            tie=draw(st.sampled_from([None, None, 1, 2])),
            household_cap_packs=draw(st.sampled_from([None, None, None, 2])),
        )
        for index in range(draw(st.integers(2, count_max)))
    ]
    grams = draw(st.integers(0, 40 * max(sizes)))
    policy = draw(policies(strict=False))
    return Problem(sellers=sellers, orders=(Order(id="order", grams=grams),), policy=Policy(**policy))


@st.composite
def lot_problems(draw, *, count_max=5):
    """One order with minimum lots, a limit on sellers or both; equal claims are frequent."""
    sizes = draw(st.sampled_from([(1,), (2,), (5_000,), (2, 3), (3, 5)]))
    weight_max = draw(st.sampled_from([1, 3, 12, 10**9]))
    history_max = draw(st.sampled_from([0, 4, 60, 10**12]))
    sellers = [
        a_seller(
            f"s{index}",
            draw(st.integers(1, weight_max)),
            draw(st.integers(0, history_max)),
            draw(st.integers(0, 6)),
            sizes[index] if index < len(sizes) else draw(st.sampled_from(sizes)),
            min_packs=2 if index == 0 else draw(st.sampled_from([0, 0, 1, 2, 3, 5])),
            tie=draw(st.sampled_from([None, None, 1, 2])),
            household_cap_packs=draw(st.sampled_from([None, None, None, 2])),
        )
        for index in range(draw(st.integers(len(sizes), count_max)))
    ]
    packs = draw(st.integers(0, 25))
    wanted = {"packs": packs} if len(sizes) == 1 else {"grams": packs * draw(st.integers(1, max(sizes)))}
    order = Order(id="order", **wanted, max_sellers=draw(st.sampled_from([None, None, 1, 2, 3])))
    policy = draw(policies(strict=False))
    return Problem(sellers=sellers, orders=(order,), policy=Policy(**policy))
