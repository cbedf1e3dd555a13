"""Cuts and shares in numpy arrays give an engine that takes them the very answer that lists give."""

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orders.allocation import Link, Order, Problem, allocate
from orders.allocation.engines import Flow, InArrays, Network, dinic
from orders.allocation.engines.shares import Shares
from orders.allocation.market import book, cuts_in_arrays
from orders.allocation.market.decompose import decompose
from orders.allocation.market.sides import Side, in_whole_packs
from orders.allocation.single import Basin
from tests.orders.allocation.cases import a_seller
from tests.orders.allocation.markets import markets
from tests.thorough import many


def through_dinic(network):
    """The pure engine behind the manners of OR-Tools: arrays for arrays, lists for lists."""
    if not isinstance(network.capacities, np.ndarray):
        return dinic.max_flow(network)
    columns = [column.tolist() for column in (network.tails, network.heads, network.capacities)]
    flow = dinic.max_flow(Network(network.nodes, *columns))
    return Flow(flow.value, np.array(flow.flows, dtype=np.int64), np.array(flow.cut))


IN_ARRAYS = InArrays(through_dinic)


@settings(max_examples=many(1_500), deadline=None)
@given(problem=markets(sellers_max=7, orders_max=7))
def test_arrays_change_nothing_in_any_answer(problem):
    in_lists = book.answer(problem, dinic.max_flow)

    assert book.answer(problem, IN_ARRAYS) == in_lists


@settings(max_examples=many(200), deadline=None)
@given(problem=markets(sellers_max=7, orders_max=7))
def test_answers_from_arrays_hold_plain_numbers_only(problem):
    allocation = book.answer(problem, IN_ARRAYS)

    assert {type(share.packs) for share in allocation.sellers} <= {int}
    assert {type(fill.packs) for fill in allocation.orders} <= {int}
    assert {type(shipment.packs) for shipment in allocation.shipments} <= {int}


