"""Fair totals of one side of a market by decomposition along minimum cuts.

Share as if every member could trade with every counterpart. If that can be shipped, it is the fair answer,
because nothing fairer exists even without the links. If not, the minimum cut names the members who got more
than their counterparts can take; they fill those counterparts and every capped link that leads out of the
cut, and what remains on either side is a smaller market of its own (Fujishige 1980; Groenevelt 1991).

All markets of one generation are disjoint, so one flow serves them all. The first trial gives every member
all it could get; its cut parts the members that get it from those whose counterparts are filled.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any, Final

from orders.allocation.engines import InArrays, MaxFlow, Network
from orders.allocation.engines.vectors import LISTS, Vectors, arrays_if
from orders.allocation.market.sides import Sharing, Side, Trial, in_whole_packs

_FIRST_NODE: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Columns over the links: member, counterpart, most packs (None for no limit)."""

    members: Sequence[int]
    others: Sequence[int]
    caps: Sequence[int | None]


@dataclass(frozen=True, slots=True)
class Totals:
    """Amounts per member and per link, each in units of one n-th pack with that n beside it.

    `free_others` are the counterparts who could have taken more; `flows` counts the flows it took.
    """

    amounts: list[int]
    scales: list[int]
    link_amounts: list[int]
    link_scales: list[int]
    free_others: list[int]
    flows: int = 0


@dataclass(slots=True)
class _Part:
    """A market of its own: `trial` is what its members get if it can be shipped; `links` is a column."""

    members: list[int]
    others: list[int]
    links: Any
    trial: Trial


@dataclass(slots=True)
class _State:
    """The links as columns, what the cuts so far have fixed, and the parts that are still to be shipped.

    `fixed` packs members must send out; `room` is left at the others. Members are nodes 2 ..., others follow.
    """

    side: Side
    sharing: Sharing
    vectors: Vectors
    tails: Any
    heads: Any
    limits: Any
    fixed: list[int]
    room: list[int]
    amounts: list[int]
    scales: list[int]
    link_amounts: Any
    link_scales: Any
    waiting: list[_Part]

    @classmethod
    def of(
        cls, side: Side, room: Sequence[int], links: Links, sharing: Sharing, vectors: Vectors
    ) -> "_State":
        count, link_count = len(side.lows), len(links.members)
        first_other = _FIRST_NODE + count
        # More than all the room there is: a cut never crosses it.
        unlimited = sum(room) + 1
        all_they_can = Trial(list(side.basin.caps), 1)
        every_link = vectors.column(range(link_count))
        return cls(
            side=side,
            sharing=sharing,
            vectors=vectors,
            tails=vectors.plus(vectors.column(links.members), _FIRST_NODE),
            heads=vectors.plus(vectors.column(links.others), first_other),
            limits=vectors.column([unlimited if cap is None else cap for cap in links.caps]),
            fixed=[0] * count,
            room=list(room),
            amounts=[0] * count,
            scales=[1] * count,
            link_amounts=vectors.times(every_link, 0),
            link_scales=vectors.plus(vectors.times(every_link, 0), 1),
            waiting=[_Part(list(range(count)), list(range(len(room))), every_link, all_they_can)],
        )

    @property
    def first_other(self) -> int:
        return _FIRST_NODE + len(self.fixed)


def decompose(side: Side, room: Sequence[int], links: Links, sharing: Sharing, max_flow: MaxFlow) -> Totals:
    """The fair totals of `side` whose counterparts take at most `room` packs each."""
    state = _State.of(side, room, links, sharing, _vectors(side, room, links, sharing, max_flow))
    free_others: list[int] = []
    flows = 0
    while state.waiting:
        parts, state.waiting = state.waiting, []
        carried, cut = _ship(state, parts, max_flow)
        is_near = state.vectors.plain(cut)
        if flows == 0:
            free_others = _not_full(state, carried)
        place = 0
        for part in parts:
            end = place + len(part.links)
            _settle(state, part, carried[place:end], (cut, is_near), is_first=flows == 0)
            place = end
        _share_again(state)
        flows += 1
    plain = state.vectors.plain
    return Totals(
        amounts=state.amounts,
        scales=state.scales,
        link_amounts=plain(state.link_amounts),
        link_scales=plain(state.link_scales),
        free_others=free_others,
        flows=flows,
    )


def _vectors(side: Side, room: Sequence[int], links: Links, sharing: Sharing, max_flow: MaxFlow) -> Vectors:
    """Arrays where the engine takes them and packs stay whole; shares in fractions outgrow 64 bits."""
    if sharing is not in_whole_packs or not isinstance(max_flow, InArrays):
        return LISTS
    return arrays_if(sum(room) + sum(side.basin.caps) + sum(cap for cap in links.caps if cap))


