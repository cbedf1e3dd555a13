"""What the market's check reads off a problem and an answer before it judges: sums, levels, places."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial

from orders.allocation import ties
from orders.allocation.problem import Order, Problem, Seller
from orders.allocation.result import (
    Allocation,
    OrderFill,
    Share,
)
from orders.allocation.violation import Violation, violation

# Tier, whole part of the key, key, minus the other level, lottery rank: ascending as packs are served.
Place = tuple[int, int, Fraction, Fraction, ties.LateRank]


class Books:
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
        self.stocks = [stock_of(seller) for seller in self.sellers]
        self.sold = [0] * len(self.sellers)
        self.exact = [Fraction(0)] * len(self.sellers)

    def demand(self, order: Order) -> int:
        if order.packs is not None:
            return order.packs
        return (order.grams or 0) // self.pack_grams if self.sellers else 0

    def close(self, packs: Sequence[int], exact: Sequence[Fraction]) -> None:
        """Enters what a tier of orders took."""
        for spot, (count, share) in enumerate(zip(packs, exact, strict=True)):
            self.sold[spot] += count
            self.stocks[spot] -= count
            self.starts[spot] += count * self.pack_grams
            self.exact[spot] += share


def stock_of(seller: Seller) -> int:
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


def totals(books: Books) -> Iterator[Violation]:
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


def _beyond_links(books: Books) -> Iterator[Violation]:
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
    if share.packs > stock_of(seller):
        yield violation("above_stock", seller.id, f"{share.packs} packs are more than there are.")
    if share.level_before * seller.weight != seller.history_grams:
        yield violation("level_before", seller.id, "The level before is not history / weight.")
    if share.level_after * seller.weight != grams:
        yield violation("level_after", seller.id, "The level after is not (history + packs) / weight.")


def _fill(books: Books, order: Order, demand: int, packs: int) -> OrderFill:
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
class Queue:
    """One side's places in the queue: who stands at which level with how many packs."""

    rule: str
    members: Sequence[Seller | Order]
    tiers: Sequence[int]
    starts: Sequence[Fraction]
    weights: Sequence[int]
    step: int
    lottery: ties.Lottery

    def place(self, spot: int, number: int) -> Place:
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

    def key(self, place: Place) -> tuple[Fraction, Fraction | None]:
        return place[2], None if self.rule == "nearest" else -place[3]


def edges(
    queue: Queue, packs: Sequence[int], spots: Sequence[int], window: Callable[[int], tuple[int, int]]
) -> tuple[tuple[Place, int, int] | None, tuple[Place, int, int] | None]:
    """The last pack served and the first one missed among some members: place, spot, number."""
    served, missed = [], []
    for spot in spots:
        low, high = window(spot)
        if packs[spot] > low:
            served.append((queue.place(spot, packs[spot]), spot, packs[spot]))
        if packs[spot] < high:
            missed.append((queue.place(spot, packs[spot] + 1), spot, packs[spot] + 1))
    return max(served, default=None), min(missed, default=None)
