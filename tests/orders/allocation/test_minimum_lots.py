"""Minimum lots and a limit on sellers: fill first, then the least sum of (history + g)^2 / weight, proved."""

import random
import time
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from orders.allocation import (
    Bound,
    Order,
    Policy,
    Problem,
    allocate,
    explain,
    lot_core,
    minimum_lots,
    report,
    verify,
)
from orders.allocation.json_form import allocation_from_json, allocation_to_json
from orders.allocation.picture import draw
from orders.allocation.text import render
from tests.orders.allocation.cases import a_problem, a_seller
from tests.orders.allocation.forging import move_packs
from tests.orders.allocation.oracles import best_of_all_splits, lot_problems, mixed_problems
from tests.thorough import many

law = settings(max_examples=many(500), deadline=None)


def packs_of(problem):
    return [share.packs for share in allocate(problem).sellers]


def limited(problem, max_sellers):
    return replace(problem, orders=(replace(problem.orders[0], max_sellers=max_sellers),))


def a_season(seed, *, sellers, packs, share_with_minimum=0.4):
    """Uneven stores, histories and minimums, about as a county has them."""
    draw = random.Random(seed)
    average = packs // sellers
    return a_problem(
        [
            a_seller(
                f"s{i}",
                draw.randint(20, 320),
                draw.randint(0, average * 10_000),
                draw.randint(average, average * 4),
                5_000,
                min_packs=draw.randint(2, average * 2) if draw.random() < share_with_minimum else 0,
            )
            for i in range(sellers)
        ],
        packs,
    )


@law
@given(lot_problems())
def test_no_split_of_all_is_better(problem):
    assert packs_of(problem) == list(best_of_all_splits(problem))


@law
@given(lot_problems())
def test_every_answer_is_exact_passes_the_check_and_reads_back_from_json(problem):
    allocation = allocate(problem)

    assert (allocation.method, allocation.gap) == ("dynamic_programme", 0)
    assert verify(problem, allocation) == ()
    assert allocation_from_json(allocation_to_json(allocation)) == allocation


@law
@given(lot_problems(), st.data())
def test_any_other_packs_are_rejected(problem, data):
    allocation = allocate(problem)
    packs = [share.packs for share in allocation.sellers]
    for _ in range(data.draw(st.integers(1, 3))):
        index = data.draw(st.integers(0, len(packs) - 1))
        packs[index] = max(0, packs[index] + data.draw(st.sampled_from([-2, -1, 1, 2])))
    assume(packs != [share.packs for share in allocation.sellers])

    assert verify(problem, move_packs(problem, allocation, packs))


@law
@given(lot_problems(), st.randoms(use_true_random=False))
def test_the_order_of_the_list_changes_nothing(problem, shuffler):
    shuffled = list(problem.sellers)
    shuffler.shuffle(shuffled)
    other = allocate(replace(problem, sellers=tuple(shuffled)))

    assert {share.id: share for share in other.sellers} == {
        share.id: share for share in allocate(problem).sellers
    }


@pytest.mark.parametrize(
    "edit",
    [
        lambda it: replace(it, certificate=replace(it.certificate, bound=None)),
        lambda it: replace(
            it, certificate=replace(it.certificate, bound=Bound(price=Fraction(-1), fee=Fraction(0)))
        ),
        lambda it: replace(it, certificate=replace(it.certificate, bound=Bound(price=1.5, fee=Fraction(0)))),
        lambda it: replace(it, method="common_threshold"),
        lambda it: replace(it, gap=Fraction(1, 10)),
        lambda it: replace(it, method="participation_fee", gap=Fraction(1, 3)),
        lambda it: replace(
            it, certificate=replace(it.certificate, last_served=allocate_plainly().certificate.last_served)
        ),
        lambda it: replace(it, sellers=(replace(it.sellers[0], limited_by="split_limit"), *it.sellers[1:])),
    ],
)
def test_a_forged_proof_is_rejected(edit):
    problem = a_problem([a_seller("A", 3, min_packs=4), a_seller("B", 2), a_seller("C", min_packs=3)], 9)

    assert verify(problem, allocate(problem)) == ()
    assert verify(problem, edit(allocate(problem)))


def allocate_plainly():
    return allocate(a_problem([a_seller("A", 3), a_seller("B", 2), a_seller("C")], 9))


