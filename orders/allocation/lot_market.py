"""Minimum lots as a market: sellers choosing alone at a price per gram and a fee per seat, and the bound of that.

See `minimum_lots` for what is solved. All numbers are whole; price and fee are multiples of one step, so that
they can be printed as short fractions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import compress
from math import gcd, lcm
from operator import ne
from typing import Final

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
    """A seller's costs in two units: its own, in which numbers are short, and the common one, `share` times that.

    g units of mass cost `grain` times (2 history g + g^2) in its own unit. A price or a fee of one step costs
    `weight` in its own unit.
    """

    index: int
    weight: int
    share: int
    grain: int
    history: int
    pack: int
    low: int
    high: int
    _first: int = field(init=False)
    _each: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_first", self.grain * (2 * self.history - self.pack))
        object.__setattr__(self, "_each", 2 * self.pack * self.grain)

    def cost(self, count: int) -> int:
        grams = self.pack * count
        return self.share * self.grain * grams * (2 * self.history + grams)

    def best(self, price: int) -> int:
        """The count that costs least at this price, if it takes part."""
        count = (price * self.weight - self._first) // self._each
        return self.low if count < self.low else min(count, self.high)

    def freely(self, price: int) -> int:
        """The count that costs least at this price, had it no minimum."""
        return min(self.high, max(0, (price * self.weight - self._first) // self._each))

    def own_net(self, count: int, price: int, fee: int) -> int:
        """What `count` packs cost beyond what they bring in, in the seller's own unit."""
        grams = self.pack * count
        return grams * (self.grain * (2 * self.history + grams) - price * self.weight) + fee * self.weight

    def choice(self, price: int, fee: int) -> int:
        """What it would do alone at this price and fee; taking part costs nothing at the edge."""
        count = self.best(price)
        return count if self.own_net(count, price, fee) <= 0 else 0

    def regret(self, count: int, price: int, fee: int) -> int:
        """What `count` packs cost beyond its own best choice, in the common unit."""
        chosen = self.choice(price, fee)
        best = self.own_net(chosen, price, fee) if chosen else 0
        return self.share * ((self.own_net(count, price, fee) if count else 0) - best)

    def top_price(self, fee: int) -> int:
        """A price at which it takes part with all it has."""
        grams = self.pack * self.high
        last_pack = self.grain * (2 * self.history + 2 * grams) // self.weight
        entry = (self.grain * grams * (2 * self.history + grams) + fee * self.weight) // (grams * self.weight)
        return max(last_pack, entry) + 1


@dataclass(frozen=True, slots=True)
class LotMarket:
    """The sellers that can take part at all, the mass to be shipped, the seats.

    Prices and fees are whole steps of `step` in the common unit of cost; `grain` steps are one unit of level.
    """

    sellers: list[LotSeller]
    count: int
    unit: int
    volume: int
    seats: int
    grain: int
    step: int
    cost_before: int

    def cost(self, packs: Sequence[int]) -> int:
        return sum([seller.cost(packs[seller.index]) for seller in self.sellers])


@dataclass(frozen=True, slots=True)
class Dual:
    """A price and a fee, in steps, and the bound they give, in the common unit."""

    price: int
    fee: int
    value: int


def market_of(lots: Lots) -> LotMarket:
    # Prices are multiples of 1 / grain: short enough to print, fine enough for levels of heavy sellers.
    grain = 1 << (16 + max(lots.weights, default=1).bit_length())
    common = lcm(*lots.weights)
    sellers = [
        LotSeller(i, weight, common // weight, grain, history, pack, max(1, minimum), cap)
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


def crossing(
    sellers: Sequence[LotSeller],
    mass_at: Callable[[LotSeller, int], int],
    volume: int,
    bracket: tuple[int, int],
) -> tuple[int, int]:
    """The neighbouring prices between which the sellers' mass, which rises with the price, reaches the volume.

    It is taken to be below the volume at the bracket's lower end and not at its upper end. Sellers who do the
    same at both ends are not asked again, so that soon there are few left to ask.
    """
    low, high = bracket
    active, settled = list(sellers), 0
    at_low = [mass_at(seller, low) for seller in active]
    at_high = [mass_at(seller, high) for seller in active]
    is_even = False
    while high - low > 1:
        moving = list(map(ne, at_low, at_high))
        if not all(moving):
            settled += sum([mass for mass, moves in zip(at_low, moving, strict=True) if not moves])
            active = list(compress(active, moving))
            at_low, at_high = list(compress(at_low, moving)), list(compress(at_high, moving))
            if not active:
                return (low, low + 1) if settled >= volume else (high - 1, high)
        middle = (low + high) // 2
        if is_even:
            # Mass rises about evenly, so a straight line guesses well; halving makes sure of progress.
            lower = sum(at_low)
            guess = low + (high - low) * (volume - settled - lower) // (sum(at_high) - lower)
            middle = min(high - 1, max(low + 1, guess))
        is_even = not is_even
        masses = [mass_at(seller, middle) for seller in active]
        if settled + sum(masses) >= volume:
            high, at_high = middle, masses
        else:
            low, at_low = middle, masses
    return low, high


def _dual_at(market: LotMarket, price: int, fee: int) -> Dual:
    total = 0
    for seller in market.sellers:
        net = seller.own_net(seller.best(price), price, fee)
        if net < 0:
            total += seller.share * net
    return Dual(price, fee, total + (price * market.volume - fee * market.seats) * market.step)


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
    lowest_price, highest_price = best.price, None
    for _ in range(_FEE_STEPS + high.bit_length() // 2):
        if high - low <= max(1, high >> _FEE_STEPS):
            break
        middle = (low + high) // 2
        bracket = None if highest_price is None else (lowest_price, highest_price)
        dual, price, seats_taken = _priced(market, middle, bracket)
        best = max(best, dual, key=lambda it: it.value)
        if seats_taken > market.seats:
            low, lowest_price = middle, max(lowest_price, price - 1)
        else:
            high, highest_price = middle, price + 1
    return best


def _dual_of_largest(market: LotMarket, smallest: int) -> Dual:
    """The bound where only the largest stocks fill the order: a price beyond all costs, a fee to match."""
    costs = [(seller.pack * seller.high, seller.cost(seller.high)) for seller in market.sellers]
    price = sum(cost for _, cost in costs) // market.step + 1
    seats_left = market.seats - sum(1 for mass, _ in costs if mass > smallest)
    last_in = sorted(cost for mass, cost in costs if mass == smallest)[seats_left - 1]
    return _dual_at(market, price, price * smallest - -(-last_in // market.step))


def _priced(market: LotMarket, fee: int, bracket: tuple[int, int] | None) -> tuple[Dual, int, int]:
    """The best price at this fee, as a bound, in price units, and how many take part just below it."""
    if bracket is None:
        bracket = 0, max([seller.top_price(fee) for seller in market.sellers])

    def mass_at(seller: LotSeller, price: int) -> int:
        return seller.pack * seller.choice(price, fee)

    low, high = crossing(market.sellers, mass_at, market.volume, bracket)
    best = max(_dual_at(market, low, fee), _dual_at(market, high, fee), key=lambda it: it.value)
    return best, high, sum([1 for seller in market.sellers if seller.choice(best.price, fee)])
