"""Many parts of a market shared out at once in whole packs: `sides.in_whole_packs` in numpy arrays.

Floats only guess where each part's threshold lies. Everything that decides is a whole number of 63 bits: how
many packs have a key at or below a number, and the order of the few packs between two such numbers.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from orders.allocation.single import Basin

_LARGEST: Final = 2**62
_FEW_GROUPS: Final = 2**16


class Shares:
    """One side of a market in arrays. Raises OverflowError where a number needs more than 64 bits."""

    def __init__(
        self,
        numpy: Any,
        basin: Basin,
        lows: Sequence[int],
        tiers: Sequence[int],
        rank: Callable[[int], Any],
    ) -> None:
        self.numpy, self.rank = numpy, rank
        self.pack, self.offset, self.shift = basin.pack, basin.offset, basin.shift
        self.weights, self.histories, self.caps, self.seconds, self.lows = (
            numpy.array(column, dtype=numpy.int64)
            for column in (basin.weights, basin.histories, basin.caps, basin.seconds, lows)
        )
        # Tiers numbered from 0; usually there is one.
        names = sorted(set(tiers))
        self.tier_count = max(1, len(names))
        number = {name: place for place, name in enumerate(names)}
        self.tiers = numpy.array([number[tier] for tier in tiers] if len(names) > 1 else [0], dtype=int)
        self.largest_key = 0

    def fits(self) -> bool:
        """Whether no number in any step outgrows 63 bits."""
        if not len(self.weights):
            return False
        heaviest = int(self.weights.max())
        top = int(self.histories.max()) + (int(self.caps.max()) + 2) * self.pack + abs(self.offset)
        if top << self.shift >= _LARGEST or top * len(self.weights) >= _LARGEST:
            return False
        tops = self.histories + (self.caps + 1) * self.pack
        self.largest_key = int(((tops << self.shift) // self.weights).max()) + 1
        return (self.largest_key + 2) * heaviest < _LARGEST

    def within(self, members: Any, lows: Any, highs: Any, part_of: Any, totals: Any) -> Any:
        """The rule's smallest keys within the bounds, `totals[part]` packs in all in each part."""
        numpy, tiers = self.numpy, self.tier_count
        rooms = highs - lows
        rest = totals - self.sums(len(totals), part_of, lows)
        groups = part_of if tiers == 1 else part_of * tiers + self.tiers[members]
        room_of = self.sums(len(totals) * tiers, groups, rooms)
        given = rest
        if tiers > 1:
            table = room_of.reshape(-1, tiers)
            before = numpy.cumsum(table, axis=1) - table
            given = numpy.clip(rest[:, None] - before, 0, table).reshape(-1)
        amounts = lows.copy()
        is_full = (given >= room_of)[groups]
        amounts[is_full] = highs[is_full]
        places = numpy.flatnonzero(~is_full & (given > 0)[groups] & (rooms > 0))
        if len(places):
            numbers, dense = numpy.unique(groups[places], return_inverse=True)
            group = _Groups(self, members[places], lows[places], rooms[places], dense, given[numbers])
            amounts[places] += group.packs()
        return amounts

    def sums(self, count: int, places: Any, values: Any) -> Any:
        """For each of `count` places, the sum of the values beside it; sums are whole in a float."""
        sums = self.numpy.bincount(places, weights=values, minlength=count)
        return sums.astype(self.numpy.int64)


