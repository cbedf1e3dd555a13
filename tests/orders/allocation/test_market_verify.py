"""The market's check accepts right answers and nothing else, however small the edit."""

import dataclasses
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from orders.allocation import Link, Order, Policy, Problem, Shipment, allocate, json_form, verify
from orders.allocation.measures import is_market
from orders.allocation.result import LIMITS
from tests.orders.allocation.cases import a_seller
from tests.orders.allocation.markets import arcs_of, markets
from tests.thorough import many

rare = [HealthCheck.filter_too_much]


def reshipped(problem, allocation, flow):
    """A forger's answer: other shipments, and every number that anybody could easily recompute put right."""
    sent = {s.id: sum(n for (name, _), n in flow.items() if name == s.id) for s in problem.sellers}
    got = {o.id: sum(n for (_, name), n in flow.items() if name == o.id) for o in problem.orders}
    shares = tuple(
        replace(
            share,
            packs=sent[share.id],
            level_after=Fraction(seller.history_grams + sent[share.id] * seller.pack_grams, seller.weight),
        )
        for seller, share in zip(problem.sellers, allocation.sellers, strict=True)
    )
    fills = tuple(
        replace(
            fill,
            packs=got[fill.id],
            unfilled_packs=order.packs - got[fill.id],
            level_after=None
            if fill.level_after is None
            else fill.level_before + Fraction(got[fill.id], weight_of(problem, order)),
        )
        for order, fill in zip(problem.orders, allocation.orders, strict=True)
    )
    return replace(
        allocation,
        sellers=shares,
        orders=fills,
        shipments=tuple(Shipment(seller=s, order=o, packs=n) for (s, o), n in flow.items() if n),
        unfilled_packs=sum(fill.unfilled_packs for fill in fills),
        digest=json_form.digest_of(problem, sent, got),
    )


def weight_of(problem, order):
    return order.weight or (order.packs if problem.policy.buyers == "fill_rate" else 1) or 1


def totals(allocation):
    return [entry.packs for entry in (*allocation.sellers, *allocation.orders)]


@settings(max_examples=many(800), deadline=None)
@given(markets(), st.data())
def test_other_totals_are_rejected_even_with_all_sums_put_right(problem, data):
    assume(is_market(problem))
    allocation = allocate(problem)
    arcs = arcs_of(problem)
    assume(arcs)
    flow = dict.fromkeys(arcs, 0) | {(it.seller, it.order): it.packs for it in allocation.shipments}
    for _ in range(data.draw(st.integers(1, 4))):
        pair = data.draw(st.sampled_from(sorted(arcs)))
        flow[pair] = max(0, flow[pair] + data.draw(st.sampled_from([-1, 1])))
    forged = reshipped(problem, allocation, flow)
    assume(totals(forged) != totals(allocation))

    assert verify(problem, forged)


@settings(max_examples=many(300), deadline=None, suppress_health_check=rare)
@given(markets(), markets())
def test_the_answer_under_another_policy_is_rejected(problem, other):
    """Every rule's packs, dressed as the answer to the other rule."""
    assume(is_market(problem))
    policy = replace(problem.policy, rule=other.policy.rule, buyers=other.policy.buyers)
    right, wrong = allocate(problem), allocate(replace(problem, policy=policy))
    assume(totals(right) != totals(wrong))
    flow = {(it.seller, it.order): it.packs for it in wrong.shipments}

    assert verify(problem, reshipped(problem, right, flow))
    assert verify(problem, reshipped(problem, wrong, flow))


@settings(max_examples=many(200), deadline=None, suppress_health_check=rare)
@given(markets(), st.data())
def test_other_shipments_of_the_same_totals_are_as_right(problem, data):
    """The totals are the answer; who serves whom may be any shipment that realises them."""
    assume(is_market(problem))
    allocation, arcs = allocate(problem), arcs_of(problem)
    flow = dict.fromkeys(arcs, 0) | {(it.seller, it.order): it.packs for it in allocation.shipments}
    swaps = [
        (a, b)
        for a in arcs
        for b in arcs
        if flow[a] and flow[b] and a[0] != b[0] and a[1] != b[1]
        if flow.get((a[0], b[1]), 10**9) < arcs.get((a[0], b[1]), 0)
        if flow.get((b[0], a[1]), 10**9) < arcs.get((b[0], a[1]), 0)
    ]
    assume(swaps)
    tiers = {order.id: order.tier for order in problem.orders}
    a, b = data.draw(st.sampled_from(swaps))
    assume(tiers[a[1]] == tiers[b[1]])
    for pair, change in ((a, -1), (b, -1), ((a[0], b[1]), 1), ((b[0], a[1]), 1)):
        flow[pair] += change

    assert verify(problem, reshipped(problem, allocation, flow)) == ()


def edit(draw, record):
    """The same record with one member changed, however deep."""
    names = [field.name for field in dataclasses.fields(record)]
    name = draw(st.sampled_from(names))
    return replace(record, **{name: other_value(draw, name, getattr(record, name))})


