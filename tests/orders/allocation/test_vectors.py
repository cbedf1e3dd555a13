"""Columns in numpy arrays give an engine that takes them the very answer that lists give."""

import numpy as np
import pytest
from hypothesis import given, settings

from orders.allocation import Order, Problem, allocate
from orders.allocation.engines import Flow, InArrays, Network, dinic, vectors
from orders.allocation.market import book
from tests.orders.allocation.cases import a_seller
from tests.orders.allocation.markets import markets


def through_dinic(network):
    """The pure engine behind the manners of OR-Tools: arrays for arrays, lists for lists."""
    if not isinstance(network.capacities, np.ndarray):
        return dinic.max_flow(network)
    columns = [column.tolist() for column in (network.tails, network.heads, network.capacities)]
    flow = dinic.max_flow(Network(network.nodes, *columns))
    return Flow(flow.value, np.array(flow.flows, dtype=np.int64), np.array(flow.cut))


@settings(max_examples=1_500, deadline=None)
@given(problem=markets(sellers_max=7, orders_max=7))
def test_arrays_change_nothing_in_any_answer(problem):
    in_lists = book.answer(problem, dinic.max_flow)

    assert book.answer(problem, InArrays(through_dinic)) == in_lists


@settings(max_examples=200, deadline=None)
@given(problem=markets(sellers_max=7, orders_max=7))
def test_answers_from_arrays_hold_plain_numbers_only(problem):
    allocation = book.answer(problem, InArrays(through_dinic))

    assert {type(share.packs) for share in allocation.sellers} <= {int}
    assert {type(fill.packs) for fill in allocation.orders} <= {int}
    assert {type(shipment.packs) for shipment in allocation.shipments} <= {int}


def test_numbers_too_large_for_arrays_stay_in_lists():
    assert isinstance(vectors.arrays_if(2**40), vectors.Arrays)
    assert vectors.arrays_if(2**40 + 1) is vectors.LISTS


def test_without_numpy_all_columns_are_lists(monkeypatch):
    def nothing_there(name):
        raise ImportError(name)

    monkeypatch.setattr(vectors, "import_module", nothing_there)
    assert vectors.arrays_if(1) is vectors.LISTS


@pytest.mark.parametrize("columns", [vectors.LISTS, vectors.Arrays(np)])
def test_both_kinds_of_columns_do_the_same_sums(columns):
    one, other = columns.column([5, 3, 9]), columns.column([4, 3, 10])
    flags, others = columns.take(np.array([True, False]), columns.column([0, 0, 1])), [True, False, False]

    assert columns.plain(columns.plus(one, 2)) == [7, 5, 11]
    assert columns.plain(columns.times(one, 3)) == [15, 9, 27]
    assert columns.plain(columns.smaller(one, other)) == [4, 3, 9]
    assert columns.plain(columns.join([one, other])) == [5, 3, 9, 4, 3, 10]
    assert columns.sums(3, columns.column([2, 0, 2]), one) == [3, 0, 14]
    if isinstance(columns, vectors.Arrays):
        others = np.array(others)
    else:
        flags = [bool(flag) for flag in flags]
    assert columns.plain(columns.where(one, flags, others, (True, False))) == [3]


def test_a_market_with_no_links_at_all_ships_nothing_in_arrays():
    problem = Problem(sellers=(a_seller("A"),), orders=(Order(id="o", packs=3),), links=())

    allocation = book.answer(problem, InArrays(through_dinic))

    assert allocation == allocate(problem)
    assert not allocation.shipments
