"""The dynamic programme of `minimum_lots`, over the counts that can still be part of a best split."""

from bisect import bisect_left
from dataclasses import dataclass
from math import isqrt
from typing import Final

from orders.allocation.lot_market import Dual, LotMarket, LotSeller

EXACT_WORK_MAX: Final = 10**9
CORE_WORK_MAX: Final = 3 * 10**8
_CELLS_KEPT_MAX: Final = 3 * 10**6
_GAP_SHIFT: Final = 6

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


class Core:
    """Dynamic programme over the counts that can still be part of a best split.

    Row j at stage i holds, for every sum of units, the least regret of sellers i, i + 1, … with j taking part;
    anything above the gap stands for impossible. With no limit on sellers there is a single row.
    """

    def __init__(self, market: LotMarket, dual: Dual) -> None:
        self.market = market
        self.dual = dual
        self.fee = dual.fee * market.step
        self.has_limit = market.seats < len(market.sellers)
        self.target = market.volume // market.unit
        self.strides = [seller.pack // market.unit for seller in market.sellers]
        is_small = self.target * sum(seller.high for seller in market.sellers) <= EXACT_WORK_MAX
        self.work_max = None if is_small else CORE_WORK_MAX

    def solve(self, found: list[int] | None) -> list[int] | None:
        """The best split; None if that would take too much work. `found` is any full split, if one is known."""
        if not self.market.sellers:
            return [0] * self.market.count
        known = None if found is None else self.market.cost(found) - self.dual.value
        smallest_step = min(seller.share * seller.grain * seller.pack**2 for seller in self.market.sellers)
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

    def _regret(self, seller: LotSeller, count: int) -> int:
        return seller.regret(count, self.dual.price, self.dual.fee)

    def _window(self, seller: LotSeller, gap: int) -> tuple[int, int, bool]:
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
        return self.fee * (self.market.seats - used) if self.has_limit else 0

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
        return used + plan.fewest[i] <= seats and self.fee * max(0, empty) <= plan.gap

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
        last = first
        while last not in kept:
            last += 1
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