@pytest.mark.parametrize("rule", ["nearest", "lowest", "lowest_after"])
@pytest.mark.parametrize("has_ties", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_a_large_market_is_answered_alike(rule, has_ties, seed):
    problem = a_road(120, 400, seed=seed, has_ties=has_ties)
    problem = replace(problem, policy=replace(problem.policy, rule=rule))

    assert book.answer(problem, IN_ARRAYS) == book.answer(problem, dinic.max_flow)


def test_a_market_of_everyday_numbers_needs_no_lists(monkeypatch):
    answers, in_arrays = [], cuts_in_arrays.decompose

    def kept(*facts):
        answers.append(in_arrays(*facts))
        return answers[-1]

    monkeypatch.setattr(cuts_in_arrays, "decompose", kept)
    book.answer(a_road(60, 200, seed=1, has_ties=False), IN_ARRAYS)
    assert len(answers) == 2
    assert all(answers)


@pytest.mark.parametrize("max_flow", [dinic.max_flow, IN_ARRAYS])
@pytest.mark.parametrize("seed", range(4))
def test_orders_get_the_same_whether_they_start_from_what_sellers_ship_or_from_nothing(max_flow, seed):
    stage = a_stage_of(a_road(60, 200, seed=seed, has_ties=bool(seed % 2)))
    sold = decompose(stage.sellers, stage.demands, stage.seller_links, in_whole_packs, max_flow)
    facts = stage.orders, sold.amounts, stage.order_links, in_whole_packs, max_flow

    from_nothing, from_shipment = decompose(*facts), decompose(*facts, sold.link_amounts)

    assert from_nothing.amounts == from_shipment.amounts
    assert from_nothing.free_others == from_shipment.free_others == []


@pytest.mark.parametrize("max_flow", [dinic.max_flow, IN_ARRAYS])
def test_orders_that_are_all_filled_need_no_flow_of_their_own(max_flow):
    problem = a_road(60, 200, seed=1, has_ties=False)
    orders = tuple(replace(order, packs=1) for order in problem.orders)
    stage = a_stage_of(replace(problem, orders=orders))
    sold = decompose(stage.sellers, stage.demands, stage.seller_links, in_whole_packs, max_flow)

    filled = decompose(
        stage.orders, sold.amounts, stage.order_links, in_whole_packs, max_flow, sold.link_amounts
    )
    assert filled.amounts == [1] * 200
    assert filled.link_amounts == sold.link_amounts
    assert filled.flows == 0


@pytest.mark.parametrize("max_flow", [dinic.max_flow, IN_ARRAYS])
def test_regions_that_no_link_joins_have_lines_of_their_own_from_the_first_flow_on(max_flow):
    """Each region is fair by itself, so one flow is enough however much their lines differ."""
    sellers = tuple(a_seller(f"s{spot}", 10 + spot, 0, 50, 5_000) for spot in range(6))
    orders = tuple(Order(id=f"o{spot}", packs=5 + 20 * spot) for spot in range(3))
    links = tuple(Link(seller=f"s{spot}", order=f"o{spot // 2}") for spot in range(6))
    stage = a_stage_of(Problem(sellers=sellers, orders=orders, links=links))

    sold = decompose(stage.sellers, stage.demands, stage.seller_links, in_whole_packs, max_flow)
    assert [sold.amounts[spot] + sold.amounts[spot + 1] for spot in (0, 2, 4)] == [5, 25, 45]
    assert sold.flows == 1


@settings(max_examples=many(500), deadline=None)
@given(
    members=st.lists(
        st.tuples(
            st.integers(1, 6), st.integers(0, 60), st.integers(0, 2), st.integers(0, 9), st.integers(0, 2)
        ),
        min_size=1,
        max_size=24,
    ),
    parts=st.integers(1, 4),
    offset=st.sampled_from([-10, -5, 0]),
    second=st.integers(-1, 1),
    data=st.data(),
)
def test_many_parts_at_once_share_as_one_part_after_the_other(members, parts, offset, second, data):
    weights, histories, lows, rooms, tiers = (list(column) for column in zip(*members, strict=True))
    highs = [low + room for low, room in zip(lows, rooms, strict=True)]
    side = Side(
        basin=Basin(
            weights=weights,
            histories=histories,
            caps=highs,
            pack=10,
            offset=offset,
            seconds=[second * weight for weight in weights],
        ),
        lows=lows,
        tiers=tiers,
        rank=lambda member: (member * 7) % 31,
    )
    part_of = [data.draw(st.integers(0, parts - 1)) for _ in members]
    groups = [[member for member, part in enumerate(part_of) if part == number] for number in range(parts)]
    totals = [
        data.draw(st.integers(sum(lows[m] for m in group), sum(highs[m] for m in group))) for group in groups
    ]
    expected = [0] * len(members)
    for group, total in zip(groups, totals, strict=True):
        trial = in_whole_packs(side, group, [lows[m] for m in group], [highs[m] for m in group], total)
        for member, amount in zip(group, trial.amounts, strict=True):
            expected[member] = amount
    shares = Shares(np, side.basin, side.lows, side.tiers, side.rank)
    assert shares.fits()

    found = shares.within(
        np.arange(len(members)), np.array(lows), np.array(highs), np.array(part_of), np.array(totals)
    )
    assert found.tolist() == expected


@pytest.mark.parametrize(
    ("field", "size"),
    [
        ("history_grams", 2**25),
        ("history_grams", 2**45),
        ("history_grams", 10**13),
        ("weight", 2**12),
        ("weight", 2**20),
        ("weight", 9 * 10**8),
        ("cap_packs", 2**20),
        ("cap_packs", 9 * 10**8),
    ],
)
def test_numbers_too_large_for_arrays_are_still_exact(field, size):
    problem = a_road(12, 20, seed=3, has_ties=False)
    sellers = [replace(seller, **{field: getattr(seller, field) + size}) for seller in problem.sellers]
    problem = replace(problem, sellers=tuple(sellers))

    assert book.answer(problem, IN_ARRAYS) == book.answer(problem, dinic.max_flow)


def test_without_numpy_everything_is_done_in_lists(monkeypatch):
    problem = a_road(12, 20, seed=3, has_ties=False)
    expected = book.answer(problem, dinic.max_flow)

    def nothing_there(name):
        raise ImportError(name)

    monkeypatch.setattr(cuts_in_arrays, "import_module", nothing_there)
    assert cuts_in_arrays.numpy_or_none() is None
    assert book.answer(problem, IN_ARRAYS) == expected


def test_a_market_with_no_links_at_all_ships_nothing_in_arrays():
    problem = Problem(sellers=(a_seller("A"),), orders=(Order(id="o", packs=3),), links=())

    allocation = book.answer(problem, IN_ARRAYS)

    assert allocation == allocate(problem)
    assert not allocation.shipments


def a_road(sellers, orders, *, seed, has_ties):
    """Sellers and orders along a road; stretches of it ask for far more or far less than there is."""
    draw = random.Random(seed)
    links = {}
    for spot in range(orders):
        near = [(spot * sellers // orders + step) % sellers for step in range(-4, 5)]
        for seller in draw.sample(near, 5):
            links[seller, spot] = draw.randint(1, 20) if draw.random() < 0.2 else None
    return Problem(
        sellers=tuple(
            a_seller(
                f"s{spot:03}",
                60 if has_ties else draw.randint(20, 320),
                0 if has_ties else draw.randint(0, 40) * 5_000,
                draw.randint(20, 90),
                5_000,
            )
            for spot in range(sellers)
        ),
        orders=tuple(
            Order(id=f"o{spot:03}", packs=draw.randint(1, 12) * (1 + 3 * (spot * 6 // orders % 2)))
            for spot in range(orders)
        ),
        links=tuple(
            Link(seller=f"s{seller:03}", order=f"o{order:03}", cap_packs=cap)
            for (seller, order), cap in sorted(links.items())
        ),
    )


def a_stage_of(problem):
    """The market as the engine gets to see it."""
    seen, solve = [], book.stages.solve

    def keep(stage, max_flow):
        seen.append(stage)
        return solve(stage, max_flow)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(book.stages, "solve", keep)
        book.answer(problem, dinic.max_flow)
    return seen[0]
