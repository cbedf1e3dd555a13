"""Laws that hold for every market, tried on random ones."""

import json
from dataclasses import replace

import jsonschema
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from orders.allocation import Link, Order, allocate, verify
from orders.allocation.json_form import allocation_from_json, allocation_to_json
from orders.allocation.measures import is_market
from tests.orders.allocation import cases
from tests.orders.allocation.markets import SlowFlow, arcs_of, markets, stock_of
from tests.thorough import many

law = settings(max_examples=many(400), deadline=None)
SCHEMA = json.loads((cases.ROOT / "docs" / "allocation.schema.json").read_text(encoding="utf-8"))
RESULT = jsonschema.Draft202012Validator({"$ref": "#/$defs/result", "$defs": SCHEMA["$defs"]})


def packs_of(problem):
    return {share.id: share.packs for share in allocate(problem).sellers}


def plain(**fixed):
    """One tier on each side, every rank given, so that no draw changes when somebody joins."""

    def with_ranks(problem):
        sellers = tuple(replace(seller, tie=spot) for spot, seller in enumerate(problem.sellers))
        orders = tuple(replace(order, tie=spot) for spot, order in enumerate(problem.orders))
        return replace(problem, sellers=sellers, orders=orders)

    return markets(one_tier=True, strict=False, catch_up_grams_per_weight=None, **fixed).map(with_ranks)


@settings(max_examples=many(1_000), deadline=None)
@given(markets())
def test_every_answer_passes_the_independent_check(problem):
    assert verify(problem, allocate(problem)) == ()


@law
@given(markets())
def test_both_sides_add_up_and_nothing_goes_beyond_stock_links_or_orders(problem):
    allocation, arcs = allocate(problem), arcs_of(problem)
    shipped = [(it.seller, it.order, it.packs) for it in allocation.shipments]

    assert all(0 < packs <= arcs[seller, order] for seller, order, packs in shipped)
    for seller, share in zip(problem.sellers, allocation.sellers, strict=True):
        assert share.packs == sum(packs for name, _, packs in shipped if name == seller.id)
        assert share.packs <= stock_of(seller)
    for order, fill in zip(problem.orders, allocation.orders, strict=True):
        assert fill.packs == sum(packs for _, name, packs in shipped if name == order.id)
        assert fill.packs + fill.unfilled_packs == order.packs


@law
@given(markets(one_tier=True))
def test_the_most_packs_that_can_be_shipped_are_shipped(problem):
    flow = SlowFlow(
        arcs_of(problem),
        {seller.id: stock_of(seller) for seller in problem.sellers},
        {order.id: order.packs for order in problem.orders},
    )
    most = 0
    for seller in problem.sellers:
        while flow.can_send(seller.id):
            most += 1

    assert sum(packs_of(problem).values()) == most


@law
@given(markets(), st.randoms(use_true_random=False))
def test_the_order_of_the_lists_changes_nothing(problem, random):
    sellers, orders = list(problem.sellers), list(problem.orders)
    links = None if problem.links is None else list(problem.links)
    for it in (sellers, orders, links or []):
        random.shuffle(it)
    before = allocate(problem)
    after = allocate(replace(problem, sellers=sellers, orders=orders, links=links))

    assert {share.id: share for share in before.sellers} == {share.id: share for share in after.sellers}
    assert {fill.id: fill for fill in before.orders} == {fill.id: fill for fill in after.orders}
    assert sorted(map(repr, before.shipments)) == sorted(map(repr, after.shipments))
    assert [part.line for part in before.segments] == [part.line for part in after.segments]
    assert before.digest == after.digest


@law
@given(markets())
def test_what_is_written_reads_back_the_same_and_fits_the_schema(problem):
    allocation = allocate(problem)
    document = json.loads(json.dumps(allocation_to_json(allocation)))

    RESULT.validate(document)
    assert allocation_from_json(document) == allocation


@law
@given(markets(strict=True))
def test_strict_is_never_a_full_pack_off_the_exact_share(problem):
    assume(len({order.tier for order in problem.orders}) == 1)

    assert all(abs(share.packs - share.exact_packs) < 1 for share in allocate(problem).sellers)


@law
@given(plain(), st.data())
def test_declaring_less_stock_never_gains_a_pack(problem, data):
    assume(problem.sellers)
    spot = data.draw(st.integers(0, len(problem.sellers) - 1))
    honest = problem.sellers[spot]
    modest = replace(honest, cap_packs=data.draw(st.integers(0, honest.cap_packs)))
    other = replace(problem, sellers=(*problem.sellers[:spot], modest, *problem.sellers[spot + 1 :]))

    assert packs_of(other)[honest.id] <= packs_of(problem)[honest.id]


@law
@given(plain(), st.data())
def test_hiding_a_link_never_gains_a_pack(problem, data):
    assume(problem.links)
    hidden = data.draw(st.sampled_from(problem.links))
    other = replace(problem, links=tuple(link for link in problem.links if link != hidden))

    assert packs_of(other)[hidden.seller] <= packs_of(problem)[hidden.seller]


@law
@given(plain(), st.data())
def test_a_competitor_leaving_never_takes_a_pack_from_another(problem, data):
    assume(problem.sellers)
    leaving = data.draw(st.sampled_from(problem.sellers))
    links = problem.links
    if links is not None:
        links = tuple(link for link in links if link.seller != leaving.id)
    rest = tuple(seller for seller in problem.sellers if seller != leaving)
    before, after = packs_of(problem), packs_of(replace(problem, sellers=rest, links=links))

    assert all(packs >= before[name] for name, packs in after.items())


@law
@given(plain(), st.data(), st.integers(1, 5))
def test_an_order_growing_never_takes_a_pack_from_anybody(problem, data, more):
    spot = data.draw(st.integers(0, len(problem.orders) - 1))
    grown = replace(problem.orders[spot], packs=problem.orders[spot].packs + more)
    orders = (*problem.orders[:spot], grown, *problem.orders[spot + 1 :])
    before, after = packs_of(problem), packs_of(replace(problem, orders=orders))

    assert all(after[name] >= packs for name, packs in before.items())


@law
@given(plain(), st.data(), st.integers(1, 5))
def test_a_buyer_joining_never_takes_a_pack_from_anybody(problem, data, packs):
    orders = (*problem.orders, Order(id="new", packs=packs, tie=99))
    links = problem.links
    if links is not None:
        names = data.draw(st.sets(st.sampled_from([s.id for s in problem.sellers] or ["s0"])))
        known = {seller.id for seller in problem.sellers}
        links = (*links, *(Link(seller=name, order="new") for name in sorted(names & known)))
    before, after = packs_of(problem), packs_of(replace(problem, orders=orders, links=links))

    assert all(after[name] >= count for name, count in before.items())


@law
@given(plain(), st.booleans())
def test_one_order_open_to_everybody_is_answered_alike_with_links_and_without(problem, strict):
    """The market engine and the engine for one order are two ways to one answer."""
    order = problem.orders[0]
    policy = replace(problem.policy, strict=strict)
    single = replace(problem, orders=(order,), links=None, policy=policy)
    linked = replace(
        single, links=tuple(Link(seller=seller.id, order=order.id) for seller in problem.sellers)
    )
    assert is_market(linked)
    assert not is_market(single)

    one, other = allocate(single), allocate(linked)
    assert (one.orders, one.shipments) == (other.orders, other.shipments)
    assert [replace(share, limited_by="nothing") for share in one.sellers] == [
        replace(share, limited_by="nothing") for share in other.sellers
    ]
    if problem.sellers:
        assert one.segments == other.segments
        assert one.sellers == other.sellers
