"""When a subscription is due, and what becomes of a delivery that was tried. Pure; moments are UTC, whole seconds."""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Final

from marketplace import errors
from marketplace.language import Text
from marketplace.outbound.rules import Outcome
from marketplace.webhooks.rules import wait_seconds
from marketplace.webhooks.signing import PREFIX

BATCH_MAX: Final = 100
"""Events in one delivery."""
PATTERN_LENGTH_MAX: Final = 300
TOKEN_LENGTH_MAX: Final = 500
GONE: Final = 410
TOO_LARGE: Final = 413
YEARS_MAX: Final = 41
"""29 February falls on a given day of the week again after forty years at the latest."""
RANGES: Final[Mapping[str, tuple[int, int]]] = {
    "second": (0, 59),
    "minute": (0, 59),
    "hour": (0, 23),
    "dayOfMonth": (1, 31),
    "month": (1, 12),
    "dayOfWeek": (1, 7),
}
"""The members of a schedule, from first to last; 1 is Monday."""

_ELEMENT: Final = r"(?:[0-9]{1,2}|\[[0-9]{1,2}-[0-9]{1,2}\])"
_PATTERN: Final = re.compile(rf"{_ELEMENT}(?:,{_ELEMENT})*")
_NOT_A_PATTERN: Final = Text(
    en="Must list numbers and ranges, such as 0,[10-20],45, from {low} to {high}.",
    zh="须为数字与区间的列表，例如 0,[10-20],45，范围 {low} 至 {high}。",
)
_EMPTY: Final = Text(en="Say at least one of them.", zh="至少须给出一项。")
_NEVER: Final = Text(en="There is no such day.", zh="不存在这样的日期。")
_NOT_A_TOKEN: Final = Text(
    en="Must be 1 to {n} characters; after whsec_, Base64.",
    zh="须为 1 至 {n} 个字符；以 whsec_ 开头时其后须为 Base64。",
)


class State(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    """Nothing is sent until somebody lets it go on; nothing is lost."""


class PausedReason(StrEnum):
    FAILING = "failing"
    """A delivery was tried for the last time."""
    GONE = "gone"
    """The destination answered 410."""
    TOKEN_UNREADABLE = "token_unreadable"  # noqa: S105 (a reason)
    """The token cannot be opened any more; only a new subscription has a new one."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """All moments whose parts are among these, each sorted."""

    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]

    def names(self, moment: datetime) -> bool:
        """Whether it is due then."""
        return (
            self.is_day(moment.date())
            and moment.hour in self.hours
            and moment.minute in self.minutes
            and moment.second in self.seconds
            and moment.microsecond == 0
        )

    def is_day(self, day: date) -> bool:
        return day.month in self.months and day.day in self.days and day.isoweekday() in self.weekdays


def read_schedule(members: Mapping[str, Any], pointer: str = "/schedule") -> Schedule:
    """The schedule that the standard's members describe; one that is not given names all of its range.

    But for seconds: without them it is due once in a minute, at its beginning, as cron is. Raises Invalid.
    """
    wrong: list[dict[str, Any]] = []
    if not members:
        wrong.append({"pointer": pointer, "detail": _EMPTY})
    found: dict[str, tuple[int, ...]] = {}
    for name, (low, high) in RANGES.items():
        numbers = _numbers(members[name], low, high) if name in members else tuple(range(low, high + 1))
        if numbers is None:
            wrong.append(
                {"pointer": f"{pointer}/{name}", "detail": _NOT_A_PATTERN.format(low=low, high=high)}
            )
        found[name] = numbers or ()
    if "second" not in members:
        found["second"] = (0,)
    schedule = Schedule(*(found[name] for name in RANGES))
    if not wrong and next(_days(schedule, date(2000, 1, 1)), None) is None:
        wrong.append({"pointer": pointer, "detail": _NEVER})
    if wrong:
        raise errors.Invalid(errors=wrong)
    return schedule


def next_due(schedule: Schedule, after: datetime) -> datetime:
    """The first moment that it names, later than `after`. Raises OverflowError at the calendar's end."""
    start = after.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
    for day in _days(schedule, start.date()):
        found = _time(schedule, start.time() if day == start.date() else time())
        if found is not None:
            return datetime.combine(day, found, UTC)
    raise OverflowError("the calendar ends before")


def _numbers(text: Any, low: int, high: int) -> tuple[int, ...] | None:
    """What one member lists; None when it is none of the standard's patterns."""
    if not isinstance(text, str) or len(text) > PATTERN_LENGTH_MAX or not _PATTERN.fullmatch(text):
        return None
    found: set[int] = set()
    for element in text.split(","):
        first, _, last = element.strip("[]").partition("-")
        begin, end = int(first), int(last or first)
        if not low <= begin <= end <= high:
            return None
        found.update(range(begin, end + 1))
    return tuple(sorted(found))


def _days(schedule: Schedule, first: date) -> Iterator[date]:
    for year in range(first.year, min(first.year + YEARS_MAX, date.max.year) + 1):
        for month in schedule.months:
            for number in schedule.days:
                try:
                    day = date(year, month, number)
                except ValueError:
                    continue
                if day >= first and schedule.is_day(day):
                    yield day


def _time(schedule: Schedule, first: time) -> time | None:
    for hour in schedule.hours:
        if hour < first.hour:
            continue
        for minute in schedule.minutes:
            for second in schedule.seconds:
                found = time(hour, minute, second)
                if found >= first:
                    return found
    return None


def key_of(token: str) -> bytes:
    """What a token signs with: after `whsec_` what its Base64 says, as Standard Webhooks has it, else its own letters.

    Raises Invalid.
    """
    wrong = errors.Invalid(
        errors=[{"pointer": "/signatureToken", "detail": _NOT_A_TOKEN.format(n=TOKEN_LENGTH_MAX)}]
    )
    if not 1 <= len(token) <= TOKEN_LENGTH_MAX or not token.isprintable():
        raise wrong
    if not token.startswith(PREFIX):
        return token.encode()
    try:
        key = base64.b64decode(token.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise wrong from None
    if not key:
        raise wrong
    return key


class Verdict(StrEnum):
    DELIVERED = "delivered"
    SMALLER = "smaller"
    """Told again, in smaller parts: so the standard has it for 413."""
    AGAIN = "again"
    PAUSE = "pause"


@dataclass(frozen=True, slots=True, kw_only=True)
class Next:
    """What becomes of a delivery after a call: `wait_seconds` before it is tried AGAIN, the `reason` of a PAUSE."""

    verdict: Verdict
    wait_seconds: int = 0
    reason: PausedReason | None = None


def after_call(outcome: str, status: int | None, *, tries: int, events: int, shift_permille: int) -> Next:
    """`tries`: the calls so far, this one too. `shift_permille`: as in the webhooks' `wait_seconds`."""
    if outcome == Outcome.ACCEPTED:
        return Next(verdict=Verdict.DELIVERED)
    if status == GONE:
        return Next(verdict=Verdict.PAUSE, reason=PausedReason.GONE)
    if status == TOO_LARGE and events > 1:
        return Next(verdict=Verdict.SMALLER)
    wait = wait_seconds(tries, shift_permille=shift_permille)
    if wait is None:
        return Next(verdict=Verdict.PAUSE, reason=PausedReason.FAILING)
    return Next(verdict=Verdict.AGAIN, wait_seconds=wait)
