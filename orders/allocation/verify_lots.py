"""The check of one order with minimum lots or a limit on sellers; shares no code with what solves it.

Price and fee of the certificate bound the cost of every split from below; both are taken as they are given,
because any pair proves something. A split's regrets add up to its distance from the bound, so all splits that
could be better than the answer, or as good with a better draw, are found among few counts per seller and
searched completely. Where even those are too many, the bound and the exchange of single packs remain.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm
from typing import Final

from orders.allocation import ties
from orders.allocation.problem import Problem, Seller
from orders.allocation.result import Allocation, Bound, Share
from orders.allocation.violation import Violation, violation

EXACT: Final = "dynamic_programme"
METHODS: Final = frozenset({EXACT, "participation_fee", "drop_and_refill"})
_GAP_GRAIN: Final = 10**9
_FILL_STEPS_MAX: Final = 3 * 10**7
_SEARCH_STEPS_MAX: Final = 4 * 10**6


@dataclass(frozen=True, slots=True)
class _Row:
    """A seller and its costs in a common whole number: grams * (once + grams * twice)."""

    seller: Seller
    packs: int
    stock: int
    history: Fraction
    once: int
    twice: int

    @property
    def least(self) -> int:
        return max(1, self.seller.min_packs)

    @property
    def can_take_part(self) -> bool:
        return self.least <= self.stock

    def cost(self, packs: int) -> int:
        grams = packs * self.seller.pack_grams
        return grams * (self.once + grams * self.twice)


@dataclass(frozen=True, slots=True)
class _Books:
    rows: list[_Row]
    unit: int
    price: int
    fee: int
    seats: int
    grams: int

    def net(self, row: _Row, packs: int) -> int:
        """Cost of so many packs less their price, with the fee for taking part."""
        return row.cost(packs) - self.price * packs * row.seller.pack_grams + self.fee if packs else 0

    def alone(self, row: _Row) -> int:
        """The count that is cheapest for this seller by itself, staying out included."""
        if not row.can_take_part:
            return 0
        low, high = row.least, row.stock
        while low < high:
            middle = (low + high) // 2
            if self.net(row, middle + 1) < self.net(row, middle):
                low = middle + 1
            else:
                high = middle
        return low if self.net(row, low) < 0 else 0


def violations(
    problem: Problem,
    allocation: Allocation,
    stocks: Sequence[int],
    histories: Sequence[Fraction],
    demand_grams: int,
) -> Iterator[Violation]:
    """What is wrong with lots, fill, proof and the reasons given; nothing further once a lot is wrong."""
    order = problem.orders[0]
    seats = len(problem.sellers) if order.max_sellers is None else order.max_sellers
    seats = min(seats, len(problem.sellers))
    bound = allocation.certificate.bound
    if allocation.method not in METHODS:
        yield violation("method", "", "The method named is not one that answers this problem.")
        return
    if allocation.certificate.last_served or allocation.certificate.first_refused:
        yield violation("certificate", "", "With minimum lots or a limit on sellers there is no queue.")
    if bound is None or not all(
        isinstance(number, Fraction) and number >= 0 for number in (bound.price, bound.fee)
    ):
        yield violation("certificate", "", "There is no price and fee to prove the split with.")
        return
    books = _books(problem, allocation, stocks, histories, bound, seats)
    wrong_lots = [*_wrong_lots(books, demand_grams)]
    yield from wrong_lots
    if wrong_lots:
        return
    yield from _waste(books, demand_grams, allocation.method)
    yield from _proof(problem, books, allocation)
    yield from _limits(problem, allocation, books, demand_grams)


def _books(
    problem: Problem,
    allocation: Allocation,
    stocks: Sequence[int],
    histories: Sequence[Fraction],
    bound: Bound,
    seats: int,
) -> _Books:
    slopes = [
        (2 * history / seller.weight, Fraction(1, seller.weight))
        for seller, history in zip(problem.sellers, histories, strict=True)
    ]
    denominators = {part.denominator for slope in slopes for part in slope}
    unit = lcm(*denominators, bound.price.denominator, bound.fee.denominator)
    shares: tuple[Share, ...] = allocation.sellers
    return _Books(
        rows=[
            _Row(seller, share.packs, stock, history, int(once * unit), int(twice * unit))
            for seller, share, stock, history, (once, twice) in zip(
                problem.sellers, shares, stocks, histories, slopes, strict=True
            )
        ],
        unit=unit,
        price=int(bound.price * unit),
        fee=int(bound.fee * unit),
        seats=seats,
        grams=sum(
            share.packs * seller.pack_grams for share, seller in zip(shares, problem.sellers, strict=True)
        ),
    )


def _wrong_lots(books: _Books, demand_grams: int) -> Iterator[Violation]:
    for row in books.rows:
        if row.packs and not row.least <= row.packs <= row.stock:
            yield violation(
                "lot", row.seller.id, f"{row.packs} packs are below its minimum or above its stock."
            )
    taking_part = sum(1 for row in books.rows if row.packs)
    if taking_part > books.seats:
        yield violation("too_many_sellers", "", f"{taking_part} sellers where {books.seats} may take part.")
    if books.grams > demand_grams:
        yield violation("too_many", "", "More is given than was ordered.")


def _waste(books: _Books, demand_grams: int, method: str) -> Iterator[Violation]:
    able = [row for row in books.rows if row.can_take_part]
    # The last resort says by its name that it promises no full order.
    if not able or method == "drop_and_refill":
        return
    unit = gcd(*(row.seller.pack_grams for row in able))
    largest = sorted((row.stock * row.seller.pack_grams for row in able), reverse=True)
    most = min(demand_grams // unit * unit, sum(largest[: books.seats]))
    if books.grams == most:
        return
    if len(able) * (most // unit) <= _FILL_STEPS_MAX:
        fewest = _fewest_sellers(able, unit, most // unit)
        seats = min(books.seats, len(able))
        best = max(x for x, sellers in enumerate(fewest) if sellers <= seats) * unit
        if books.grams < best:
            yield violation("waste", "", f"{books.grams} g are given where {best} g could be.")


def _fewest_sellers(rows: Sequence[_Row], unit: int, most: int) -> list[int]:
    """For every number of units: how few sellers can ship exactly that many."""
    never = len(rows) + 1
    fewest = [0] + [never] * most
    for row in rows:
        stride = row.seller.pack_grams // unit
        after = fewest[:]
        for rest in range(min(stride, most + 1)):
            # Ascending window of candidates: places x - low .. x - high strides back, fewest first.
            window: deque[tuple[int, int]] = deque()
            for step, x in enumerate(range(rest, most + 1, stride)):
                if step >= row.least:
                    entering = step - row.least
                    value = fewest[rest + entering * stride]
                    while window and window[-1][0] >= value:
                        window.pop()
                    window.append((value, entering))
                    if window[0][1] < step - row.stock:
                        window.popleft()
                    after[x] = min(after[x], window[0][0] + 1)
        fewest = after
    return fewest


def _proof(problem: Problem, books: _Books, allocation: Allocation) -> Iterator[Violation]:
    cost = sum(row.cost(row.packs) for row in books.rows)
    alone = [books.net(row, books.alone(row)) for row in books.rows]
    distance = cost - (sum(alone) + books.price * books.grams - books.fee * books.seats)
    if allocation.method != EXACT:
        before = sum((row.history**2 / row.seller.weight for row in books.rows), Fraction(0)) * books.unit
        relative = distance / (cost + before) if cost + before else Fraction(0)
        expected = Fraction(-(-relative.numerator * _GAP_GRAIN // relative.denominator), _GAP_GRAIN)
        if allocation.gap != expected:
            yield violation("gap", "", "The gap is not the distance from the bound.")
        return
    if allocation.gap != 0:
        yield violation("gap", "", "An exact answer has no gap.")
    # Of a distance of zero only draws between equally good splits can be left to search.
    if _is_beaten(problem, books, alone, distance) or _is_exchangeable(books):
        yield violation(
            "not_optimal", "", "Another split of as many grams costs less or has the better draw."
        )


def _is_beaten(problem: Problem, books: _Books, alone_costs: Sequence[int], distance: int) -> bool:
    """Searches every split that is at most as far from the bound; False where those are too many."""
    digits = max((row.stock for row in books.rows), default=0).bit_length() + 1
    order = sorted(range(len(books.rows)), key=lambda i: ties.rank_of(problem, books.rows[i].seller))
    weights = {i: 1 << digits * (len(order) - 1 - place) for place, i in enumerate(order)}
    shift = digits * len(order)
    windows = [
        _window(books, row, alone, distance) for row, alone in zip(books.rows, alone_costs, strict=True)
    ]
    if sum(map(len, windows)) > _SEARCH_STEPS_MAX:
        return False
    choices = [
        [
            (count, (regret << shift) - count * weights[i])
            for count in (0, *window)
            if (regret := books.net(row, count) - alone) <= distance
        ]
        for i, (row, alone, window) in enumerate(zip(books.rows, alone_costs, windows, strict=True))
    ]
    return _search(books, choices, distance << shift, [row.packs for row in books.rows], (weights, shift))


def _window(books: _Books, row: _Row, alone: int, distance: int) -> range:
    """Counts above zero within the distance: net cost has a single valley, so they stand in one stretch."""
    if not row.can_take_part:
        return range(0)
    counts = range(row.least, row.stock + 1)
    valley = bisect_left(counts[:-1], True, key=lambda n: books.net(row, n + 1) >= books.net(row, n))
    if books.net(row, counts[valley]) - alone > distance:
        return range(0)
    first = bisect_left(counts[:valley], True, key=lambda n: books.net(row, n) - alone <= distance)
    last = bisect_left(counts[valley:], True, key=lambda n: books.net(row, n) - alone > distance)
    return counts[first : valley + last]


def _search(
    books: _Books,
    choices: Sequence[Sequence[tuple[int, int]]],
    ceiling: int,
    answer: Sequence[int],
    draw: tuple[dict[int, int], int],
) -> bool:
    """Whether some split with the same grams weighs less: regret first, then the draw."""
    weights, shift = draw
    own = ceiling - sum(count * weights[i] for i, count in enumerate(answer))
    order = sorted(range(len(choices)), key=lambda i: len(choices[i]))
    most = [0]
    least = [0]
    for i in reversed(order):
        grams = books.rows[i].seller.pack_grams
        most.append(most[-1] + max((count for count, _ in choices[i]), default=0) * grams)
        least.append(least[-1] + min((count for count, _ in choices[i]), default=0) * grams)
    states: dict[tuple[int, int], int] = {(0, 0): 0}
    steps = 0
    for place, i in enumerate(order):
        remaining = len(order) - place - 1
        pack = books.rows[i].seller.pack_grams
        steps += len(states) * len(choices[i])
        if steps > _SEARCH_STEPS_MAX:
            return False
        after: dict[tuple[int, int], int] = {}
        for (used, grams), weight in states.items():
            for count, more in choices[i]:
                state = used + (count > 0), grams + count * pack
                if state[0] > books.seats or not (
                    books.grams - most[remaining] <= state[1] <= books.grams - least[remaining]
                ):
                    continue
                total = weight + more
                # Draws weigh less than one unit of regret, so they never carry a split over the ceiling.
                if total <= ceiling and total < after.get(state, total + 1):
                    after[state] = total
        states = after
    return any(
        weight + (books.fee * (books.seats - used) << shift) < own
        for (used, grams), weight in states.items()
        if grams == books.grams
    )


def _is_exchangeable(books: _Books) -> bool:
    """Whether one pack moved between two that take part costs less; packs of one size only."""
    if len({row.seller.pack_grams for row in books.rows}) > 1:
        return False
    given = [row.cost(row.packs) - row.cost(row.packs - 1) for row in books.rows if row.packs > row.least]
    taken = [row.cost(row.packs + 1) - row.cost(row.packs) for row in books.rows if 0 < row.packs < row.stock]
    return bool(given and taken) and min(taken) < max(given)


def _limits(
    problem: Problem, allocation: Allocation, books: _Books, demand_grams: int
) -> Iterator[Violation]:
    line = allocation.segments[0].line
    taking_part = sum(1 for row in books.rows if row.packs)
    smallest = min(row.seller.pack_grams for row in books.rows) if books.rows else 1
    is_short = demand_grams - books.grams >= smallest
    for row, share in zip(books.rows, allocation.sellers, strict=True):
        supply = "stock" if row.stock == row.seller.cap_packs else "household_cap"
        wanted = 0 if line is None else (line * row.seller.weight - row.history) / row.seller.pack_grams
        if demand_grams == 0:
            expected = "demand"
        elif row.stock == 0:
            expected = supply
        elif row.packs:
            gives_all = row.packs == row.stock and (is_short or wanted > row.stock)
            expected = supply if gives_all else "nothing"
        elif wanted <= 0:
            expected = "history"
        elif row.seller.min_packs <= row.stock and taking_part == problem.orders[0].max_sellers:
            expected = "split_limit"
        else:
            expected = "minimum_lot" if row.seller.min_packs > 1 else "nothing"
        if share.limited_by != expected:
            yield violation("limited_by", row.seller.id, f"Limited by {expected}, not {share.limited_by}.")
