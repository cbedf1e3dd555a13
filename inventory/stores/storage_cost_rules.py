"""What storing fruit has cost, and what going early saves: exact until the end, rounded once. Pure.

Counted in minor units times grams (MICRO of them are one minor unit for a tonne), so nothing is lost on the way.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from inventory.stores.gram_day_rules import Level, Span, spans

MICRO: Final = 1_000_000
"""Grams in the tonne that a price is for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """For a tonne and a day, from a day on."""

    valid_from: date
    minor_per_tonne_day: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """Fruit that goes, or went, on a day."""

    day: date
    grams: int


def exact(found: Iterable[Span], prices: Sequence[Price]) -> int:
    """Minor units times MICRO; days before the first price cost nothing."""
    total = 0
    ordered = sorted(prices, key=lambda price: price.valid_from)
    for span in found:
        ends = [each.valid_from for each in ordered[1:]] + [span.end]
        for price, following in zip(ordered, ends, strict=False):
            first, last = max(span.start, price.valid_from), min(span.end, following)
            if first < last:
                total += span.grams * (last - first).days * price.minor_per_tonne_day
    return total


def accrued(found: Sequence[Level], prices: Sequence[Price], until: date) -> int:
    """What storing has cost until, and without, a day."""
    start = found[0].day if found else until
    return exact(spans(found, start, until), prices)


def saved(leaving: Iterable[Leaving], prices: Sequence[Price], best_before_on: date) -> int:
    """What keeping until the best-before day would have cost more."""
    return exact(
        (
            Span(start=each.day, end=best_before_on, grams=each.grams)
            for each in leaving
            if each.day < best_before_on
        ),
        prices,
    )


def rounded(exact_micro: int) -> int:
    """Whole minor units, half up."""
    return (exact_micro + MICRO // 2) // MICRO
