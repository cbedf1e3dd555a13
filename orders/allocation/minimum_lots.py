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

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from heapq import heapify, heappop, heappush
from math import gcd, isqrt, lcm
from typing import Final, Literal

Method = Literal["dynamic_programme", "participation_fee", "drop_and_refill"]

GAP_GRAIN: Final = 10**9
EXACT_WORK_MAX: Final = 10**9
_CORE_WORK_MAX: Final = 3 * 10**8
_BITS_MAX: Final = 10**11
_CELLS_KEPT_MAX: Final = 3 * 10**6
_GAP_SHIFT: Final = 6
_PRICE_STEPS: Final = 48
_FEE_STEPS: Final = 40
_SETS_TRIED: Final = 4


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
class LotFilling:
    """Packs per seller; what a unit of mass and what a seat costs at the bound; the proved relative gap."""

    packs: list[int]
    method: Method
    price: Fraction
    fee: Fraction
    gap: Fraction


@dataclass(frozen=True, slots=True)
class _Seller:
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
class _Market:
    """The sellers that can take part at all, the mass to be shipped, the seats, and the unit of the prices."""

    sellers: list[_Seller]
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
class _Dual:
    price: int
    fee: int
    value: int


def fill(lots: Lots) -> LotFilling:
    """The best split, proved where that takes a bounded amount of work, else the best one found."""
    market = _market_of(lots)
    volume, is_proved = _most_that_fits(market)
    market = replace(market, volume=volume)
    dual = _best_dual(market)
    found = _from_fees(market, dual)
    if found is not None or is_proved:
        exact = _Core(market, dual).solve(found)
        if exact is not None:
            return _answered(market, exact, "dynamic_programme", dual)
    refilled = _drop_and_refill(market)
    shipped = _shipped(market, refilled)
    if found is None or (shipped == volume and market.cost(refilled) < market.cost(found)):
        market = replace(market, volume=shipped)
        return _answered(market, refilled, "drop_and_refill", _best_dual(market))
    return _answered(market, found, "participation_fee", dual)


def _answered(market: _Market, packs: list[int], method: Method, dual: _Dual) -> LotFilling:
    gap = Fraction(0)
    if method != "dynamic_programme":
        cost = market.cost(packs)
        gap = rounded_up(cost - dual.value, cost + market.cost_before)
    unit = market.grain * market.step
    return LotFilling(packs, method, Fraction(dual.price, unit), Fraction(dual.fee, unit), gap)


