"""One order in grams, packs of several sizes: the smallest key that still fits, until nothing fits.

Up to the first pack that does not fit this is the threshold rule of `single`, so that part is found by
bisection on whole-number keys; the few packs after it are served one by one. What is left over is smaller
than the smallest pack that anybody still has.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Crates:
    """Sellers with packs of their own: the key of pack k is (history + offset + k * pack) / weight, then second.

    All numbers are whole; callers scale histories, packs and offsets alike.
    """

    weights: Sequence[int]
    histories: Sequence[int]
    caps: Sequence[int]
    packs: Sequence[int]
    offsets: Sequence[int]
    seconds: Sequence[int]

    @property
    def shift(self) -> int:
        return 2 * max(self.weights, default=1).bit_length()


def fill(crates: Crates, volume: int, rank: Callable[[int], Any]) -> list[int]:
    """Packs per seller that together take at most `volume`."""
    shift, caps, sizes = crates.shift, crates.caps, crates.packs
    starts = [history + offset for history, offset in zip(crates.histories, crates.offsets, strict=True)]
    counts = _below_threshold(crates, starts, volume)
    room = volume - sum(count * size for count, size in zip(counts, sizes, strict=True))

    def place(i: int) -> tuple[int, int, Any, int]:
        top = starts[i] + (counts[i] + 1) * sizes[i]
        return (top << shift) // crates.weights[i], crates.seconds[i], rank(i), i

    queue = [place(i) for i, cap in enumerate(caps) if counts[i] < cap and sizes[i] <= room]
    heapify(queue)
    while queue:
        i = heappop(queue)[-1]
        # Room only shrinks: what does not fit now never will.
        if sizes[i] <= room:
            counts[i] += 1
            room -= sizes[i]
            if counts[i] < caps[i]:
                heappush(queue, place(i))
    return counts


def _below_threshold(crates: Crates, starts: Sequence[int], volume: int) -> list[int]:
    """For the highest threshold at which everything below it fits: how many packs each has below it."""
    shift, sizes = crates.shift, crates.packs
    columns = list(zip(starts, crates.weights, sizes, crates.caps, strict=True))

    def below(threshold: int) -> list[int]:
        counts = []
        for start, weight, size, cap in columns:
            count = (((threshold * weight - 1) >> shift) - start) // size
            counts.append(0 if count < 0 else min(count, cap))
        return counts

    keys = [((start + cap * size) << shift) // weight + 1 for start, weight, size, cap in columns]
    low = min(((start << shift) // weight for start, weight, _, _ in columns), default=0)
    high = max(keys, default=0)
    if sum(cap * size for _, _, size, cap in columns) <= volume:
        return [*crates.caps]
    # Everything below `low` fits (nothing is), everything below `high` does not.
    while high - low > 1:
        middle = (low + high) // 2
        if sum(count * size for count, size in zip(below(middle), sizes, strict=True)) <= volume:
            low = middle
        else:
            high = middle
    return below(low)
