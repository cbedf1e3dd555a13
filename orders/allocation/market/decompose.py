"""Fair totals of one side of a market by decomposition along minimum cuts.

Share as if every member could trade with every counterpart. If that can be shipped, it is the fair answer,
because nothing fairer exists even without the links. If not, the minimum cut names the members who got more
than their counterparts can take; they fill those counterparts and every capped link that leads out of the
cut, and what remains on either side is a smaller market of its own (Fujishige 1980; Groenevelt 1991).

All markets of one generation are disjoint, so one flow serves them all. The first trial gives every member
all it could get; its cut parts the members that get it from those whose counterparts are filled.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from orders.allocation.engines import MaxFlow, Network
from orders.allocation.market.sides import Sharing, Side, Trial


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
    """A market of its own: `trial` is what its members get if it can be shipped."""

    members: list[int]
    others: list[int]
    links: list[int]
    trial: Trial


@dataclass(slots=True)
class _State:
    """What the cuts so far have fixed: packs that members must send out, and room left at the others."""

    fixed: list[int]
    room: list[int]
    totals: Totals
    waiting: list[_Part]


def decompose(side: Side, room: Sequence[int], links: Links, sharing: Sharing, max_flow: MaxFlow) -> Totals:
    """The fair totals of `side` whose counterparts take at most `room` packs each."""
    count, link_count = len(side.lows), len(links.members)
    totals = Totals([0] * count, [1] * count, [0] * link_count, [1] * link_count, [])
    all_they_can = Trial(list(side.basin.caps), 1)
    everyone = _Part(list(range(count)), list(range(len(room))), list(range(link_count)), all_they_can)
    state = _State([0] * count, list(room), totals, [everyone])
    flows = 0
    while state.waiting:
        parts, state.waiting = state.waiting, []
        is_cut = _ship(state, links, parts, max_flow)
        for part, (cut_members, cut_others) in zip(parts, is_cut, strict=True):
            _settle(state, side, links, sharing, part, cut_members, cut_others, is_first=flows == 0)
        if flows == 0:
            totals.free_others.extend(_not_full(room, links, totals.link_amounts))
        flows += 1
    return replace(totals, flows=flows)


def _ship(
    state: _State, links: Links, parts: Sequence[_Part], max_flow: MaxFlow
) -> list[tuple[list[bool], list[bool]]]:
    """One flow through all parts: writes down what each link carries; per part, who is on the cut's side."""
    tails: list[int] = []
    heads: list[int] = []
    capacities: list[int] = []
    node_of_member: dict[int, int] = {}
    node_of_other: dict[int, int] = {}
    node = 2
    for part in parts:
        scale = part.trial.scale
        for member, amount in zip(part.members, part.trial.amounts, strict=True):
            node_of_member[member] = node
            tails.append(0)
            heads.append(node)
            capacities.append(amount - state.fixed[member] * scale)
            node += 1
        for other in part.others:
            node_of_other[other] = node
            tails.append(node)
            heads.append(1)
            capacities.append(state.room[other] * scale)
            node += 1
    unlimited = sum(size for tail, size in zip(tails, capacities, strict=True) if tail == 0) + 1
    first_link = len(tails)
    for part in parts:
        for link in part.links:
            tails.append(node_of_member[links.members[link]])
            heads.append(node_of_other[links.others[link]])
            cap = links.caps[link]
            capacities.append(unlimited if cap is None else cap * part.trial.scale)
    flow = max_flow(Network(node, tails, heads, capacities))

    place = first_link
    cuts = []
    for part in parts:
        for link in part.links:
            state.totals.link_amounts[link] = flow.flows[place]
            state.totals.link_scales[link] = part.trial.scale
            place += 1
        cuts.append(
            (
                [flow.cut[node_of_member[member]] for member in part.members],
                [flow.cut[node_of_other[other]] for other in part.others],
            )
        )
    return cuts


def _settle(
    state: _State,
    side: Side,
    links: Links,
    sharing: Sharing,
    part: _Part,
    cut_members: list[bool],
    cut_others: list[bool],
    *,
    is_first: bool,
) -> None:
    """Writes the part's totals down if its trial was shipped, else parts it along the cut."""
    totals = state.totals
    if not any(cut_members):
        for member, amount in zip(part.members, part.trial.amounts, strict=True):
            totals.amounts[member] = amount
            totals.scales[member] = part.trial.scale
        return
    inside = _Part(_where(part.members, cut_members), _where(part.others, cut_others), [], part.trial)
    outside = _Part(
        _where(part.members, cut_members, value=False),
        _where(part.others, cut_others, value=False),
        [],
        part.trial,
    )
    members, others = set(inside.members), set(inside.others)
    for link in part.links:
        member, other = links.members[link], links.others[link]
        if member in members and other in others:
            inside.links.append(link)
        elif member in members:
            # The cut crosses this link, so it is full: a cap it must have, or the other were inside too.
            cap = links.caps[link] or 0
            state.fixed[member] += cap
            state.room[other] -= cap
            totals.link_amounts[link], totals.link_scales[link] = cap, 1
        elif other in others:
            totals.link_amounts[link], totals.link_scales[link] = 0, 1
        else:
            outside.links.append(link)
    _share_again(state, side, links, sharing, inside)
    if is_first:
        # Outside the first cut everybody gets all it could get, and the first flow has shipped it.
        for member in outside.members:
            totals.amounts[member] = side.basin.caps[member]
    else:
        _share_again(state, side, links, sharing, outside)


def _share_again(state: _State, side: Side, links: Links, sharing: Sharing, part: _Part) -> None:
    """Gives a new part its trial. Its counterparts are filled and its fixed packs sent, whatever happens."""
    if not part.members:
        return
    reach = dict.fromkeys(part.members, 0)
    for link in part.links:
        cap, room = links.caps[link], state.room[links.others[link]]
        reach[links.members[link]] += room if cap is None else min(cap, room)
    lows = [max(state.fixed[member], side.lows[member]) for member in part.members]
    highs = [min(side.basin.caps[member], state.fixed[member] + reach[member]) for member in part.members]
    total = sum(state.room[other] for other in part.others) + sum(
        state.fixed[member] for member in part.members
    )
    part.trial = sharing(side, part.members, lows, highs, total)
    state.waiting.append(part)


def _not_full(room: Sequence[int], links: Links, amounts: Sequence[int]) -> list[int]:
    left = list(room)
    for other, amount in zip(links.others, amounts, strict=True):
        left[other] -= amount
    return [other for other, rest in enumerate(left) if rest]


def _where(values: Sequence[int], flags: Sequence[bool], *, value: bool = True) -> list[int]:
    return [item for item, flag in zip(values, flags, strict=True) if flag == value]
