"""Proves an answer right, or says what is wrong with it, without trusting or calling the engine that made it.

Everything is recomputed from the problem and from definitions: feasibility, no waste, the exact line and
shares, and optimality by exchange (no served pack may come after a refused one). Linear in the sellers.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from orders.allocation import dispatch, json_form, measures, one_order, ties, verify_lots, verify_mixed
from orders.allocation.market import proof
from orders.allocation.problem import Problem, Seller
from orders.allocation.result import Allocation, Mark, OrderFill, Share
from orders.allocation.violation import Violation, violation

_Place = tuple[Fraction, Fraction, ties.LateRank]


def verify(problem: Problem, allocation: Allocation) -> tuple[Violation, ...]:
    """All violations, none if the answer is right. Raises ProblemRefused where `allocate` would."""
    dispatch.refuse_unsupported(problem)
    if problem.orders and measures.is_market(problem):
        return proof.violations(problem, allocation)
    broken_form = tuple(_form(problem, allocation))
    if broken_form:
        return broken_form
    facts = _facts(problem, allocation)
    if problem.orders and one_order.is_answered_here(problem):
        return (
            *_feasibility(facts),
            *_levels(facts),
            *_line(facts),
            *_one_order(facts),
            *_orders(facts),
            *_paper(facts),
        )
    return (
        *_feasibility(facts),
        *_waste(facts),
        *_levels(facts),
        *_line(facts),
        *_optimality(facts),
        *_limits(facts),
        *_orders(facts),
        *_paper(facts),
    )


@dataclass(frozen=True, slots=True)
class _Facts:
    problem: Problem
    allocation: Allocation
    pairs: tuple[tuple[Seller, Share], ...]
    stocks: tuple[int, ...]
    histories: tuple[Fraction, ...]
    demand: int
    line: Fraction | None
    smallest_pack: int
    demand_grams: int

    @property
    def possible_grams(self) -> int:
        """What divisible packs could fill of the order."""
        supply = sum(
            stock * seller.pack_grams for (seller, _), stock in zip(self.pairs, self.stocks, strict=True)
        )
        return min(self.demand_grams, supply)

    def rows(self) -> Iterator[tuple[Seller, Share, int, Fraction]]:
        for (seller, share), stock, history in zip(self.pairs, self.stocks, self.histories, strict=True):
            yield seller, share, stock, history

    def exact(self, seller: Seller, stock: int, history: Fraction) -> Fraction:
        """The divisible share at the answer's own line."""
        if self.line is None:
            return Fraction(0)
        return min(
            Fraction(stock), max(Fraction(0), (self.line * seller.weight - history) / seller.pack_grams)
        )


def _facts(problem: Problem, allocation: Allocation) -> _Facts:
    order = problem.orders[0] if problem.orders else None
    sizes = {seller.pack_grams for seller in problem.sellers}
    pack = min(sizes, default=1)
    demand = 0
    if order is not None:
        demand = order.packs if order.packs is not None else (order.grams or 0) // pack if sizes else 0
    demand_grams = demand * pack
    if order is not None and order.grams is not None and len(sizes) > 1 and demand:
        demand_grams = order.grams
    return _Facts(
        problem=problem,
        allocation=allocation,
        pairs=tuple(zip(problem.sellers, allocation.sellers, strict=True)),
        stocks=tuple(_stock(seller) for seller in problem.sellers),
        histories=tuple(_histories(problem)),
        demand=demand,
        line=allocation.segments[0].line if allocation.segments else None,
        smallest_pack=pack,
        demand_grams=demand_grams,
    )


