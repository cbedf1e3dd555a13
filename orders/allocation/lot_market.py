"""Minimum lots as a market: sellers choosing alone at a price per gram and a fee per seat, and the bound of that.

See `minimum_lots` for what is solved. All numbers are whole; price and fee are multiples of one step, so that
they can be printed as short fractions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd, lcm
from typing import Final

_PRICE_STEPS: Final = 48
_FEE_STEPS: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Lots:
    """What is to be split; `packs`, `histories` and `volume` in one unit of mass, sellers in lottery order."""

    weights: Sequence[int]
    histories: Sequence[int]
    packs: Sequence[int]
    caps: Sequence[int]
    minimums: Sequence[int]
    volume: int
    seats: int | None = None

    @property
    def seats_or_all(self) -> int:
        return len(self.weights) if self.seats is None else min(self.seats, len(self.weights))


@dataclass(frozen=True, slots=True)
class LotSeller:
    """`scale` times (2 history g + g^2) for g units of mass is what g costs, in the common whole number."""

    index: int
    scale: int
    history: int
    pack: int
    low: int
    high: int

    def cost(self, count: int) -> int:
        grams = self.pack * count
        return self.scale * grams * (2 * self.history + grams)

    def best(self, price: int) -> int:
        """The count that costs least at this price, if it takes part."""
        step = 2 * self.pack * self.scale
        count = (price - self.scale * (2 * self.history - self.pack)) // step
        return min(self.high, max(self.low, count))

    def net(self, count: int, price: int) -> int:
        grams = self.pack * count
        return grams * (self.scale * (2 * self.history + grams) - price)


@dataclass(frozen=True, slots=True)
class LotMarket:
    """The sellers that can take part at all, the mass to be shipped, the seats, and the unit of the prices."""

    sellers: list[LotSeller]
    count: int
    unit: int
    volume: int
    seats: int
    grain: int
    step: int
    cost_before: int

    def cost(self, packs: Sequence[int]) -> int:
        return sum(seller.cost(packs[seller.index]) for seller in self.sellers)


@dataclass(frozen=True, slots=True)
class Dual:
    price: int
    fee: int
    value: int


def market_of(lots: Lots) -> LotMarket:
    # Prices are multiples of 1 / grain: short enough to print, fine enough for levels of heavy sellers.
    grain = 1 << (16 + max(lots.weights, default=1).bit_length())
    common = lcm(*lots.weights)
    sellers = [
        LotSeller(i, common // weight * grain, history, pack, max(1, minimum), cap)
        for i, (weight, history, pack, cap, minimum) in enumerate(
            zip(lots.weights, lots.histories, lots.packs, lots.caps, lots.minimums, strict=True)
        )
        if cap >= max(1, minimum)
    ]
    return LotMarket(
        sellers=sellers,
        count=len(lots.weights),
        unit=gcd(*(seller.pack for seller in sellers)) or 1,
        volume=lots.volume,
        seats=lots.seats_or_all,
        grain=grain,
        step=common,
        cost_before=sum(
            common // weight * grain * history**2
            for weight, history in zip(lots.weights, lots.histories, strict=True)
        ),
    )


def choice(seller: LotSeller, price: int, fee: int) -> tuple[int, int]:
    """What a seller would do alone at this price and fee: its count, and what that costs, never above zero."""
    count = seller.best(price)
    net = seller.net(count, price) + fee
    return (count, net) if net <= 0 else (0, 0)


def _dual_at(market: LotMarket, price: int, fee: int) -> Dual:
    total = sum(choice(seller, price, fee)[1] for seller in market.sellers)
    return Dual(price, fee, total + price * market.volume - fee * market.seats)


def best_dual(market: LotMarket) -> Dual:
    """The price and fee with the highest bound, to within the grain."""
    if not market.sellers or market.volume == 0:
        return _dual_at(market, 0, 0)
    largest = sorted((seller.pack * seller.high for seller in market.sellers), reverse=True)
    if market.seats < len(largest) and market.volume == sum(largest[: market.seats]):
        return _dual_of_largest(market, largest[market.seats - 1])
    best, _, seats_taken = _priced(market, 0, None)
    if seats_taken <= market.seats:
        return best
    low, high = 0, max(seller.cost(seller.high) for seller in market.sellers) // market.step + 1
    bracket: tuple[int, int] | None = None
    lowest_price, highest_price = best.price // market.step, None
    for _ in range(_FEE_STEPS + high.bit_length() // 2):
        if high - low <= max(1, high >> _FEE_STEPS):
            break
        middle = (low + high) // 2
        bracket = None if highest_price is None else (lowest_price, highest_price)
        dual, price, seats_taken = _priced(market, middle * market.step, bracket)
        best = max(best, dual, key=lambda it: it.value)
        if seats_taken > market.seats:
            low, lowest_price = middle, max(lowest_price, price - 1)
        else:
            high, highest_price = middle, price + 1
    return best


def _dual_of_largest(market: LotMarket, smallest: int) -> Dual:
    """The bound where only the largest stocks fill the order: a price beyond all costs, a fee to match."""
    costs = [(seller.pack * seller.high, seller.cost(seller.high)) for seller in market.sellers]
    price = (sum(cost for _, cost in costs) // market.step + 1) * market.step
    seats_left = market.seats - sum(1 for mass, _ in costs if mass > smallest)
    last_in = sorted(cost for mass, cost in costs if mass == smallest)[seats_left - 1]
    fee = (price * smallest - last_in) // market.step * market.step
    return _dual_at(market, price, fee)


def _priced(market: LotMarket, fee: int, bracket: tuple[int, int] | None) -> tuple[Dual, int, int]:
    """The best price at this fee, as a bound, in price units, and how many take part just below it."""
    step = market.step
    if bracket is None:
        top = max(
            max(
                seller.scale * (2 * seller.history + seller.pack * 2 * seller.high),
                (seller.cost(seller.high) + fee) // (seller.pack * seller.high),
            )
            for seller in market.sellers
        )
        bracket = 0, top // step + 1
    low, high = bracket
    while high - low > 1 and high - low > high >> _PRICE_STEPS:
        middle = (low + high) // 2
        if _asked(market, middle * step, fee)[0] >= market.volume:
            high = middle
        else:
            low = middle
    sides = [_dual_at(market, low * step, fee), _dual_at(market, high * step, fee)]
    best = max(sides, key=lambda it: it.value)
    return best, high, _asked(market, best.price, fee)[1]


def _asked(market: LotMarket, price: int, fee: int) -> tuple[int, int]:
    volume = seats = 0
    for seller in market.sellers:
        count, _ = choice(seller, price, fee)
        if count:
            volume += count * seller.pack
            seats += 1
    return volume, seats
