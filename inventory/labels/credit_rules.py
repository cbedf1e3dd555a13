"""The mass balance of labels, in whole grams: what counts as harvest of certified land, and how many labels it bears.

Pure. Divisions always go against the label: a cap, a credit and a number of labels are rounded down; an allowance and
what a batch consumes are rounded up. So no rounding makes a label without fruit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SQUARE_METRES_PER_HECTARE: Final = 10_000
PERMILLE: Final = 1_000


def cap_grams(square_metres: int, ceiling_grams_per_hectare: int) -> int:
    """The most that land of this area is believed to bear in a season."""
    return square_metres * ceiling_grams_per_hectare // SQUARE_METRES_PER_HECTARE


def certified_grams(weighed_grams: int, cap: int, certified_before: int) -> int:
    """How much of a load still lies under its plot's ceiling; the rest is not from there, whatever is said."""
    return max(0, min(weighed_grams, cap - certified_before))


def eligible_grams(graded_grams: int, cap: int) -> int:
    """Graded fruit, as far as the land can have borne it."""
    return min(graded_grams, cap)


def allowance_grams(eligible: int, shrink_permille: int) -> int:
    """What is expected to be lost in store, taken off beforehand."""
    return -(-eligible * shrink_permille // PERMILLE)


def shrink_grams(eligible: int, shrink_permille: int, shrunk_grams: int) -> int:
    """What shrinkage takes off in all: the allowance, or what was really lost if that is more."""
    return max(allowance_grams(eligible, shrink_permille), shrunk_grams)


def credit_grams(
    eligible: int,
    *,
    shrink: int,
    transferred_in: int = 0,
    transferred_out: int = 0,
    culled: int = 0,
) -> int:
    """What may be labelled; below zero, more was labelled than there is fruit for."""
    return eligible - shrink + transferred_in - transferred_out - culled


def labels(credit: int, net_grams: int, overfill_permille: int) -> int:
    """How many labels of this net weight the credit bears."""
    return max(0, credit) * PERMILLE // (net_grams * (PERMILLE + overfill_permille))


def consumed_grams(labels_count: int, net_grams: int, overfill_permille: int) -> int:
    """What a batch consumes, rounded up once for all of it."""
    return -(-labels_count * net_grams * (PERMILLE + overfill_permille) // PERMILLE)


def given_back_grams(consumed: int, labels_count: int, voided_before: int, voided_now: int) -> int:
    """A batch's grams for labels that were destroyed: all of them together give back exactly what it consumed."""
    return (voided_before + voided_now) * consumed // labels_count - voided_before * consumed // labels_count


def provisional_grams(forecast_low: int, cap: int, share_permille: int, earned: int) -> int:
    """What may be labelled before the weighing, beyond what has been earned already."""
    return max(0, min(forecast_low, cap) * share_permille // PERMILLE - earned)


def is_balanced(in_grams: int, out_grams: int, lost_grams: int, tolerance_permille: int) -> bool:
    """Whether what came out of a grading line, and what is said to be lost, explains what went in."""
    return abs(in_grams - out_grams - lost_grams) * PERMILLE <= in_grams * tolerance_permille


def share(entitled: int, leaving_grams: int, mass_grams: int) -> int:
    """How much of what a heap may be labelled for goes along with fruit that leaves it.

    In proportion, rounded down, and never more than leaves; what stays is the rest, so nothing is made or lost.
    """
    if mass_grams <= leaving_grams:
        return min(entitled, leaving_grams)
    return min(leaving_grams, entitled * leaving_grams // mass_grams)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Of a heap's grams: those of certified land, and those of them that have earned credit."""

    certified_grams: int
    earned_grams: int

    def __post_init__(self) -> None:
        if not 0 <= self.earned_grams <= self.certified_grams:
            raise ValueError("what has earned credit is a part of what is certified")

    def __add__(self, other: "Part") -> "Part":
        return Part(
            certified_grams=self.certified_grams + other.certified_grams,
            earned_grams=self.earned_grams + other.earned_grams,
        )

    def __sub__(self, other: "Part") -> "Part":
        return Part(
            certified_grams=self.certified_grams - other.certified_grams,
            earned_grams=self.earned_grams - other.earned_grams,
        )


NOTHING: Final = Part(certified_grams=0, earned_grams=0)


def parted(parts: Sequence[Part], leaving_grams: int, mass_grams: int) -> list[Part]:
    """What of each part of a heap goes along with fruit that leaves it; together never more than leaves."""
    found = []
    left = leaving_grams
    for part in parts:
        certified = min(left, share(part.certified_grams, leaving_grams, mass_grams))
        earned = min(left, share(part.earned_grams, leaving_grams, mass_grams))
        left -= certified
        found.append(Part(certified_grams=certified, earned_grams=earned))
    return found


def settled(position: int) -> tuple[int, int]:
    """A position as balance and debt: one of the two is zero."""
    return max(position, 0), max(-position, 0)