def other_value(draw, name, value):
    if name == "limited_by":
        return draw(st.sampled_from([limit for limit in LIMITS if limit != value]))
    if isinstance(value, tuple):
        return other_tuple(draw, value)
    if dataclasses.is_dataclass(value):
        is_gone = name in {"last_served", "first_refused"} and draw(st.booleans())
        return None if is_gone else edit(draw, value)
    if isinstance(value, Fraction):
        return draw(st.sampled_from([value + 1, value + Fraction(1, 10**30), -value - 1, float(value) + 0.5]))
    if value is None and name in {"last_served", "first_refused", "bound"}:
        assume(False)
    if isinstance(value, int):
        return draw(st.sampled_from([value + 1, value - 1]))
    return "x" if value is None else value + "x"


def other_tuple(draw, value):
    assume(value)
    spot = draw(st.integers(0, len(value) - 1))
    kind = draw(st.sampled_from(["drop", "twice", "edit", "edit", "edit"]))
    if kind == "drop":
        return (*value[:spot], *value[spot + 1 :])
    if kind == "twice":
        return (*value, value[spot])
    item = value[spot]
    changed = item + "x" if isinstance(item, str) else edit(draw, item)
    return (*value[:spot], changed, *value[spot + 1 :])


PARTS = (
    "sellers",
    "orders",
    "segments",
    "certificate",
    "method",
    "gap",
    "unfilled_packs",
    "digest",
    "shipments",
)


@pytest.mark.parametrize("part", PARTS)
@settings(max_examples=many(300), deadline=None, suppress_health_check=rare)
@given(problem=markets(), data=st.data())
def test_any_single_edit_is_rejected(part, problem, data):
    assume(is_market(problem) and problem.sellers)
    allocation = allocate(problem)
    edited = replace(allocation, **{part: other_value(data.draw, part, getattr(allocation, part))})
    assume(repr(edited) != repr(allocation))

    assert verify(problem, edited)


@settings(max_examples=many(300), deadline=None, suppress_health_check=rare)
@given(markets(), st.data())
def test_segments_joined_parted_or_mixed_are_rejected(problem, data):
    assume(is_market(problem))
    allocation = allocate(problem)
    parts = list(allocation.segments)
    assume(len(parts) > 1)
    first, second = data.draw(st.permutations(range(len(parts))))[:2]
    a, b = parts[first], parts[second]
    change = data.draw(st.sampled_from(["swap", "join", "move"]))
    if change == "swap":
        parts[first], parts[second] = b, a
    elif change == "join":
        parts[first] = replace(a, sellers=a.sellers + b.sellers, orders=a.orders + b.orders)
        del parts[second]
    else:
        assume(a.sellers)
        parts[first] = replace(a, sellers=a.sellers[1:])
        parts[second] = replace(b, sellers=(*b.sellers, a.sellers[0]))

    assert verify(problem, replace(allocation, segments=tuple(parts)))


def a_market():
    return Problem(
        sellers=(a_seller("A"), a_seller("B"), a_seller("C", cap=3)),
        orders=(Order(id="x", packs=10), Order(id="y", packs=4)),
        links=(
            Link(seller="A", order="x"),
            Link(seller="B", order="x"),
            Link(seller="B", order="y", cap_packs=3),
            Link(seller="C", order="y"),
        ),
        policy=Policy(tie_seed="seed"),
    )


def codes(problem, forged):
    return {violation.code for violation in verify(problem, forged)}


@pytest.mark.parametrize(
    ("flow", "code"),
    [
        ({("A", "y"): 4, ("A", "x"): 2, ("B", "x"): 8}, "no_link"),
        ({("A", "x"): 6, ("B", "x"): 4, ("B", "y"): 4}, "above_link"),
        ({("A", "x"): 7, ("B", "x"): 3, ("C", "y"): 4}, "above_stock"),
        ({("A", "x"): 8, ("B", "x"): 3, ("C", "y"): 3}, "above_demand"),
        ({("A", "x"): 5, ("B", "x"): 5, ("C", "y"): 3}, "waste"),
        ({("A", "x"): 8, ("B", "x"): 2, ("B", "y"): 1, ("C", "y"): 3}, "not_optimal"),
    ],
)
def test_the_codes_name_what_is_wrong(flow, code):
    problem = a_market()
    allocation = allocate(problem)
    forged = reshipped(problem, allocation, flow)
    # The exact shares must add up to the packs before anything else of them is judged.
    assert code in codes(problem, forged) or codes(problem, forged) == {"line"}
    if code != "waste":
        assert code in codes(problem, forged)


def test_serving_a_later_order_from_stock_that_an_earlier_tier_used_is_rejected():
    problem = Problem(
        sellers=(a_seller("A", cap=2),),
        orders=(Order(id="contract", packs=2), Order(id="spot", packs=2, tier=1)),
    )
    allocation = allocate(problem)
    assert [fill.packs for fill in allocation.orders] == [2, 0]

    assert verify(problem, reshipped(problem, allocation, {("A", "spot"): 2}))
    assert verify(problem, reshipped(problem, allocation, {("A", "contract"): 1, ("A", "spot"): 1}))
