"""A market's answer from its first tier of orders to its last: what one tier took, the next finds gone.

Tiers of orders are solved in sequence. Each ships the most it can from the stock that is left, and the packs
sold to earlier tiers count into every seller's level.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from orders.allocation import json_form, ties
from orders.allocation.engines import MaxFlow
from orders.allocation.market import stage as stages
from orders.allocation.market.links import Links
from orders.allocation.market.sides import Side
from orders.allocation.market.stage import Group, Outcome, Stage
from orders.allocation.measures import basin_of, demand_packs, stock_packs
from orders.allocation.problem import Order, Problem
from orders.allocation.result import (
    Allocation,
    Certificate,
    Limit,
    Mark,
    OrderCut,
    OrderFill,
    OrderMark,
    Segment,
    SellerCut,
    Share,
    Shipment,
)

METHOD_MARKET = "minimum_cuts"
METHOD_MARKET_STRICT = "minimum_cuts_within_floor_and_ceiling"


def answer(problem: Problem, max_flow: MaxFlow) -> Allocation:
    """The fair answer to any number of orders, links and tiers with one trade unit."""
    book = _Book(problem)
    for tier in sorted({order.tier for order in problem.orders}):
        book.enter(tier, max_flow)
    return book.allocation()


class _Book:
    """What has been sold so far, and every line of the answer."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.lottery = ties.Lottery(problem)
        self.by_id = sorted(range(len(problem.sellers)), key=lambda index: problem.sellers[index].id)
        self.sellers = [problem.sellers[index] for index in self.by_id]
        self.order_place = {order.id: index for index, order in enumerate(problem.orders)}
        self.scale, basin = basin_of(problem)
        self.side = Side(
            basin=replace(
                basin,
                strict=False,
                weights=[basin.weights[index] for index in self.by_id],
                histories=[basin.histories[index] for index in self.by_id],
                caps=[basin.caps[index] for index in self.by_id],
                seconds=[basin.seconds[index] for index in self.by_id],
            ),
            lows=[0] * len(self.sellers),
            tiers=[seller.tier for seller in self.sellers],
            rank=lambda index: self.lottery.rank_of(self.sellers[index]),
        )
        self.sold = [0] * len(self.sellers)
        self.exact = [Fraction(0)] * len(self.sellers)
        self.limits: list[Limit] = []
        self.received: dict[str, int] = {}
        self.shipments: dict[tuple[str, str], int] = {}
        self.segments: list[Segment] = []
        self.seller_cuts: list[SellerCut] = []
        self.order_cuts: list[OrderCut] = []

    def enter(self, tier: int, max_flow: MaxFlow) -> None:
        """Solves one tier of orders and writes it down."""
        orders = sorted(
            (order for order in self.problem.orders if order.tier == tier), key=lambda order: order.id
        )
        stage = Stage(
            sellers=self.side,
            orders=stages.order_side(self.problem, orders, self.lottery),
            links=self._links(orders),
            strict=self.problem.policy.strict,
        )
        outcome = stages.solve(stage, max_flow)
        page = _Page(self, tier, orders, stage, outcome)
        self.segments += page.segments()
        self.seller_cuts += page.seller_cuts()
        self.order_cuts += page.order_cuts()
        self.limits = list(page.limits())
        for seller, place, packs in outcome.shipments:
            self.shipments[self.sellers[seller].id, orders[place].id] = packs
        for order, packs in zip(orders, outcome.order_packs, strict=True):
            self.received[order.id] = packs
        self.exact = [a + b for a, b in zip(self.exact, outcome.exact, strict=True)]
        self.sold = [a + b for a, b in zip(self.sold, outcome.seller_packs, strict=True)]
        basin = self.side.basin
        gone = list(zip(basin.histories, basin.caps, outcome.seller_packs, strict=True))
        basin = replace(
            basin,
            histories=[history + packs * basin.pack for history, _, packs in gone],
            caps=[cap - packs for _, cap, packs in gone],
        )
        self.side = replace(self.side, basin=basin)

    def allocation(self) -> Allocation:
        """Everything written down, sellers and orders in the problem's own order."""
        problem = self.problem
        place = {index: spot for spot, index in enumerate(self.by_id)}
        spots = [place[index] for index in range(len(self.sellers))]
        fills = tuple(self._fill(order) for order in problem.orders)
        seller_place = {seller.id: index for index, seller in enumerate(problem.sellers)}
        return Allocation(
            shipments=tuple(
                Shipment(seller=seller, order=order, packs=packs)
                for (seller, order), packs in sorted(
                    self.shipments.items(),
                    key=lambda item: (seller_place[item[0][0]], self.order_place[item[0][1]]),
                )
            ),
            sellers=tuple(self._share(spot) for spot in spots),
            orders=fills,
            segments=tuple(self.segments),
            certificate=Certificate(
                last_served=None,
                first_refused=None,
                seller_cuts=tuple(self.seller_cuts),
                order_cuts=tuple(self.order_cuts),
            ),
            method=METHOD_MARKET_STRICT if problem.policy.strict else METHOD_MARKET,
            gap=Fraction(0),
            unfilled_packs=sum(fill.unfilled_packs for fill in fills),
            digest=json_form.digest_of(
                problem,
                {seller.id: n for seller, n in zip(self.sellers, self.sold, strict=True)},
                self.received,
            ),
        )

    def _links(self, orders: Sequence[Order]) -> Links | None:
        if self.problem.links is None:
            return None
        seller_place = {seller.id: index for index, seller in enumerate(self.sellers)}
        order_place = {order.id: index for index, order in enumerate(orders)}
        rows = sorted(
            (seller_place[link.seller], order_place[link.order], link.cap_packs)
            for link in self.problem.links
            if link.order in order_place
        )
        return Links(
            members=[row[0] for row in rows], others=[row[1] for row in rows], caps=[row[2] for row in rows]
        )

    def _share(self, spot: int) -> Share:
        seller, packs = self.sellers[spot], self.sold[spot]
        return Share(
            id=seller.id,
            packs=packs,
            exact_packs=self.exact[spot],
            level_before=Fraction(seller.history_grams, seller.weight),
            level_after=Fraction(seller.history_grams + packs * seller.pack_grams, seller.weight),
            limited_by=self.limits[spot],
        )

    def _fill(self, order: Order) -> OrderFill:
        demand, packs = demand_packs(order, self.problem.sellers), self.received[order.id]
        weight = stages.order_weight(self.problem, order, demand)
        unfilled_grams = None
        if order.grams is not None:
            unfilled_grams = order.grams - (packs * self.sellers[0].pack_grams if self.sellers else 0)
        return OrderFill(
            id=order.id,
            packs=packs,
            unfilled_packs=demand - packs,
            unfilled_grams=unfilled_grams,
            level_before=Fraction(order.received_packs, weight) if weight else None,
            level_after=Fraction(order.received_packs + packs, weight) if weight else None,
        )


