"""One seller's share as numbers it can check with a pocket calculator; `text` puts them into sentences."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from orders.allocation import measures, one_order
from orders.allocation.problem import Problem, Rule
from orders.allocation.result import Allocation, Limit

Way = Literal["queue", "sizes", "lots"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why one seller sells `packs` packs. Grams, grams per unit of weight, and packs.

    Any line strictly between `window_low` (key of the last pack served) and `window_high` (key of the first
    pack refused) gives everybody exactly the packs they got; `short_line` is the one with the fewest digits.
    It is None when all stock was given, when nothing was, or when the two keys are equal. Then `shared_line`
    is that key, `is_at_shared_line` says that a pack of this seller has it too, and `was_drawn` that the
    lottery and not the rule's second key decided on it.

    `way` says how packs were counted out: by `queue`, by queue with packs of several `sizes`, or as the best
    split with minimum `lots` or a limit on sellers. Only a plain queue has lines that give everybody's packs.
    """

    seller_id: str
    rule: Rule
    is_strict: bool
    weight: int
    history_grams: int
    counted_history_grams: Fraction
    pack_grams: int
    cap_packs: int
    household_cap_packs: int | None
    stock_packs: int
    line: Fraction | None
    window_low: Fraction | None
    window_high: Fraction | None
    short_line: Fraction | None
    shared_line: Fraction | None
    is_at_shared_line: bool
    was_drawn: bool
    exact_packs: Fraction
    packs: int
    limited_by: Limit
    level_before: Fraction
    level_after: Fraction
    way: Way = "queue"
    min_packs: int = 0
    max_sellers: int | None = None

    def packs_at(self, line: Fraction) -> Fraction:
        """(line x weight - history) / pack: what the calculator shows, before rounding and capping."""
        return (line * self.weight - self.counted_history_grams) / self.pack_grams

    def rounded(self, value: Fraction) -> int:
        """Nearest whole pack under the rule: `lowest` rounds up, `lowest_after` down, `nearest` halves up."""
        match self.rule:
            case "nearest":
                return math.floor(value + Fraction(1, 2))
            case "lowest":
                return math.ceil(value)
            case "lowest_after":
                return math.floor(value)


def explain(problem: Problem, allocation: Allocation, seller_id: str) -> Explanation:
    """The numbers behind one share. Raises KeyError for an id that is not in the problem."""
    index = next((i for i, seller in enumerate(problem.sellers) if seller.id == seller_id), None)
    if index is None:
        raise KeyError(seller_id)
    seller, share = problem.sellers[index], allocation.share_of(seller_id)
    certificate, is_strict = allocation.certificate, problem.policy.strict
    low = certificate.last_served.key if certificate.last_served else None
    high = certificate.first_refused.key if certificate.first_refused else None
    way = _way_of(problem)
    has_line = way == "queue" and not is_strict
    return Explanation(
        seller_id=seller_id,
        rule=problem.policy.rule,
        is_strict=is_strict,
        weight=seller.weight,
        history_grams=seller.history_grams,
        counted_history_grams=measures.counted_histories(problem)[index],
        pack_grams=seller.pack_grams,
        cap_packs=seller.cap_packs,
        household_cap_packs=seller.household_cap_packs,
        stock_packs=measures.stock_packs(seller),
        line=allocation.segments[0].line if allocation.segments else None,
        window_low=low,
        window_high=high,
        short_line=shortest_between(low, high) if has_line else None,
        shared_line=low if has_line and low == high else None,
        is_at_shared_line=seller_id in _sellers_at_shared_key(problem, allocation),
        was_drawn=seller_id in drawn_sellers(problem, allocation),
        exact_packs=share.exact_packs,
        packs=share.packs,
        limited_by=share.limited_by,
        level_before=share.level_before,
        level_after=share.level_after,
        way=way,
        min_packs=seller.min_packs,
        max_sellers=problem.orders[0].max_sellers if len(problem.orders) == 1 else None,
    )


def _way_of(problem: Problem) -> Way:
    if one_order.has_lots(problem):
        return "lots"
    return "sizes" if one_order.is_mixed(problem) else "queue"


def shortest_between(low: Fraction | None, high: Fraction | None) -> Fraction | None:
    """The smallest of the decimals with the fewest digits strictly between two non-negative bounds."""
    if low is None or high is None or not low < high:
        return None
    step = Fraction(10) ** max(1, len(str(math.ceil(high))))
    while True:
        candidate = (math.floor(low / step) + 1) * step
        if candidate < high:
            return candidate
        step /= 10


def drawn_sellers(problem: Problem, allocation: Allocation) -> tuple[str, ...]:
    """Sellers between whom the lottery decided on the last packs, in problem order."""
    certificate = allocation.certificate
    last = certificate.last_served
    if last is None or not certificate.is_decided_by_lottery:
        return ()
    steps = {seller.id: Fraction(seller.pack_grams, seller.weight) for seller in problem.sellers}
    # Two packs with equal keys also have equal second keys exactly if a pack lifts both levels alike.
    has_second = problem.policy.rule != "nearest"
    return tuple(
        seller
        for seller in _sellers_at_shared_key(problem, allocation)
        if not has_second or steps[seller] == steps[last.seller]
    )


def _sellers_at_shared_key(problem: Problem, allocation: Allocation) -> tuple[str, ...]:
    """Sellers with a pack at the key where some packs were served and others refused."""
    last, first = allocation.certificate.last_served, allocation.certificate.first_refused
    if last is None or first is None or last.key != first.key:
        return ()
    half_packs = {"nearest": 1, "lowest": 2, "lowest_after": 0}[problem.policy.rule]
    found = []
    histories = measures.counted_histories(problem)
    for seller, share, history in zip(problem.sellers, allocation.sellers, histories, strict=True):
        number = (last.key * seller.weight - history) / seller.pack_grams + Fraction(half_packs, 2)
        low, high = 0, measures.stock_packs(seller)
        if problem.policy.strict:
            low, high = math.floor(share.exact_packs), math.ceil(share.exact_packs)
        if number.denominator == 1 and low < number <= high:
            found.append(seller.id)
    return tuple(found)
