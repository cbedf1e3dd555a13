"""The second level: a cooperative's share divided over its member growers by the mass they delivered.

The same rule and the same proof as between cooperatives. A grower's weight is what it delivered, its history
what of that was sold for it before, its stock what is left; so over a season everybody has the same part of
its delivery sold, to the nearest box.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import gcd

from orders.allocation.dispatch import allocate
from orders.allocation.problem import WEIGHT_MAX, Order, Policy, Problem, Seller
from orders.allocation.result import Allocation


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A grower: what it delivered to the cooperative this season and what of that is sold already."""

    id: str
    delivered_grams: int
    sold_grams: int = 0
    tie: int | None = None


def member_problem(
    members: Sequence[Member], *, share_id: str, packs: int, pack_grams: int, policy: Policy | None = None
) -> Problem:
    """The share as an order to the members. Who delivered nothing, or has sold all of it, has nothing to give.

    Raises ProblemRefused where the members are none the rule can divide over: repeated ids, mass below zero
    or beyond all bounds.
    """
    weights = _weights([member.delivered_grams for member in members])
    return Problem(
        sellers=tuple(
            Seller(
                id=member.id,
                weight=weight,
                history_grams=member.sold_grams,
                cap_packs=_packs_left(member, pack_grams),
                pack_grams=pack_grams,
                tie=member.tie,
            )
            for member, weight in zip(members, weights, strict=True)
        ),
        orders=(Order(id=share_id, packs=packs),),
        policy=replace(policy or Policy(), catch_up_grams_per_weight=None),
    )


def divide_share(
    members: Sequence[Member], *, share_id: str, packs: int, pack_grams: int, policy: Policy | None = None
) -> tuple[Problem, Allocation]:
    """The problem and its answer; packs that no member has the fruit for are the answer's unfilled ones."""
    problem = member_problem(members, share_id=share_id, packs=packs, pack_grams=pack_grams, policy=policy)
    return problem, allocate(problem)


def _packs_left(member: Member, pack_grams: int) -> int:
    if member.delivered_grams < 0 or pack_grams <= 0:
        # No such delivery, no such pack: as a number below zero the problem refuses it by name.
        return min(member.delivered_grams, 0)
    return max(0, member.delivered_grams - member.sold_grams) // pack_grams


def grams_per_weight(members: Sequence[Member]) -> int:
    """The grams that one unit of weight stands for: the largest that all deliveries are counted in."""
    return _unit([member.delivered_grams for member in members])


def _unit(delivered: Sequence[int]) -> int:
    unit = gcd(*delivered) or 1
    return unit if max(delivered, default=0) // unit <= WEIGHT_MAX else 1_000


def _weights(delivered: Sequence[int]) -> list[int]:
    """Delivered grams in the largest common unit; in kilograms and rounded up only where grams are too many."""
    unit = _unit(delivered)
    return [max(1, -(-grams // unit)) for grams in delivered]
