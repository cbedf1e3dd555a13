"""Answers to one order that `single` alone cannot give: packs of several sizes, minimum lots, a split limit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

from orders.allocation import json_form, measures, minimum_lots, mixed, single, ties
from orders.allocation.problem import Order, Problem, Seller
from orders.allocation.result import (
    Allocation,
    Bound,
    Certificate,
    Limit,
    Mark,
    OrderFill,
    Segment,
    Share,
    Shipment,
)

METHOD_MIXED = "smallest_key_that_fits"


def has_lots(problem: Problem) -> bool:
    """Whether a minimum lot or a limit on sellers can make any difference."""
    limits = [order.max_sellers for order in problem.orders if order.max_sellers is not None]
    return any(seller.min_packs > 1 for seller in problem.sellers) or any(
        limit < len(problem.sellers) for limit in limits
    )


def is_answered_here(problem: Problem) -> bool:
    """Whether the one order has anything about it that `single` does not know."""
    return has_lots(problem) or is_mixed(problem)


def is_mixed(problem: Problem) -> bool:
    """Whether sellers pack in several sizes."""
    return len({seller.pack_grams for seller in problem.sellers}) > 1


def smallest_pack(problem: Problem) -> int:
    """Grams of the smallest pack anybody has; an order in grams is counted in it."""
    return min((seller.pack_grams for seller in problem.sellers), default=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One order with what each seller can give and the history the rule counts."""

    problem: Problem
    stocks: Sequence[int]
    histories: Sequence[Fraction]

    @classmethod
    def of(cls, problem: Problem) -> "Question":
        return cls(
            problem=problem,
            stocks=[measures.stock_packs(seller) for seller in problem.sellers],
            histories=measures.counted_histories(problem),
        )

    @property
    def order(self) -> Order:
        return self.problem.orders[0]

    @property
    def demand_grams(self) -> int:
        """Grams to be shipped at most: the order's own, or its whole packs where all packs are alike."""
        pack = smallest_pack(self.problem)
        if self.order.packs is not None:
            return self.order.packs * pack
        grams = self.order.grams or 0
        return grams if is_mixed(self.problem) and grams >= pack else grams // pack * pack

    def rows(self) -> Iterator[tuple[Seller, int, Fraction]]:
        yield from zip(self.problem.sellers, self.stocks, self.histories, strict=True)


def answer(problem: Problem) -> Allocation:
    """The whole answer, by whichever way this order needs."""
    question = Question.of(problem)
    scale = 2 * lcm(*(history.denominator for history in question.histories))
    histories = [int(history * scale) for history in question.histories]
    line = _line(question, scale, histories)
    if has_lots(problem):
        filling = _lots(question, scale, histories)
        packs = filling.packs
        limits = [*_limits_of_lots(question, packs, line)]
        bound = Bound(price=filling.price / scale, fee=filling.fee / scale**2)
        certificate = Certificate(last_served=None, first_refused=None, bound=bound)
        return _written_down(
            question, packs, line, limits, certificate, method=filling.method, gap=filling.gap
        )
    packs = _mixed(question, scale, histories)
    queue = _Queue(question, packs)
    limits = [*_limits_of_mixed(question, packs, line, queue)]
    return _written_down(question, packs, line, limits, queue.certificate(), method=METHOD_MIXED)


def _line(question: Question, scale: int, histories: Sequence[int]) -> Fraction | None:
    """The line if packs could be divided and neither lots nor limits counted."""
    sellers = question.problem.sellers
    sizes = [seller.pack_grams * scale for seller in sellers]
    ends = [h + cap * size for h, cap, size in zip(histories, question.stocks, sizes, strict=True)]
    volume = min(question.demand_grams * scale, sum(ends) - sum(histories))
    if volume == 0:
        return None
    top, bottom = single.water_line([seller.weight for seller in sellers], histories, ends, volume)
    return Fraction(top, bottom * scale)


