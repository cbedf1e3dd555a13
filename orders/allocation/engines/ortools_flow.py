"""Google OR-Tools behind the port, where it is installed; numbers beyond 64 bits go to the pure engine."""

from importlib import import_module
from typing import Final

from orders.allocation.engines import dinic
from orders.allocation.engines.network import SINK, SOURCE, Flow, Network

_LARGEST: Final = 2**62


class EngineMissing(RuntimeError):
    """OR-Tools was asked for and is not installed (pip install ortools)."""


def max_flow(network: Network) -> Flow:
    """The largest flow from node 0 to node 1. Raises EngineMissing where OR-Tools is not installed."""
    try:
        solver = import_module("ortools.graph.python.max_flow").SimpleMaxFlow()
    except ImportError as error:
        raise EngineMissing("The engine ortools needs the package ortools.") from error
    from_source = [
        size for tail, size in zip(network.tails, network.capacities, strict=True) if tail == SOURCE
    ]
    if max(sum(from_source), *network.capacities, 0) > _LARGEST:
        return dinic.max_flow(network)
    if not network.tails:
        return Flow(0, [], [node == SOURCE for node in range(network.nodes)])
    # A loop at the last node makes every node known to the solver, whatever the arcs are.
    last = network.nodes - 1
    numbers = solver.add_arcs_with_capacity(
        [*network.tails, last], [*network.heads, last], [*network.capacities, 0]
    )
    if solver.solve(SOURCE, SINK) != solver.OPTIMAL:
        raise ArithmeticError("OR-Tools did not find the largest flow.")
    cut = [False] * network.nodes
    for node in solver.get_source_side_min_cut():
        cut[node] = True
    return Flow(int(solver.optimal_flow()), solver.flows(numbers[:-1]).tolist(), cut)
