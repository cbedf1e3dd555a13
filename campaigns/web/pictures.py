"""Where the ink of the pages' pictures lies: the ladder, the waterfall, the split. Pure; whole numbers only.

Bars are placed in thousandths of their row, so that they grow with the screen; the ladder has units of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from campaigns.terms import Step, reached

WIDTH: Final = 340
HEIGHT: Final = 132
_LEFT: Final = 8
_RIGHT: Final = 332
_TOP: Final = 30
_BOTTOM: Final = 104
_LABEL: Final = 62
"""So far from one another labels can be read."""
PERMILLE: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Stair:
    """One step, drawn: from where to where, how high, and whether there is room for its labels."""

    x: int
    x_end: int
    y: int
    step: Step
    has_label: bool
    is_reached: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderPicture:
    stairs: tuple[Stair, ...]
    path: str
    sold_x: int
    sold_y: int
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = _RIGHT
    bottom: int = _BOTTOM


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A bar in its row, in thousandths: how far from the left, and how long."""

    begin: int
    length: int

    @property
    def x(self) -> str:
        return _percent(self.begin)

    @property
    def width(self) -> str:
        return _percent(self.length)


def ladder(steps: Sequence[Step], *, sold_boxes: int) -> LadderPicture:
    """The stairs from the price shown down to the last step, and where the sale stands."""
    boxes_max = max(steps[-1].from_boxes * 5 // 4, sold_boxes * 11 // 10, 1)
    highest, lowest = steps[0].unit_price_minor, steps[-1].unit_price_minor
    drop = max(1, highest - lowest)

    def x(boxes: int) -> int:
        return _LEFT + boxes * (_RIGHT - _LEFT) // boxes_max

    def y(minor: int) -> int:
        return _TOP + (highest - minor) * (_BOTTOM - 22 - _TOP) // drop

    now = reached(steps, sold_boxes)
    stairs: list[Stair] = []
    labelled = -_LABEL
    for place, step in enumerate(steps):
        begin = x(step.from_boxes)
        end = x(steps[place + 1].from_boxes) if place + 1 < len(steps) else _RIGHT
        has_label = begin - labelled >= _LABEL and begin <= _RIGHT - _LABEL
        labelled = begin if has_label else labelled
        stairs.append(
            Stair(
                x=begin,
                x_end=end,
                y=y(step.unit_price_minor),
                step=step,
                has_label=has_label,
                is_reached=step.from_boxes <= sold_boxes,
            )
        )
    path = f"M{stairs[0].x} {stairs[0].y}" + "".join(f"V{each.y}H{each.x_end}" for each in stairs)
    return LadderPicture(
        stairs=tuple(stairs),
        path=path,
        sold_x=x(sold_boxes),
        sold_y=y(now.unit_price_minor),
    )


def waterfall(parts: Sequence[int]) -> tuple[Bar, ...]:
    """Each part begins where the one before ended; together they are as long as the row."""
    total = max(1, sum(parts))
    edges = [0]
    for part in parts:
        edges.append(edges[-1] + part)
    places = [edge * PERMILLE // total for edge in edges]
    return tuple(Bar(begin=begin, length=end - begin) for begin, end in pairwise(places))


def filled(part: int, of: int) -> Bar:
    """As long as what is done of something; never longer than the row."""
    return Bar(begin=0, length=min(PERMILLE, part * PERMILLE // of) if of > 0 else 0)


def _percent(permille: int) -> str:
    return f"{permille // 10}.{permille % 10}%"