def rounded_up(distance: int, cost: int) -> Fraction:
    """The distance from the bound, relative to the cost, as a short decimal that is never too small."""
    return Fraction(-(-distance * GAP_GRAIN // cost), GAP_GRAIN) if cost else Fraction(0)


def _shipped(market: _Market, packs: Sequence[int]) -> int:
    return sum(seller.pack * packs[seller.index] for seller in market.sellers)


def _market_of(lots: Lots) -> _Market:
    # Prices are multiples of 1 / grain: short enough to print, fine enough for levels of heavy sellers.
    grain = 1 << (16 + max(lots.weights, default=1).bit_length())
    common = lcm(*lots.weights)
    sellers = [
        _Seller(i, common // weight * grain, history, pack, max(1, minimum), cap)
        for i, (weight, history, pack, cap, minimum) in enumerate(
            zip(lots.weights, lots.histories, lots.packs, lots.caps, lots.minimums, strict=True)
        )
        if cap >= max(1, minimum)
    ]
    return _Market(
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


def _most_that_fits(market: _Market) -> tuple[int, bool]:
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


def _reachable(market: _Market, top: int, seats: int | None) -> int:
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


def _choice(seller: _Seller, price: int, fee: int) -> tuple[int, int]:
    """What a seller would do alone at this price and fee: its count, and what that costs, never above zero."""
    count = seller.best(price)
    net = seller.net(count, price) + fee
    return (count, net) if net <= 0 else (0, 0)


def _dual_at(market: _Market, price: int, fee: int) -> _Dual:
    total = sum(_choice(seller, price, fee)[1] for seller in market.sellers)
    return _Dual(price, fee, total + price * market.volume - fee * market.seats)


def _best_dual(market: _Market) -> _Dual:
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


def _dual_of_largest(market: _Market, smallest: int) -> _Dual:
    """The bound where only the largest stocks fill the order: a price beyond all costs, a fee to match."""
    costs = [(seller.pack * seller.high, seller.cost(seller.high)) for seller in market.sellers]
    price = (sum(cost for _, cost in costs) // market.step + 1) * market.step
    seats_left = market.seats - sum(1 for mass, _ in costs if mass > smallest)
    last_in = sorted(cost for mass, cost in costs if mass == smallest)[seats_left - 1]
    fee = (price * smallest - last_in) // market.step * market.step
    return _dual_at(market, price, fee)


def _priced(market: _Market, fee: int, bracket: tuple[int, int] | None) -> tuple[_Dual, int, int]:
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


def _asked(market: _Market, price: int, fee: int) -> tuple[int, int]:
    volume = seats = 0
    for seller in market.sellers:
        count, _ = _choice(seller, price, fee)
        if count:
            volume += count * seller.pack
            seats += 1
    return volume, seats


def _from_fees(market: _Market, dual: _Dual) -> list[int] | None:
    """The cheapest full split among sets of sellers that a price near the best one would choose."""
    entry = sorted(market.sellers, key=lambda seller: (_entry_price(seller, dual), seller.index))
    chosen = sum(1 for seller in entry if _entry_price(seller, dual) <= dual.price)
    best: list[int] | None = None
    best_cost = 0
    for size in range(chosen - _SETS_TRIED, chosen + _SETS_TRIED + 1):
        if 0 < size <= min(market.seats, len(entry)):
            packs = _level_out(market, entry[:size])
            if packs is not None:
                cost = market.cost(packs)
                if best is None or cost < best_cost:
                    best, best_cost = packs, cost
    return best


def _entry_price(seller: _Seller, dual: _Dual) -> int:
    """About the lowest price at which taking part pays; exact where the count is fixed by it."""
    root = isqrt(dual.fee // seller.scale)
    grams = min(seller.high * seller.pack, max(seller.low * seller.pack, root))
    return seller.scale * (2 * seller.history + grams) + dual.fee // max(1, grams)


def _level_out(market: _Market, chosen: list[_Seller]) -> list[int] | None:
    """The best split over exactly these sellers, each between its minimum and its stock; None if none fills."""
    least = sum(seller.low * seller.pack for seller in chosen)
    most = sum(seller.high * seller.pack for seller in chosen)
    if not least <= market.volume <= most:
        return None
    step = market.step
    low = 0
    high = max(s.scale * (2 * s.history + 2 * s.pack * s.high) for s in chosen) // step + 1
    while high - low > 1 and high - low > high >> _PRICE_STEPS:
        middle = (low + high) // 2
        if sum(s.best(middle * step) * s.pack for s in chosen) > market.volume:
            high = middle
        else:
            low = middle
    packs = [0] * market.count
    for seller in chosen:
        packs[seller.index] = seller.best(low * step)
    if _shipped(market, packs) > market.volume:
        for seller in chosen:
            packs[seller.index] = seller.low
    _top_up(market, chosen, packs)
    return packs if _shipped(market, packs) == market.volume else None


def _top_up(market: _Market, chosen: list[_Seller], packs: list[int]) -> None:
    """Serves the cheapest next pack that fits, until nothing fits."""
    room = market.volume - _shipped(market, packs)
    by_index = {seller.index: seller for seller in chosen}

    def key(seller: _Seller) -> tuple[int, int]:
        return seller.scale * (2 * seller.history + seller.pack * (2 * packs[seller.index] + 1)), seller.index

    queue = [key(seller) for seller in chosen if packs[seller.index] < seller.high]
    heapify(queue)
    while queue:
        seller = by_index[heappop(queue)[1]]
        if seller.pack <= room:
            packs[seller.index] += 1
            room -= seller.pack
            if packs[seller.index] < seller.high:
                heappush(queue, key(seller))


def _drop_and_refill(market: _Market) -> list[int]:
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


def _fill_freely(market: _Market, chosen: list[_Seller], packs: list[int]) -> None:
    step = market.step
    low, high = (
        0,
        1 + max((s.scale * (2 * s.history + 2 * s.pack * s.high) // step for s in chosen), default=0),
    )

    def count_at(seller: _Seller, price: int) -> int:
        count = (price - seller.scale * (2 * seller.history - seller.pack)) // (
            2 * seller.pack * seller.scale
        )
        return min(seller.high, max(0, count))

    while high - low > 1 and high - low > high >> _PRICE_STEPS:
        middle = (low + high) // 2
        if sum(count_at(s, middle * step) * s.pack for s in chosen) > market.volume:
            high = middle
        else:
            low = middle
    for seller in chosen:
        packs[seller.index] = count_at(seller, low * step)
    if _shipped(market, packs) > market.volume:
        for seller in chosen:
            packs[seller.index] = 0
    _top_up(market, chosen, packs)


_Rows = dict[int, tuple[int, list[int]]]


@dataclass(frozen=True, slots=True)
class _Plan:
    """One pass of the dynamic programme: what each seller may still do, and where partial sums may lie."""

    gap: int
    options: list[list[tuple[int, int]]]
    lows: list[int]
    highs: list[int]
    fewest: list[int]
    most: list[int]

    @property
    def cells(self) -> int:
        return sum(high - low + 1 for low, high in zip(self.lows, self.highs, strict=True))


class _Core:
    """Dynamic programme over the counts that can still be part of a best split.

    Row j at stage i holds, for every sum of units, the least regret of sellers i, i + 1, … with j taking part;
    anything above the gap stands for impossible. With no limit on sellers there is a single row.
    """

    def __init__(self, market: _Market, dual: _Dual) -> None:
        self.market = market
        self.dual = dual
        self.has_limit = market.seats < len(market.sellers)
        self.target = market.volume // market.unit
        self.strides = [seller.pack // market.unit for seller in market.sellers]
        is_small = self.target * sum(seller.high for seller in market.sellers) <= EXACT_WORK_MAX
        self.work_max = None if is_small else _CORE_WORK_MAX

    def solve(self, found: list[int] | None) -> list[int] | None:
        """The best split; None if that would take too much work. `found` is any full split, if one is known."""
        if not self.market.sellers:
            return [0] * self.market.count
        known = None if found is None else self.market.cost(found) - self.dual.value
        smallest_step = min(seller.scale * seller.pack**2 for seller in self.market.sellers)
        gap = smallest_step if known is None else known >> _GAP_SHIFT
        while True:
            gap = gap if known is None else min(gap, known)
            plan = self._plan(gap)
            if plan is None:
                return None
            best = self._within(plan)
            if best is not None:
                return best
            gap = max(1, gap << 3)

    def _plan(self, gap: int) -> _Plan | None:
        windows = [self._window(seller, gap) for seller in self.market.sellers]
        lows, highs, fewest, most = [self.target], [self.target], [0], [0]
        for stride, (bottom, top, may_stay_out) in zip(self.strides, windows, strict=True):
            lows.append(max(0, lows[-1] - top * stride))
            highs.append(highs[-1] - (0 if may_stay_out else bottom * stride))
            fewest.append(fewest[-1] + (not may_stay_out))
            most.append(most[-1] + (top > 0))
        rows = self.market.seats if self.has_limit else 1
        work = sum(
            (top - bottom + 2) * max(1, high - low + 1) * rows
            for (bottom, top, _), low, high in zip(windows, lows, highs, strict=False)
        )
        if self.work_max is not None and work > self.work_max:
            return None
        options = [
            [
                *((count, self._regret(seller, count)) for count in range(top, max(bottom, 1) - 1, -1)),
                *([(0, self._regret(seller, 0))] if may_stay_out else []),
            ]
            for seller, (bottom, top, may_stay_out) in zip(self.market.sellers, windows, strict=True)
        ]
        return _Plan(gap, options, lows, highs, fewest, most)

    def _regret(self, seller: _Seller, count: int) -> int:
        own_best = _choice(seller, self.dual.price, self.dual.fee)[1]
        return (seller.net(count, self.dual.price) + self.dual.fee if count else 0) - own_best

    def _window(self, seller: _Seller, gap: int) -> tuple[int, int, bool]:
        """Fewest and most packs with a regret of at most the gap, zeros if none, and whether none is an option."""
        middle = seller.best(self.dual.price)
        may_stay_out = self._regret(seller, 0) <= gap
        if self._regret(seller, middle) > gap:
            return 0, 0, may_stay_out
        top = bisect_left(
            range(middle + 1, seller.high + 1), True, key=lambda count: self._regret(seller, count) > gap
        )
        bottom = bisect_left(
            range(seller.low, middle), True, key=lambda count: self._regret(seller, count) <= gap
        )
        return seller.low + bottom, middle + top, may_stay_out

    def _within(self, plan: _Plan) -> list[int] | None:
        """The best split with a regret of at most the gap, the lottery's choice among equals."""
        count = len(plan.options)
        every = (
            1
            if plan.cells * (self.market.seats if self.has_limit else 1) <= _CELLS_KEPT_MAX
            else isqrt(count)
        )
        rows: _Rows = {0: (0, [0])}
        kept = {count: rows}
        for i in range(count - 1, -1, -1):
            rows = self._stage(plan, i, rows)
            if not rows:
                return None
            if i % every == 0:
                kept[i] = rows
        best = None
        for used, (low, values) in rows.items():
            if 0 <= self.target - low < len(values):
                regret = values[self.target - low] + self._empty_seats(used)
                best = regret if best is None else min(best, regret)
        if best is None or best > plan.gap:
            return None
        claims = {
            used: best - self._empty_seats(used)
            for used, (low, values) in rows.items()
            if 0 <= self.target - low < len(values)
            and values[self.target - low] + self._empty_seats(used) == best
        }
        return self._walk(plan, kept, claims)

    def _empty_seats(self, used: int) -> int:
        return self.dual.fee * (self.market.seats - used) if self.has_limit else 0

    def _stage(self, plan: _Plan, i: int, rows: _Rows) -> _Rows:
        """Adds seller i to what the sellers after it can do."""
        gap, dead, stride = plan.gap, plan.gap + 1, self.strides[i]
        # What sellers before i can still add bounds which sums are of use.
        floor, ceiling = plan.lows[i], plan.highs[i]
        reached: dict[int, list[tuple[int, int, int, list[int]]]] = {}
        for used, (low, values) in rows.items():
            for count, regret in plan.options[i]:
                target = used + 1 if count and self.has_limit else used
                if self._has_seat(plan, i, target):
                    reached.setdefault(target, []).append((low + count * stride, count, regret, values))
        after: _Rows = {}
        for used, sources in reached.items():
            start = max(floor, min(low for low, _, _, _ in sources))
            end = min(ceiling, max(low + len(values) - 1 for low, _, _, values in sources))
            if start > end:
                continue
            row = [dead] * (end - start + 1)
            for low, _, regret, values in sources:
                first, last = max(start, low), min(end, low + len(values) - 1)
                if first <= last:
                    piece = values[first - low : last - low + 1]
                    there = slice(first - start, last - start + 1)
                    row[there] = [
                        old if old <= (new := value + regret) else new
                        for old, value in zip(row[there], piece, strict=True)
                    ]
            trimmed = _trimmed(start, row, gap)
            if trimmed is not None:
                after[used] = trimmed
        return after

    def _has_seat(self, plan: _Plan, i: int, used: int) -> bool:
        if not self.has_limit:
            return True
        seats = self.market.seats
        empty = seats - used - plan.most[i]
        return used + plan.fewest[i] <= seats and self.dual.fee * max(0, empty) <= plan.gap

    def _walk(self, plan: _Plan, kept: dict[int, _Rows], claims: dict[int, int]) -> list[int]:
        """From the first seller on: the largest count with which a best split can still be completed."""
        packs = [0] * self.market.count
        x = self.target
        stages: dict[int, _Rows] = {}
        for i, seller in enumerate(self.market.sellers):
            if i + 1 not in stages:
                stages = self._stages_between(plan, kept, i + 1)
            rows, stride = stages[i + 1], self.strides[i]
            for count, regret in plan.options[i]:
                rest = x - count * stride
                step = 1 if count and self.has_limit else 0
                left = {
                    used - step: value - regret
                    for used, value in claims.items()
                    if _value_at(rows, used - step, rest) == value - regret
                }
                if left:
                    packs[seller.index], x, claims = count, rest, left
                    break
        return packs

    def _stages_between(self, plan: _Plan, kept: dict[int, _Rows], first: int) -> dict[int, _Rows]:
        last = min(i for i in kept if i >= first)
        stages = {last: kept[last]}
        for i in range(last - 1, first - 1, -1):
            stages[i] = self._stage(plan, i, stages[i + 1])
        return stages


def _value_at(rows: _Rows, used: int, x: int) -> int | None:
    if used not in rows:
        return None
    low, values = rows[used]
    return values[x - low] if 0 <= x - low < len(values) else None


def _trimmed(start: int, row: list[int], gap: int) -> tuple[int, list[int]] | None:
    """Without the impossible sums at either end; None if all are."""
    first, last = 0, len(row)
    while first < last and row[first] > gap:
        first += 1
    while last > first and row[last - 1] > gap:
        last -= 1
    return (start + first, row[first:last]) if first < last else None
