"""Counts of work by village in which nobody's pay can be read off. Pure.

Each month and currency is parted by itself: villages with fewer than three workers are summed as one, with the smallest
other village too where they are not three together; a month with fewer than three workers is not told of at all. Longer
spans are sums of months, so no difference of two answers tells more than the months do.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

WORKERS_MIN: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What one worker of a village did in a month, by signed sheets."""

    month: str
    """2026-11"""
    currency: str
    village: str
    worker_id: uuid.UUID
    shift_ids: frozenset[uuid.UUID]
    minutes: int
    boxes: int
    income_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Of a village, of all small ones together (`village` is None), or of all."""

    village: str | None
    workers: int
    shifts: int
    minutes: int
    boxes: int
    income_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    currency: str
    all: Counted
    villages: Sequence[Counted]
    """By name; the small ones together come last."""
    months_withheld: int
    """Somebody worked in them, but fewer than three."""


def part_month(cells: Sequence[Cell]) -> dict[str | None, list[Cell]] | None:
    """The cells of one month and currency, by the village under which they are told of; None: not told of at all."""
    villages: dict[str | None, list[Cell]] = {}
    for each in cells:
        villages.setdefault(each.village, []).append(each)
    shown = {name: found for name, found in villages.items() if _workers(found) >= WORKERS_MIN}
    small = [each for name, found in villages.items() if name not in shown for each in found]
    by_size = sorted(shown, key=lambda name: (_workers(shown[name]), name or ""))
    while small and _workers(small) < WORKERS_MIN and by_size:
        small += shown.pop(by_size.pop(0))
    if small and _workers(small) < WORKERS_MIN:
        return None
    return {**shown, None: small} if small else shown


def summaries(cells: Iterable[Cell]) -> list[Summary]:
    """By currency."""
    ordered = sorted(cells, key=lambda each: (each.currency, each.month, each.village, each.worker_id))
    found = []
    for currency, of_currency in groupby(ordered, key=lambda each: each.currency):
        told: dict[str | None, list[Cell]] = {}
        withheld = 0
        for _, of_month in groupby(of_currency, key=lambda each: each.month):
            parted = part_month(list(of_month))
            withheld += parted is None
            for village, more in (parted or {}).items():
                told.setdefault(village, []).extend(more)
        found.append(_summary(currency, told, withheld))
    return found


def _summary(currency: str, told: Mapping[str | None, list[Cell]], withheld: int) -> Summary:
    names = sorted(told, key=lambda name: (name is None, name or ""))
    return Summary(
        currency=currency,
        all=_counted(None, [each for found in told.values() for each in found]),
        villages=[_counted(name, told[name]) for name in names],
        months_withheld=withheld,
    )


def _counted(village: str | None, cells: Sequence[Cell]) -> Counted:
    return Counted(
        village=village,
        workers=_workers(cells),
        shifts=len({shift for each in cells for shift in each.shift_ids}),
        minutes=sum(each.minutes for each in cells),
        boxes=sum(each.boxes for each in cells),
        income_minor=sum(each.income_minor for each in cells),
    )


def _workers(cells: Sequence[Cell]) -> int:
    return len({each.worker_id for each in cells})
