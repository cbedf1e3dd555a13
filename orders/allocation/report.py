"""The fairness report of one run: how equal the levels became, and what kept them from being more so.

Every figure is an exact Fraction. Spread is given twice, over everyone and over those whom no shortage of
their own held back, because one empty store would otherwise look like an unfair split.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby

from orders.allocation import json_form, measures
from orders.allocation.explain import drawn_sellers
from orders.allocation.problem import Problem
from orders.allocation.result import LIMITS, LIMITS_OF_ITS_OWN, Allocation, Certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Inequality of the levels after, each seller counted with its weight; None where every level is zero."""

    sellers: int
    mean_level: Fraction
    smallest_level: Fraction
    jain: Fraction | None
    gini: Fraction | None
    smallest_to_mean: Fraction | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FairnessReport:
    """`envy_packs`: most packs one seller could hand another without ending below it; 0 is envy-free."""

    everyone: Spread | None
    free: Spread | None
    envy_packs: int
    deviation_worst_packs: Fraction
    deviation_worst_seller: str | None
    deviation_mean_packs: Fraction
    fill_rates: tuple[tuple[str, Fraction], ...]
    fill_rate_smallest: Fraction | None
    fill_rate_mean: Fraction | None
    limited: tuple[tuple[str, tuple[str, ...]], ...]
    drawn: tuple[str, ...]
    tie_seed: str
    method: str
    gap: Fraction
    certificate: Certificate
    input_hash: str
    digest: str


def report(problem: Problem, allocation: Allocation) -> FairnessReport:
    """The figures of section "fairness report"; `allocation` is taken as verified."""
    shares = allocation.sellers
    weights = [seller.weight for seller in problem.sellers]
    grams = [
        s.history_grams + share.packs * s.pack_grams for s, share in zip(problem.sellers, shares, strict=True)
    ]
    free = [i for i, share in enumerate(shares) if share.limited_by not in LIMITS_OF_ITS_OWN]
    deviations = [(abs(share.packs - share.exact_packs), share.id) for share in shares]
    worst = max(deviations, key=lambda entry: entry[0], default=(Fraction(0), None))
    rates = tuple(
        (fill.id, Fraction(fill.packs, fill.packs + fill.unfilled_packs))
        for fill in allocation.orders
        if fill.packs + fill.unfilled_packs
    )
    limited = {limit: tuple(s.id for s in shares if s.limited_by == limit) for limit in LIMITS}
    return FairnessReport(
        everyone=spread(weights, grams),
        free=spread([weights[i] for i in free], [grams[i] for i in free]),
        envy_packs=_envy_packs(problem, allocation),
        deviation_worst_packs=worst[0],
        deviation_worst_seller=worst[1] if worst[0] else None,
        deviation_mean_packs=_sum([value for value, _ in deviations]) / max(1, len(deviations)),
        fill_rates=rates,
        fill_rate_smallest=min((rate for _, rate in rates), default=None),
        fill_rate_mean=_sum([rate for _, rate in rates]) / len(rates) if rates else None,
        limited=tuple((limit, sellers) for limit, sellers in limited.items() if sellers),
        drawn=drawn_sellers(problem, allocation),
        tie_seed=problem.policy.tie_seed,
        method=allocation.method,
        gap=allocation.gap,
        certificate=allocation.certificate,
        input_hash=json_form.input_hash(problem),
        digest=allocation.digest,
    )


def spread(weights: Sequence[int], grams: Sequence[int]) -> Spread | None:
    """Jain, Gini and smallest / mean of grams[i] / weights[i], each with weight weights[i]."""
    if not weights:
        return None
    total_weight, total_grams = sum(weights), sum(grams)
    levels = sorted((Fraction(g, w), w, g) for g, w in zip(grams, weights, strict=True))
    mean, smallest = Fraction(total_grams, total_weight), levels[0][0]
    if not total_grams:
        return Spread(
            sellers=len(weights),
            mean_level=mean,
            smallest_level=smallest,
            jain=None,
            gini=None,
            smallest_to_mean=None,
        )
    squares = _sum([Fraction(g * g, w) for g, w in zip(grams, weights, strict=True)])
    below, difference = 0, 0
    for _, weight, gram in levels:
        difference += gram * (2 * below + weight - total_weight)
        below += weight
    return Spread(
        sellers=len(weights),
        mean_level=mean,
        smallest_level=smallest,
        jain=Fraction(total_grams * total_grams) / (total_weight * squares),
        gini=Fraction(difference, total_weight * total_grams),
        smallest_to_mean=smallest / mean,
    )


def _envy_packs(problem: Problem, allocation: Allocation) -> int:
    """Largest t such that some seller could give t packs to another and still not stand below it."""
    queues = _queues(problem, allocation)
    low, high = 0, max((share.packs for share in allocation.sellers), default=0)
    while low < high:
        middle = (low + high + 1) // 2
        if any(_can_move(queue, middle) for queue in queues):
            low = middle
        else:
            high = middle - 1
    return low


@dataclass(frozen=True, slots=True)
class _Seat:
    """A seller at the end of the run: grams that the rule counts, packs it could give up, packs it could add."""

    rank: int
    grams: Fraction
    weight: int
    pack_grams: int
    given: int
    left: int


def _queues(problem: Problem, allocation: Allocation) -> list[list[_Seat]]:
    """Sellers between whom packs may move; a chain of swaps never leads to a seller of a higher rank.

    In a market that is the last tier of orders, and the rank is the place of a seller's cut; tiers of sellers
    are served one after the other, so nothing moves between them.
    """
    given = {share.id: share.packs for share in allocation.sellers}
    ranks = dict.fromkeys(given, 0)
    if measures.is_market(problem) and problem.orders:
        last = max(order.tier for order in problem.orders)
        late = {order.id for order in problem.orders if order.tier == last}
        given = dict.fromkeys(given, 0)
        for shipment in allocation.shipments:
            if shipment.order in late:
                given[shipment.seller] += shipment.packs
        cuts = [cut for cut in allocation.certificate.seller_cuts if cut.tier == last]
        ranks = {seller: rank for rank, cut in enumerate(cuts) for seller in cut.sellers}
    queues: dict[int, list[_Seat]] = {}
    histories = measures.counted_histories(problem)
    for seller, share, history in zip(problem.sellers, allocation.sellers, histories, strict=True):
        seat = _Seat(
            rank=ranks[seller.id],
            grams=history + share.packs * seller.pack_grams,
            weight=seller.weight,
            pack_grams=seller.pack_grams,
            given=given[seller.id],
            left=measures.stock_packs(seller) - share.packs,
        )
        queues.setdefault(seller.tier, []).append(seat)
    return list(queues.values())


def _can_move(seats: Sequence[_Seat], packs: int) -> bool:
    highest: Fraction | None = None
    for _, group in groupby(sorted(seats, key=lambda seat: seat.rank), key=lambda seat: seat.rank):
        here = list(group)
        givers = [(s.grams - packs * s.pack_grams) / s.weight for s in here if s.given >= packs]
        takers = [(s.grams + packs * s.pack_grams) / s.weight for s in here if s.left >= packs]
        highest = max([*givers, *([] if highest is None else [highest])], default=None)
        if takers and highest is not None and min(takers) <= highest:
            return True
    return False


def _sum(values: Sequence[Fraction]) -> Fraction:
    """By halves, so that denominators grow late: a running total would carry the largest one all along."""
    if len(values) <= 2:
        return sum(values, Fraction(0))
    middle = math.ceil(len(values) / 2)
    return _sum(values[:middle]) + _sum(values[middle:])
