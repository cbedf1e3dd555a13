"""Fair totals of one side of a market by decomposition along minimum cuts.

Share as if every member could trade with every counterpart. If that can be shipped, it is the fair answer,
because nothing fairer exists even without the links. If not, the minimum cut names the members who got more
than their counterparts can take; they fill those counterparts and every capped link that leads out of the
cut, and what remains on either side is a smaller market of its own (Fujishige 1980; Groenevelt 1991).

A trial asks for enough to fill all counterparts of a part, or for all that its members can get where that is
less; whether so much can be shipped need not be known. For the rule serves packs in the order of their keys, and
those of the trial come first: when they have been served as far as they ship, the counterparts within the cut and
the links out of it are full, so its members can never get more; and whoever is beyond it has all of its trial.

Whatever no link joins is a part of its own, with a line of its own; one flow serves all parts of a generation.
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import compress
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
        amounts=cuts.amounts[_FIRST_NODE:],
        scales=cuts.scales[_FIRST_NODE : cuts.first_other],
        link_amounts=cuts.link_amounts,
        link_scales=cuts.link_scales,
        free_others=cuts.not_full(room),
        flows=flows,
    )


class _Cuts:
    """The parts that are still to be shipped, and what the cuts so far have fixed.

    Members are nodes 2 ..., others follow; node 0 is the source, node 1 the sink. `members`, `others` and `links`
    are those still open, ascending, with the links' `tails`, `heads` and `limits` beside them. `fixed` packs
    members must send out; `room` is left at the others. Amounts are in units of 1 / scale pack.
    """

    def __init__(self, side: Side, room: Sequence[int], links: Links, sharing: Sharing) -> None:
        self.side, self.sharing = side, sharing
        self.first_other = _FIRST_NODE + len(side.lows)
        self.nodes = self.first_other + len(room)
        # More than all the room there is: a cut never crosses it.
        unlimited = sum(room) + 1
        self.links: Sequence[int] = range(len(links.members))
        self.tails = [_FIRST_NODE + member for member in links.members]
        self.heads = self.all_heads = [self.first_other + other for other in links.others]
        self.limits = [unlimited if cap is None else cap for cap in links.caps]
        self.room = [0] * self.first_other + list(room)
        self.fixed = [0] * self.first_other
        self.amounts = [0] * _FIRST_NODE + list(side.basin.caps)
        self.scales = [1] * self.nodes
        self.link_amounts = [0] * len(self.tails)
        self.link_scales = [1] * len(self.tails)
        self.members: Sequence[int] = range(_FIRST_NODE, self.first_other)
        self.others: Sequence[int] = range(self.first_other, self.nodes)
        self.part_of: list[int] = []
        self.got_all: set[int] = set()

    def begin(self, carried: Sequence[int]) -> None:
        """Starts from a shipment that leaves no room, as if every member's trial had been all it has."""
        self.part_of = [0] * self.nodes
        self.got_all = {0}
        self.settle(carried, self.reached(carried))

    def reached(self, carried: Sequence[int]) -> list[bool]:
        """The near side of the smallest cut, found from members that did not get rid of all they have."""
        left = self.amounts[:]
        steps: defaultdict[int, list[int]] = defaultdict(list)
        for tail, head, limit, amount in zip(self.tails, self.heads, self.limits, carried, strict=True):
            if amount < limit:
                steps[tail].append(head)
            if amount:
                left[tail] -= amount
                steps[head].append(tail)
        todo = [member for member in self.members if left[member]]
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
        members, others, scales, limits = self.members, self.others, self.scales, self.limits
        amounts, fixed, room = self.amounts, self.fixed, self.room
        if max(map(scales.__getitem__, members)) > 1:
            limits = [limit * scales[tail] for limit, tail in zip(limits, self.tails, strict=True)]
        flow = max_flow(
            Network(
                self.nodes,
                [*[0] * len(members), *others, *self.tails],
                [*members, *[1] * len(others), *self.heads],
                [
                    *[amounts[member] - fixed[member] * scales[member] for member in members],
                    *[room[other] * scales[other] for other in others],
                    *limits,
                ],
            )
        )
        return flow.flows[len(members) + len(others) :], flow.cut

    def settle(self, carried: Sequence[int], is_near: Sequence[bool]) -> None:
        """Writes down the parts whose trial was shipped, and parts the others along the cut."""
        part_of, scales = self.part_of, self.scales
        cut = {part_of[member] for member in self.members if is_near[member]}
        # Beyond the cut of a part whose members got all they can get, they have it.
        still = cut - self.got_all
        stays = []
        rows = zip(self.links, self.tails, self.heads, self.limits, carried, strict=True)
        for link, tail, head, limit, amount in rows:
            stay = False
            if is_near[tail]:
                stay = is_near[head]
                if not stay:
                    # The cut crosses this link, so it is full; one that leads back into it carries nothing.
                    self.fixed[tail] += limit
                    self.room[head] -= limit
                    self.link_amounts[link] = limit
            elif not is_near[head]:
                stay = part_of[tail] in still
                if amount and not stay:
                    self.link_amounts[link] = amount
                    self.link_scales[link] = scales[tail]
            stays.append(stay)
        self.links, self.tails = list(compress(self.links, stays)), list(compress(self.tails, stays))
        self.heads, self.limits = list(compress(self.heads, stays)), list(compress(self.limits, stays))
        self.members = [node for node in self.members if is_near[node] or part_of[node] in still]
        self.others = [node for node in self.others if is_near[node] or part_of[node] in still]

    def not_full(self, room: Sequence[int]) -> list[int]:
        """Counterparts that could have taken more."""
        scale_of = self.scales
        left = [amount * scale for amount, scale in zip(room, scale_of[self.first_other :], strict=True)]
        for head, amount, scale in zip(self.all_heads, self.link_amounts, self.link_scales, strict=True):
            if amount:
                left[head - self.first_other] -= amount * (scale_of[head] // scale)
        return [other for other, amount in enumerate(left) if amount]

    def share_out(self) -> None:
        """Gives every part its trial: enough to fill its counterparts, or all that its members can get."""
        fixed, room, caps, low_of = self.fixed, self.room, self.side.basin.caps, self.side.lows
        self.got_all = set()
        reach = fixed[:]
        for tail, head, limit in zip(self.tails, self.heads, self.limits, strict=True):
            space = room[head]
            # Written out: a call of `min` for every link would take twice as long.
            reach[tail] += limit if limit < space else space  # noqa: FURB136
        for nodes, others in self.parts():
            members = [node - _FIRST_NODE for node in nodes]
            lows = [max(fixed[node], low_of[node - _FIRST_NODE]) for node in nodes]
            highs = [min(caps[node - _FIRST_NODE], reach[node]) for node in nodes]
            total = sum([room[other] for other in others]) + sum([fixed[node] for node in nodes])
            most = sum(highs)
            if most <= total:
                self.got_all.add(self.part_of[nodes[0]])
            trial = self.sharing(self.side, members, lows, highs, min(total, most))
            for node, amount in zip(nodes, trial.amounts, strict=True):
                self.amounts[node] = amount
            for node in (*nodes, *others):
                self.scales[node] = trial.scale

    def parts(self) -> list[tuple[list[int], list[int]]]:
        """Whatever links join, numbered anew; drops counterparts that nobody can serve any more."""
        self.part_of = root_of = roots(self.nodes, self.tails, self.heads)
        found: dict[int, tuple[list[int], list[int]]] = {}
        for member in self.members:
            found.setdefault(root_of[member], ([], []))[0].append(member)
        self.others = [other for other in self.others if root_of[other] in found]
        for other in self.others:
            found[root_of[other]][1].append(other)
        return list(found.values())


def roots(nodes: int, tails: Sequence[int], heads: Sequence[int]) -> list[int]:
    """For every node one node of its part, the same for all whom links join."""
    root_of = list(range(nodes))
    for tail, head in zip(tails, heads, strict=True):
        one, other = root_of[tail], root_of[head]
        if one == other:
            continue
        while (above := root_of[one]) != one:
            root_of[one] = one = root_of[above]
        while (above := root_of[other]) != other:
            root_of[other] = other = root_of[above]
        if one < other:
            root_of[other] = root_of[head] = one
        elif other < one:
            root_of[one] = root_of[tail] = other
    # A root is never larger than those below it, so one walk upwards is enough.
    for node, above in enumerate(root_of):
        root_of[node] = root_of[above]
    return root_of
