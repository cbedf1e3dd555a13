"""What of a forecast may be promised, what is missing, and how weighed fruit meets its promises. Pure.

Only the prudent part of a forecast is sold: the low estimate, less a haircut that grows with the weeks still to go.
The farther the harvest, the more of what can take fruit away (frost, hail, a dry summer, a grade that turns out
lower) still lies ahead, and a low estimate is made by people who hope. The numbers are settings, not measurements:
each revision keeps its estimates and its haircut, so a county can compare them with what it weighed and set its own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeVar

Key = TypeVar("Key")

PERMILLE: Final = 1_000


class CapacityState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    """All that the week gave is weighed."""


class LineKind(StrEnum):
    """What happened to a capacity's promises."""

    PROMISE = "promise"
    GIVE_BACK = "give_back"
    CONVERT = "convert"
    """Promised fruit was weighed: from now on a hold on its lot is the promise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Haircut:
    """How much of the low estimate is not sold, in thousandths of it."""

    base_permille: int = 50
    """In the week of the harvest itself."""
    weekly_permille: int = 20
    """More for each week still to go."""
    most_permille: int = 400

    def permille(self, weeks_to_go: int) -> int:
        grown = self.base_permille + self.weekly_permille * max(weeks_to_go, 0)
        return min(grown, max(self.most_permille, self.base_permille), PERMILLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What a rule must know of a line of promises; the first lines come first."""

    kind: LineKind
    purpose: tuple[str, object]
    grams: int


def is_monday(day: date) -> bool:
    return day.isoweekday() == 1


def weeks_to_go(week_on: date, today: date) -> int:
    """Whole weeks from the week of today to the week that begins on `week_on`; 0 once it has begun."""
    days = week_on.toordinal() - (today.toordinal() - today.weekday())
    return max(days // 7, 0)


def prudent_grams(low_grams: int, permille: int) -> int:
    """The part of the low estimate that may be promised, rounded down."""
    return low_grams * (PERMILLE - permille) // PERMILLE


def room_grams(*, prudent_grams: int, weighed_grams: int, is_closed: bool) -> int:
    """The most that may stand promised on the forecast: what is prudent and has not become lots yet."""
    return 0 if is_closed else max(prudent_grams - weighed_grams, 0)


def sellable_grams(*, room: int, promised_grams: int) -> int:
    return max(room - promised_grams, 0)


def short_grams(*, room: int, promised_grams: int) -> int:
    """Promised, and by the present forecast not there."""
    return max(promised_grams - room, 0)


def open_promises(lines: Iterable[Line]) -> dict[tuple[str, object], int]:
    """Grams still promised on the forecast to each purpose, the one first promised first."""
    found: dict[tuple[str, object], int] = {}
    for line in lines:
        sign = 1 if line.kind is LineKind.PROMISE else -1
        found[line.purpose] = found.get(line.purpose, 0) + sign * line.grams
    return {purpose: grams for purpose, grams in found.items() if grams}


def meet(
    promises: Mapping[Key, int], net_grams: int, *, pieces: Mapping[Key, int] = MappingProxyType({})
) -> dict[Key, int]:
    """How much of a weighed lot goes to which promise: first promised, first served.

    What is promised in `pieces` (boxes of so many grams) is served in whole ones; what is too little for one is left.
    """
    served: dict[Key, int] = {}
    left = net_grams
    for purpose, grams in promises.items():
        part = min(grams, left)
        part -= part % pieces.get(purpose, 1)
        if part:
            served[purpose] = part
            left -= part
    return served