class _Groups:
    """Members in groups, each with `given` packs to share, more than none and fewer than all have room for."""

    def __init__(
        self, shares: Shares, members: Any, lows: Any, rooms: Any, group_of: Any, given: Any
    ) -> None:
        self.shares, self.numpy = shares, shares.numpy
        self.members, self.rooms, self.group_of, self.given = members, rooms, group_of, given
        self.weights = shares.weights[members]
        self.histories = shares.histories[members] + lows * shares.pack

    def packs(self) -> Any:
        """How many packs each member gets."""
        shares, numpy = self.shares, self.numpy
        levels, slopes = self.lines()
        low_keys = self.as_keys(numpy.ldexp(levels, shares.shift))
        high_keys = low_keys.copy()
        base = self.at_most(low_keys)
        missing = self.missing(base)
        if not missing.any():
            return base
        # Keys closer than `reach` hold about as many packs as are missing or too many, and one or two more.
        reach = self.as_keys(numpy.ldexp((numpy.abs(missing) + 2) / slopes * shares.pack, shares.shift)) + 1
        top = base
        while True:
            too_many, too_few = missing < 0, self.missing(top) > 0
            if not (too_many.any() or too_few.any()):
                break
            low_keys = numpy.where(too_many, numpy.maximum(low_keys - reach, -1), low_keys)
            high_keys = numpy.where(too_few, numpy.minimum(high_keys + reach, shares.largest_key), high_keys)
            base, top = self.at_most(low_keys), self.at_most(high_keys)
            missing = self.missing(base)
            reach = numpy.minimum(reach * 4, shares.largest_key)
        return self.chosen(base, top, missing)

    def as_keys(self, guesses: Any) -> Any:
        """Guesses as whole numbers that no key lies beyond."""
        return self.numpy.clip(guesses, 0, self.shares.largest_key).astype(self.numpy.int64)

    def lines(self) -> tuple[Any, Any]:
        """About the level up to which each group is filled, and the weight of those who stand there."""
        numpy, pack = self.numpy, self.shares.pack
        ends = self.histories + self.rooms * pack
        count = len(self.given)
        groups = numpy.concatenate([self.group_of, self.group_of])
        levels = numpy.concatenate([self.histories / self.weights, ends / self.weights])
        order = numpy.argsort(levels)
        # Sorting small integers stably takes a fraction of the time that large ones take.
        small = groups.astype(numpy.uint16) if count <= _FEW_GROUPS else groups
        order = order[numpy.argsort(small[order], kind="stable")]
        groups, levels = groups[order], levels[order]
        slopes = numpy.cumsum(numpy.concatenate([self.weights, -self.weights])[order])
        bases = numpy.cumsum(numpy.concatenate([-self.histories, ends])[order])
        sizes = numpy.bincount(groups, minlength=count)
        firsts = numpy.cumsum(sizes) - sizes
        # A group's events add its whole room to what has been summed up before it.
        before = numpy.concatenate([[0], bases[(firsts + sizes - 1)[:-1]]])
        volumes = self.given * pack + before
        is_below = slopes * levels + bases < volumes[groups]
        reached = firsts + numpy.bincount(groups[is_below], minlength=count)
        last = numpy.maximum(firsts, reached - 1)
        slope = numpy.maximum(slopes[last], 1)
        return (volumes - bases[last]) / slope, slope

    def at_most(self, keys: Any) -> Any:
        """For each member, how many of its packs have a sortable key of at most its group's."""
        shares, numpy = self.shares, self.numpy
        tops = ((keys[self.group_of] + 1) * self.weights - 1) >> shares.shift
        return numpy.clip((tops - self.histories - shares.offset) // shares.pack, 0, self.rooms)

    def missing(self, counts: Any) -> Any:
        return self.given - self.shares.sums(len(self.given), self.group_of, counts)

    def chosen(self, base: Any, top: Any, missing: Any) -> Any:
        """The first of the packs between base and top: as many in each group as are missing."""
        shares, numpy = self.shares, self.numpy
        more = top - base
        spots = numpy.repeat(numpy.arange(len(more)), more)
        numbers = numpy.arange(len(spots)) - numpy.repeat(numpy.cumsum(more) - more, more) + base[spots] + 1
        tops = self.histories[spots] + shares.offset + numbers * shares.pack
        keys = (tops << shares.shift) // self.weights[spots]
        seconds = shares.seconds[self.members[spots]]
        groups = self.group_of[spots]
        order = numpy.lexsort((seconds, keys, groups))
        sizes = numpy.bincount(groups, minlength=len(missing))
        firsts = numpy.cumsum(sizes) - sizes
        place = numpy.arange(len(order)) - firsts[groups[order]]
        is_taken = place < missing[groups[order]]
        packs = base + numpy.bincount(spots[order[is_taken]], minlength=len(more))
        edges = firsts + missing
        for edge, first, end in zip(edges.tolist(), firsts.tolist(), (firsts + sizes).tolist(), strict=True):
            if first < edge < end:
                one, other = order[edge - 1], order[edge]
                if keys[one] == keys[other] and seconds[one] == seconds[other]:
                    self.draw(packs, spots, (keys, seconds), order[first:end], edge - first)
        return packs

    def draw(self, packs: Any, spots: Any, keys: tuple[Any, Any], order: Any, count: int) -> None:
        """Hands the packs that are equal at a group's threshold to the lowest ranks."""
        edge = order[count]
        is_equal = (keys[0][order] == keys[0][edge]) & (keys[1][order] == keys[1][edge])
        first = int(is_equal.argmax())
        equals: Sequence[int] = spots[order[is_equal]].tolist()
        for spot in equals[: count - first]:
            packs[spot] -= 1
        for spot in sorted(equals, key=lambda spot: self.shares.rank(int(self.members[spot])))[
            : count - first
        ]:
            packs[spot] += 1
