"""One tier of orders as a market of its own: built from the problem, solved on both sides, in whole numbers.

Sellers and orders stand in the order of their ids, so that no answer depends on the order of any list.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import groupby

from orders.allocation import single, ties
from orders.allocation.engines import MaxFlow
from orders.allocation.market.decompose import decompose
from orders.allocation.market.labels import Labels, label, parts
from orders.allocation.market.links import Links, Totals
from orders.allocation.market.sides import Side, divisible, in_whole_packs
from orders.allocation.measures import demand_packs
from orders.allocation.problem import Order, Problem

_SECONDS = {"nearest": 0, "lowest": 1, "lowest_after": -1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """`links` is None where everyone may serve everyone: then all orders together are one counterpart."""

    sellers: Side
    orders: Side
    links: Links | None
    strict: bool

    @property
    def seller_links(self) -> Links:
        if self.links is not None:
            return self.links
        return _to_one(len(self.sellers.lows))

    @property
    def order_links(self) -> Links:
        if self.links is None:
            return _to_one(len(self.orders.lows))
        return self.links.turned()

    @property
    def demands(self) -> Sequence[int]:
        return self.orders.basin.caps

    def orders_of(self, others: Sequence[int]) -> list[int]:
        """The orders that stand behind counterparts of the sellers."""
        return list(others) if self.links is not None or not others else list(range(len(self.demands)))

    def sellers_of(self, others: Sequence[int]) -> list[int]:
        """The sellers that stand behind counterparts of the orders."""
        return list(others) if self.links is not None or not others else list(range(len(self.sellers.lows)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Sellers and orders between whom packs can move; `rank` sorts the groups from the lowest up."""

    rank: tuple[int, int]
    sellers: list[int]
    orders: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Fair totals of both sides and shipments that realise them, and who could take packs from whom."""

    exact: list[Fraction]
    seller_packs: list[int]
    order_packs: list[int]
    shipments: list[tuple[int, int, int]]
    segments: list[Group]
    seller_side: Side
    seller_cuts: list[Group]
    order_cuts: list[Group]


def order_side(problem: Problem, orders: Sequence[Order], lottery: ties.Lottery) -> Side:
    """Orders as a side: level (received + packs) / weight."""
    second = _SECONDS[problem.policy.rule]
    demands = [demand_packs(order, problem.sellers) for order in orders]
    weights = [
        order_weight(problem, order, demand) or 1 for order, demand in zip(orders, demands, strict=True)
    ]
    return Side(
        basin=single.Basin(
            weights=weights,
            histories=[2 * order.received_packs for order in orders],
            caps=demands,
            pack=2,
            offset={"nearest": -1, "lowest": -2, "lowest_after": 0}[problem.policy.rule],
            seconds=[second * weight for weight in weights],
        ),
        lows=[0] * len(orders),
        tiers=[0] * len(orders),
        rank=lambda index: lottery.rank_of(orders[index]),
    )


def order_weight(problem: Problem, order: Order, demand: int) -> int:
    """What divides the packs an order received; 0 where it asks for nothing and has no weight of its own."""
    if order.weight is not None:
        return order.weight
    return demand if problem.policy.buyers == "fill_rate" else 1


def solve(stage: Stage, max_flow: MaxFlow) -> Outcome:
    """Both sides fair, shipped together: the orders' totals are found within what the sellers ship."""
    links = stage.seller_links
    room = stage.demands if stage.links is not None else [sum(stage.demands)]
    exact = decompose(stage.sellers, room, links, divisible, max_flow)
    shares = [Fraction(*pair) for pair in zip(exact.amounts, exact.scales, strict=True)]
    side = _within_floor_and_ceiling(stage.sellers, shares) if stage.strict else stage.sellers
    sold = decompose(side, room, links, in_whole_packs, max_flow)
    packs = sold.amounts
    stock, shipped = (packs, sold.link_amounts) if stage.links is not None else ([sum(packs)], None)
    filled = decompose(stage.orders, stock, stage.order_links, in_whole_packs, max_flow, shipped)
    shipments = _shipments(stage, packs, filled)
    return Outcome(
        exact=shares,
        seller_packs=packs,
        order_packs=filled.amounts,
        shipments=shipments,
        segments=_segments(stage, exact, shares),
        seller_side=side,
        seller_cuts=_seller_cuts(stage, side, packs, filled),
        order_cuts=_order_cuts(stage, packs, filled),
    )


def _to_one(count: int) -> Links:
    return Links(members=range(count), others=[0] * count, caps=[None] * count)


