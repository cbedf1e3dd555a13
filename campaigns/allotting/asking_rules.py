"""The question that a run puts to the fair split, be its boxes sold or only assumed. Pure.

Sold boxes go before minimum lots: where the minimum would leave some of them to nobody, that run has none.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from campaigns.policy.rules import Weight, weighed
from orders import allocation
from orders.allocation.problem import PACKS_MAX, Rule
from orders.allocation.season_policy import catch_up_bound


@dataclass(frozen=True, slots=True, kw_only=True)
class Pledger:
    """A cooperative that has pledged: its size, its season so far, and the boxes that it has free."""

    code: str
    households: int
    members: int
    history_grams: int
    free_boxes: int
    kept_boxes: int = 0
    """What it supplies of the item already, from earlier runs: then any number may come on top."""


def problem_of(
    pledgers: Sequence[Pledger],
    *,
    boxes: int,
    pack_grams: int,
    weight: Weight,
    rule: Rule,
    strict: bool,
    tie_seed: str,
    earlier_grams: Sequence[int],
    minimum_boxes: int = 1,
) -> allocation.Problem:
    """Weight as the policy says, cap = free boxes of the pledge, history = the season so far; who takes part has at
    least the minimum.

    `earlier_grams`: the season's orders before, which bound together with this one how far anybody catches up.
    """
    sellers = tuple(
        allocation.Seller(
            id=each.code,
            weight=weighed(weight, households=each.households, members=each.members),
            history_grams=each.history_grams,
            cap_packs=min(each.free_boxes, PACKS_MAX),
            pack_grams=pack_grams,
            min_packs=minimum_boxes if minimum_boxes > 1 and not each.kept_boxes else 0,
        )
        for each in pledgers
    )
    total_weight = sum(seller.weight for seller in sellers)
    policy = allocation.Policy(
        rule=rule,
        strict=strict,
        tie_seed=tie_seed,
        catch_up_grams_per_weight=catch_up_bound([*earlier_grams, boxes * pack_grams], total_weight),
    )
    return allocation.Problem(
        sellers=sellers, orders=(allocation.Order(id="order", packs=boxes),), policy=policy
    )


def answered(
    problem: allocation.Problem, allocate: Callable[[allocation.Problem], allocation.Allocation]
) -> tuple[allocation.Problem, allocation.Allocation]:
    """The split of the problem, or of the same without minimum lots where only that supplies more boxes."""
    result = allocate(problem)
    if not result.unfilled_packs or not any(seller.min_packs for seller in problem.sellers):
        return problem, result
    free = replace(problem, sellers=tuple(replace(seller, min_packs=0) for seller in problem.sellers))
    other = allocate(free)
    return (free, other) if other.unfilled_packs < result.unfilled_packs else (problem, result)


def tie_seed_of(*, season: str, campaign_code: str, pack_code: str, number: int) -> str:
    """What draws between equals in the run of an item that has this number."""
    return f"{season}/{campaign_code}/{pack_code}/{number}"
