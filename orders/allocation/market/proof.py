"""Proves a market's answer right, or says what is wrong with it, without trusting or calling the engine.

Per tier of orders: nobody ships more than there is, no chain of swaps could ship more, and none could serve an
earlier pack instead of a later one, on either side. The exact shares are shipped anew by another algorithm and
judged the same way; segments and cuts are then read off and must be the ones stated.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import chain, groupby
from typing import Any

from orders.allocation import json_form, ties
from orders.allocation.market.residual import (
    NOT_REACHED,
    Arc,
    common_scale,
    deliver,
    flood,
    parts,
    residual,
)
from orders.allocation.problem import Order, Problem, Seller
from orders.allocation.result import (
    Allocation,
    Mark,
    OrderCut,
    OrderFill,
    OrderMark,
    Segment,
    SellerCut,
    Share,
)
from orders.allocation.violation import Violation, violation

_METHODS = {False: "minimum_cuts", True: "minimum_cuts_within_floor_and_ceiling"}

# Tier, whole part of the key, key, minus the other level, lottery rank: ascending as packs are served.
_Place = tuple[int, int, Fraction, Fraction, ties.LateRank]


def violations(problem: Problem, allocation: Allocation) -> tuple[Violation, ...]:
    """All violations, none if the answer is right."""
    broken_form = tuple(_form(problem, allocation))
    if broken_form:
        return broken_form
    books = _Books(problem, allocation)
    found = [*_totals(books)]
    if found:
        return tuple(found)
    tiers = sorted({order.tier for order in problem.orders})
    segments: list[Segment] = []
    seller_cuts: list[SellerCut] = []
    order_cuts: list[OrderCut] = []
    stage = None
    for tier in tiers:
        stage = _Stage(books, tier)
        wrong = [*stage.wrong()]
        if wrong:
            return (*found, *wrong)
        segments += stage.segments()
        seller_cuts += stage.seller_cuts()
        order_cuts += stage.order_cuts()
        books.close(stage)
    if tuple(segments) != allocation.segments:
        found.append(violation("segments", "", "The segments stated are not those of the exact shares."))
    certificate = allocation.certificate
    if (certificate.seller_cuts, certificate.order_cuts) != (tuple(seller_cuts), tuple(order_cuts)):
        found.append(violation("certificate", "", "The cuts stated are not those of the packs shipped."))
    if (certificate.last_served, certificate.first_refused, certificate.bound) != (None, None, None):
        found.append(violation("certificate", "", "In a market the edges stand with their cuts."))
    found += _exact(books)
    if stage is not None:
        found += stage.limits()
    return (*found, *_paper(problem, allocation))


def _form(problem: Problem, allocation: Allocation) -> Iterator[Violation]:
    """Who is listed, in which order, and whether numbers are numbers; nothing else is looked at if not."""
    sellers = tuple(seller.id for seller in problem.sellers)
    orders = tuple(order.id for order in problem.orders)
    if tuple(share.id for share in allocation.sellers) != sellers:
        yield violation(
            "sellers_differ", "", "The answer does not list the problem's sellers in their order."
        )
    if tuple(fill.id for fill in allocation.orders) != orders:
        yield violation("orders_differ", "", "The answer does not list the problem's orders in their order.")
    entries: chain[Share | OrderFill] = chain(allocation.sellers, allocation.orders)
    if not all(type(entry.packs) is int for entry in entries):
        yield violation("packs_not_whole", "", "Packs are not a whole number.")
    exact: list[object] = [part.line for part in allocation.segments if part.line is not None]
    for share in allocation.sellers:
        exact += [share.exact_packs, share.level_before, share.level_after]
    if not all(isinstance(number, Fraction) for number in exact):
        yield violation("not_exact", "", "A line, level or exact share is not a Fraction.")
    known, seen = (set(sellers), set(orders)), set()
    for shipment in allocation.shipments:
        if type(shipment.packs) is not int or shipment.packs <= 0:
            yield violation(
                "shipment_not_whole", shipment.seller, "A shipment is not a whole number above zero."
            )
        if shipment.seller not in known[0] or shipment.order not in known[1]:
            yield violation("shipment_stray", shipment.seller, "A shipment names nobody in this problem.")
        if (shipment.seller, shipment.order) in seen:
            yield violation("shipment_twice", shipment.seller, "Two shipments join the same pair.")
        seen.add((shipment.seller, shipment.order))


class _Books:
    """The answer's shipments and exact shares, and what earlier tiers of orders left of every seller."""

    def __init__(self, problem: Problem, allocation: Allocation) -> None:
        self.problem = problem
        self.allocation = allocation
        self.lottery = ties.Lottery(problem)
        self.sellers = sorted(problem.sellers, key=lambda seller: seller.id)
        self.seller_spot = {seller.id: spot for spot, seller in enumerate(self.sellers)}
        self.seller_listed = {seller.id: spot for spot, seller in enumerate(problem.sellers)}
        self.order_listed = {order.id: spot for spot, order in enumerate(problem.orders)}
        self.shipped = {(it.seller, it.order): it.packs for it in allocation.shipments}
        self.pack_grams = problem.sellers[0].pack_grams if problem.sellers else 1
        self.starts = [*_histories(problem, self.sellers)]
        self.stocks = [_stock(seller) for seller in self.sellers]
        self.sold = [0] * len(self.sellers)
        self.exact = [Fraction(0)] * len(self.sellers)

    def demand(self, order: Order) -> int:
        if order.packs is not None:
            return order.packs
        return (order.grams or 0) // self.pack_grams if self.sellers else 0

    def close(self, stage: "_Stage") -> None:
        """Enters what a tier of orders took."""
        for spot, packs in enumerate(stage.packs):
            self.sold[spot] += packs
            self.stocks[spot] -= packs
            self.starts[spot] += packs * self.pack_grams
            self.exact[spot] += stage.exact[spot]