def _ship(state: _State, parts: Sequence[_Part], max_flow: MaxFlow) -> tuple[Any, Any]:
    """One flow through all parts: what each of their links carries, and the nodes on the cut's near side."""
    vectors, first_other = state.vectors, state.first_other
    tails: list[int] = []
    heads: list[int] = []
    capacities: list[int] = []
    for part in parts:
        scale = part.trial.scale
        tails += [0] * len(part.members)
        heads += [_FIRST_NODE + member for member in part.members]
        rows = zip(part.trial.amounts, part.members, strict=True)
        capacities += [amount - state.fixed[member] * scale for amount, member in rows]
        tails += [first_other + other for other in part.others]
        heads += [1] * len(part.others)
        capacities += [state.room[other] * scale for other in part.others]
    limits = [vectors.times(vectors.take(state.limits, part.links), part.trial.scale) for part in parts]
    links = vectors.join([part.links for part in parts])
    flow = max_flow(
        Network(
            first_other + len(state.room),
            vectors.join([vectors.column(tails), vectors.take(state.tails, links)]),
            vectors.join([vectors.column(heads), vectors.take(state.heads, links)]),
            vectors.join([vectors.column(capacities), *limits]),
        )
    )
    return flow.flows[len(tails) :], flow.cut


def _settle(
    state: _State, part: _Part, carried: Any, cuts: tuple[Any, Sequence[int]], *, is_first: bool
) -> None:
    """Writes the part's totals down if its trial was shipped, else parts it along the cut.

    `cuts` says of every node whether it is on the near side, once as a column and once as a list.
    """
    vectors, first_other = state.vectors, state.first_other
    cut, is_near = cuts
    near_members = [is_near[_FIRST_NODE + member] for member in part.members]
    if not any(near_members):
        _write_down(state, part, carried)
        return
    near_others = [is_near[first_other + other] for other in part.others]
    near_tails = vectors.take(cut, vectors.take(state.tails, part.links))
    near_heads = vectors.take(cut, vectors.take(state.heads, part.links))

    def chosen(*wanted: bool) -> Any:
        return vectors.where(part.links, near_tails, near_heads, (wanted[0], wanted[1]))

    # The cut crosses these links, so they are full; those that lead back into it carry nothing.
    for link in vectors.plain(chosen(True, False)):
        cap = int(state.limits[link])
        state.fixed[int(state.tails[link]) - _FIRST_NODE] += cap
        state.room[int(state.heads[link]) - first_other] -= cap
        state.link_amounts[link], state.link_scales[link] = cap, 1
    inside = _Part(
        list(compress(part.members, near_members)),
        list(compress(part.others, near_others)),
        chosen(True, True),
        part.trial,
    )
    state.waiting.append(inside)
    far = [member for member in part.members if not is_near[_FIRST_NODE + member]]
    others = [other for other in part.others if not is_near[first_other + other]]
    outside = _Part(far, others, chosen(False, False), part.trial)
    if not is_first:
        if far:
            state.waiting.append(outside)
        return
    # Outside the first cut everybody gets all it could get, and the first flow has shipped it.
    for member in far:
        state.amounts[member] = state.side.basin.caps[member]
    is_far = vectors.where(vectors.column(range(len(part.links))), near_tails, near_heads, (False, False))
    vectors.put(state.link_amounts, outside.links, vectors.take(carried, is_far))


def _write_down(state: _State, part: _Part, carried: Any) -> None:
    scale = part.trial.scale
    for member, amount in zip(part.members, part.trial.amounts, strict=True):
        state.amounts[member] = amount
        state.scales[member] = scale
    state.vectors.put(state.link_amounts, part.links, carried)
    if scale != 1:
        state.vectors.put(state.link_scales, part.links, [scale] * len(carried))


def _share_again(state: _State) -> None:
    """Gives the new parts their trials. Their counterparts are filled and fixed packs sent, whatever happens."""
    if not state.waiting:
        return
    vectors, side, fixed, caps = state.vectors, state.side, state.fixed, state.side.basin.caps
    links = vectors.join([part.links for part in state.waiting])
    room = vectors.column([*[0] * state.first_other, *state.room])
    most = vectors.smaller(
        vectors.take(state.limits, links), vectors.take(room, vectors.take(state.heads, links))
    )
    reach = vectors.sums(state.first_other, vectors.take(state.tails, links), most)
    for part in state.waiting:
        lows = [max(fixed[member], side.lows[member]) for member in part.members]
        highs = [min(caps[member], fixed[member] + reach[_FIRST_NODE + member]) for member in part.members]
        total = sum([state.room[other] for other in part.others])
        total += sum([fixed[member] for member in part.members])
        part.trial = state.sharing(side, part.members, lows, highs, total)


def _not_full(state: _State, carried: Any) -> list[int]:
    """Counterparts with room after the first flow, which carries every link of the market."""
    nodes = state.first_other + len(state.room)
    arrived = state.vectors.sums(nodes, state.heads, carried)[state.first_other :]
    return [other for other, (room, sent) in enumerate(zip(state.room, arrived, strict=True)) if sent < room]
