"""The max-flow port: a network goes in; its value, a flow per arc and the smallest minimum cut come out.

`pure` needs nothing but the standard library and is the default. `ortools` is an optional extra for large
markets. Flows may differ between engines; the value and the cut may not, so neither may any total.
"""

from collections.abc import Callable
from typing import Final

from orders.allocation.engines import dinic, ortools_flow
from orders.allocation.engines.network import Flow, InArrays, Network

MaxFlow = Callable[[Network], Flow]

DEFAULT: Final = "pure"
ENGINES: Final[dict[str, MaxFlow]] = {DEFAULT: dinic.max_flow, "ortools": InArrays(ortools_flow.max_flow)}

__all__ = ["DEFAULT", "ENGINES", "Flow", "InArrays", "MaxFlow", "Network", "named"]


def named(engine: str) -> MaxFlow:
    """The engine of that name. Raises ValueError for a name that nobody answers to."""
    if engine not in ENGINES:
        raise ValueError(f"There is no engine {engine!r}; there are: {', '.join(ENGINES)}.")
    return ENGINES[engine]
