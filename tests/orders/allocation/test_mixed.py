"""One order in grams from packs of several sizes: the smallest key that still fits, until nothing fits."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orders.allocation import Order, Policy, Problem, allocate, verify
from orders.allocation.json_form import allocation_from_json, allocation_to_json
from tests.orders.allocation.cases import a_seller
from tests.orders.allocation.forging import move_packs
from tests.orders.allocation.oracles import mixed_problems, smallest_key_that_fits, stock_of
from tests.thorough import many

law = settings(max_examples=many(400), deadline=None)


def an_order(sellers, grams, **policy):
    return Problem(sellers=sellers, orders=(Order(id="order", grams=grams),), policy=Policy(**policy))


@law
@given(mixed_problems())
def test_the_packs_are_those_of_the_queue_pack_by_pack(problem):
    assert [share.packs for share in allocate(problem).sellers] == smallest_key_that_fits(problem)


@law
@given(mixed_problems())
def test_every_answer_passes_the_check_and_reads_back_from_json(problem):
    allocation = allocate(problem)

    assert verify(problem, allocation) == ()
    assert allocation_from_json(allocation_to_json(allocation)) == allocation


@law
@given(mixed_problems())
def test_what_is_left_over_is_named_and_smaller_than_any_pack_still_there(problem):
    allocation = allocate(problem)
    given_grams = sum(
        share.packs * seller.pack_grams
        for seller, share in zip(problem.sellers, allocation.sellers, strict=True)
    )
    (fill,) = allocation.orders
    assert fill.unfilled_grams == problem.orders[0].grams - given_grams
    for seller, share in zip(problem.sellers, allocation.sellers, strict=True):
        if share.packs < stock_of(seller):
            assert fill.unfilled_grams < seller.pack_grams


@law
@given(mixed_problems(), st.data())
def test_any_other_packs_are_rejected(problem, data):
    allocation = allocate(problem)
    packs = [share.packs for share in allocation.sellers]
    for _ in range(data.draw(st.integers(1, 3))):
        index = data.draw(st.integers(0, len(packs) - 1))
        packs[index] = max(0, packs[index] + data.draw(st.sampled_from([-1, 1])))
    if packs != [share.packs for share in allocation.sellers]:
        assert verify(problem, move_packs(problem, allocation, packs))


@law
@given(mixed_problems(), st.randoms(use_true_random=False))
def test_the_order_of_the_list_changes_nothing(problem, random):
    shuffled = list(problem.sellers)
    random.shuffle(shuffled)
    other = allocate(Problem(sellers=shuffled, orders=problem.orders, policy=problem.policy))

    assert {share.id: share for share in other.sellers} == {
        share.id: share for share in allocate(problem).sellers
    }


@pytest.mark.parametrize(
    ("grams", "packs", "limits", "left"),
    [
        (0, [0, 0], ["demand", "demand"], 0),
        (1, [0, 0], ["demand", "demand"], 1),
        (8, [1, 1], ["nothing", "nothing"], 0),
        (10, [2, 0], ["nothing", "pack_size"], 0),
        (7, [1, 0], ["nothing", "nothing"], 2),
        (100, [4, 4], ["stock", "stock"], 68),
    ],
)
def test_five_and_three_grams_share_an_order(grams, packs, limits, left):
    """The key of the first pack is 2.5 for A and, with 3 g sold before, 4.5 for B; A's second is 7.5."""
    sellers = (a_seller("A", cap=4, pack=5), a_seller("B", cap=4, pack=3, history=3))
    if grams == 10:
        sellers = (sellers[0], a_seller("B", cap=4, pack=6, history=3))
    allocation = allocate(an_order(sellers, grams))

    assert [share.packs for share in allocation.sellers] == packs
    assert [share.limited_by for share in allocation.sellers] == limits
    assert allocation.orders[0].unfilled_grams == left
    assert verify(an_order(sellers, grams), allocation) == ()


def test_a_million_boxes_of_three_sizes_take_no_queue_of_a_million():
    sellers = [a_seller(f"s{i}", 20 + i, 997 * i, 60_000, (2_500, 5_000, 10_000)[i % 3]) for i in range(60)]
    problem = an_order(sellers, 5_000_000_000)
    allocation = allocate(problem)

    assert verify(problem, allocation) == ()
    assert allocation.orders[0].unfilled_grams == 0
    assert allocation.orders[0].packs > 800_000
