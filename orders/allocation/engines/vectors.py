"""Columns of whole numbers over the links of a market: lists, or numpy arrays for an engine that takes them.

Both do the same sums. Lists take numbers of any size; arrays only what surely fits into 63 bits.
"""

from collections.abc import Sequence
from importlib import import_module
from itertools import compress
from typing import Any, Final, Protocol

_FITS: Final = 2**40


class Vectors(Protocol):
    """What is done with columns. Positions and flags are columns too."""

    def column(self, numbers: Sequence[int]) -> Any:
        """The numbers as a column."""

    def take(self, column: Any, places: Any) -> Any:
        """The column's entries at the places."""

    def put(self, column: Any, places: Any, values: Any) -> None:
        """Writes values into the column at the places."""

    def join(self, columns: Sequence[Any]) -> Any:
        """One column after the other."""

    def plus(self, column: Any, number: int) -> Any:
        """Every entry and the number."""

    def times(self, column: Any, factor: int) -> Any:
        """Every entry times the factor."""

    def where(self, places: Any, flags: Any, others: Any, wanted: tuple[bool, bool]) -> Any:
        """The places at which both columns of flags are as wanted."""

    def sums(self, count: int, places: Any, values: Any) -> list[int]:
        """For each of `count` places, the sum of the values that stand beside it."""

    def smaller(self, one: Any, other: Any) -> Any:
        """Entry by entry, the smaller."""

    def plain(self, column: Any) -> list[int]:
        """The column as a list."""


class Lists:
    """Columns as lists, for the standard library alone."""

    def column(self, numbers: Sequence[int]) -> list[int]:
        return list(numbers)

    def take(self, column: Sequence[int], places: Sequence[int]) -> list[int]:
        return list(map(column.__getitem__, places))

    def put(self, column: list[int], places: Sequence[int], values: Sequence[int]) -> None:
        for place, value in zip(places, values, strict=True):
            column[place] = value

    def join(self, columns: Sequence[Sequence[int]]) -> list[int]:
        return [entry for column in columns for entry in column]

    def plus(self, column: list[int], number: int) -> list[int]:
        return [entry + number for entry in column]

    def times(self, column: list[int], factor: int) -> list[int]:
        return column if factor == 1 else [entry * factor for entry in column]

    def where(
        self, places: Sequence[int], flags: Sequence[bool], others: Sequence[bool], wanted: tuple[bool, bool]
    ) -> list[int]:
        first, second = wanted
        rows = zip(flags, others, strict=True)
        return list(compress(places, [one is first and other is second for one, other in rows]))

    def sums(self, count: int, places: Sequence[int], values: Sequence[int]) -> list[int]:
        totals = [0] * count
        for place, value in zip(places, values, strict=True):
            totals[place] += value
        return totals

    def smaller(self, one: Sequence[int], other: Sequence[int]) -> list[int]:
        return list(map(min, one, other))

    def plain(self, column: list[int]) -> list[int]:
        return column


class Arrays:
    """Columns as numpy arrays of 64 bits."""

    def __init__(self, numpy: Any) -> None:
        self.numpy = numpy

    def column(self, numbers: Any) -> Any:
        return self.numpy.fromiter(numbers, dtype=self.numpy.int64, count=len(numbers))

    def take(self, column: Any, places: Any) -> Any:
        return column[places]

    def put(self, column: Any, places: Any, values: Any) -> None:
        column[places] = values

    def join(self, columns: Sequence[Any]) -> Any:
        return self.numpy.concatenate(columns)

    def plus(self, column: Any, number: int) -> Any:
        return column + number

    def times(self, column: Any, factor: int) -> Any:
        return column * factor

    def where(self, places: Any, flags: Any, others: Any, wanted: tuple[bool, bool]) -> Any:
        first, second = wanted
        return places[(flags == first) & (others == second)]

    def sums(self, count: int, places: Any, values: Any) -> list[int]:
        totals = self.numpy.zeros(count, dtype=self.numpy.int64)
        self.numpy.add.at(totals, places, values)
        listed: list[int] = totals.tolist()
        return listed

    def smaller(self, one: Any, other: Any) -> Any:
        return self.numpy.minimum(one, other)

    def plain(self, column: Any) -> list[int]:
        listed: list[int] = column.tolist()
        return listed


LISTS: Final = Lists()


def arrays_if(largest: int) -> Vectors:
    """Arrays, where numpy is installed and no number exceeds what is safe to add up in them; else lists."""
    if largest > _FITS:
        return LISTS
    try:
        return Arrays(import_module("numpy"))
    except ImportError:
        return LISTS