def test_a_queue_needs_no_price():
    problem = a_problem([a_seller("A", 3), a_seller("B", 2), a_seller("C")], 9)
    certificate = replace(allocate_plainly().certificate, bound=Bound(price=Fraction(1), fee=Fraction(0)))

    assert [it.code for it in verify(problem, replace(allocate_plainly(), certificate=certificate))] == [
        "certificate"
    ]


@pytest.mark.parametrize(
    ("sellers", "packs", "expected", "limits"),
    [
        ([a_seller("A"), a_seller("B", min_packs=6)], 10, [4, 6], ["nothing", "nothing"]),
        ([a_seller("A"), a_seller("B", min_packs=11)], 10, [10, 0], ["nothing", "minimum_lot"]),
        ([a_seller("A", cap=3), a_seller("B", min_packs=9)], 10, [1, 9], ["nothing", "nothing"]),
        ([a_seller("A", cap=3), a_seller("B", min_packs=9)], 8, [3, 0], ["stock", "minimum_lot"]),
        ([a_seller("A"), a_seller("B", cap=5, min_packs=6)], 10, [10, 0], ["nothing", "minimum_lot"]),
        ([a_seller("A"), a_seller("B", cap=0, min_packs=6)], 10, [10, 0], ["nothing", "stock"]),
        (
            [a_seller("A", min_packs=2), a_seller("B", history=99)],
            10,
            [10, 0],
            ["nothing", "history"],
        ),
        ([a_seller("A", min_packs=2), a_seller("B")], 0, [0, 0], ["demand", "demand"]),
    ],
)
def test_the_packs_and_reasons_are(sellers, packs, expected, limits):
    allocation = allocate(a_problem(sellers, packs))

    assert [share.packs for share in allocation.sellers] == expected
    assert [share.limited_by for share in allocation.sellers] == limits


def test_who_is_left_out_by_the_limit_comes_first_the_next_time():
    sellers = [a_seller("A", tie=1), a_seller("B", tie=2), a_seller("C", tie=3)]
    first = limited(a_problem(sellers, 12), 2)
    assert packs_of(first) == [6, 6, 0]
    assert allocate(first).sellers[2].limited_by == "split_limit"

    later = [replace(seller, history_grams=n) for seller, n in zip(sellers, packs_of(first), strict=True)]
    assert packs_of(limited(a_problem(later, 12), 2)) == [3, 0, 9]


def test_of_equal_claims_the_lottery_leaves_out_the_last():
    sellers = [a_seller("A", tie=3, min_packs=5), a_seller("B", tie=1, min_packs=5), a_seller("C", tie=2)]

    assert packs_of(limited(a_problem(sellers, 10), 2)) == [0, 5, 5]


def test_a_minimum_of_one_and_a_limit_for_all_change_nothing():
    plain = a_problem([a_seller("A", 3), a_seller("B", 1)], 9, rule="lowest")
    same = limited(replace(plain, sellers=tuple(replace(seller, min_packs=1) for seller in plain.sellers)), 2)

    assert packs_of(same) == packs_of(plain)
    assert allocate(same).method == "common_threshold"


@pytest.mark.parametrize("max_sellers", [None, 40, 60, 90])
def test_two_hundred_sellers_are_exact_and_their_proof_is_checked(max_sellers):
    problem = limited(a_season(7, sellers=200, packs=4_000), max_sellers)
    started = time.perf_counter()
    allocation = allocate(problem)
    seconds = time.perf_counter() - started

    assert allocation.method == "dynamic_programme"
    assert verify(problem, allocation) == ()
    assert sum(map(bool, packs_of(problem))) <= (max_sellers or 200)
    assert seconds < 30


def test_a_pack_moved_between_two_of_two_hundred_is_rejected():
    problem = a_season(8, sellers=200, packs=4_000)
    allocation = allocate(problem)
    packs = packs_of(problem)
    minimums = [max(1, seller.min_packs) for seller in problem.sellers]
    giver = next(i for i, count in enumerate(packs) if count > minimums[i])
    taker = next(
        i for i, count in enumerate(packs) if i != giver and 0 < count < problem.sellers[i].cap_packs
    )
    packs[giver], packs[taker] = packs[giver] - 1, packs[taker] + 1

    assert "not_optimal" in {it.code for it in verify(problem, move_packs(problem, allocation, packs))}


