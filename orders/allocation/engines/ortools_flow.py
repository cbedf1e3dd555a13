"""Google OR-Tools behind the port, where it is installed; numbers beyond 64 bits go to the pure engine."""

from importlib import import_module
from typing import Final

from orders.allocation.engines import dinic
from orders.allocation.engines.network import SINK, SOURCE, Flow, Network

_LARGEST: Final = 2**62


class EngineMissing(RuntimeError):
    """OR-Tools was asked for and is not installed (pip install ortools)."""


def max_flow(network: Network) -> Flow:
    """The largest flow from node 0 to node 1, in arrays if the network is in arrays.

    Raises EngineMissing where OR-Tools is not installed.
    """
    try:
        solver = import_module("ortools.graph.python.max_flow").SimpleMaxFlow()
        numpy = import_module("numpy")
    except ImportError as error:
        raise EngineMissing("The engine ortools needs the package ortools.") from error
    is_in_arrays = isinstance(network.capacities, numpy.ndarray)
    if not is_in_arrays and _are_too_large(network):
        return dinic.max_flow(network)
    if not len(network.tails):
        return Flow(0, [], [node == SOURCE for node in range(network.nodes)])
    # A loop at the last node makes every node known to the solver, whatever the arcs are.
    last = network.nodes - 1
    solver.add_arc_with_capacity(last, last, 0)
    numbers = solver.add_arcs_with_capacity(network.tails, network.heads, network.capacities)
    if solver.solve(SOURCE, SINK) != solver.OPTIMAL:
        raise ArithmeticError("OR-Tools did not find the largest flow.")
    flows = solver.flows(numbers)
    cut = numpy.zeros(network.nodes, dtype=bool)
    cut[solver.get_source_side_min_cut()] = True
    if is_in_arrays:
        return Flow(int(solver.optimal_flow()), flows, cut)
    return Flow(int(solver.optimal_flow()), flows.tolist(), cut.tolist())


def _are_too_large(network: Network) -> bool:
    from_source = [
        size for tail, size in zip(network.tails, network.capacities, strict=True) if tail == SOURCE
    ]
    return max(sum(from_source), *network.capacities, 0) > _LARGEST
