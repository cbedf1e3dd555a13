"""One order over very many sellers, in columns: `single.fill` done with numpy, to the same packs and marks.

Floats only guess. They find about where the line and the threshold lie; whoever stands clearly to one side is
settled by that, with a margin far beyond any rounding error, and the few in between are settled by `single`
in whole numbers. The result is checked to lie inside the margin, else the margin grows. Where numpy is not
installed, or numbers are too large to be whole in a float, everything is done by `single`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from importlib import import_module
from typing import Any, Final

from orders.allocation import single
from orders.allocation.single import Basin, Filling

_WHOLE_IN_A_FLOAT: Final = 2**53
_LARGEST_SUM: Final = 2**62
_SELLERS_WORTH_IT: Final = 500
_SAMPLE: Final = 32_768
_STRIDE: Final = 16
_NEWTON_STEPS: Final = 60
_WIDENINGS: Final = 12
_NEIGHBOURS: Final = 48


def fill(basin: Basin, demand_packs: int, rank: Callable[[int], Any]) -> Filling:
    """As `single.fill`, whose packs, line and edges it returns. Columns may be lists or numpy arrays."""
    numpy = numpy_or_none()
    if numpy is None or len(basin.caps) < _SELLERS_WORTH_IT or basin.strict:
        return single.fill(_as_lists(basin), demand_packs, rank)
    columns = _Columns.of(numpy, basin)
    if columns is None:
        return single.fill(_as_lists(basin), demand_packs, rank)
    served = min(demand_packs, columns.supply)
    line = columns.line(served) if served else None
    found = None if line is None else columns.share_out(served, line, rank)
    if line is None or found is None:
        return single.fill(_as_lists(basin), demand_packs, rank)
    packs, last, first = found
    return Filling(packs.tolist(), line, last, first)


def numpy_or_none() -> Any:
    """The package, or None where it is not installed."""
    try:
        return import_module("numpy")
    except ImportError:
        return None


def _as_lists(basin: Basin) -> Basin:
    names = ("weights", "histories", "caps", "seconds")
    lists = {name: column.tolist() for name in names if hasattr(column := getattr(basin, name), "tolist")}
    return replace(basin, **lists) if lists else basin


@dataclass(frozen=True, slots=True)
class _Columns:
    numpy: Any
    basin: Basin
    weights: Any
    histories: Any
    caps: Any
    supply: int
    # Whether the sum of any column fits into 63 bits.
    is_short: bool

    @classmethod
    def of(cls, numpy: Any, basin: Basin) -> "_Columns | None":
        """None where some number of grams would not be whole in a float."""
        try:
            columns = [
                numpy.asarray(column, dtype=numpy.int64)
                for column in (basin.weights, basin.histories, basin.caps)
            ]
        except OverflowError:
            return None
        weights, histories, caps = columns
        top = int(histories.max()) + (int(caps.max()) + 1) * basin.pack + abs(basin.offset)
        if max(top, int(weights.max())) >= _WHOLE_IN_A_FLOAT:
            return None
        is_short = max(top, int(weights.max())) * len(caps) < _LARGEST_SUM
        return cls(numpy, basin, weights, histories, caps, _total(caps), is_short)

    def total(self, column: Any) -> int:
        return int(column.sum()) if self.is_short else _total(column)

    def line(self, served: int) -> tuple[int, int] | None:
        """The exact line, from those at most who start or end close to it; None if it was not found."""
        numpy, pack = self.numpy, self.basin.pack
        rooms = self.caps * pack
        starts = self.histories / self.weights
        ends = (self.histories + rooms) / self.weights
        level = self.level_near(served, starts, ends, rooms)
        reach = max(abs(level), 1.0) * 2.0**-40
        for _ in range(_WIDENINGS):
            low, high = level - reach, level + reach
            is_full, is_rising = ends < low, (starts < low) & (ends > high)
            near = numpy.flatnonzero(~is_full & ~is_rising & (starts <= high))
            weights, histories = self.weights[near].tolist(), self.histories[near].tolist()
            limits = (self.histories[near] + rooms[near]).tolist()
            volume = served * pack - self.total(rooms * is_full)
            rising = self.total(self.weights * is_rising)
            if rising and volume > 0:
                start = self.total(self.histories * is_rising)
                weights, histories, limits = (
                    [*weights, rising],
                    [*histories, start],
                    # Beyond any end that matters: the line is looked for close to `level` only.
                    [*limits, start + volume + rising],
                )
            if weights and volume > 0:
                top, bottom = single.water_line(weights, histories, limits, volume)
                if bottom > 0 and Fraction(low) < Fraction(top, bottom) < Fraction(high):
                    return top, bottom
            reach *= 64.0
        return None

    def level_near(self, served: int, starts: Any, ends: Any, rooms: Any) -> float:
        """About the line, by Newton's method between the bounds that are known so far.

        Sums over some of the sellers multiply by the flags: numpy does that several times faster than picking.
        """
        numpy = self.numpy
        volume = float(served) * self.basin.pack
        low, high = float(starts.min()), float(ends.max())
        if len(starts) > _SAMPLE:
            # One in so many finds most of the way at hardly any cost.
            part = slice(None, None, _STRIDE)
            sample = replace(
                self, weights=self.weights[part], histories=self.histories[part], caps=self.caps[part]
            )
            wanted = served * len(sample.weights) // len(starts)
            level = sample.level_near(wanted, starts[part], ends[part], rooms[part])
        else:
            total = float(self.weights.sum())
            level = (volume + float(self.histories.sum(dtype=float))) / total
        level = min(high, max(low, level))
        for _ in range(_NEWTON_STEPS):
            held = level * self.weights
            held -= self.histories
            numpy.clip(held, 0, rooms, out=held)
            missing = volume - float(held.sum())
            if missing > 0:
                low = level
            else:
                high = level
            if abs(missing) <= volume * 2.0**-48:
                break
            slope = float((self.weights * ((starts <= level) & (ends > level))).sum())
            guess = level + missing / slope if slope else (low + high) / 2
            level = guess if low < guess < high else (low + high) / 2
        return level

    def share_out(
        self, served: int, line: tuple[int, int], rank: Callable[[int], Any]
    ) -> tuple[Any, int | None, int | None] | None:
        """Packs, who was served last and who refused first; None if floats could not narrow it down."""
        numpy, pack = self.numpy, self.basin.pack
        starts = self.histories + self.basin.offset
        level = line[0] / line[1]
        slope = max(1.0, float((self.weights * (self.histories < level * self.weights)).sum()))
        counts, missing = self._counts(starts, level, served)
        for _ in range(4):
            if abs(missing) <= _NEIGHBOURS // 2:
                break
            level += missing * pack / slope
            counts, missing = self._counts(starts, level, served)
        served_keys = (starts + counts * pack) / self.weights
        refused_keys = (starts + (counts + 1) * pack) / self.weights
        reach = (abs(missing) + _NEIGHBOURS) * pack / slope
        error = max(abs(level), 1.0) * 2.0**-48
        for _ in range(_WIDENINGS):
            reach = max(reach, 16 * error)
            is_near = ((counts > 0) & (served_keys >= level - reach)) | (
                (counts < self.caps) & (refused_keys <= level + reach)
            )
            near = numpy.flatnonzero(is_near)
            settled = self._settle(near, counts, level, served, rank)
            if settled is not None:
                packs, last, first = settled
                inside = Fraction(level - reach + error), Fraction(level + reach - error)
                if len(near) == len(counts) or self._is_inside(packs, last, first, inside):
                    return packs, last, first
            reach *= 8.0
        return None

    def _counts(self, starts: Any, level: float, served: int) -> tuple[Any, int]:
        wanted = self.numpy.floor((level * self.weights - starts) / self.basin.pack)
        counts = self.numpy.clip(wanted, 0, self.caps).astype(self.numpy.int64)
        return counts, served - self.total(counts)

    def _settle(
        self, near: Any, counts: Any, level: float, served: int, rank: Callable[[int], Any]
    ) -> tuple[Any, int | None, int | None] | None:
        """Divides over those near the threshold what all the others leave, in whole numbers."""
        if not len(near):
            return None
        indices = near.tolist()
        weights = self.weights[near].tolist()
        step = int(self.basin.seconds[0]) // int(self.weights[0])
        part = replace(
            self.basin,
            weights=weights,
            histories=self.histories[near].tolist(),
            caps=self.caps[near].tolist(),
            seconds=[step * weight for weight in weights],
        )
        left = served - (self.total(counts) - self.total(counts[near]))
        if not 0 <= left <= sum(part.caps):
            return None
        threshold = level.as_integer_ratio()
        mine, last, first = single.settle(part, left, threshold, lambda i: rank(indices[i]))
        packs = counts.copy()
        packs[near] = mine
        return (
            packs,
            None if last is None else indices[last],
            None if first is None else indices[first],
        )

    def _is_inside(
        self, packs: Any, last: int | None, first: int | None, inside: tuple[Fraction, Fraction]
    ) -> bool:
        """Whether both edges lie where nobody else has a key, so that they are the edges of all."""
        low, high = inside
        if last is None or not low < self._key(last, int(packs[last])) < high:
            return False
        if first is None:
            return bool((packs == self.caps).all())
        return low < self._key(first, int(packs[first]) + 1) < high

    def _key(self, i: int, number: int) -> Fraction:
        top = int(self.histories[i]) + self.basin.offset + number * self.basin.pack
        return Fraction(top, int(self.weights[i]))


def _total(column: Any) -> int:
    """The exact sum of whole numbers of 63 bits, which may itself need more."""
    return (int((column >> 31).sum()) << 31) + int((column & (2**31 - 1)).sum())
