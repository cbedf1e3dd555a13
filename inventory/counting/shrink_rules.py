"""How much weight stored fruit is expected to lose, and when a count is too far from it. Pure.

Fruit breathes sugar away and dries. The figures are the project's own defaults, on the careful side for late apples
in moist rooms near 0 °C: about half of a loss of 6 permille in 30 days is breath (5 mg of CO2 for each kg and hour
take 180/264 of their weight in sugar, 2.5 permille in 30 days), the rest water; controlled atmosphere halves both.
"""

from dataclasses import dataclass
from typing import Final

from inventory.states import Storage

PERMILLE_IN_30_DAYS: Final = {Storage.COLD: 6, Storage.CONTROLLED_ATMOSPHERE: 3}
TOLERANCE_PERMILLE: Final = 5
"""Of what the book says: scales and sampling differ by so much without anything being wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deviation:
    """What a count found against what was to be expected."""

    expected_grams: int
    found_grams: int
    """Lost since the last count, on the book already or found now; negative: more is there than the book says."""
    tolerated_grams: int

    @property
    def deviation_grams(self) -> int:
        return self.found_grams - self.expected_grams

    @property
    def is_too_far(self) -> bool:
        return abs(self.deviation_grams) > self.tolerated_grams


def expected_grams(gram_days: int, storage: Storage) -> int:
    """The loss that so many grams for so many days bring, in whole grams, never too many."""
    return gram_days * PERMILLE_IN_30_DAYS[storage] // 30_000


def judge(
    *, gram_days: int, storage: Storage, written_off_grams: int, book_grams: int, counted_grams: int
) -> Deviation:
    """`written_off_grams`: what shrank on the book since the last count."""
    return Deviation(
        expected_grams=expected_grams(gram_days, storage),
        found_grams=written_off_grams + book_grams - counted_grams,
        tolerated_grams=(book_grams + written_off_grams) * TOLERANCE_PERMILLE // 1_000,
    )
