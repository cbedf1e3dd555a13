"""The ladder: the more boxes are sold all together, the less each costs, for everybody alike. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from campaigns.terms.waterfall import Waterfall


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """From so many boxes all together a box costs so much. The first step of a ladder is from 0: the price shown."""

    from_boxes: int
    unit_price_minor: int
    waterfall: Waterfall | None = None


def is_falling(steps: Sequence[Step]) -> bool:
    """Whether each step asks for more boxes than the one before and costs less, the first being from 0."""
    return steps[0].from_boxes == 0 and all(
        before.from_boxes < after.from_boxes and before.unit_price_minor > after.unit_price_minor
        for before, after in pairwise(steps)
    )


def reached(steps: Sequence[Step], sold_boxes: int) -> Step:
    """The step that applies to all when so many are sold."""
    return [step for step in steps if step.from_boxes <= sold_boxes][-1]


def price_at(steps: Sequence[Step], sold_boxes: int) -> int:
    return reached(steps, sold_boxes).unit_price_minor
