"""The check of one tier of orders: no waste, no better chain of swaps, the segments and cuts read off."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import chain, groupby

from orders.allocation.market.proof_books import Books, Place, Queue, edges, stock_of
from orders.allocation.market.proof_pieces import Pieces
from orders.allocation.market.residual import (
    NOT_REACHED,
    Arc,
    flood,
    parts,
    residual,
)
from orders.allocation.problem import Order
from orders.allocation.result import (
    Mark,
    OrderCut,
    OrderMark,
    Segment,
    SellerCut,
)
from orders.allocation.violation import Violation, violation


class Stage:
    """One tier of orders. Nodes: sellers by id, then orders by id; without links one node for all orders."""

    def __init__(self, books: Books, tier: int) -> None:
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
        self.seller_queue = Queue(
            rule=books.problem.policy.rule,
            members=books.sellers,
            tiers=[seller.tier for seller in books.sellers],
            starts=[*books.starts],
            weights=[seller.weight for seller in books.sellers],
            step=books.pack_grams,
            lottery=books.lottery,
        )
        self.order_queue = Queue(
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
        return Pieces(self.arcs, self.exact, self.demands, self.room_nodes(), mine, node_part).arcs()

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
            last, first = edges(self.seller_queue, self.packs, sellers, self.window)
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
            last, first = edges(self.order_queue, self.received, orders, lambda spot: (0, self.demands[spot]))
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

    def _mark(self, found: tuple[Place, int, int] | None) -> Mark | None:
        if found is None:
            return None
        place, spot, number = found
        key, second = self.seller_queue.key(place)
        seller = self.books.sellers[spot].id
        return Mark(seller=seller, pack=self.books.sold[spot] + number, key=key, second=second)

    def _order_mark(self, found: tuple[Place, int, int] | None) -> OrderMark | None:
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
                expected = "stock" if stock_of(seller) == seller.cap_packs else "household_cap"
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
