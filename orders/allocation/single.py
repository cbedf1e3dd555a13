"""One order, one pack size: the fair totals in O(N log N), with integers only inside the loops.

Levels rise together like water until the order is filled; every share is then rounded under the rule, and the
few packs by which the rounded shares miss the order are added or taken back at the threshold. For `nearest`
this is the Webster / Sainte-Lague divisor rule with history as a head start and stock as a cap, which is the
whole-pack minimum of the sum of (history + pack x n)^2 / weight (Balinski & Young 1982, ch. 3 and app. A;
Federgruen & Groenevelt 1986 on greedy solutions of separable convex resource allocation).

Two different fractions with denominators up to W differ by at least 1/W^2. So floor(x * 2^s) with 2^s > W^2
sorts fractions exactly, ties included: no Fraction and no float takes part in any comparison.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heapreplace
from itertools import accumulate
from operator import neg
from typing import Any

# A pack's sortable key, its second key, its seller.
_Entry = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Basin:
    """What is to be filled. Seller i with n packs stands at (histories[i] + n * pack) / weights[i].

    The key of its k-th pack is that level at n = k, moved by `offset` before dividing, then `seconds[i]`.
    `offset` must be a whole number, so callers scale histories and pack; line and keys are in that scale.
    """

    weights: Sequence[int]
    histories: Sequence[int]
    caps: Sequence[int]
    pack: int
    offset: int
    seconds: Sequence[int]
    strict: bool = False

    @property
    def shift(self) -> int:
        return 2 * max(self.weights, default=1).bit_length()


@dataclass(frozen=True, slots=True)
class Filling:
    """Packs per seller, the exact line as numerator and denominator, and who stands on either side of it."""

    packs: list[int]
    line: tuple[int, int] | None
    last_served: int | None
    first_refused: int | None


def fill(basin: Basin, demand_packs: int, rank: Callable[[int], Any]) -> Filling:
    """Divides `demand_packs` over the sellers. `rank(i)` is asked only where keys are equal."""
    supply = sum(basin.caps)
    served = min(demand_packs, supply)
    if served == 0:
        packs = [0] * len(basin.caps)
        return Filling(packs, None, None, _edge(_keys(basin, packs, basin.caps, 1), rank, min))

    line = exact_line(basin, served)
    packs, last, first = settle(basin, served, line, rank)
    return Filling(packs, line, last, first)


def settle(
    basin: Basin, served: int, start: tuple[int, int], rank: Callable[[int], Any]
) -> tuple[list[int], int | None, int | None]:
    """Whole packs that add up to `served`, and the two edges; `start` is the line, or any threshold near it.

    Only strict filling reads bounds off `start`, so there it must be the line itself.
    """
    lows, highs = _bounds(basin, start)
    packs = lows[:] if basin.strict else _packs_at(basin, start)
    missing = served - sum(packs)
    if missing == 0:
        last = _edge(_keys(basin, packs, lows, 0), rank, max)
        return packs, last, _edge(_keys(basin, packs, highs, 1), rank, min)
    if missing > 0:
        added, queue = _move(basin, packs, highs, missing, 1)
        winners, losers = _at_the_edge(added, queue)
        if losers:
            return packs, *_draw(packs, winners, losers, rank)
        return packs, _ranked(winners, rank, max), _ranked(_next(queue), rank, min)
    taken, queue = _move(basin, packs, lows, -missing, -1)
    losers, winners = _at_the_edge(taken, queue)
    if winners:
        return packs, *_draw(packs, winners, losers, rank)
    return packs, _ranked(_next(queue), rank, max), _ranked(losers, rank, min)


def exact_line(basin: Basin, served: int) -> tuple[int, int]:
    """The smallest level at which divisible shares add up to `served` > 0 packs: numerator, denominator."""
    ends = [start + cap * basin.pack for start, cap in zip(basin.histories, basin.caps, strict=True)]
    return water_line(basin.weights, basin.histories, ends, served * basin.pack)


def water_line(
    weights: Sequence[int], starts: Sequence[int], ends: Sequence[int], volume: int
) -> tuple[int, int]:
    """The smallest level at which `volume` > 0 fits, if each holds weight x level between its start and end."""
    tops = [*starts, *ends]
    bottoms = [*weights, *weights]
    shift = 2 * max(weights).bit_length()
    places = [(top << shift) // bottom for top, bottom in zip(tops, bottoms, strict=True)]
    events = sorted(range(len(places)), key=places.__getitem__)

    # Between two events the volume filled is slope * level + base.
    slope_steps = [*weights, *map(neg, weights)]
    base_steps = [*map(neg, starts), *ends]
    slopes = list(accumulate(map(slope_steps.__getitem__, events)))
    bases = list(accumulate(map(base_steps.__getitem__, events)))

    low, high = 0, len(events) - 1
    while low < high:
        middle = (low + high) // 2
        top, bottom = tops[events[middle]], bottoms[events[middle]]
        if slopes[middle] * top + bases[middle] * bottom >= volume * bottom:
            high = middle
        else:
            low = middle + 1
    # `low` is the first event at which the volume is reached; the line lies in the stretch before it.
    return volume - bases[low - 1], slopes[low - 1]


def _bounds(basin: Basin, line: tuple[int, int]) -> tuple[list[int], list[int]]:
    """The fewest and the most packs each seller may get: 0 and its stock, or floor and ceiling if strict."""
    if not basin.strict:
        return [0] * len(basin.caps), list(basin.caps)
    top, bottom = line
    step = basin.pack * bottom
    lows, highs = [], []
    for weight, history, cap in zip(basin.weights, basin.histories, basin.caps, strict=True):
        room = top * weight - history * bottom
        lows.append(max(0, min(cap, room // step)))
        highs.append(max(0, min(cap, -(-room // step))))
    return lows, highs


def _packs_at(basin: Basin, line: tuple[int, int]) -> list[int]:
    """For each seller, how many of its packs have a key at or below the line."""
    top, bottom = line
    step = basin.pack * bottom
    offset = basin.offset
    packs = []
    for weight, history, cap in zip(basin.weights, basin.histories, basin.caps, strict=True):
        count = (top * weight - (history + offset) * bottom) // step
        packs.append(0 if count < 0 else min(count, cap))
    return packs


def _move(
    basin: Basin, packs: list[int], limits: Sequence[int], count: int, sign: int
) -> tuple[list[_Entry], list[_Entry]]:
    """Adds the next packs in key order (`sign` 1) or takes back the last ones (-1): those moved, and the heap.

    Keys of packs taken back are negated. No pack served before has a key beyond those added, and no pack
    refused before one below those taken back, so both edges stand in what is answered here.
    """
    weights, histories, pack, seconds = basin.weights, basin.histories, basin.pack, basin.seconds
    shift = basin.shift
    # Adding, the next pack is number n + 1; taking back, the last one is number n.
    ahead = basin.offset + (pack if sign > 0 else 0)
    queue = [
        (sign * (((histories[i] + ahead + n * pack) << shift) // weights[i]), sign * seconds[i], i)
        for i, n in enumerate(packs)
        if n != limits[i]
    ]
    heapify(queue)
    moved = []
    for _ in range(count):
        entry = queue[0]
        moved.append(entry)
        i = entry[2]
        packs[i] = n = packs[i] + sign
        if n != limits[i]:
            key = sign * (((histories[i] + ahead + n * pack) << shift) // weights[i])
            heapreplace(queue, (key, sign * seconds[i], i))
        else:
            heappop(queue)
    return moved, queue


def _at_the_edge(moved: Sequence[_Entry], queue: Sequence[_Entry]) -> tuple[list[int], list[int]]:
    """Who moved a pack with the last key moved, and who waits with an equal one."""
    edge = moved[-1][:2]
    waiting = _next(queue) if queue and queue[0][:2] == edge else []
    return [entry[2] for entry in moved if entry[:2] == edge], waiting


def _next(queue: Sequence[_Entry]) -> list[int]:
    """Who would move next."""
    if not queue:
        return []
    first_key, first_second, _ = queue[0]
    return [i for key, second, i in queue if key == first_key and second == first_second]


def _draw(
    packs: list[int], winners: Sequence[int], losers: Sequence[int], rank: Callable[[int], Any]
) -> tuple[int, int]:
    """Hands the packs whose keys are equal at the threshold to the lowest ranks, and names the two edges."""
    queue = sorted([*winners, *losers], key=rank)
    for i in winners:
        packs[i] -= 1
    for i in queue[: len(winners)]:
        packs[i] += 1
    return queue[len(winners) - 1], queue[len(winners)]


def _keys(basin: Basin, packs: list[int], limits: Sequence[int], ahead: int) -> list[_Entry]:
    """The sortable key of pack number n + `ahead` of every seller that is not at its limit."""
    pack, shift = basin.pack, basin.shift
    shift_by = basin.offset + ahead * pack
    return [
        (((history + shift_by + n * pack) << shift) // weight, second, i)
        for i, (n, limit, history, weight, second) in enumerate(
            zip(packs, limits, basin.histories, basin.weights, basin.seconds, strict=True)
        )
        if n != limit
    ]


def _edge(entries: Sequence[_Entry], rank: Callable[[int], Any], pick: Callable[..., Any]) -> int | None:
    if not entries:
        return None
    edge = pick(entries)[:2]
    return _ranked([entry[2] for entry in entries if entry[:2] == edge], rank, pick)


def _ranked(equals: Sequence[int], rank: Callable[[int], Any], pick: Callable[..., Any]) -> int | None:
    if len(equals) > 1:
        return int(pick(equals, key=rank))
    return equals[0] if equals else None
