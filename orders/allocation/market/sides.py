"""One side of a market as the algorithms see it, and how it would share if nothing but totals bound it.

The members of a side are sellers or orders; both are shared among by the same rule. A member with `n` packs
stands at (history + n x pack) / weight, as in `single`. Lower tiers take all they can before the next opens.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from orders.allocation import single
from orders.allocation.engines import columns

Place = tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """`basin.caps` are the most packs each member may get, `lows` the fewest; `rank` orders equal members."""

    basin: single.Basin
    lows: Sequence[int]
    tiers: Sequence[int]
    rank: Callable[[int], Any]
    shift: int = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shift", self.basin.shift)

    def place(self, member: int, number: int) -> Place:
        """Sortable place of a member's pack in the queue, up to lottery rank: tier, key, second."""
        basin = self.basin
        top = basin.histories[member] + basin.offset + number * basin.pack
        return (
            self.tiers[member],
            (top << self.shift) // basin.weights[member],
            basin.seconds[member],
        )


@dataclass(frozen=True, slots=True)
class Trial:
    """What each member would get, in units of 1 / `scale` pack."""

    amounts: list[int]
    scale: int


Sharing = Callable[[Side, Sequence[int], Sequence[int], Sequence[int], int], Trial]


def in_whole_packs(
    side: Side, members: Sequence[int], lows: Sequence[int], highs: Sequence[int], total: int
) -> Trial:
    """The rule's smallest keys, `total` packs in all, within the bounds."""
    amounts = list(lows)
    for spots, rest, _ in _opened(side, members, lows, highs, total):
        basin = _part(side, members, lows, highs, spots)
        rank = _ranks(side, [members[spot] for spot in spots])
        for spot, more in zip(spots, columns.fill(basin, rest, rank).packs, strict=True):
            amounts[spot] += more
    return Trial(amounts, 1)


def divisible(
    side: Side, members: Sequence[int], lows: Sequence[int], highs: Sequence[int], total: int
) -> Trial:
    """The exact shares at one line, `total` packs in all, within the bounds."""
    scale, more = 1, [0] * len(members)
    for spots, rest, is_full in _opened(side, members, lows, highs, total):
        if is_full:
            for spot in spots:
                more[spot] = highs[spot] - lows[spot]
            continue
        basin = _part(side, members, lows, highs, spots)
        top, bottom = single.exact_line(basin, rest)
        scale = basin.pack * bottom
        more = [amount * scale for amount in more]
        rows = zip(spots, basin.weights, basin.histories, basin.caps, strict=True)
        for spot, weight, history, cap in rows:
            more[spot] = max(0, min(cap * scale, top * weight - history * bottom))
    return Trial([low * scale + amount for low, amount in zip(lows, more, strict=True)], scale)


def _opened(
    side: Side, members: Sequence[int], lows: Sequence[int], highs: Sequence[int], total: int
) -> Iterator[tuple[Sequence[int], int, bool]]:
    """Each tier that gets packs beyond the lows: its members' spots, its packs, whether that fills it."""
    rest = total - sum(lows)
    for spots in _by_tier(side, members):
        room = sum([highs[spot] - lows[spot] for spot in spots])
        given = min(rest, room)
        if given:
            yield spots, given, given == room
        rest -= given


def _by_tier(side: Side, members: Sequence[int]) -> list[Sequence[int]]:
    """The members' spots, tier by tier."""
    tiers = [side.tiers[member] for member in members]
    if len(set(tiers)) == 1:
        return [range(len(tiers))]
    spots_of: dict[int, list[int]] = {}
    for spot, tier in enumerate(tiers):
        spots_of.setdefault(tier, []).append(spot)
    return [spots_of[tier] for tier in sorted(spots_of)]


def _part(
    side: Side, members: Sequence[int], lows: Sequence[int], highs: Sequence[int], spots: Sequence[int]
) -> single.Basin:
    basin = side.basin
    chosen = [members[spot] for spot in spots]
    return single.Basin(
        weights=[basin.weights[member] for member in chosen],
        histories=[basin.histories[members[spot]] + lows[spot] * basin.pack for spot in spots],
        caps=[highs[spot] - lows[spot] for spot in spots],
        pack=basin.pack,
        offset=basin.offset,
        seconds=[basin.seconds[member] for member in chosen],
    )


def _ranks(side: Side, members: Sequence[int]) -> Callable[[int], Any]:
    return lambda spot: side.rank(members[spot])
