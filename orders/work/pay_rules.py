"""What a worker is paid for a shift: boxes times the piece rate, lifted to the wage floor for the minutes. Pure.

Piece-rate pay with a minimum-wage top-up: whoever packs little for a good reason has worked these minutes all the same.
Minutes are counted exactly; the floor is rounded up to the minor unit, so that nobody gets less than it. Integers only.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from marketplace import errors
from marketplace.language import Text

DAY_MINUTES_MAX: Final = 600
"""Of one worker on one day, over all shifts."""
PIECE_RATE_MINOR_MAX: Final = 1_000_000
HOURLY_FLOOR_MINOR_MAX: Final = 10_000_000
PLACES_MAX: Final = 500


class TooManyHours(errors.Conflict):
    """A worker works ten hours a day at most; `worker_id`, `minutes`, `minutes_max`."""

    title = Text(en="A worker would work too many hours on this day.", zh="该工人当日工时超过上限。")


class WorkerElsewhere(errors.Conflict):
    """The worker is at another shift at this time; `worker_id`."""

    title = Text(en="The worker is at another shift at this time.", zh="该工人此时段在其他班次。")


class AttendanceNotValid(errors.Invalid):
    """Who comes and goes does so within the shift, in whole minutes, and goes after coming; each worker once."""

    title = Text(en="These are no times of a worker on this shift.", zh="签到或签退时间有误。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pay:
    minutes: int
    boxes: int
    piece_minor: int
    """boxes × rate"""
    top_up_minor: int
    """What is missing to the floor."""

    @property
    def total_minor(self) -> int:
        return self.piece_minor + self.top_up_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """From when to when somebody was at work, and whether that counts for the day that is looked at."""

    since: datetime
    until: datetime
    is_same_day: bool = True

    @property
    def minutes(self) -> int:
        return minutes_between(self.since, self.until)


def minutes_between(since: datetime | None, until: datetime | None) -> int:
    """Whole minutes; none as long as one of the two is not known."""
    if since is None or until is None:
        return 0
    return int((until - since).total_seconds()) // 60


def floor_minor(minutes: int, hourly_floor_minor: int) -> int:
    """The least that so many minutes are paid: rounded up."""
    return -(-minutes * hourly_floor_minor // 60)


def pay(*, boxes: int, minutes: int, piece_rate_minor: int, hourly_floor_minor: int) -> Pay:
    if min(boxes, minutes, piece_rate_minor, hourly_floor_minor) < 0:
        raise ValueError("nobody works less than nothing")
    piece = boxes * piece_rate_minor
    return Pay(
        minutes=minutes,
        boxes=boxes,
        piece_minor=piece,
        top_up_minor=max(0, floor_minor(minutes, hourly_floor_minor) - piece),
    )


def total(pays: Iterable[Pay]) -> Pay:
    """The sum of each number."""
    found = list(pays)
    return Pay(
        minutes=sum(each.minutes for each in found),
        boxes=sum(each.boxes for each in found),
        piece_minor=sum(each.piece_minor for each in found),
        top_up_minor=sum(each.top_up_minor for each in found),
    )


def check_day(worker_id: object, own: Presence, others: Sequence[Presence]) -> None:
    """Raises WorkerElsewhere, TooManyHours. `others`: at all other shifts around that time."""
    if any(each.since < own.until and own.since < each.until for each in others):
        raise WorkerElsewhere(worker_id=str(worker_id))
    minutes = own.minutes + sum(each.minutes for each in others if each.is_same_day)
    if minutes > DAY_MINUTES_MAX:
        raise TooManyHours(worker_id=str(worker_id), minutes=minutes, minutes_max=DAY_MINUTES_MAX)
