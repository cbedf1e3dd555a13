"""The check of one order in grams with packs of several sizes; shares no code with what solves it.

Three facts single out the one right answer: no more grams than ordered; whoever still has a pack was refused
it because, when its turn came, what was left was smaller; and whoever is served has its earlier packs served.
(Take two answers with these facts and the first place in the queue where they differ: there one of them has
refused a pack that fits.)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from orders.allocation import ties
from orders.allocation.problem import Problem, Seller
from orders.allocation.result import Allocation, Mark
from orders.allocation.violation import Violation, violation

_Place = tuple[Fraction, Fraction, ties.LateRank]


@dataclass(frozen=True, slots=True)
class _Row:
    seller: Seller
    packs: int
    stock: int
    history: Fraction

    def place(self, problem: Problem, number: int) -> _Place:
        after = (self.history + number * self.seller.pack_grams) / self.seller.weight
        before = after - Fraction(self.seller.pack_grams, self.seller.weight)
        rank = ties.LateRank(lambda: ties.rank_of(problem, self.seller))
        match problem.policy.rule:
            case "nearest":
                return (before + after) / 2, Fraction(0), rank
            case "lowest":
                return before, -after, rank
            case "lowest_after":
                return after, -before, rank


def violations(
    problem: Problem,
    allocation: Allocation,
    stocks: Sequence[int],
    histories: Sequence[Fraction],
    demand_grams: int,
) -> Iterator[Violation]:
    """What is wrong with who was served, with the two marks and with what is said to have limited whom."""
    rows = [
        _Row(seller, share.packs, stock, history)
        for seller, share, stock, history in zip(
            problem.sellers, allocation.sellers, stocks, histories, strict=True
        )
    ]
    if any(not 0 <= row.packs <= row.stock for row in rows):
        return
    left = demand_grams - sum(row.packs * row.seller.pack_grams for row in rows)
    if left < 0:
        yield violation("too_many", "", f"{-left} g more are given than were ordered.")
        return
    late = _served_last(problem, rows, left)
    refused = [(row.place(problem, row.packs + 1), row) for row in rows if row.packs < row.stock]
    for place, row in refused:
        if _room(late, left, place) >= row.seller.pack_grams:
            yield violation("not_optimal", row.seller.id, f"Its pack {row.packs + 1} would have fitted.")
    served = [(row.place(problem, row.packs), row) for row in rows if row.packs]
    last = max(served, key=lambda entry: entry[0], default=None)
    first = min(refused, key=lambda entry: entry[0], default=None)
    if allocation.certificate.last_served != _mark(problem, last, 0):
        yield violation("certificate", "", "The certificate's last served pack is not the last one.")
    if allocation.certificate.first_refused != _mark(problem, first, 1):
        yield violation("certificate", "", "The certificate's first refused pack is not the first one.")
    line = allocation.segments[0].line
    for row, share in zip(rows, allocation.sellers, strict=True):
        next_place = row.place(problem, row.packs + 1)
        fits = _room(late, left, next_place) >= row.seller.pack_grams
        is_early = last is not None and next_place < last[0]
        expected = "demand" if demand_grams == 0 else _limit(row, line, fits=fits, is_early=is_early)
        if share.limited_by != expected:
            yield violation("limited_by", row.seller.id, f"Limited by {expected}, not {share.limited_by}.")


def _limit(row: _Row, line: Fraction | None, *, fits: bool, is_early: bool) -> str:
    if row.packs == row.stock and fits:
        return "stock" if row.stock == row.seller.cap_packs else "household_cap"
    if row.packs == 0 and line is not None and row.history >= line * row.seller.weight:
        return "history"
    return "pack_size" if row.packs < row.stock and is_early else "nothing"


def _served_last(problem: Problem, rows: Sequence[_Row], left: int) -> list[tuple[_Place, int]]:
    """The last packs served, back to where there was still room for a pack of any size."""
    largest = max((row.seller.pack_grams for row in rows), default=0)
    late: list[tuple[_Place, int]] = []
    counts = [row.packs for row in rows]
    places = {i: row.place(problem, row.packs) for i, row in enumerate(rows) if row.packs}
    while places and left < largest:
        i = max(places, key=places.__getitem__)
        late.append((places[i], rows[i].seller.pack_grams))
        left += rows[i].seller.pack_grams
        counts[i] -= 1
        if counts[i]:
            places[i] = rows[i].place(problem, counts[i])
        else:
            del places[i]
    return late


def _room(late: Sequence[tuple[_Place, int]], left: int, place: _Place) -> int:
    return left + sum(grams for served, grams in late if served > place)


def _mark(problem: Problem, found: tuple[_Place, _Row] | None, ahead: int) -> Mark | None:
    if found is None:
        return None
    place, row = found
    second = None if problem.policy.rule == "nearest" else -place[1]
    return Mark(seller=row.seller.id, pack=row.packs + ahead, key=place[0], second=second)
