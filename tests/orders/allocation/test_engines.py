"""The max-flow port: the pure engine against a search that adds one path at a time, and the port's manners."""

from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orders.allocation import allocate, engines
from orders.allocation.engines import Network, dinic, ortools_flow
from tests.orders.allocation import cases
from tests.orders.allocation.cases import a_problem, a_seller
from tests.thorough import many


def one_path_at_a_time(network):
    """Edmonds and Karp on a matrix: nothing of the engine is in it. Answers value and smallest cut."""
    room = [[0] * network.nodes for _ in range(network.nodes)]
    for tail, head, capacity in zip(network.tails, network.heads, network.capacities, strict=True):
        room[tail][head] += capacity
    value = 0
    while True:
        came = {0: None}
        todo = deque([0])
        while todo:
            node = todo.popleft()
            for other, space in enumerate(room[node]):
                if space and other not in came:
                    came[other] = node
                    todo.append(other)
        if 1 not in came:
            return value, [node in came for node in range(network.nodes)]
        path = [1]
        while came[path[-1]] is not None:
            path.append(came[path[-1]])
        steps = list(zip(path[1:], path, strict=False))
        amount = min(room[tail][head] for tail, head in steps)
        for tail, head in steps:
            room[tail][head] -= amount
            room[head][tail] += amount
        value += amount


@st.composite
def networks(draw):
    nodes = draw(st.integers(2, 9))
    count = draw(st.integers(0, 30))
    node = st.integers(0, nodes - 1)
    capacity = st.one_of(st.integers(0, 5), st.just(10**30))
    arcs = [(draw(node), draw(node), draw(capacity)) for _ in range(count)]
    return Network(nodes, [arc[0] for arc in arcs], [arc[1] for arc in arcs], [arc[2] for arc in arcs])


@settings(max_examples=many(2_000), deadline=None)
@given(networks())
def test_the_pure_engine_finds_the_largest_flow_and_the_smallest_cut(network):
    flow = dinic.max_flow(network)

    assert (flow.value, flow.cut) == one_path_at_a_time(network)
    balance = [0] * network.nodes
    for tail, head, capacity, amount in zip(
        network.tails, network.heads, network.capacities, flow.flows, strict=True
    ):
        assert 0 <= amount <= capacity
        balance[tail] -= amount
        balance[head] += amount
    assert balance[1] == flow.value
    assert not any(balance[2:])


def test_a_long_chain_needs_no_recursion():
    nodes = 20_000
    tails = [0, *range(2, nodes)]
    heads = [*range(2, nodes), 1]

    assert dinic.max_flow(Network(nodes, tails, heads, [7] * len(tails))).value == 7


def test_engines_are_called_by_name():
    assert engines.named(engines.DEFAULT) is dinic.max_flow
    assert set(engines.ENGINES) == {"pure", "ortools"}
    with pytest.raises(ValueError, match="pure, ortools"):
        engines.named("abacus")
    with pytest.raises(ValueError, match="abacus"):
        allocate(cases.the_worked_example(), engine="abacus")


def test_one_order_needs_no_engine_at_all():
    problem = a_problem([a_seller("A"), a_seller("B")], 3)

    assert allocate(problem, engine="ortools") == allocate(problem)


def test_an_engine_that_is_not_installed_says_which_package_it_wants(monkeypatch):
    def nothing_there(name):
        raise ImportError(name)

    monkeypatch.setattr(ortools_flow, "import_module", nothing_there)
    with pytest.raises(ortools_flow.EngineMissing, match="ortools"):
        ortools_flow.max_flow(Network(2, [0], [1], [3]))
