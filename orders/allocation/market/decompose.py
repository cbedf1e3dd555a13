"""Fair totals of one side of a market by decomposition along minimum cuts.

Share as if every member could trade with every counterpart. If that can be shipped, it is the fair answer,
because nothing fairer exists even without the links. If not, the minimum cut names the members who got more
than their counterparts can take; they fill those counterparts and every capped link that leads out of the
cut, and what remains on either side is a smaller market of its own (Fujishige 1980; Groenevelt 1991).

The first trial gives every member all it could get; its cut parts the members that get it from those whose
counterparts are filled. From then on whatever no link joins is a part of its own, with a line of its own, and
as parts are disjoint, one flow serves all of a generation.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from orders.allocation.engines import InArrays, MaxFlow, Network
from orders.allocation.market import cuts_in_arrays
from orders.allocation.market.links import Links, Totals
from orders.allocation.market.sides import Sharing, Side, in_whole_packs

_FIRST_NODE: Final = 2

__all__ = ["Links", "Totals", "decompose"]


def decompose(
    side: Side,
    room: Sequence[int],
    links: Links,
    sharing: Sharing,
    max_flow: MaxFlow,
    shipped: Sequence[int] | None = None,
) -> Totals:
    """The fair totals of `side` whose counterparts take at most `room` packs each.

    `shipped`, where it is known, is what each link carries in a shipment that leaves no room at all.
    """
    if sharing is in_whole_packs and isinstance(max_flow, InArrays):
        totals = cuts_in_arrays.decompose(side, room, links, max_flow, shipped)
        if totals is not None:
            return totals
    cuts = _Cuts(side, room, links, sharing)
    if shipped is not None:
        cuts.begin(shipped)
    flows = 0
    while cuts.members:
        cuts.share_out()
        cuts.settle(*cuts.ship(max_flow))
        flows += 1
    return Totals(
        amounts=cuts.amounts,
        scales=cuts.scales[: cuts.count],
        link_amounts=cuts.link_amounts,
        link_scales=cuts.link_scales,
        free_others=cuts.not_full(room),
        flows=flows,
    )


class _Cuts:
    """The parts that are still to be shipped, and what the cuts so far have fixed.

    `members`, `others` and `links` are those still open, ascending. `fixed` packs members must send out; `room`
    is left at the others. Amounts are in units of 1 / scale pack. Members are nodes 0 ..., others follow; a
    network puts source and sink before them.
    """

    def __init__(self, side: Side, room: Sequence[int], links: Links, sharing: Sharing) -> None:
        self.side, self.sharing = side, sharing
        self.count, self.nodes = len(side.lows), len(side.lows) + len(room)
        # More than all the room there is: a cut never crosses it.
        unlimited = sum(room) + 1
        self.tails = links.members
        self.heads = [self.count + other for other in links.others]
        self.limits = [unlimited if cap is None else cap for cap in links.caps]
        self.room = [0] * self.count + list(room)
        self.fixed = [0] * self.count
        self.amounts = list(side.basin.caps)
        self.scales = [1] * self.nodes
        self.link_amounts = [0] * len(self.tails)
        self.link_scales = [1] * len(self.tails)
        self.members: Sequence[int] = range(self.count)
        self.others: Sequence[int] = range(self.count, self.nodes)
        self.links: Sequence[int] = range(len(self.tails))
        self.part_of: list[int] = []
        self.got_all: set[int] = set()

    def begin(self, carried: Sequence[int]) -> None:
        """Starts from a shipment that leaves no room, as if every member's trial had been all it has."""
        self.part_of = [0] * self.nodes
        self.got_all = {0}
        self.settle(carried, self.reached(carried))

    def reached(self, carried: Sequence[int]) -> list[bool]:
        """The near side of the smallest cut, found from members that did not get rid of all they have."""
        sent = [0] * self.count
        steps: list[list[int]] = [[] for _ in range(self.nodes)]
        rows = zip(self.tails, self.heads, self.limits, carried, strict=True)
        for tail, head, limit, amount in rows:
            sent[tail] += amount
            if amount < limit:
                steps[tail].append(head)
            if amount:
                steps[head].append(tail)
        todo = [member for member, amount in enumerate(sent) if amount < self.amounts[member]]
        is_near = [False] * self.nodes
        for member in todo:
            is_near[member] = True
        for node in todo:
            for other in steps[node]:
                if not is_near[other]:
                    is_near[other] = True
                    todo.append(other)
        return is_near

    def ship(self, max_flow: MaxFlow) -> tuple[Sequence[int], Sequence[bool]]:
        """One flow through all that is open: what each link carries, and which nodes are near the source."""
        members, others, links = self.members, self.others, self.links
        amounts, fixed, scales, tails, heads = self.amounts, self.fixed, self.scales, self.tails, self.heads
        flow = max_flow(
            Network(
                _FIRST_NODE + self.nodes,
                [
                    *[0] * len(members),
                    *[_FIRST_NODE + other for other in others],
                    *[_FIRST_NODE + tails[link] for link in links],
                ],
                [
                    *[_FIRST_NODE + member for member in members],
                    *[1] * len(others),
                    *[_FIRST_NODE + heads[link] for link in links],
                ],
                [
                    *[amounts[member] - fixed[member] * scales[member] for member in members],
                    *[self.room[other] * scales[other] for other in others],
                    *[self.limits[link] * scales[tails[link]] for link in links],
                ],
            )
        )
        return flow.flows[len(members) + len(others) :], flow.cut[_FIRST_NODE:]

    def settle(self, carried: Sequence[int], is_near: Sequence[bool]) -> None:
        """Writes down the parts whose trial was shipped, and parts the others along the cut."""
        part_of, tails, heads = self.part_of, self.tails, self.heads
        cut = {part_of[member] for member in self.members if is_near[member]}
        # Beyond the cut of a part whose members got all they can get, they have it.
        still = cut - self.got_all
        links = []
        for link, amount in zip(self.links, carried, strict=True):
            tail, head = tails[link], heads[link]
            if is_near[tail]:
                if is_near[head]:
                    links.append(link)
                else:
                    self.fill(link)
            elif not is_near[head]:
                if part_of[tail] in still:
                    links.append(link)
                else:
                    self.link_amounts[link] = amount
                    self.link_scales[link] = self.scales[tail]
        self.links = links
        self.members = [node for node in self.members if is_near[node] or part_of[node] in still]
        self.others = [node for node in self.others if is_near[node] or part_of[node] in still]

    def fill(self, link: int) -> None:
        """The cut crosses this link, so it is full. (Links that lead back into the near side carry nothing.)"""
        cap = self.limits[link]
        self.fixed[self.tails[link]] += cap
        self.room[self.heads[link]] -= cap
        self.link_amounts[link] = cap

    def not_full(self, room: Sequence[int]) -> list[int]:
        """Counterparts that could have taken more."""
        left = [amount * scale for amount, scale in zip(room, self.scales[self.count :], strict=True)]
        for link, amount in enumerate(self.link_amounts):
            if amount:
                head = self.heads[link]
                left[head - self.count] -= amount * (self.scales[head] // self.link_scales[link])
        return [other for other, amount in enumerate(left) if amount]

    def share_out(self) -> None:
        """Gives every part its trial: enough to fill its counterparts, or all that its members can get."""
        fixed, room, caps, low_of = self.fixed, self.room, self.side.basin.caps, self.side.lows
        tails, heads, limits = self.tails, self.heads, self.limits
        self.got_all = set()
        reach = fixed[:]
        for link in self.links:
            limit, space = limits[link], room[heads[link]]
            reach[tails[link]] += min(space, limit)
        for members, others in self.parts():
            lows = [max(fixed[member], low_of[member]) for member in members]
            highs = [min(caps[member], reach[member]) for member in members]
            total = sum([room[other] for other in others]) + sum([fixed[member] for member in members])
            most = sum(highs)
            if most <= total:
                self.got_all.add(self.part_of[members[0]])
            trial = self.sharing(self.side, members, lows, highs, min(total, most))
            for member, amount in zip(members, trial.amounts, strict=True):
                self.amounts[member] = amount
            for node in (*members, *others):
                self.scales[node] = trial.scale

    def parts(self) -> list[tuple[list[int], list[int]]]:
        """Whatever links join, numbered anew; drops counterparts that nobody can serve any more."""
        root_of = roots(self.nodes, ((self.tails[link], self.heads[link]) for link in self.links))
        found: dict[int, tuple[list[int], list[int]]] = {}
        for member in self.members:
            found.setdefault(root_of[member], ([], []))[0].append(member)
        self.others = [other for other in self.others if root_of[other] in found]
        for other in self.others:
            found[root_of[other]][1].append(other)
        self.part_of = root_of
        return list(found.values())


def roots(nodes: int, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """For every node one node of its part, the same for all whom the pairs join."""
    root_of = list(range(nodes))
    for one, other in pairs:
        while root_of[one] != one:
            root_of[one] = one = root_of[root_of[one]]
        while root_of[other] != other:
            root_of[other] = other = root_of[root_of[other]]
        if one < other:
            root_of[other] = one
        elif other < one:
            root_of[one] = other
    # A root is never larger than those below it, so one walk upwards is enough.
    for node, above in enumerate(root_of):
        root_of[node] = root_of[above]
    return root_of
