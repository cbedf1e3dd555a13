"""One seller's share as numbers it can check with a pocket calculator; `text` puts them into sentences."""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from orders.allocation import measures, one_order
from orders.allocation.problem import Problem, Rule
from orders.allocation.result import Allocation, Limit, Mark, Segment

Way = Literal["queue", "sizes", "lots", "tiers"]


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

    part_sellers: int = 0
    part_orders: tuple[str, ...] = ()
    has_higher_lines: bool = False

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
    is_strict, way = problem.policy.strict, _way_of(problem)
    edge = next((it for it in _edges(problem, allocation) if seller_id in it.sellers), _Edge(frozenset()))
    low = edge.last.key if edge.last else None
    high = edge.first.key if edge.first else None
    part = _part_of(allocation, seller_id)
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
        line=part.line if part else None,
        window_low=low,
        window_high=high,
        short_line=shortest_between(low, high) if has_line else None,
        shared_line=low if has_line and low == high else None,
        is_at_shared_line=seller_id in _sellers_at_shared_key(problem, allocation, edge),
        was_drawn=seller_id in drawn_sellers(problem, allocation),
        exact_packs=share.exact_packs,
        packs=share.packs,
        limited_by=share.limited_by,
        level_before=share.level_before,
        level_after=share.level_after,
        way=way,
        min_packs=seller.min_packs,
        max_sellers=problem.orders[0].max_sellers if len(problem.orders) == 1 else None,
        part_sellers=len(part.sellers) if part else 0,
        part_orders=part.orders if part and measures.is_market(problem) else (),
        has_higher_lines=part is not None and _has_higher_lines(allocation, part),
    )


def _way_of(problem: Problem) -> Way:
    if one_order.has_lots(problem):
        return "lots"
    if len({s.tier for s in problem.sellers}) > 1 or len({o.tier for o in problem.orders}) > 1:
        return "tiers"
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


@dataclass(frozen=True, slots=True)
class _Edge:
    """Sellers with one queue between them: its last pack served and its first one refused."""

    sellers: frozenset[str]
    last: Mark | None = None
    first: Mark | None = None

    @property
    def is_shared(self) -> bool:
        return self.last is not None and self.first is not None and self.last.key == self.first.key

    @property
    def is_drawn(self) -> bool:
        if self.last is None or self.first is None:
            return False
        return (self.last.key, self.last.second) == (self.first.key, self.first.second)


def _edges(problem: Problem, allocation: Allocation) -> list[_Edge]:
    """The queues of an answer: one for everybody, or in a market one for each cut of its last tier."""
    certificate = allocation.certificate
    if not measures.is_market(problem):
        everyone = frozenset(seller.id for seller in problem.sellers)
        return [_Edge(everyone, certificate.last_served, certificate.first_refused)]
    last_tier = max((cut.tier for cut in certificate.seller_cuts), default=0)
    return [
        _Edge(frozenset(cut.sellers), cut.last_served, cut.first_refused)
        for cut in certificate.seller_cuts
        if cut.tier == last_tier
    ]


def _part_of(allocation: Allocation, seller_id: str) -> Segment | None:
    """The segment in which a seller stands; of several tiers of orders, the last in which it could sell."""
    mine = [segment for segment in allocation.segments if seller_id in segment.sellers]
    chosen = [segment for segment in mine if segment.line is not None] or mine
    return chosen[-1] if chosen else None


def _has_higher_lines(allocation: Allocation, part: Segment) -> bool:
    if part.line is None:
        return False
    return any(
        other.tier == part.tier and (other.seller_tier, other.line) > (part.seller_tier, part.line)
        for other in allocation.segments
        if other.line is not None
    )


def drawn_sellers(problem: Problem, allocation: Allocation) -> tuple[str, ...]:
    """Sellers between whom the lottery decided on the last packs, in problem order."""
    steps = {seller.id: Fraction(seller.pack_grams, seller.weight) for seller in problem.sellers}
    # Two packs with equal keys also have equal second keys exactly if a pack lifts both levels alike.
    has_second = problem.policy.rule != "nearest"
    drawn: set[str] = set()
    for edge in _edges(problem, allocation):
        if edge.is_drawn and edge.last is not None:
            drawn.update(
                seller
                for seller in _sellers_at_shared_key(problem, allocation, edge)
                if not has_second or steps[seller] == steps[edge.last.seller]
            )
    return tuple(seller.id for seller in problem.sellers if seller.id in drawn)


def _sellers_at_shared_key(problem: Problem, allocation: Allocation, edge: _Edge) -> tuple[str, ...]:
    """Sellers with a pack at the key where some packs were served and others refused."""
    last = edge.last
    if last is None or not edge.is_shared:
        return ()
    half_packs = {"nearest": 1, "lowest": 2, "lowest_after": 0}[problem.policy.rule]
    open_tier = next(seller.tier for seller in problem.sellers if seller.id == last.seller)
    found = []
    histories = measures.counted_histories(problem)
    for seller, share, history in zip(problem.sellers, allocation.sellers, histories, strict=True):
        if seller.id not in edge.sellers or seller.tier != open_tier:
            continue
        number = (last.key * seller.weight - history) / seller.pack_grams + Fraction(half_packs, 2)
        low, high = 0, measures.stock_packs(seller)
        if problem.policy.strict:
            low, high = math.floor(share.exact_packs), math.ceil(share.exact_packs)
        if number.denominator == 1 and low < number <= high:
            found.append(seller.id)
    return tuple(found)