def _within_floor_and_ceiling(side: Side, shares: Sequence[Fraction]) -> Side:
    floors = [share.numerator // share.denominator for share in shares]
    ceilings = [-(-share.numerator // share.denominator) for share in shares]
    return replace(side, basin=replace(side.basin, caps=ceilings), lows=floors)


def _shipments(stage: Stage, packs: Sequence[int], filled: Totals) -> list[tuple[int, int, int]]:
    """Seller, order, packs; without links the first seller serves the first order until one is done."""
    if stage.links is not None:
        rows = zip(stage.links.members, stage.links.others, filled.link_amounts, strict=True)
        return [row for row in rows if row[2]]
    shipments, order, wanted = [], 0, filled.amounts[0] if filled.amounts else 0
    for seller, count in enumerate(packs):
        rest = count
        while rest:
            while not wanted:
                order += 1
                wanted = filled.amounts[order]
            moved = min(rest, wanted)
            shipments.append((seller, order, moved))
            rest -= moved
            wanted -= moved
    return shipments


def _segments(stage: Stage, exact: Totals, shares: Sequence[Fraction]) -> list[Group]:
    """Parts of the market with one line each, from the exact shares."""
    basin, links = stage.sellers.basin, stage.seller_links
    used = [amount > 0 for amount in exact.link_amounts]
    spare = [
        cap is None or amount < cap * scale
        for cap, amount, scale in zip(links.caps, exact.link_amounts, exact.link_scales, strict=True)
    ]
    heights = {
        i: (stage.sellers.tiers[i], (basin.histories[i] + share * basin.pack) / basin.weights[i])
        for i, share in enumerate(shares)
        if share
    }
    ladder = sorted(heights, key=heights.__getitem__, reverse=True)
    equals = [list(group) for _, group in groupby(ladder, key=heights.__getitem__)]
    counts = len(shares), len(stage.demands) if stage.links is not None else 1
    labels = label(links, used, spare, exact.free_others, equals, counts)
    return [
        Group(rank=rank, sellers=members, orders=stage.orders_of(others))
        for rank, members, others in _in_line(links, labels)
    ]


def _seller_cuts(stage: Stage, side: Side, packs: Sequence[int], filled: Totals) -> list[Group]:
    demands, links = stage.demands, stage.seller_links
    if stage.links is not None:
        carried: Sequence[int] = filled.link_amounts
        free = [j for j, (n, most) in enumerate(zip(filled.amounts, demands, strict=True)) if n < most]
    else:
        carried = packs
        free = [0] if sum(packs) < sum(demands) else []
    counts = len(packs), len(demands) if stage.links is not None else 1
    labels = label(links, *_flags(links, carried), free, ladder(side, packs), counts)
    return [
        Group(rank=rank, sellers=members, orders=stage.orders_of(others))
        for rank, members, others in _in_line(links, labels)
    ]


def _order_cuts(stage: Stage, packs: Sequence[int], filled: Totals) -> list[Group]:
    stocks, links = stage.sellers.basin.caps, stage.order_links
    if stage.links is not None:
        carried: Sequence[int] = filled.link_amounts
        free = [i for i, (n, most) in enumerate(zip(packs, stocks, strict=True)) if n < most]
    else:
        carried = filled.amounts
        free = [0] if sum(packs) < sum(stocks) else []
    counts = len(stage.demands), len(packs) if stage.links is not None else 1
    labels = label(links, *_flags(links, carried), free, ladder(stage.orders, filled.amounts), counts)
    return [
        Group(rank=rank, sellers=stage.sellers_of(others), orders=members)
        for rank, members, others in _in_line(links, labels)
    ]


def _flags(links: Links, carried: Sequence[int]) -> tuple[list[bool], list[bool]]:
    """Which links could carry less, and which more."""
    used = [amount > 0 for amount in carried]
    spare = [cap is None or amount < cap for cap, amount in zip(links.caps, carried, strict=True)]
    return used, spare


def ladder(side: Side, packs: Sequence[int]) -> list[list[int]]:
    """Members with a pack to lose, the one whose last pack comes last in the queue first."""
    places = {
        member: side.place(member, count)
        for member, (count, low) in enumerate(zip(packs, side.lows, strict=True))
        if count > low
    }
    falling = sorted(places, key=places.__getitem__, reverse=True)
    rungs: list[list[int]] = []
    for _, group in groupby(falling, key=places.__getitem__):
        equals = list(group)
        if len(equals) > 1:
            equals.sort(key=side.rank, reverse=True)
        rungs += [[member] for member in equals]
    return rungs


def _in_line(links: Links, labels: Labels) -> list[tuple[tuple[int, int], list[int], list[int]]]:
    """The parts with their rank: out of anybody's reach, then from the lowest up, then short of stock."""
    ranked = []
    for members, others in parts(links, labels):
        number = labels.members[members[0]] if members else labels.others[others[0]]
        # Labels count from the top down: 0 is free, 1 the topmost; NOBODY is below all.
        rank = (0, 0) if number < 0 else (2, 0) if number == 0 else (1, -number)
        ranked.append((rank, members, others))
    return sorted(ranked, key=lambda row: (row[0], row[1][:1], row[2][:1]))
