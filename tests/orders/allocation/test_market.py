"""Markets small enough to check by hand: who gets what, why, and what is said and drawn about it."""

import itertools
from fractions import Fraction
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings

from orders.allocation import Link, Order, Policy, Problem, allocate, explain, picture, report, text, verify
from orders.allocation.measures import is_market
from tests.orders.allocation.cases import a_seller
from tests.orders.allocation.markets import markets, stock_of
from tests.thorough import many


def a_market(sellers, orders, links, **policy):
    """`links` as "A-x" or, with a cap, "A-x:3"; None for everybody with everybody."""
    if links is not None:
        pairs = [pair.replace(":", "-").split("-") for pair in links.split()]
        links = tuple(
            Link(seller=pair[0], order=pair[1], cap_packs=int(pair[2]) if pair[2:] else None)
            for pair in pairs
        )
    return Problem(sellers=tuple(sellers), orders=tuple(orders), links=links, policy=Policy(**policy))


def outcome(problem):
    allocation = allocate(problem)
    assert verify(problem, allocation) == ()
    return [share.packs for share in allocation.sellers], [fill.packs for fill in allocation.orders]


def limits(problem):
    return [share.limited_by for share in allocate(problem).sellers]


def an_order(name, packs, **others):
    return Order(id=name, packs=packs, **others)


def test_who_can_reach_more_orders_leaves_the_near_one_to_who_cannot():
    problem = a_market([a_seller("A"), a_seller("B")], [an_order("x", 4), an_order("y", 4)], "A-x B-x B-y")

    assert outcome(problem) == ([4, 4], [4, 4])
    assert [part.line for part in allocate(problem).segments] == [4]


def test_a_market_falls_apart_into_segments_with_a_line_each():
    problem = a_market([a_seller("A"), a_seller("B")], [an_order("x", 2), an_order("y", 9)], "A-x B-x B-y")
    allocation = allocate(problem)

    assert outcome(problem) == ([2, 9], [2, 9])
    assert [(part.line, part.sellers, part.orders) for part in allocation.segments] == [
        (2, ("A",), ("x",)),
        (9, ("B",), ("y",)),
    ]
    assert limits(problem) == ["demand", "nothing"]


def test_markets_without_a_link_between_them_are_solved_apart():
    problem = a_market(
        [a_seller("A"), a_seller("B", cap=1), a_seller("C")], [an_order("x", 5), an_order("y", 3)], "A-x B-y"
    )

    assert outcome(problem) == ([5, 1, 0], [5, 1])
    assert limits(problem) == ["nothing", "stock", "link"]
    assert allocate(problem).unfilled_packs == 2


def test_an_order_that_nobody_may_serve_stays_unfilled():
    problem = a_market([a_seller("A")], [an_order("x", 5), an_order("y", 3)], "A-x")

    assert outcome(problem) == ([5], [5, 0])
    assert [fill.unfilled_packs for fill in allocate(problem).orders] == [0, 3]


def test_a_full_link_limits_its_seller_and_the_others_carry_on():
    problem = a_market([a_seller("A"), a_seller("B")], [an_order("x", 10)], "A-x:3 B-x")

    assert outcome(problem) == ([3, 7], [10])
    assert limits(problem) == ["link", "nothing"]


def test_no_links_at_all_ship_nothing():
    problem = a_market([a_seller("A")], [an_order("x", 5)], "")

    assert outcome(problem) == ([0], [0])
    assert limits(problem) == ["link"]


def test_sellers_with_their_season_behind_them_give_way():
    problem = a_market(
        [a_seller("A", history=9), a_seller("B"), a_seller("C", household_cap_packs=1)],
        [an_order("x", 3), an_order("y", 4)],
        None,
    )

    assert outcome(problem) == ([0, 6, 1], [3, 4])
    assert limits(problem) == ["history", "nothing", "household_cap"]


def test_nothing_asked_for_is_nobody_s_fault():
    problem = a_market([a_seller("A")], [an_order("x", 0), an_order("y", 0)], "A-x")

    assert limits(problem) == ["demand"]


def test_short_fruit_is_shared_by_fill_rate_or_by_equal_awards():
    sellers, orders = [a_seller("A", cap=6)], [an_order("x", 8), an_order("y", 4)]

    assert outcome(a_market(sellers, orders, None)) == ([6], [4, 2])
    assert outcome(a_market(sellers, orders, None, buyers="equal_awards")) == ([6], [3, 3])


def test_contracted_orders_are_served_before_spot_ones_and_count_into_the_level():
    problem = a_market(
        [a_seller("A", cap=6), a_seller("B", cap=6)],
        [an_order("contract", 4), an_order("spot", 4, tier=1)],
        "A-contract A-spot B-spot",
    )

    assert outcome(problem) == ([4, 4], [4, 4])
    assert [(part.tier, part.line) for part in allocate(problem).segments] == [(0, None), (0, 4), (1, 4)]


