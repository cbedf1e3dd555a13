"""One order with minimum lots or a limit on sellers: fill first, then least sum of (history + g)^2 / weight.

Whoever takes part sells at least its minimum, and at most so many take part. That is NP-hard in general and
pseudo-polynomial for one order. A price per gram and a fee per seller (Lagrange multipliers of the order's size
and of the limit) let every seller choose alone and give a lower bound on any split. What a seller's count costs
beyond its own best choice is its regret; the regrets of a split add up to its distance from the bound. So
counts whose regret alone exceeds a known distance cannot be part of a best split, and a dynamic programme over
the few that remain is exact: it keeps every best split, and the lottery order chooses among them.

All numbers are whole. Sellers stand in lottery order; of equally good splits the one that gives the first
seller most is taken, then the second, and so on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from heapq import heapify, heappop, heappush
from math import isqrt
from typing import Final, Literal

from orders.allocation.lot_core import Core
from orders.allocation.lot_market import Dual, LotMarket, Lots, LotSeller, best_dual, crossing, market_of

Method = Literal["dynamic_programme", "participation_fee", "drop_and_refill"]

GAP_GRAIN: Final = 10**9
_BITS_MAX: Final = 10**11
_NEARBY: Final = 8
_SETS_TRIED: Final = 4

__all__ = ["LotFilling", "Lots", "Method", "fill"]


@dataclass(frozen=True, slots=True)
class LotFilling:
    """Packs per seller; what a unit of mass and what a seat costs at the bound; the proved relative gap."""

    packs: list[int]
    method: Method
    price: Fraction
    fee: Fraction
    gap: Fraction


def fill(lots: Lots) -> LotFilling:
    """The best split, proved where that takes a bounded amount of work, else the best one found."""
    market = market_of(lots)
    volume, is_proved = _most_that_fits(market)
    market = replace(market, volume=volume)
    dual = best_dual(market)
    found = _from_fees(market, dual)
    if found is not None or is_proved:
        exact = Core(market, dual).solve(found)
        if exact is not None:
            return _answered(market, exact, "dynamic_programme", dual)
    refilled = _drop_and_refill(market)
    shipped = _shipped(market, refilled)
    if found is None or (shipped == volume and market.cost(refilled) < market.cost(found)):
        market = replace(market, volume=shipped)
        return _answered(market, refilled, "drop_and_refill", best_dual(market))
    return _answered(market, found, "participation_fee", dual)


def _answered(market: LotMarket, packs: list[int], method: Method, dual: Dual) -> LotFilling:
    gap = Fraction(0)
    if method != "dynamic_programme":
        cost = market.cost(packs)
        gap = rounded_up(cost - dual.value, cost + market.cost_before)
    price, fee = Fraction(dual.price, market.grain), Fraction(dual.fee, market.grain)
    return LotFilling(packs, method, price, fee, gap)


def rounded_up(distance: int, cost: int) -> Fraction:
    """The distance from the bound, relative to the cost, as a short decimal that is never too small."""
    return Fraction(-(-distance * GAP_GRAIN // cost), GAP_GRAIN) if cost else Fraction(0)


def _shipped(market: LotMarket, packs: Sequence[int]) -> int:
    return sum(seller.pack * packs[seller.index] for seller in market.sellers)


def _most_that_fits(market: LotMarket) -> tuple[int, bool]:
    """The largest mass at most the order's that can be shipped, and whether that is proved."""
    unit, seats = market.unit, market.seats
    largest = sorted((seller.pack * seller.high for seller in market.sellers), reverse=True)
    upper = min(market.volume // unit * unit, sum(largest[:seats]))
    has_limit = seats < len(market.sellers)
    work = (upper // unit + 1) * max(1, len(market.sellers)) * (seats if has_limit else 1) * 12
    if work > _BITS_MAX:
        return upper, False
    totals = _reachable(market, upper // unit, seats if has_limit else None)
    return (totals.bit_length() - 1) * unit, True


def _reachable(market: LotMarket, top: int, seats: int | None) -> int:
    """Bit x is set where x units can be shipped."""
    mask = (1 << (top + 1)) - 1
    reached = [1] if seats is None else [1] + [0] * seats
    for seller in market.sellers:
        stride = seller.pack // market.unit
        for used in range(len(reached) - 1, -1, -1):
            if reached[used]:
                spread = _spread(reached[used] << seller.low * stride, seller.high - seller.low + 1, stride)
                target = 0 if seats is None else used + 1
                if target < len(reached):
                    reached[target] |= spread & mask
    everything = 0
    for bits in reached:
        everything |= bits
    return everything


def _spread(bits: int, times: int, stride: int) -> int:
    """The union of `bits` moved up by 0, 1, … times - 1 strides."""
    done = 1
    while done < times:
        step = min(done, times - done)
        bits |= bits << step * stride
        done += step
    return bits


def _from_fees(market: LotMarket, dual: Dual) -> list[int] | None:
    """The cheapest full split among sets of sellers that a price near the best one would choose."""
    queue = sorted((_entry_price(market, seller, dual), seller.index, seller) for seller in market.sellers)
    entry = [seller for _, _, seller in queue]
    chosen = sum([price <= dual.price * market.step for price, _, _ in queue])
    best: list[int] | None = None
    best_cost = 0
    for size in sorted(range(chosen - _SETS_TRIED, chosen + _SETS_TRIED + 1), key=lambda n: abs(n - chosen)):
        if 0 < size <= min(market.seats, len(entry)):
            packs = _level_out(market, entry[:size], dual.price)
            if packs is not None:
                cost = market.cost(packs)
                if best is None or cost < best_cost:
                    best, best_cost = packs, cost
                if cost == dual.value:
                    # Nothing is below the bound.
                    break
    return best


def _entry_price(market: LotMarket, seller: LotSeller, dual: Dual) -> int:
    """About the lowest price at which taking part pays; exact where the count is fixed by it."""
    root = isqrt(dual.fee * seller.weight // seller.grain)
    grams = min(seller.high * seller.pack, max(seller.low * seller.pack, root))
    price = seller.share * seller.grain * (2 * seller.history + grams)
    return price + dual.fee * market.step // max(1, grams)


def _level_out(market: LotMarket, chosen: list[LotSeller], price: int) -> list[int] | None:
    """The best split over exactly these sellers, each between its minimum and its stock; None if none fills.

    `price` is about that at which they would fill the order.
    """
    least = sum([seller.low * seller.pack for seller in chosen])
    most = sum([seller.high * seller.pack for seller in chosen])
    if not least <= market.volume <= most:
        return None
    packs = [0] * market.count
    for seller in chosen:
        packs[seller.index] = seller.high
    if most > market.volume:
        price = _price_below(market, chosen, price)
        for seller in chosen:
            packs[seller.index] = seller.best(price)
        if _shipped(market, packs) > market.volume:
            for seller in chosen:
                packs[seller.index] = seller.low
    _top_up(market, chosen, packs)
    return packs if _shipped(market, packs) == market.volume else None


def _price_below(market: LotMarket, chosen: list[LotSeller], price: int) -> int:
    """The highest price at which the sellers would ship no more than the order."""

    def mass_at(seller: LotSeller, price: int) -> int:
        return seller.pack * seller.best(price)

    def fits(price: int) -> bool:
        return sum([mass_at(seller, price) for seller in chosen]) <= market.volume

    reach = max(1, price >> _NEARBY)
    low, high = max(0, price - reach), price + reach
    while low and not fits(low):
        low, high, reach = max(0, low - reach * 16), low, reach * 16
    while fits(high):
        low, high, reach = high, high + reach * 16, reach * 16
    return crossing(chosen, mass_at, market.volume + 1, (low, high))[0]


def _top_up(market: LotMarket, chosen: list[LotSeller], packs: list[int]) -> None:
    """Serves the cheapest next pack that fits, until nothing fits."""
    room = market.volume - _shipped(market, packs)
    by_index = {seller.index: seller for seller in chosen}

    def key(seller: LotSeller) -> tuple[int, int]:
        level = 2 * seller.history + seller.pack * (2 * packs[seller.index] + 1)
        return seller.share * level, seller.index

    queue = [key(seller) for seller in chosen if packs[seller.index] < seller.high]
    heapify(queue)
    while queue:
        seller = by_index[heappop(queue)[1]]
        if seller.pack <= room:
            packs[seller.index] += 1
            room -= seller.pack
            if packs[seller.index] < seller.high:
                heappush(queue, key(seller))


def _drop_and_refill(market: LotMarket) -> list[int]:
    """Fills as if there were no minimum, drops who is furthest below its own, and fills again."""
    chosen = sorted(market.sellers, key=lambda s: (-s.high * s.pack, s.index))
    while True:
        packs = [0] * market.count
        _fill_freely(market, chosen, packs)
        below = [
            (seller.low - packs[seller.index], seller.index)
            for seller in chosen
            if packs[seller.index] < seller.low
        ]
        if below:
            worst = max(below)[1]
        elif sum(1 for count in packs if count) > market.seats:
            worst = min((packs[s.index] * s.pack, -s.index) for s in chosen)[1] * -1
        else:
            return packs
        chosen = [seller for seller in chosen if seller.index != worst]


def _fill_freely(market: LotMarket, chosen: list[LotSeller], packs: list[int]) -> None:
    """Serves the cheapest packs as if nobody had a minimum."""

    def mass_at(seller: LotSeller, price: int) -> int:
        return seller.pack * seller.freely(price)

    if sum([seller.pack * seller.high for seller in chosen]) <= market.volume:
        for seller in chosen:
            packs[seller.index] = seller.high
        return
    top = max([seller.top_price(0) for seller in chosen])
    price, _ = crossing(chosen, mass_at, market.volume + 1, (0, top))
    for seller in chosen:
        packs[seller.index] = seller.freely(price)
    if _shipped(market, packs) > market.volume:
        for seller in chosen:
            packs[seller.index] = 0
    _top_up(market, chosen, packs)