def _stock(seller: Seller) -> int:
    household = seller.household_cap_packs
    if household is None:
        return seller.cap_packs
    left = Fraction(household * seller.weight) - Fraction(seller.history_grams, seller.pack_grams)
    return min(seller.cap_packs, max(0, left.numerator // left.denominator))


def _histories(problem: Problem, sellers: Sequence[Seller]) -> Iterator[Fraction]:
    bound = problem.policy.catch_up_grams_per_weight
    levels = sorted(Fraction(seller.history_grams, seller.weight) for seller in sellers)
    for seller in sellers:
        counted = Fraction(seller.history_grams)
        if bound is not None:
            median = (levels[(len(levels) - 1) // 2] + levels[len(levels) // 2]) / 2
            counted = max(counted, (median - bound) * seller.weight)
        yield counted


def _totals(books: _Books) -> Iterator[Violation]:
    """Shipments within links, adding up to what both sides are said to get; levels and fills as defined."""
    sent = dict.fromkeys(books.seller_listed, 0)
    got = dict.fromkeys(books.order_listed, 0)
    for pair, packs in books.shipped.items():
        sent[pair[0]] += packs
        got[pair[1]] += packs
    yield from _beyond_links(books)
    for seller, share in zip(books.problem.sellers, books.allocation.sellers, strict=True):
        yield from _wrong_share(seller, share, sent[seller.id])
    missing = 0
    for order, fill in zip(books.problem.orders, books.allocation.orders, strict=True):
        demand = books.demand(order)
        missing += demand - got[order.id]
        if got[order.id] > demand:
            yield violation("above_demand", order.id, f"It asked for {demand} packs.")
        if fill != _fill(books, order, demand, got[order.id]):
            yield violation("order", order.id, "What the order receives or lacks differs from the shipments.")
    if books.allocation.unfilled_packs != missing:
        yield violation("unfilled_packs", "", "The unfilled packs are not the orders less the shipments.")


def _beyond_links(books: _Books) -> Iterator[Violation]:
    if books.problem.links is None:
        return
    caps = {(link.seller, link.order): link.cap_packs for link in books.problem.links}
    for pair, packs in books.shipped.items():
        if pair not in caps:
            yield violation("no_link", pair[0], f"It may not serve {pair[1]}.")
            continue
        cap = caps[pair]
        if cap is not None and packs > cap:
            yield violation("above_link", pair[0], f"Its link to {pair[1]} carries {cap} packs.")


def _wrong_share(seller: Seller, share: Share, sent: int) -> Iterator[Violation]:
    grams = seller.history_grams + share.packs * seller.pack_grams
    if share.packs != sent:
        yield violation("shipments_differ", seller.id, "The shipments do not add up to the share.")
    if share.packs > _stock(seller):
        yield violation("above_stock", seller.id, f"{share.packs} packs are more than there are.")
    if share.level_before * seller.weight != seller.history_grams:
        yield violation("level_before", seller.id, "The level before is not history / weight.")
    if share.level_after * seller.weight != grams:
        yield violation("level_after", seller.id, "The level after is not (history + packs) / weight.")


def _fill(books: _Books, order: Order, demand: int, packs: int) -> OrderFill:
    weight = order.weight
    if weight is None:
        weight = demand if books.problem.policy.buyers == "fill_rate" else 1
    shipped_grams = packs * books.pack_grams if books.sellers else 0
    return OrderFill(
        id=order.id,
        packs=packs,
        unfilled_packs=demand - packs,
        unfilled_grams=None if order.grams is None else order.grams - shipped_grams,
        level_before=Fraction(order.received_packs, weight) if weight else None,
        level_after=Fraction(order.received_packs + packs, weight) if weight else None,
    )


@dataclass(frozen=True, slots=True)
class _Queue:
    """One side's places in the queue: who stands at which level with how many packs."""

    rule: str
    members: Sequence[Seller | Order]
    tiers: Sequence[int]
    starts: Sequence[Fraction]
    weights: Sequence[int]
    step: int
    lottery: ties.Lottery

    def place(self, spot: int, number: int) -> _Place:
        before = (self.starts[spot] + (number - 1) * self.step) / self.weights[spot]
        after = (self.starts[spot] + number * self.step) / self.weights[spot]
        key, other = {
            "nearest": ((before + after) / 2, Fraction(0)),
            "lowest": (before, -after),
            "lowest_after": (after, -before),
        }[self.rule]
        whole = (key.numerator << 40) // key.denominator
        return (
            self.tiers[spot],
            whole,
            key,
            other,
            ties.LateRank(partial(self.lottery.rank_of, self.members[spot])),
        )

    def key(self, place: _Place) -> tuple[Fraction, Fraction | None]:
        return place[2], None if self.rule == "nearest" else -place[3]


class _Stage:
    """One tier of orders. Nodes: sellers by id, then orders by id; without links one node for all orders."""

    def __init__(self, books: _Books, tier: int) -> None:
        self.books = books
        self.tier = tier
        self.orders = sorted(
            (order for order in books.problem.orders if order.tier == tier), key=lambda order: order.id
        )
        self.demands = [books.demand(order) for order in self.orders]
        self.order_spot = {order.id: spot for spot, order in enumerate(self.orders)}
        self.packs = [0] * len(books.sellers)
        self.received = [0] * len(self.orders)
        for (seller, order), packs in books.shipped.items():
            if order in self.order_spot:
                self.packs[books.seller_spot[seller]] += packs
                self.received[self.order_spot[order]] += packs
        self.seller_queue = _Queue(
            rule=books.problem.policy.rule,
            members=books.sellers,
            tiers=[seller.tier for seller in books.sellers],
            starts=[*books.starts],
            weights=[seller.weight for seller in books.sellers],
            step=books.pack_grams,
            lottery=books.lottery,
        )
        self.order_queue = _Queue(
            rule=books.problem.policy.rule,
            members=self.orders,
            tiers=[0] * len(self.orders),
            starts=[Fraction(order.received_packs) for order in self.orders],
            weights=[
                self._weight(order, demand) for order, demand in zip(self.orders, self.demands, strict=True)
            ],
            step=1,
            lottery=books.lottery,
        )
        self.stocks = [*books.stocks]
        self.arcs = [*self._arcs()]
        self.line_of: list[Segment] = []
        self.exact: list[Fraction] = []
        self.exact_parts: list[tuple[tuple[int, int], list[int], list[int]]] = []
        self.seller_waves: list[int] = []
        self.order_waves: list[int] = []
        self.seller_ladder: list[int] = []
        self.order_ladder: list[int] = []

    @property
    def others(self) -> int:
        """How many nodes stand for the orders."""
        return 1 if self.books.problem.links is None else len(self.orders)

    def _weight(self, order: Order, demand: int) -> int:
        if order.weight is not None:
            return order.weight
        return demand if demand and self.books.problem.policy.buyers == "fill_rate" else 1

    def _arcs(self) -> Iterator[Arc]:
        count, links = len(self.packs), self.books.problem.links
        if links is None:
            for spot, packs in enumerate(self.packs):
                yield Arc(spot, count, None, packs)
            return
        for link in links:
            if link.order in self.order_spot:
                yield Arc(
                    self.books.seller_spot[link.seller],
                    count + self.order_spot[link.order],
                    link.cap_packs,
                    self.books.shipped.get((link.seller, link.order), 0),
                )

    def wrong(self) -> Iterator[Violation]:
        """What is wrong with the packs of this tier, and with its lines."""
        if any(packs > stock for packs, stock in zip(self.packs, self.stocks, strict=True)):
            yield violation("above_stock", "", "Earlier orders took what later ones are promised.")
            return
        broken = [*self._read_lines()]
        if broken:
            yield from broken
            return
        yield from self._wrong_exact()
        yield from self._wrong_sellers()
        yield from self._wrong_orders()

    def _read_lines(self) -> Iterator[Violation]:
        """Every seller and order in exactly one segment; from its line follows every exact share."""
        mine = [part for part in self.books.allocation.segments if part.tier == self.tier]
        sellers = sorted(name for part in mine for name in part.sellers)
        orders = sorted(name for part in mine for name in part.orders)
        if sellers != sorted(self.books.seller_spot) or orders != sorted(self.order_spot):
            yield violation("segments", "", "Not every seller and order stands in exactly one segment.")
            return
        segment_of = {name: part for part in mine for name in part.sellers}
        self.line_of = [segment_of[seller.id] for seller in self.books.sellers]
        self.exact = [self._exact_share(spot, part) for spot, part in enumerate(self.line_of)]

    def _exact_share(self, spot: int, part: Segment) -> Fraction:
        tier, stock = self.books.sellers[spot].tier, self.stocks[spot]
        if part.line is None or tier > part.seller_tier:
            return Fraction(0)
        if tier < part.seller_tier:
            return Fraction(stock)
        room = (
            part.line * self.seller_queue.weights[spot] - self.seller_queue.starts[spot]
        ) / self.books.pack_grams
        return min(Fraction(stock), max(Fraction(0), room))

    def _wrong_exact(self) -> Iterator[Violation]:
        """The exact shares can be shipped, ship as much as the packs do, and no chain of swaps betters them."""
        if sum(self.exact) != sum(self.packs):
            yield violation("line", "", "The exact shares at the lines add up to another number of packs.")
            return
        arcs = self._ship_exact()
        if arcs is None:
            yield violation("line", "", "The exact shares at the lines cannot be shipped.")
            return
        count = len(self.packs)
        queue = self.seller_queue
        heights = {
            spot: (queue.tiers[spot], (queue.starts[spot] + share * queue.step) / queue.weights[spot])
            for spot, share in enumerate(self.exact)
        }
        falling = sorted(
            (spot for spot in heights if self.exact[spot]), key=heights.__getitem__, reverse=True
        )
        equals = [list(group) for _, group in groupby(falling, key=heights.__getitem__)]
        before, _ = residual(arcs, count + self.others)
        waves = flood(before, [self._exact_room(arcs), *equals])
        for spot, wave in enumerate(waves[:count]):
            if self.exact[spot] == self.stocks[spot] or wave == NOT_REACHED:
                continue
            if wave == 0 or heights[equals[wave - 1][0]] > heights[spot]:
                name = self.books.sellers[spot].id
                yield violation("line", name, "A chain of swaps would raise its exact share.")
        self.exact_parts = [*self._in_line(arcs, waves, own=count)]

    def _ship_exact(self) -> list[Arc] | None:
        """The exact shares on the arcs: segment by segment, each in whole multiples of its own fraction."""
        count, links = len(self.packs), self.books.problem.links
        if links is None:
            return [
                Arc(i, count, None, share.numerator, share.denominator) for i, share in enumerate(self.exact)
            ]
        mine = [part for part in self.books.allocation.segments if part.tier == self.tier]
        node_part = [0] * (count + len(self.orders))
        for number, part in enumerate(mine):
            for name in part.sellers:
                node_part[self.books.seller_spot[name]] = number
            for name in part.orders:
                node_part[count + self.order_spot[name]] = number
        return _Pieces(self, mine, node_part).arcs()

    def _exact_room(self, arcs: Sequence[Arc]) -> list[int]:
        """Order nodes that the exact shares leave unfilled."""
        count = len(self.packs)
        if self.books.problem.links is None:
            return [count] if sum(self.exact) < sum(self.demands) else []
        arrived: list[Fraction] = [Fraction(0)] * len(self.orders)
        for arc in arcs:
            if arc.carried:
                arrived[arc.head - count] += Fraction(arc.carried, arc.scale)
        return [count + spot for spot, demand in enumerate(self.demands) if arrived[spot] < demand]

    def room_nodes(self) -> list[int]:
        """Order nodes that could take more."""
        count = len(self.packs)
        if self.books.problem.links is None:
            return [count] if sum(self.received) < sum(self.demands) else []
        rows = zip(self.received, self.demands, strict=True)
        return [count + spot for spot, (packs, demand) in enumerate(rows) if packs < demand]

    def window(self, spot: int) -> tuple[int, int]:
        """The fewest and the most packs a seller may get."""
        if not self.books.problem.policy.strict:
            return 0, self.stocks[spot]
        share = self.exact[spot]
        return share.numerator // share.denominator, -(-share.numerator // share.denominator)

    def _wrong_sellers(self) -> Iterator[Violation]:
        """No chain of swaps ships more or serves an earlier pack of some seller instead of a later one."""
        count, queue = len(self.packs), self.seller_queue
        windows = [self.window(spot) for spot in range(count)]
        places = {
            spot: queue.place(spot, packs)
            for spot, packs in enumerate(self.packs)
            if packs > windows[spot][0]
        }
        self.seller_ladder = sorted(places, key=places.__getitem__, reverse=True)
        before, _ = residual(self.arcs, count + self.others)
        self.seller_waves = flood(before, chain([self.room_nodes()], ([spot] for spot in self.seller_ladder)))
        for spot, packs in enumerate(self.packs):
            name, wave = self.books.sellers[spot].id, self.seller_waves[spot]
            low, high = windows[spot]
            if not low <= packs <= high:
                yield violation("not_within_floor_and_ceiling", name, "The share is a pack or more off.")
            if wave == 0 and packs < self.stocks[spot]:
                yield violation("waste", name, "A chain of swaps would ship one more of its packs.")
            elif wave > 0 and packs < high:
                later = places[self.seller_ladder[wave - 1]]
                if queue.place(spot, packs + 1) < later:
                    yield violation("not_optimal", name, f"Its pack {packs + 1} comes before one served.")

    def _wrong_orders(self) -> Iterator[Violation]:
        """The same from the orders' side: chains of swaps run the other way."""
        count, queue = len(self.packs), self.order_queue
        places = {spot: queue.place(spot, packs) for spot, packs in enumerate(self.received) if packs}
        self.order_ladder = sorted(places, key=places.__getitem__, reverse=True)
        arcs, free = self._order_arcs()
        _, after = residual(arcs, count + len(self.orders) + 1)
        starts = chain([free], ([count + spot] for spot in self.order_ladder))
        self.order_waves = flood(after, starts)
        for spot, packs in enumerate(self.received):
            wave = self.order_waves[count + spot]
            if wave > 0 and packs < self.demands[spot]:
                later = places[self.order_ladder[wave - 1]]
                if queue.place(spot, packs + 1) < later:
                    yield violation(
                        "not_optimal", self.orders[spot].id, f"Its pack {packs + 1} comes before one served."
                    )

    def _order_arcs(self) -> tuple[list[Arc], list[int]]:
        """Arcs into single orders, and the sellers with stock left; without links all sellers are one node."""
        count = len(self.packs)
        if self.books.problem.links is not None:
            rows = zip(self.packs, self.stocks, strict=True)
            return self.arcs, [spot for spot, (packs, stock) in enumerate(rows) if packs < stock]
        hub = count + len(self.orders)
        arcs = [Arc(hub, count + spot, None, packs) for spot, packs in enumerate(self.received)]
        return arcs, [hub] if sum(self.packs) < sum(self.stocks) else []

    def segments(self) -> Iterator[Segment]:
        """The segments that the exact shares make."""
        queue = self.seller_queue
        for _, sellers, others in self.exact_parts:
            level, open_tier = None, 0
            tops = [
                (
                    queue.tiers[spot],
                    (queue.starts[spot] + self.exact[spot] * queue.step) / queue.weights[spot],
                )
                for spot in sellers
                if self.exact[spot]
            ]
            if tops:
                open_tier, level = max(tops)
            yield Segment(
                line=level,
                sellers=self._listed(sellers),
                orders=self._listed_orders(others),
                tier=self.tier,
                seller_tier=open_tier,
            )

    def seller_cuts(self) -> Iterator[SellerCut]:
        """The cuts that the sellers' packs make."""
        for _, sellers, others in self._in_line(self.arcs, self.seller_waves, own=len(self.packs)):
            last, first = _edges(self.seller_queue, self.packs, sellers, self.window)
            yield SellerCut(
                tier=self.tier,
                sellers=self._listed(sellers),
                orders=self._listed_orders(others),
                last_served=self._mark(last),
                first_refused=self._mark(first),
            )

    def order_cuts(self) -> Iterator[OrderCut]:
        """The cuts that the orders' packs make."""
        count = len(self.packs)
        arcs, _ = self._order_arcs()
        waves = self.order_waves
        if self.books.problem.links is not None:
            waves = waves[: count + len(self.orders)]
        for _, members, others in self._in_line(arcs, waves, own=count, orders_first=True):
            orders = [node - count for node in members]
            last, first = _edges(
                self.order_queue, self.received, orders, lambda spot: (0, self.demands[spot])
            )
            sellers = range(count) if self.books.problem.links is None and others else others
            yield OrderCut(
                tier=self.tier,
                sellers=self._listed(sellers),
                orders=self._listed_orders([count + spot for spot in orders], single=True),
                last_served=self._order_mark(last),
                first_refused=self._order_mark(first),
            )

    def _in_line(
        self, arcs: Sequence[Arc], waves: Sequence[int], *, own: int, orders_first: bool = False
    ) -> Iterator[tuple[tuple[int, int], list[int], list[int]]]:
        """Parts sorted: those out of reach, from the lowest up, those at a free end."""
        hub = own + len(self.orders) if orders_first and self.books.problem.links is None else None
        ranked = []
        for nodes in parts(arcs, waves):
            wave = waves[nodes[0]]
            rank = (0, 0) if wave == NOT_REACHED else (2, 0) if wave == 0 else (1, -wave)
            if hub is None:
                first, second = [n for n in nodes if n < own], [n for n in nodes if n >= own]
                if orders_first:
                    first, second = second, first
            else:
                first, second = [n for n in nodes if own <= n < hub], [n for n in nodes if n == hub]
                if not first and not second:
                    continue
            ranked.append((rank, first, second))
        yield from sorted(ranked, key=lambda row: (row[0], row[1][:1], row[2][:1]))

    def _listed(self, spots: Sequence[int]) -> tuple[str, ...]:
        listed = self.books.seller_listed
        return tuple(sorted((self.books.sellers[spot].id for spot in spots), key=listed.__getitem__))

    def _listed_orders(self, nodes: Sequence[int], *, single: bool = False) -> tuple[str, ...]:
        spots: Sequence[int] = [node - len(self.packs) for node in nodes]
        if nodes and not single and self.books.problem.links is None:
            spots = range(len(self.orders))
        return tuple(
            sorted((self.orders[spot].id for spot in spots), key=self.books.order_listed.__getitem__)
        )

    def _mark(self, found: tuple[_Place, int, int] | None) -> Mark | None:
        if found is None:
            return None
        place, spot, number = found
        key, second = self.seller_queue.key(place)
        seller = self.books.sellers[spot].id
        return Mark(seller=seller, pack=self.books.sold[spot] + number, key=key, second=second)

    def _order_mark(self, found: tuple[_Place, int, int] | None) -> OrderMark | None:
        if found is None:
            return None
        place, spot, number = found
        key, second = self.order_queue.key(place)
        return OrderMark(order=self.orders[spot].id, pack=number, key=key, second=second)

    def limits(self) -> Iterator[Violation]:
        """What kept each seller from more in the last tier of orders."""
        is_asked, has_spare = self._ends()
        demand = sum(self.demands)
        lines = [(part.seller_tier, part.line) for part in self.line_of if part.line is not None]
        highest = max(lines, default=None)
        for spot, seller in enumerate(self.books.sellers):
            part = self.line_of[spot]
            line = None if part.line is None else (part.seller_tier, part.line)
            nothing_yet = self.packs[spot] == 0
            if not demand:
                expected = "demand"
            elif self._misses_a_pack(spot):
                expected = "stock" if _stock(seller) == seller.cap_packs else "household_cap"
            elif line is None or not is_asked[spot]:
                expected = "demand" if has_spare[spot] else "link"
            elif nothing_yet and seller.tier > line[0]:
                expected = "tier"
            elif nothing_yet and seller.tier == line[0] and self._starts_above(spot, line[1]):
                expected = "history"
            elif not has_spare[spot]:
                expected = "link"
            else:
                expected = "nothing" if line == highest else "demand"
            share = self.books.allocation.sellers[self.books.seller_listed[seller.id]]
            if share.limited_by != expected:
                yield violation("limited_by", seller.id, f"Limited by {expected}, not {share.limited_by}.")

    def _ends(self) -> tuple[list[bool], list[bool]]:
        """Per seller: whether an order it may serve asks for anything, whether one of its links has room."""
        count = len(self.packs)
        if self.books.problem.links is None:
            return [True] * count, [True] * count
        is_asked, has_spare = [False] * count, [False] * count
        for arc in self.arcs:
            has_spare[arc.tail] |= arc.has_room
            is_asked[arc.tail] |= arc.cap != 0 and self.demands[arc.head - count] > 0
        return is_asked, has_spare

    def _starts_above(self, spot: int, line: Fraction) -> bool:
        return self.seller_queue.starts[spot] >= line * self.seller_queue.weights[spot]

    def _misses_a_pack(self, spot: int) -> bool:
        packs, wave, part = self.packs[spot], self.seller_waves[spot], self.line_of[spot]
        if packs < self.stocks[spot]:
            return False
        if wave == 0:
            return True
        queue = self.seller_queue
        if self.books.problem.policy.strict:
            tier = queue.tiers[spot]
            if part.line is None or tier != part.seller_tier:
                return part.line is not None and tier < part.seller_tier
            full = queue.starts[spot] + packs * queue.step
            return part.line * queue.weights[spot] > full
        if wave == NOT_REACHED:
            return False
        top = self.seller_ladder[wave - 1]
        return queue.place(spot, packs + 1) < queue.place(top, self.packs[top])


class _Pieces:
    """The exact shares on the arcs, segment by segment.

    Between segments nothing is left to choose: an arc to a higher line must be full, one to a lower line empty.
    """

    def __init__(self, stage: _Stage, segments: Sequence[Segment], part_of: Sequence[int]) -> None:
        self.stage = stage
        self.part_of = part_of
        waves = flood(residual(stage.arcs, len(part_of))[0], [stage.room_nodes()])
        short = {part_of[node] for node, wave in enumerate(waves) if wave == 0}
        self.heights: list[Any] = [
            (2,) if number in short else (0,) if part.line is None else (1, part.seller_tier, part.line)
            for number, part in enumerate(segments)
        ]

    def arcs(self) -> list[Arc] | None:
        """All arcs with what they carry, or None if the exact shares cannot be shipped."""
        stage, count = self.stage, len(self.stage.packs)
        supplies: list[Fraction] = [*stage.exact]
        rooms = [*stage.demands]
        inner: dict[int, list[Arc]] = {}
        done = []
        for arc in stage.arcs:
            tail, head = self.heights[self.part_of[arc.tail]], self.heights[self.part_of[arc.head]]
            if tail > head:
                done.append(Arc(arc.tail, arc.head, arc.cap, 0))
            elif tail < head:
                if arc.cap is None:
                    return None
                done.append(Arc(arc.tail, arc.head, arc.cap, arc.cap))
                supplies[arc.tail] -= arc.cap
                rooms[arc.head - count] -= arc.cap
            elif self.part_of[arc.tail] != self.part_of[arc.head]:
                return None
            else:
                inner.setdefault(self.part_of[arc.tail], []).append(arc)
        if any(supply < 0 for supply in supplies) or any(room < 0 for room in rooms):
            return None
        members: dict[int, list[int]] = {}
        for node, number in enumerate(self.part_of):
            members.setdefault(number, []).append(node)
        for number, nodes in members.items():
            piece = self._piece(inner.get(number, []), nodes, supplies, rooms)
            if piece is None:
                return None
            done += piece
        return done

    def _piece(
        self, arcs: list[Arc], nodes: Sequence[int], supplies: Sequence[Fraction], rooms: Sequence[int]
    ) -> list[Arc] | None:
        count = len(self.stage.packs)
        sellers = [node for node in nodes if node < count]
        scale = common_scale(supplies[node].denominator for node in sellers)
        carried = deliver(
            arcs,
            {node: int(supplies[node] * scale) for node in sellers},
            {node: rooms[node - count] * scale for node in nodes if node >= count},
            scale,
        )
        if carried is None:
            return None
        return [
            Arc(arc.tail, arc.head, arc.cap, amount, scale) for arc, amount in zip(arcs, carried, strict=True)
        ]


def _edges(
    queue: _Queue, packs: Sequence[int], spots: Sequence[int], window: Callable[[int], tuple[int, int]]
) -> tuple[tuple[_Place, int, int] | None, tuple[_Place, int, int] | None]:
    """The last pack served and the first one missed among some members: place, spot, number."""
    served, missed = [], []
    for spot in spots:
        low, high = window(spot)
        if packs[spot] > low:
            served.append((queue.place(spot, packs[spot]), spot, packs[spot]))
        if packs[spot] < high:
            missed.append((queue.place(spot, packs[spot] + 1), spot, packs[spot] + 1))
    return max(served, default=None), min(missed, default=None)


def _exact(books: _Books) -> Iterator[Violation]:
    for seller, exact in zip(books.sellers, books.exact, strict=True):
        if books.allocation.sellers[books.seller_listed[seller.id]].exact_packs != exact:
            yield violation("exact_packs", seller.id, "The exact share is not the one at its lines.")


def _paper(problem: Problem, allocation: Allocation) -> Iterator[Violation]:
    if allocation.method != _METHODS[problem.policy.strict]:
        yield violation("method", "", "The method named is not the one that answers this problem.")
    if allocation.gap != 0:
        yield violation("gap", "", "An exact answer has no gap.")
    given = {share.id: share.packs for share in allocation.sellers}
    received = {fill.id: fill.packs for fill in allocation.orders}
    if allocation.digest != json_form.digest_of(problem, given, received):
        yield violation("digest", "", "The digest does not belong to this problem and these packs.")