def _mixed(question: Question, scale: int, histories: Sequence[int]) -> list[int]:
    sellers, rule = question.problem.sellers, question.problem.policy.rule
    sizes = [seller.pack_grams * scale for seller in sellers]
    back = {"nearest": 1, "lowest": 2, "lowest_after": 0}[rule]
    # Other level of pack k less its key, as a multiple of pack / weight, the larger first.
    ahead = {"nearest": 0, "lowest": -1, "lowest_after": 1}[rule]
    shift = 2 * max((seller.weight for seller in sellers), default=1).bit_length()
    crates = mixed.Crates(
        weights=[seller.weight for seller in sellers],
        histories=histories,
        caps=question.stocks,
        packs=sizes,
        offsets=[-size * back // 2 for size in sizes],
        seconds=[
            ahead * ((size << shift) // seller.weight) for size, seller in zip(sizes, sellers, strict=True)
        ],
    )
    return mixed.fill(
        crates,
        question.demand_grams * scale,
        lambda i: ties.LateRank(lambda: ties.rank_of(question.problem, sellers[i])),
    )


def _lots(question: Question, scale: int, histories: Sequence[int]) -> minimum_lots.LotFilling:
    sellers = question.problem.sellers
    lottery = ties.Lottery(question.problem)
    drawn = sorted(range(len(sellers)), key=lambda i: lottery.rank_of(sellers[i]))
    filling = minimum_lots.fill(
        minimum_lots.Lots(
            weights=[sellers[i].weight for i in drawn],
            histories=[histories[i] for i in drawn],
            packs=[sellers[i].pack_grams * scale for i in drawn],
            caps=[question.stocks[i] for i in drawn],
            minimums=[sellers[i].min_packs for i in drawn],
            volume=question.demand_grams * scale,
            seats=question.order.max_sellers,
        )
    )
    packs = [0] * len(sellers)
    for i, count in zip(drawn, filling.packs, strict=True):
        packs[i] = count
    return minimum_lots.LotFilling(packs, filling.method, filling.price, filling.fee, filling.gap)


def _limits_of_lots(question: Question, packs: Sequence[int], line: Fraction | None) -> Iterator[Limit]:
    taking_part = sum(1 for count in packs if count)
    served = sum(n * seller.pack_grams for n, seller in zip(packs, question.problem.sellers, strict=True))
    is_short = served + smallest_pack(question.problem) <= question.demand_grams
    for (seller, stock, history), count in zip(question.rows(), packs, strict=True):
        own: Limit = "stock" if stock == seller.cap_packs else "household_cap"
        room = Fraction(0) if line is None else line * seller.weight - history
        if question.demand_grams == 0:
            yield "demand"
        elif stock == 0:
            yield own
        elif count:
            yield own if count == stock and (is_short or room > stock * seller.pack_grams) else "nothing"
        elif room <= 0:
            yield "history"
        elif seller.min_packs <= stock and taking_part == question.order.max_sellers:
            yield "split_limit"
        else:
            yield "minimum_lot" if seller.min_packs > 1 else "nothing"


def _limits_of_mixed(
    question: Question, packs: Sequence[int], line: Fraction | None, queue: "_Queue"
) -> Iterator[Limit]:
    for i, (seller, stock, history) in enumerate(question.rows()):
        if question.demand_grams == 0:
            yield "demand"
        elif packs[i] == stock and queue.would_fit(i):
            yield "stock" if stock == seller.cap_packs else "household_cap"
        elif packs[i] == 0 and line is not None and history >= line * seller.weight:
            yield "history"
        elif packs[i] < stock and queue.was_passed_over(i):
            yield "pack_size"
        else:
            yield "nothing"


_Place = tuple[Fraction, Fraction, ties.LateRank]


class _Queue:
    """Places of single packs: what was served last, what was refused first, what would have fitted."""

    def __init__(self, question: Question, packs: Sequence[int]) -> None:
        self.question = question
        self.packs = packs
        self.sellers = question.problem.sellers
        served = sum(n * s.pack_grams for n, s in zip(packs, self.sellers, strict=True))
        self.left = question.demand_grams - served
        last = [(self.place(i, n), i) for i, n in enumerate(packs) if n]
        refused = [
            (self.place(i, n + 1), i)
            for i, (n, cap) in enumerate(zip(packs, question.stocks, strict=True))
            if n < cap
        ]
        self.last = max(last, default=None)
        self.first = min(refused, default=None)
        self.late = self._served_late()

    def place(self, i: int, number: int) -> _Place:
        seller, history = self.sellers[i], self.question.histories[i]
        before = (history + (number - 1) * seller.pack_grams) / seller.weight
        after = (history + number * seller.pack_grams) / seller.weight
        rank = ties.LateRank(lambda: ties.rank_of(self.question.problem, seller))
        match self.question.problem.policy.rule:
            case "nearest":
                return (before + after) / 2, Fraction(0), rank
            case "lowest":
                return before, -after, rank
            case "lowest_after":
                return after, -before, rank

    def _served_late(self) -> list[tuple[_Place, int]]:
        """Packs served after the largest pack ceased to fit, with their grams: few, however large the order."""
        largest = max((seller.pack_grams for seller in self.sellers), default=0)
        ends = [place for i, n in enumerate(self.packs) if n for place in [self.place(i, n)]]
        if not ends:
            return []
        late: list[tuple[_Place, int]] = []
        counts = list(self.packs)
        room = self.left
        queue = sorted(((self.place(i, n), i) for i, n in enumerate(counts) if n), reverse=True)
        while queue and room < largest:
            place, i = queue.pop(0)
            late.append((place, self.sellers[i].pack_grams))
            room += self.sellers[i].pack_grams
            counts[i] -= 1
            if counts[i]:
                queue.append((self.place(i, counts[i]), i))
                queue.sort(reverse=True)
        return late

    def would_fit(self, i: int) -> bool:
        """Whether a pack more than the seller has would have been served when its turn came."""
        mine = self.place(i, self.packs[i] + 1)
        room = self.left + sum(grams for place, grams in self.late if place > mine)
        return room >= self.sellers[i].pack_grams

    def was_passed_over(self, i: int) -> bool:
        return self.last is not None and self.place(i, self.packs[i] + 1) < self.last[0]

    def certificate(self) -> Certificate:
        return Certificate(last_served=self._mark(self.last, 0), first_refused=self._mark(self.first, 1))

    def _mark(self, found: tuple[_Place, int] | None, ahead: int) -> Mark | None:
        if found is None:
            return None
        place, i = found
        second = None if self.question.problem.policy.rule == "nearest" else -place[1]
        return Mark(seller=self.sellers[i].id, pack=self.packs[i] + ahead, key=place[0], second=second)


def _written_down(
    question: Question,
    packs: Sequence[int],
    line: Fraction | None,
    limits: Sequence[Limit],
    certificate: Certificate,
    *,
    method: str,
    gap: Fraction = Fraction(0),
) -> Allocation:
    problem, order = question.problem, question.order
    shares = tuple(
        Share(
            id=seller.id,
            packs=n,
            exact_packs=_exact_packs(seller, stock, history, line),
            level_before=Fraction(seller.history_grams, seller.weight),
            level_after=Fraction(seller.history_grams + n * seller.pack_grams, seller.weight),
            limited_by=limit,
        )
        for (seller, stock, history), n, limit in zip(question.rows(), packs, limits, strict=True)
    )
    fill = _order_fill(question, packs)
    return Allocation(
        shipments=tuple(
            Shipment(seller=share.id, order=order.id, packs=share.packs) for share in shares if share.packs
        ),
        sellers=shares,
        orders=(fill,),
        segments=(Segment(line=line, sellers=tuple(share.id for share in shares), orders=(order.id,)),),
        certificate=certificate,
        method=method,
        gap=gap,
        unfilled_packs=fill.unfilled_packs,
        digest=json_form.digest_of(
            problem, {share.id: share.packs for share in shares}, {order.id: fill.packs}
        ),
    )


def _exact_packs(seller: Seller, stock: int, history: Fraction, line: Fraction | None) -> Fraction:
    if line is None:
        return Fraction(0)
    return min(Fraction(stock), max(Fraction(0), (line * seller.weight - history) / seller.pack_grams))


def _order_fill(question: Question, packs: Sequence[int]) -> OrderFill:
    order, pack = question.order, smallest_pack(question.problem)
    served = sum(n * seller.pack_grams for n, seller in zip(packs, question.problem.sellers, strict=True))
    weight = order.weight
    if weight is None:
        weight = question.demand_grams // pack if question.problem.policy.buyers == "fill_rate" else 1
    return OrderFill(
        id=order.id,
        packs=sum(packs),
        unfilled_packs=(question.demand_grams - served) // pack,
        unfilled_grams=None if order.grams is None else order.grams - served,
        level_before=Fraction(order.received_packs, weight) if weight else None,
        level_after=Fraction(order.received_packs + sum(packs), weight) if weight else None,
    )