def test_beyond_the_work_limit_the_method_and_the_gap_are_named(monkeypatch):
    monkeypatch.setattr(lot_core, "EXACT_WORK_MAX", 0)
    monkeypatch.setattr(lot_core, "CORE_WORK_MAX", 0)
    for problem in (
        a_season(1, sellers=60, packs=1_200),
        limited(a_season(2, sellers=60, packs=1_200), 25),
        limited(a_season(3, sellers=60, packs=1_200), 12),
    ):
        allocation = allocate(problem)

        assert allocation.method in {"participation_fee", "drop_and_refill"}
        assert 0 <= allocation.gap < Fraction(1, 10)
        assert verify(problem, allocation) == ()


def test_the_last_resort_drops_and_refills_and_says_so(monkeypatch):
    monkeypatch.setattr(minimum_lots, "_BITS_MAX", 0)
    sellers = [a_seller("A", min_packs=7, cap=8), a_seller("B", min_packs=7, cap=8), a_seller("C", cap=1)]
    problem = a_problem(sellers, 12)
    allocation = allocate(problem)

    assert allocation.method == "drop_and_refill"
    assert verify(problem, allocation) == ()
    assert sum(packs_of(problem)) == 9


@pytest.mark.parametrize("minimum", [10**3, 10**6])
def test_a_billion_packs_take_no_billion_steps(minimum):
    sellers = [a_seller(f"s{i}", 20 + i, 0, 10**8, 5_000, min_packs=minimum * i + 1) for i in range(40)]
    problem = a_problem(sellers, 10**9)
    allocation = allocate(problem)

    assert sum(share.packs for share in allocation.sellers) == 10**9
    assert allocation.gap < Fraction(1, 1_000)
    assert verify(problem, allocation) == ()


def test_packs_of_two_sizes_and_minimum_lots_go_together():
    sellers = (
        a_seller("A", 2, pack=5, min_packs=3),
        a_seller("B", 1, pack=3, min_packs=4),
        a_seller("C", 1, pack=3),
    )
    problem = Problem(sellers=sellers, orders=(Order(id="order", grams=41),), policy=Policy())

    assert packs_of(problem) == list(
        best_of_all_splits(
            replace(problem, sellers=tuple(replace(seller, cap_packs=14) for seller in sellers))
        )
    )
    assert verify(problem, allocate(problem)) == ()


def sentences_of(problem, seller, language="en"):
    return " ".join(render(explain(problem, allocate(problem), seller), language))


def test_who_is_left_out_is_told_why_in_both_languages():
    problem = a_problem([a_seller("A"), a_seller("B", min_packs=11)], 10)
    assert "It sells at least 11 boxes or none" in sentences_of(problem, "B")
    assert "does not make its minimum lot" in sentences_of(problem, "B")
    assert "不足其最低箱数" in sentences_of(problem, "B", "zh")

    problem = limited(a_problem([a_seller("A", tie=1), a_seller("B", tie=2)], 10), 1)
    assert "At most 1 cooperatives take part" in sentences_of(problem, "A")
    assert "as many as may. Left out, it stays low" in sentences_of(problem, "B")
    assert "已达上限" in sentences_of(problem, "B", "zh")


def test_boxes_of_two_sizes_are_explained_in_both_languages():
    sellers = (a_seller("A", cap=4, pack=5), a_seller("B", cap=4, pack=6, history=3))
    problem = Problem(sellers=sellers, orders=(Order(id="order", grams=10),))

    assert "The boxes differ in size" in sentences_of(problem, "A")
    assert "larger than what was left of the order" in sentences_of(problem, "B")
    assert "大于订单余量" in sentences_of(problem, "B", "zh")
    assert report(problem, allocate(problem)).gap == 0


@law
@given(st.one_of(lot_problems(), mixed_problems()))
def test_every_share_can_be_explained_reported_and_drawn(problem):
    allocation = allocate(problem)

    for seller in problem.sellers:
        for language in ("en", "zh"):
            assert render(explain(problem, allocation, seller.id), language)
    assert report(problem, allocation).digest == allocation.digest
    assert draw(allocation).startswith("<svg")
