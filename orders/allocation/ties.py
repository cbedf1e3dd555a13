"""The lottery among equals: a rank that anybody can recompute and nobody can choose.

A rank is the given `tie`, then SHA-256 of the canonical JSON array [seed, order ids, own id]; sellers draw
against sellers and orders against orders.
The seed's own hash is to be published before the orders are known.
"""

import hashlib
import json
from collections.abc import Callable
from functools import cached_property, total_ordering
from typing import Final

from orders.allocation.problem import Order, Problem, Seller

Rank = tuple[int, str, str]

_AFTER_EVERY_GIVEN_TIE: Final = 1 << 62


class Lottery:
    """The draw of one problem; what all ranks share is hashed once."""

    def __init__(self, problem: Problem) -> None:
        orders = sorted(order.id for order in problem.orders)
        opening = _json([problem.policy.tie_seed, orders]).removesuffix("]")
        self._opening = hashlib.sha256(f"{opening},".encode())

    def rank_of(self, member: Seller | Order) -> Rank:
        """Sorts members with equal keys, the smallest rank first. A given tie comes before any drawn one."""
        given = member.tie if member.tie is not None else _AFTER_EVERY_GIVEN_TIE
        drawn = self._opening.copy()
        drawn.update(f"{_json(member.id)}]".encode())
        return given, drawn.hexdigest(), member.id


def rank_of(problem: Problem, member: Seller | Order) -> Rank:
    """One member's rank: its tie, SHA-256 of `["seed",["order",…],"id"]` (UTF-8, no spaces, sorted), its id."""
    return Lottery(problem).rank_of(member)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


@total_ordering
class LateRank:
    """A member's rank, drawn only when it is compared: most keys differ before the lottery is asked."""

    def __init__(self, draw: Callable[[], Rank]) -> None:
        self._draw = draw

    @cached_property
    def rank(self) -> Rank:
        return self._draw()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LateRank) and self.rank == other.rank

    def __lt__(self, other: "LateRank") -> bool:
        return self.rank < other.rank

    def __hash__(self) -> int:
        return hash(self.rank)