def test_a_tier_of_sellers_is_filled_before_the_next_opens():
    local, regional, far = a_seller("A", cap=3), a_seller("B", cap=9, tier=1), a_seller("C", cap=9, tier=2)
    divided = a_seller("D", cap=9, tier=1)
    problem = a_market([local, regional, far, divided], [an_order("x", 11)], None)

    assert outcome(problem) == ([3, 4, 0, 4], [11])
    assert limits(problem) == ["stock", "nothing", "tier", "nothing"]


@settings(max_examples=many(300), deadline=None)
@given(markets(sellers_max=3, orders_max=2, packs_max=3, one_tier=True, strict=False, rule="nearest"))
def test_of_all_shipments_none_has_smaller_weighted_squares(problem):
    if not is_market(problem) or problem.policy.catch_up_grams_per_weight is not None:
        return
    pairs = [(s.id, o.id, 3) for s in problem.sellers for o in problem.orders if problem.links is None] or [
        (it.seller, it.order, 3 if it.cap_packs is None else it.cap_packs) for it in problem.links or ()
    ]
    best = {}
    for counts in itertools.product(*(range(cap + 1) for *_, cap in pairs)):
        sent = {s.id: 0 for s in problem.sellers}
        got = {o.id: 0 for o in problem.orders}
        for (seller, order, _), packs in zip(pairs, counts, strict=True):
            sent[seller] += packs
            got[order] += packs
        if all(sent[s.id] <= stock_of(s) for s in problem.sellers) and all(
            got[o.id] <= o.packs for o in problem.orders
        ):
            total = sum(counts)
            best[total] = min(best.get(total, squares(problem, sent)), squares(problem, sent))
    ours = {share.id: share.packs for share in allocate(problem).sellers}

    assert sum(ours.values()) == max(best)
    assert squares(problem, ours) == best[max(best)]


def squares(problem, sent):
    return sum(
        Fraction((s.history_grams + sent[s.id] * s.pack_grams) ** 2, s.weight) for s in problem.sellers
    )


def test_skewed_weights_on_a_staircase_of_links_stay_exact():
    count = 30
    sellers = [a_seller(f"s{i:02}", 10 ** (i % 9), cap=400, history=i * i) for i in range(count)]
    orders = [an_order(f"o{i:02}", 3 * i + 1) for i in range(count)]
    links = " ".join(f"s{i:02}-o{j:02}" for i in range(count) for j in range(i + 1))
    problem = a_market(sellers, orders, links)

    packs, filled = outcome(problem)
    assert filled == [order.packs for order in orders]
    assert sum(packs) == sum(filled)


@settings(max_examples=many(300), deadline=None)
@given(markets())
def test_no_chain_of_swaps_cures_more_than_a_pack_of_envy(problem):
    if is_market(problem) and not problem.policy.strict:
        assert report(problem, allocate(problem)).envy_packs <= 1


@settings(max_examples=many(200), deadline=None)
@given(markets())
def test_everybody_is_told_why_and_drawn(problem):
    allocation = allocate(problem)
    for seller in problem.sellers:
        told = explain(problem, allocation, seller.id)
        assert all(text.render(told, "en"))
        assert all(text.render(told, "zh"))
    ET.fromstring(picture.draw(allocation))


@settings(max_examples=many(300), deadline=None)
@given(markets(one_tier=True, strict=False))
def test_the_calculation_at_the_short_line_gives_every_share(problem):
    allocation = allocate(problem)
    for seller, share in zip(problem.sellers, allocation.sellers, strict=True):
        told = explain(problem, allocation, seller.id)
        if told.short_line is not None:
            value = told.rounded(told.packs_at(told.short_line))
            assert share.packs == max(0, min(value, stock_of(seller)))


def test_the_words_name_the_higher_line_that_no_swap_reaches():
    problem = a_market([a_seller("A"), a_seller("B")], [an_order("x", 2), an_order("y", 9)], "A-x B-x B-y")
    told = explain(problem, allocate(problem), "A")

    assert (told.line, told.has_higher_lines, told.part_orders) == (2, True, ("x",))
    assert any("no chain of swaps" in sentence for sentence in text.render(told, "en", unit="g"))
    assert any("调换" in sentence for sentence in text.render(told, "zh", unit="g"))


@pytest.mark.parametrize(("links", "word"), [("A-x:2 B-x", "all it may"), ("B-x", "none of them")])
def test_the_words_name_a_full_link_and_a_missing_one(links, word):
    problem = a_market([a_seller("A"), a_seller("B")], [an_order("x", 9), an_order("y", 0)], links)
    told = explain(problem, allocate(problem), "A")

    assert any(word in sentence or "all it may" in sentence for sentence in text.render(told, "en"))


def test_the_report_gives_fill_rates_and_leaves_the_linked_ones_out_of_the_free():
    problem = a_market([a_seller("A"), a_seller("B", cap=5)], [an_order("x", 10)], "A-x:3 B-x")
    figures = report(problem, allocate(problem))

    assert figures.fill_rates == (("x", Fraction(8, 10)),)
    assert figures.free is None
    assert dict(figures.limited) == {"stock": ("B",), "link": ("A",)}
