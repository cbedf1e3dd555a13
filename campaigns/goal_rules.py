"""Whether a campaign has reached its goal. Pure."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    WAIT = "wait"
    """Somebody still has time to pay: nobody can say yet."""
    REACHED = "reached"
    MISSED = "missed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """At least so much must be sold; None: as little as one box will do."""

    boxes: int | None = None
    grams: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sold:
    """What is paid for, and what is held by those who may still pay."""

    boxes: int
    grams: int
    boxes_held: int = 0
    grams_held: int = 0


def is_reached(goal: Goal, sold: Sold) -> bool:
    """Boxes and kilograms both; nothing sold is never enough."""
    return sold.boxes >= max(1, goal.boxes or 0) and sold.grams >= (goal.grams or 0)


def verdict(goal: Goal, sold: Sold) -> Verdict:
    """Said once it is certain: reached as soon as it is, missed when those who may still pay cannot change it.

    What is split over the cooperatives must be final, so a goal that is reached still waits for boxes that are held.
    """
    if is_reached(goal, sold):
        return Verdict.WAIT if sold.boxes_held else Verdict.REACHED
    hoped = Sold(boxes=sold.boxes + sold.boxes_held, grams=sold.grams + sold.grams_held)
    return Verdict.WAIT if is_reached(goal, hoped) else Verdict.MISSED