def _stock(seller: Seller) -> int:
    household = seller.household_cap_packs
    if household is None:
        return seller.cap_packs
    left = Fraction(household * seller.weight) - Fraction(seller.history_grams, seller.pack_grams)
    return min(seller.cap_packs, max(0, left.numerator // left.denominator))


def _histories(problem: Problem) -> Iterator[Fraction]:
    bound = problem.policy.catch_up_grams_per_weight
    levels = sorted(Fraction(seller.history_grams, seller.weight) for seller in problem.sellers)
    for seller in problem.sellers:
        counted = Fraction(seller.history_grams)
        if bound is not None:
            median = (levels[(len(levels) - 1) // 2] + levels[len(levels) // 2]) / 2
            counted = max(counted, (median - bound) * seller.weight)
        yield counted


def _form(problem: Problem, allocation: Allocation) -> Iterator[Violation]:
    """Who is listed, in which order, and whether counts are counts; nothing else is looked at if not."""
    sellers = tuple(seller.id for seller in problem.sellers)
    orders = tuple(order.id for order in problem.orders)
    if tuple(share.id for share in allocation.sellers) != sellers:
        yield violation(
            "sellers_differ", "", "The answer does not list the problem's sellers in their order."
        )
    if tuple(fill.id for fill in allocation.orders) != orders:
        yield violation("orders_differ", "", "The answer does not list the problem's orders in their order.")
    expected = [(sellers, orders)] if orders else []
    if [(segment.sellers, segment.orders) for segment in allocation.segments] != expected:
        yield violation("segments_differ", "", "One order makes one segment with every seller in it.")
    counted: itertools.chain[Share | OrderFill] = itertools.chain(allocation.sellers, allocation.orders)
    for entry in counted:
        if type(entry.packs) is not int:
            yield violation("packs_not_whole", entry.id, "Packs are not a whole number.")
    yield from _numbers(problem, allocation)


def _numbers(problem: Problem, allocation: Allocation) -> Iterator[Violation]:
    """Whether lines and levels are exact and shipments are whole and between those who are listed."""
    exact = [segment.line for segment in allocation.segments if segment.line is not None]
    for share in allocation.sellers:
        exact += [share.exact_packs, share.level_before, share.level_after]
    if not all(isinstance(number, Fraction) for number in exact):
        yield violation("not_exact", "", "A line, level or exact share is not a Fraction.")
    sellers = {seller.id for seller in problem.sellers}
    orders = {order.id for order in problem.orders}
    for shipment in allocation.shipments:
        if type(shipment.packs) is not int or shipment.packs <= 0:
            yield violation(
                "shipment_not_whole", shipment.seller, "A shipment is not a whole number above zero."
            )
        if shipment.seller not in sellers or shipment.order not in orders:
            yield violation("shipment_stray", shipment.seller, "A shipment names nobody in this problem.")


def _feasibility(facts: _Facts) -> Iterator[Violation]:
    for seller, share, stock, _ in facts.rows():
        if share.packs < 0:
            yield violation("packs_negative", seller.id, "A seller cannot give fewer than no packs.")
        if share.packs > stock:
            yield violation(
                "above_stock", seller.id, f"{share.packs} packs are more than the {stock} there are."
            )
    shipped: dict[str, int] = {}
    pairs: set[tuple[str, str]] = set()
    for shipment in facts.allocation.shipments:
        shipped[shipment.seller] = shipped.get(shipment.seller, 0) + shipment.packs
        if (shipment.seller, shipment.order) in pairs:
            yield violation("shipment_twice", shipment.seller, "Two shipments join the same pair.")
        pairs.add((shipment.seller, shipment.order))
    for seller, share, _, _ in facts.rows():
        if shipped.get(seller.id, 0) != share.packs:
            yield violation("shipments_differ", seller.id, "The shipments do not add up to the share.")


def _waste(facts: _Facts) -> Iterator[Violation]:
    given = sum(share.packs for _, share in facts.pairs)
    possible = min(facts.demand, sum(facts.stocks))
    if given < possible:
        yield violation("waste", "", f"{given} packs are given where {possible} could be.")
    if given > possible:
        yield violation("too_many", "", f"{given} packs are given where only {possible} may be.")


def _one_order(facts: _Facts) -> Iterator[Violation]:
    check = verify_lots.violations if one_order.has_lots(facts.problem) else verify_mixed.violations
    yield from check(facts.problem, facts.allocation, facts.stocks, facts.histories, facts.demand_grams)


def _levels(facts: _Facts) -> Iterator[Violation]:
    for seller, share, _, _ in facts.rows():
        grams = seller.history_grams + share.packs * seller.pack_grams
        if share.level_before * seller.weight != seller.history_grams:
            yield violation("level_before", seller.id, "The level before is not history / weight.")
        if share.level_after * seller.weight != grams:
            yield violation("level_after", seller.id, "The level after is not (history + packs) / weight.")


def _line(facts: _Facts) -> Iterator[Violation]:
    """The line must fill the order exactly, and no smaller line may do so."""
    possible = facts.possible_grams
    if (facts.line is None) != (possible == 0):
        yield violation("line", "", "There is a line exactly when something can be shipped.")
        return
    total, is_smallest = Fraction(0), possible == 0
    for seller, share, stock, history in facts.rows():
        exact = facts.exact(seller, stock, history)
        total += exact * seller.pack_grams
        if share.exact_packs != exact:
            yield violation("exact_packs", seller.id, "The exact share is not the one at the line.")
        if facts.line is not None and exact > 0:
            is_smallest = is_smallest or facts.line * seller.weight - history == exact * seller.pack_grams
    if total != possible:
        yield violation("line", "", "The exact shares at the line add up to another quantity.")
    if not is_smallest:
        yield violation("line", "", "A smaller line gives the same shares.")


def _optimality(facts: _Facts) -> Iterator[Violation]:
    """Exchange test: the last served pack must come before the first refused one."""
    last: tuple[_Place, Seller, int] | None = None
    first: tuple[_Place, Seller, int] | None = None
    # Without an order there is no queue, so neither edge exists.
    for seller, share, stock, history in facts.rows() if facts.problem.orders else ():
        low, high = _window(facts, seller, stock, history)
        if not low <= share.packs <= high:
            yield violation("not_within_floor_and_ceiling", seller.id, "The share is a pack or more off.")
        if share.packs > low:
            place = _place(facts, seller, history, share.packs)
            if last is None or place > last[0]:
                last = place, seller, share.packs
        if share.packs < high:
            place = _place(facts, seller, history, share.packs + 1)
            if first is None or place < first[0]:
                first = place, seller, share.packs + 1
    if last and first and last[0] > first[0]:
        text = f"Pack {last[2]} was served before pack {first[2]} of {first[1].id}, which comes earlier."
        yield violation("not_optimal", last[1].id, text)
    certificate = facts.allocation.certificate
    if certificate.last_served != _mark(facts, last):
        yield violation("certificate", "", "The certificate's last served pack is not the last one.")
    if certificate.first_refused != _mark(facts, first):
        yield violation("certificate", "", "The certificate's first refused pack is not the first one.")


def _window(facts: _Facts, seller: Seller, stock: int, history: Fraction) -> tuple[int, int]:
    if not facts.problem.policy.strict:
        return 0, stock
    if facts.line is None:
        return 0, stock
    exact = facts.exact(seller, stock, history)
    return exact.numerator // exact.denominator, -(-exact.numerator // exact.denominator)


def _place(facts: _Facts, seller: Seller, history: Fraction, pack_number: int) -> _Place:
    """Where a pack stands in the queue. Ascending: key, then the larger other level, then lottery rank."""
    before = (history + (pack_number - 1) * seller.pack_grams) / seller.weight
    after = (history + pack_number * seller.pack_grams) / seller.weight
    rank = ties.LateRank(lambda: ties.rank_of(facts.problem, seller))
    match facts.problem.policy.rule:
        case "nearest":
            return (before + after) / 2, Fraction(0), rank
        case "lowest":
            return before, -after, rank
        case "lowest_after":
            return after, -before, rank


def _mark(facts: _Facts, found: tuple[_Place, Seller, int] | None) -> Mark | None:
    if found is None:
        return None
    place, seller, number = found
    second = None if facts.problem.policy.rule == "nearest" else -place[1]
    return Mark(seller=seller.id, pack=number, key=place[0], second=second)


def _limits(facts: _Facts) -> Iterator[Violation]:
    certificate = facts.allocation.certificate
    sellers = {seller.id: (seller, history) for seller, _, _, history in facts.rows()}
    last: _Place | None = None
    if certificate.last_served is not None and certificate.last_served.seller in sellers:
        seller, history = sellers[certificate.last_served.seller]
        last = _place(facts, seller, history, certificate.last_served.pack)
    has_unfilled = facts.demand > sum(facts.stocks)
    for seller, share, stock, history in facts.rows():
        if facts.demand == 0:
            expected = "demand"
        elif share.packs == stock and _misses_a_pack(facts, seller, stock, history, last, has_unfilled):
            expected = "stock" if stock == seller.cap_packs else "household_cap"
        elif share.packs == 0 and facts.line is not None and history >= facts.line * seller.weight:
            expected = "history"
        else:
            expected = "nothing"
        if share.limited_by != expected:
            yield violation("limited_by", seller.id, f"Limited by {expected}, not {share.limited_by}.")


def _misses_a_pack(
    facts: _Facts, seller: Seller, stock: int, history: Fraction, last: _Place | None, has_unfilled: bool
) -> bool:
    if has_unfilled:
        return True
    if facts.problem.policy.strict and facts.line is not None:
        return facts.line * seller.weight - history > stock * seller.pack_grams
    return last is not None and _place(facts, seller, history, stock + 1) < last


def _orders(facts: _Facts) -> Iterator[Violation]:
    given = sum(share.packs for _, share in facts.pairs)
    given_grams = sum(share.packs * seller.pack_grams for seller, share in facts.pairs)
    unfilled = (facts.demand_grams - given_grams) // facts.smallest_pack
    for order, fill in zip(facts.problem.orders, facts.allocation.orders, strict=True):
        unfilled_grams = None
        if order.grams is not None:
            unfilled_grams = order.grams - given_grams
        weight = order.weight
        if weight is None:
            weight = facts.demand if facts.problem.policy.buyers == "fill_rate" else 1
        expected = OrderFill(
            id=order.id,
            packs=given,
            unfilled_packs=unfilled,
            unfilled_grams=unfilled_grams,
            level_before=Fraction(order.received_packs, weight) if weight else None,
            level_after=Fraction(order.received_packs + given, weight) if weight else None,
        )
        if fill != expected:
            yield violation("order", order.id, "What the order receives or lacks differs from the shares.")
    if facts.allocation.unfilled_packs != unfilled:
        yield violation("unfilled_packs", "", "The unfilled packs are not the order less the shares.")


def _paper(facts: _Facts) -> Iterator[Violation]:
    allocation, strict = facts.allocation, facts.problem.policy.strict
    expected = dispatch.METHOD_STRICT if strict else dispatch.METHOD_THRESHOLD
    if facts.problem.orders and one_order.is_mixed(facts.problem):
        expected = one_order.METHOD_MIXED
    # With minimum lots there are several ways, each with a gap of its own: they are checked with the proof.
    if not (facts.problem.orders and one_order.has_lots(facts.problem)):
        if allocation.method != expected:
            yield violation("method", "", "The method named is not the one that answers this problem.")
        if allocation.gap != 0:
            yield violation("gap", "", "An exact answer has no gap.")
        if allocation.certificate.bound is not None:
            yield violation("certificate", "", "A queue needs no price and no fee.")
    given = {seller.id: share.packs for seller, share in facts.pairs}
    received = {fill.id: fill.packs for fill in allocation.orders}
    if allocation.digest != json_form.digest_of(facts.problem, given, received):
        yield violation("digest", "", "The digest does not belong to this problem and these packs.")