class _Page:
    """One tier of orders, put into the words of the answer."""

    def __init__(
        self, book: _Book, tier: int, orders: Sequence[Order], stage: Stage, outcome: Outcome
    ) -> None:
        self.book = book
        self.tier = tier
        self.orders = orders
        self.stage = stage
        self.outcome = outcome
        self.lines: list[tuple[int, Fraction] | None] = [self._line(group) for group in outcome.segments]
        self.line_of = {
            seller: line
            for group, line in zip(outcome.segments, self.lines, strict=True)
            for seller in group.sellers
        }

    def segments(self) -> Iterator[Segment]:
        for group, line in zip(self.outcome.segments, self.lines, strict=True):
            sellers, orders = self._names(group)
            open_tier, level = line or (0, None)
            yield Segment(line=level, sellers=sellers, orders=orders, tier=self.tier, seller_tier=open_tier)

    def seller_cuts(self) -> Iterator[SellerCut]:
        side, packs = self.outcome.seller_side, self.outcome.seller_packs
        for group in self.outcome.seller_cuts:
            last, first = _edges(side, packs, group.sellers)
            sellers, orders = self._names(group)
            yield SellerCut(
                tier=self.tier,
                sellers=sellers,
                orders=orders,
                last_served=None if last is None else self._mark(last, packs[last]),
                first_refused=None if first is None else self._mark(first, packs[first] + 1),
            )

    def order_cuts(self) -> Iterator[OrderCut]:
        side, packs = self.stage.orders, self.outcome.order_packs
        for group in self.outcome.order_cuts:
            last, first = _edges(side, packs, group.orders)
            sellers, orders = self._names(group)
            yield OrderCut(
                tier=self.tier,
                sellers=sellers,
                orders=orders,
                last_served=None if last is None else self._order_mark(last, packs[last]),
                first_refused=None if first is None else self._order_mark(first, packs[first] + 1),
            )

    def limits(self) -> Iterator[Limit]:
        """What kept each seller from more in this tier of orders."""
        count = len(self.outcome.seller_packs)
        if not sum(self.stage.demands):
            for _ in range(count):
                yield "demand"
            return
        missed, is_asked, has_spare = self._misses_a_pack(), self._is_asked(), self._has_spare()
        highest = max((line for line in self.lines if line), default=None)
        for seller in range(count):
            line = self.line_of[seller]
            if missed[seller]:
                yield self._supply_limit(seller)
            elif line is None or not is_asked[seller]:
                yield "demand" if has_spare[seller] else "link"
            elif above := self._limit_above(seller, line):
                yield above
            elif not has_spare[seller]:
                yield "link"
            else:
                yield "nothing" if line == highest else "demand"

    def _is_asked(self) -> list[bool]:
        """Whether any order that a seller may serve asks for anything."""
        links, count = self.stage.links, len(self.outcome.seller_packs)
        asked = [links is None] * count
        if links is not None:
            for seller, order, cap in zip(links.members, links.others, links.caps, strict=True):
                asked[seller] |= cap != 0 and self.stage.demands[order] > 0
        return asked

    def _has_spare(self) -> list[bool]:
        """Whether any link of a seller could carry more."""
        links, count = self.stage.links, len(self.outcome.seller_packs)
        spare = [links is None] * count
        if links is not None:
            carried = {(seller, order): n for seller, order, n in self.outcome.shipments}
            for seller, order, cap in zip(links.members, links.others, links.caps, strict=True):
                spare[seller] |= cap is None or carried.get((seller, order), 0) < cap
        return spare

    def _limit_above(self, seller: int, line: tuple[int, Fraction]) -> Limit | None:
        """Why a seller without a pack got none: an earlier tier, or its own sales before."""
        tier, basin = self.stage.sellers.tiers[seller], self.stage.sellers.basin
        if self.outcome.seller_packs[seller] or tier < line[0]:
            return None
        if tier > line[0]:
            return "tier"
        level = Fraction(basin.histories[seller], basin.weights[seller] * self.book.scale)
        return "history" if level >= line[1] else None

    def _supply_limit(self, seller: int) -> Limit:
        member = self.book.sellers[seller]
        return "household_cap" if stock_packs(member) < member.cap_packs else "stock"

    def _misses_a_pack(self) -> list[bool]:
        """Whether a seller that gave all it had would have been asked for one more pack, had it had one."""
        side, packs = self.stage.sellers, self.outcome.seller_packs
        missed = [False] * len(packs)
        for group in self.outcome.seller_cuts:
            last, _ = _edges(self.outcome.seller_side, packs, group.sellers)
            for seller in group.sellers:
                if packs[seller] < side.basin.caps[seller]:
                    continue
                if group.rank[0] == 2:
                    missed[seller] = True
                elif self.stage.strict:
                    missed[seller] = self._is_above_all_it_has(seller)
                elif last is not None:
                    mine, its = side.place(seller, packs[seller] + 1), side.place(last, packs[last])
                    missed[seller] = mine < its or (mine == its and side.rank(seller) < side.rank(last))
        return missed

    def _is_above_all_it_has(self, seller: int) -> bool:
        line, side = self.line_of[seller], self.stage.sellers
        if line is None or line[0] != side.tiers[seller]:
            return line is not None and side.tiers[seller] < line[0]
        top = side.basin.histories[seller] + side.basin.caps[seller] * side.basin.pack
        return line[1] * side.basin.weights[seller] * self.book.scale > top

    def _line(self, group: Group) -> tuple[int, Fraction] | None:
        """The open tier of a segment, and the level up to which it was filled."""
        basin, exact = self.stage.sellers.basin, self.outcome.exact
        return max(
            (
                (
                    self.stage.sellers.tiers[i],
                    (basin.histories[i] + exact[i] * basin.pack) / (basin.weights[i] * self.book.scale),
                )
                for i in group.sellers
                if exact[i]
            ),
            default=None,
        )

    def _names(self, group: Group) -> tuple[tuple[str, ...], tuple[str, ...]]:
        book = self.book
        sellers = sorted(book.by_id[seller] for seller in group.sellers)
        orders = sorted(book.order_place[self.orders[order].id] for order in group.orders)
        return (
            tuple(book.problem.sellers[index].id for index in sellers),
            tuple(book.problem.orders[index].id for index in orders),
        )

    def _mark(self, seller: int, number: int) -> Mark:
        key, second = self._key(self.outcome.seller_side, seller, number, self.book.scale)
        member = self.book.sellers[seller]
        return Mark(seller=member.id, pack=self.book.sold[seller] + number, key=key, second=second)

    def _order_mark(self, order: int, number: int) -> OrderMark:
        key, second = self._key(self.stage.orders, order, number, 2)
        return OrderMark(order=self.orders[order].id, pack=number, key=key, second=second)

    def _key(self, side: Side, member: int, number: int, scale: int) -> tuple[Fraction, Fraction | None]:
        basin, weight = side.basin, side.basin.weights[member] * scale
        after = Fraction(basin.histories[member] + number * basin.pack, weight)
        before = Fraction(basin.histories[member] + (number - 1) * basin.pack, weight)
        match self.book.problem.policy.rule:
            case "nearest":
                return (before + after) / 2, None
            case "lowest":
                return before, after
            case "lowest_after":
                return after, before


def _edges(side: Side, packs: Sequence[int], members: Sequence[int]) -> tuple[int | None, int | None]:
    """Whose last pack came last, and whose next pack would come first."""
    served = [(side.place(i, packs[i]), i) for i in members if packs[i] > side.lows[i]]
    missed = [(side.place(i, packs[i] + 1), i) for i in members if packs[i] < side.basin.caps[i]]
    return _pick(side, served, last=True), _pick(side, missed, last=False)


def _pick(side: Side, entries: list[tuple[tuple[int, int, int], int]], *, last: bool) -> int | None:
    if not entries:
        return None
    edge = max(place for place, _ in entries) if last else min(place for place, _ in entries)
    equal = [member for place, member in entries if place == edge]
    if len(equal) == 1:
        return equal[0]
    return max(equal, key=side.rank) if last else min(equal, key=side.rank)
