"""Values that everything else counts in: ids, money, weights. Pure; integers only."""

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from typing import Final

import uuid_utils.compat

GRAMS_PER_UNIT: Final[dict[str, int]] = {"g": 1, "jin": 500, "kg": 1_000, "t": 1_000_000}
"""Exact grams in one unit. 1 jin (市斤) = 500 g since the State Council's order of 1959."""

QUANTITY_MAX: Final = 1_000_000
UNIT_PRICE_MINOR_MAX: Final = 1_000_000_000
TOTAL_MINOR_MAX: Final = 10_000_000_000_000
GRAMS_MAX: Final = 10_000_000_000_000

MINOR_DIGITS: Final[dict[str, int]] = {
    "CNY": 2,
    "USD": 2,
    "EUR": 2,
    "GBP": 2,
    "HKD": 2,
    "SGD": 2,
    "AED": 2,
    "SAR": 2,
    "QAR": 2,
    "MYR": 2,
    "THB": 2,
    "INR": 2,
    "AUD": 2,
    "CAD": 2,
    "JPY": 0,
    "KRW": 0,
    "VND": 0,
    "BHD": 3,
    "KWD": 3,
    "OMR": 3,
}
"""Currencies that the marketplace can settle (ISO 4217), and how many decimals of a unit the minor unit is."""


class NotExact(ValueError):
    """A quantity that is not a whole number of the unit it must be expressed in."""


def new_id() -> uuid.UUID:
    """A fresh UUIDv7: ordered by time, unguessable enough to name things, never a secret."""
    return _ids[-1]()


@contextmanager
def ids_from(source: Callable[[], uuid.UUID]) -> Iterator[None]:
    """Inside, all of this process takes its ids from `source`: only for a season that is played again from a seed."""
    _ids.append(source)
    try:
        yield
    finally:
        _ids.pop()


_ids: Final[list[Callable[[], uuid.UUID]]] = [uuid_utils.compat.uuid7]


def instant_text(value: datetime) -> str:
    """The instant as the API writes it everywhere: RFC 3339 in UTC, with a Z."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def to_grams(value: int | Fraction, unit: str) -> int:
    """Grams in `value` of `unit` (g, jin, kg, t); raises NotExact for a broken gram, KeyError for the unit."""
    grams = Fraction(value) * GRAMS_PER_UNIT[unit]
    if grams.denominator != 1:
        raise NotExact(f"{value} {unit} is not a whole number of grams")
    return grams.numerator


def from_grams(grams: int, unit: str) -> Fraction:
    """The exact number of `unit` in `grams`."""
    return Fraction(grams, GRAMS_PER_UNIT[unit])


def kilograms_text(grams: int) -> str:
    """Exact, with as many decimals as it needs."""
    whole, rest = divmod(grams, GRAMS_PER_UNIT["kg"])
    return str(whole) if not rest else f"{whole}.{rest:03d}".rstrip("0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Boxes:
    """A quantity in whole boxes; how many grams that is, only the pack knows."""

    count: int


def in_grams(quantity: int | Boxes, pack_grams: int) -> int:
    """A quantity of grams or of boxes, in grams."""
    return quantity if isinstance(quantity, int) else quantity.count * pack_grams


def whole_packs(grams: int, pack_grams: int) -> tuple[int, int]:
    """How many whole packs fit into `grams`, and the grams left over."""
    if pack_grams <= 0:
        raise ValueError("a pack has at least one gram")
    return divmod(grams, pack_grams)


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount in minor units (fen, cents) of one currency; adding two currencies is a programming error."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if isinstance(self.minor, bool) or not isinstance(self.minor, int):
            raise TypeError("money is counted in whole minor units")

    def __add__(self, other: "Money") -> "Money":
        return Money(self.minor + self._same(other).minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.minor - self._same(other).minor, self.currency)

    def __mul__(self, count: int) -> "Money":
        return Money(self.minor * count, self.currency)

    def _same(self, other: "Money") -> "Money":
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not add up")
        return other


def amount_text(minor: int, currency: str) -> str:
    """The amount in whole units, as people write it: `52.00` of 5200 fen, `300` of 300 yen, `1.250` of 1250 fils."""
    digits = MINOR_DIGITS[currency]
    if not digits:
        return str(minor)
    units, rest = divmod(abs(minor), 10**digits)
    return f"{'-' if minor < 0 else ''}{units}.{rest:0{digits}d}"


def split_minor(total_minor: int, weights: list[int]) -> list[int]:
    """Divide an amount in proportion to whole weights without losing a unit.

    Largest remainder; equal remainders go to the earlier position. The parts always add up to the total.
    """
    weight_sum = sum(weights)
    if weight_sum <= 0 or any(weight < 0 for weight in weights):
        raise ValueError("weights are non-negative and not all zero")
    parts = [total_minor * weight // weight_sum for weight in weights]
    remainders = [total_minor * weight % weight_sum for weight in weights]
    order = sorted(range(len(weights)), key=lambda i: (-remainders[i], i))
    for i in order[: total_minor - sum(parts)]:
        parts[i] += 1
    return parts
