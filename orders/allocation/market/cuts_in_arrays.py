"""`decompose` in numpy arrays, for an engine that takes them, wherever every number fits into 63 bits."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

from orders.allocation.engines import MaxFlow, Network
from orders.allocation.engines.shares import Shares
from orders.allocation.market.links import Links, Totals
from orders.allocation.market.sides import Side

_FIRST_NODE: Final = 2
_FITS: Final = 2**40


def decompose(
    side: Side, room: Sequence[int], links: Links, max_flow: MaxFlow, shipped: Sequence[int] | None
) -> Totals | None:
    """The fair totals in whole packs; None where numpy is missing or numbers are too large for arrays."""
    numpy = numpy_or_none()
    if numpy is None or sum(room) + sum(side.basin.caps) > _FITS:
        return None
    try:
        shares = Shares(numpy, side.basin, side.lows, side.tiers, side.rank)
        cuts = _Cuts(numpy, shares, room, links)
    except OverflowError:
        return None
    if not shares.fits():
        return None
    if shipped is not None:
        cuts.begin(numpy.array(shipped, dtype=numpy.int64))
    flows = 0
    while len(cuts.members):
        cuts.share_out()
        cuts.settle(*cuts.ship(max_flow))
        flows += 1
    link_count = len(links.members)
    return Totals(
        amounts=cuts.amounts.tolist(),
        scales=[1] * len(side.lows),
        link_amounts=cuts.link_amounts.tolist(),
        link_scales=[1] * link_count,
        free_others=cuts.not_full(room),
        flows=flows,
    )


def numpy_or_none() -> Any:
    """The package, or None where it is not installed."""
    try:
        return import_module("numpy")
    except ImportError:
        return None


class _Cuts:
    """The parts that are still to be shipped, and what the cuts so far have fixed, as in `decompose`.

    `members`, `others` and `links` are those still open, ascending; `part_of` numbers the parts of all nodes.
    Members are nodes 0 ..., others follow; a network puts source and sink before them.
    """

    def __init__(self, numpy: Any, shares: Shares, room: Sequence[int], links: Links) -> None:
        self.numpy, self.shares = numpy, shares
        self.count = len(shares.weights)
        self.room = numpy.array(room, dtype=numpy.int64)
        self.tails, others, caps = links.arrays(numpy)
        self.heads = others + self.count
        # More than all the room there is: a cut never crosses it.
        unlimited = int(self.room.sum()) + 1
        self.limits = numpy.where(caps < 0, unlimited, numpy.minimum(caps, unlimited))
        self.nodes = self.count + len(room)
        self.members = numpy.arange(self.count)
        self.others = numpy.arange(self.count, self.nodes)
        self.links = numpy.arange(len(self.tails))
        self.fixed = numpy.zeros(self.count, dtype=numpy.int64)
        self.amounts = shares.caps.copy()
        self.link_amounts = numpy.zeros(len(self.tails), dtype=numpy.int64)
        self.part_of = numpy.zeros(self.nodes, dtype=numpy.int64)
        self.is_all = numpy.zeros(1, dtype=bool)

    def begin(self, carried: Any) -> None:
        """Starts from a shipment that leaves no room, as if every member's trial had been all it has."""
        self.is_all = self.numpy.ones(1, dtype=bool)
        self.settle(carried, self.reached(carried))

    def reached(self, carried: Any) -> Any:
        """The near side of the smallest cut, found from members that did not get rid of all they have."""
        numpy = self.numpy
        sent = self.shares.sums(self.count, self.tails, carried)
        is_near = numpy.zeros(self.nodes, dtype=bool)
        is_near[: self.count] = sent < self.shares.caps
        if not is_near.any():
            return is_near
        is_spare, is_used = carried < self.limits, carried > 0
        tails = numpy.concatenate([self.tails[is_spare], self.heads[is_used]])
        heads = numpy.concatenate([self.heads[is_spare], self.tails[is_used]])
        while len(tails):
            starts = is_near[tails]
            if not starts.any():
                break
            is_near[heads[starts]] = True
            is_left = ~(starts | is_near[heads])
            tails, heads = tails[is_left], heads[is_left]
        return is_near

    def ship(self, max_flow: MaxFlow) -> tuple[Any, Any]:
        """One flow through all that is open: what each link carries, and which nodes are near the source."""
        numpy, members, others, links = self.numpy, self.members, self.others, self.links
        flow = max_flow(
            Network(
                _FIRST_NODE + self.nodes,
                numpy.concatenate(
                    [
                        numpy.zeros(len(members), dtype=numpy.int64),
                        others + _FIRST_NODE,
                        self.tails[links] + _FIRST_NODE,
                    ]
                ),
                numpy.concatenate(
                    [
                        members + _FIRST_NODE,
                        numpy.ones(len(others), dtype=numpy.int64),
                        self.heads[links] + _FIRST_NODE,
                    ]
                ),
                numpy.concatenate(
                    [
                        self.amounts[members] - self.fixed[members],
                        self.room[others - self.count],
                        self.limits[links],
                    ]
                ),
            )
        )
        carried: Any = flow.flows[len(members) + len(others) :]
        cut: Any = flow.cut[_FIRST_NODE:]
        return carried, cut

    def settle(self, carried: Any, is_near: Any) -> None:
        """Writes down the parts whose trial was shipped, and parts the others along the cut."""
        numpy, part_of, members = self.numpy, self.part_of, self.members
        is_cut = numpy.zeros(len(self.is_all), dtype=bool)
        is_cut[part_of[members[is_near[members]]]] = True
        # Beyond the cut of a part whose members got all they can get, they have it.
        is_done = ~(is_near | (is_cut & ~self.is_all)[part_of])
        tails, heads = self.tails[self.links], self.heads[self.links]
        near_tails, near_heads = is_near[tails], is_near[heads]
        was_done = is_done[tails] & is_done[heads]
        done = self.links[was_done]
        self.link_amounts[done] = carried[was_done]
        # The cut crosses these links, so they are full; those that lead back into it carry nothing.
        self.fix(self.links[near_tails & ~near_heads])
        self.links = self.links[(near_tails == near_heads) & ~was_done]
        self.members = members[~is_done[members]]
        self.others = self.others[~is_done[self.others]]

    def fix(self, links: Any) -> None:
        """Fills links that a cut crosses."""
        if not len(links):
            return
        sums, caps = self.shares.sums, self.limits[links]
        self.link_amounts[links] = caps
        self.fixed += sums(self.count, self.tails[links], caps)
        self.room -= sums(self.nodes, self.heads[links], caps)[self.count :]

    def not_full(self, room: Sequence[int]) -> list[int]:
        """Counterparts that could have taken more."""
        arrived = self.shares.sums(self.nodes, self.heads, self.link_amounts)[self.count :]
        free: list[int] = self.numpy.flatnonzero(arrived < room).tolist()
        return free

    def share_out(self) -> None:
        """Gives every part its trial: enough to fill its counterparts, or all that its members can get."""
        numpy, shares, links = self.numpy, self.shares, self.links
        count = self.number_parts()
        tails, heads = self.tails[links], self.heads[links]
        space = numpy.minimum(self.limits[links], self.room[heads - self.count])
        reach = shares.sums(self.count, tails, space)
        members, others = self.members, self.others
        fixed = self.fixed[members]
        lows = numpy.maximum(fixed, shares.lows[members])
        highs = numpy.minimum(shares.caps[members], fixed + reach[members])
        parts = self.part_of[members]
        totals = shares.sums(count, parts, fixed)
        totals += shares.sums(count, self.part_of[others], self.room[others - self.count])
        most = shares.sums(count, parts, highs)
        self.is_all = most <= totals
        self.amounts[members] = shares.within(members, lows, highs, parts, numpy.minimum(totals, most))

    def number_parts(self) -> int:
        """Numbers whatever links join; drops counterparts that nobody can serve any more."""
        numpy, members = self.numpy, self.members
        root_of = roots(numpy, self.nodes, self.tails[self.links], self.heads[self.links])
        is_root = numpy.zeros(self.nodes, dtype=bool)
        is_root[root_of[members]] = True
        self.others = self.others[is_root[root_of[self.others]]]
        numbers = numpy.cumsum(is_root) - 1
        self.part_of = numbers[root_of]
        return int(numbers[-1]) + 1


def roots(numpy: Any, nodes: int, tails: Any, heads: Any) -> Any:
    """For every node one node of its part, the same for all whom links join."""
    root_of = numpy.arange(nodes)
    downwards = True
    while len(tails):
        # Every root with a lower neighbour hangs itself below one, next time every one with a higher neighbour:
        # many around one in the middle come together whichever way they lie. Then all chains are cut short.
        lower, higher = numpy.minimum(tails, heads), numpy.maximum(tails, heads)
        if downwards:
            root_of[higher] = lower
        else:
            root_of[lower] = higher
        downwards = not downwards
        while True:
            above = root_of[root_of]
            if (above == root_of).all():
                break
            root_of = above
        tails, heads = root_of[tails], root_of[heads]
        is_apart = tails != heads
        tails, heads = tails[is_apart], heads[is_apart]
    return root_of
