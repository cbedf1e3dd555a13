"""What a problem's members count for: packs asked for, packs there are, history under the season's bound."""

from fractions import Fraction
from math import lcm

from orders.allocation import single
from orders.allocation.problem import Order, Problem, Seller


def is_market(problem: Problem) -> bool:
    """Whether more must be found than one line for everybody: several orders, links, or tiers of sellers."""
    return (
        len(problem.orders) > 1
        or problem.links is not None
        or len({seller.tier for seller in problem.sellers}) > 1
    )


def demand_packs(order: Order, sellers: tuple[Seller, ...]) -> int:
    """Whole packs that the order asks for; an order in grams is rounded down to the sellers' pack."""
    if order.packs is not None:
        return order.packs
    return (order.grams or 0) // sellers[0].pack_grams if sellers else 0


def stock_packs(seller: Seller) -> int:
    """What a seller can give: its stock, or less where its households reach their season's cap first."""
    if seller.household_cap_packs is None:
        return seller.cap_packs
    season_grams = seller.household_cap_packs * seller.weight * seller.pack_grams
    room = (season_grams - seller.history_grams) // seller.pack_grams
    return max(0, min(seller.cap_packs, room))


def counted_histories(problem: Problem) -> list[Fraction]:
    """History in grams as the rule sees it: no seller counts as further behind the median than the bound."""
    bound = problem.policy.catch_up_grams_per_weight
    histories = [Fraction(seller.history_grams) for seller in problem.sellers]
    if bound is None or not problem.sellers:
        return histories
    floor = _median([Fraction(s.history_grams, s.weight) for s in problem.sellers]) - bound
    return [
        max(history, floor * seller.weight)
        for history, seller in zip(histories, problem.sellers, strict=True)
    ]


def basin_of(problem: Problem) -> tuple[int, single.Basin]:
    """The problem in whole numbers for the engine: all grams are multiplied by the returned scale."""
    sellers, rule = problem.sellers, problem.policy.rule
    pack = sellers[0].pack_grams if sellers else 1
    weights = [seller.weight for seller in sellers]
    if problem.policy.catch_up_grams_per_weight is None:
        scale = 2
        histories = [2 * seller.history_grams for seller in sellers]
    else:
        counted = counted_histories(problem)
        scale = 2 * lcm(*(history.denominator for history in counted))
        histories = [int(history * scale) for history in counted]
    offsets = {"nearest": -scale * pack // 2, "lowest": -scale * pack, "lowest_after": 0}
    seconds = {"nearest": 0, "lowest": 1, "lowest_after": -1}
    return scale, single.Basin(
        weights=weights,
        histories=histories,
        caps=[stock_packs(seller) for seller in sellers],
        pack=scale * pack,
        offset=offsets[rule],
        seconds=[seconds[rule] * weight for weight in weights],
        strict=problem.policy.strict,
    )


def _median(values: list[Fraction]) -> Fraction:
    values = sorted(values)
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2
