"""The lottery among equals: a rank that anybody can recompute and nobody can choose.

A seller's rank is its given `tie`, then SHA-256 of the canonical JSON array [seed, order ids, seller id].
The seed's own hash is to be published before the orders are known.
"""

import hashlib
import json
from functools import cached_property, total_ordering
from typing import Final

from orders.allocation.problem import Problem, Seller

Rank = tuple[int, str, str]

_AFTER_EVERY_GIVEN_TIE: Final = 1 << 62


def rank_of(problem: Problem, seller: Seller) -> Rank:
    """Sorts sellers with equal keys, the smallest rank first. A given tie comes before any drawn one."""
    given = seller.tie if seller.tie is not None else _AFTER_EVERY_GIVEN_TIE
    return given, drawn_hash(problem, seller.id), seller.id


def drawn_hash(problem: Problem, seller_id: str) -> str:
    """SHA-256 in hexadecimal of `["seed",["order",…],"seller"]`, UTF-8, no spaces, order ids sorted."""
    orders = sorted(order.id for order in problem.orders)
    message = json.dumps(
        [problem.policy.tie_seed, orders, seller_id], ensure_ascii=False, separators=(",", ":")
    )
    return hashlib.sha256(message.encode()).hexdigest()


@total_ordering
class LateRank:
    """A seller's rank, drawn only when it is compared: most keys differ before the lottery is asked."""

    def __init__(self, problem: Problem, seller: Seller) -> None:
        self._problem = problem
        self._seller = seller

    @cached_property
    def rank(self) -> Rank:
        return rank_of(self._problem, self._seller)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LateRank) and self.rank == other.rank

    def __lt__(self, other: "LateRank") -> bool:
        return self.rank < other.rank

    def __hash__(self) -> int:
        return hash(self.rank)
