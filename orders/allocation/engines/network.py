"""What every max-flow engine reads and answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

SOURCE: Final = 0
SINK: Final = 1


@dataclass(frozen=True, slots=True)
class Network:
    """Arcs as three columns over the nodes 0 (source), 1 (sink), 2 ... `nodes` - 1."""

    nodes: int
    tails: Sequence[int]
    heads: Sequence[int]
    capacities: Sequence[int]


@dataclass(frozen=True, slots=True)
class Flow:
    """`cut[node]` is true for the nodes that the source still reaches: the smallest minimum cut."""

    value: int
    flows: list[int]
    cut: list[bool]


@dataclass(frozen=True, slots=True)
class InArrays:
    """An engine that answers in numpy arrays where the network is given in them, and in lists where not."""

    solve: Callable[[Network], Flow]

    def __call__(self, network: Network) -> Flow:
        return self.solve(network)
