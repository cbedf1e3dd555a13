"""Timestamps as RFC 3339 writes them, and the offsets of EPCIS events. Pure.

Both are kept as they were written: an event says the same moment in another way, and is still the same text.
"""

import calendar
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

_TIMESTAMP: Final = re.compile(
    r"(\d{4})-(0[1-9]|1[0-2])-(\d{2})[Tt]([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60)(?:\.(\d+))?"
    r"(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))",
    re.ASCII,
)
_PLAIN: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:[0-5]\d(?:\.\d{3}|\.\d{6})?Z", re.ASCII)
"""What nearly everybody writes; Python reads it alike, and refuses what is no moment with a ValueError as well."""
_OFFSET: Final = re.compile(r"[+-](?:(?:0\d|1[0-3]):[0-5]\d|14:00)", re.ASCII)
_DAYS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_MINUTES_OF_DAY: Final = 24 * 60


def is_timestamp(text: str) -> bool:
    """Whether it is a moment with an offset; a leap second only stands at the end of a day of UTC."""
    found = _TIMESTAMP.fullmatch(text)
    if found is None:
        return False
    year, month, day = int(found[1]), int(found[2]), int(found[3])
    if not 1 <= day <= _DAYS[month - 1] + (month == 2 and calendar.isleap(year)):
        return False
    if found[6] != "60":
        return True
    minute = int(found[4]) * 60 + int(found[5]) - _offset_minutes(found)
    return minute % _MINUTES_OF_DAY == _MINUTES_OF_DAY - 1


def is_offset(text: str) -> bool:
    """Whether it is an offset of UTC, from -14:00 to +14:00."""
    return _OFFSET.fullmatch(text) is not None


def instant(text: str) -> datetime:
    """The moment in UTC, cut to microseconds; a leap second is the second that follows it.

    Raises ValueError when it is no timestamp, or lies outside the years 1 to 9999.
    """
    if _PLAIN.fullmatch(text):
        return datetime.fromisoformat(text)
    found = _TIMESTAMP.fullmatch(text)
    if found is None or not is_timestamp(text):
        raise ValueError(text)
    year, month, day, hour, minute, second = (int(found[group]) for group in range(1, 7))
    micros = int((found[7] or "0").ljust(6, "0")[:6])
    leaping = second == 60
    zone = timezone(timedelta(minutes=_offset_minutes(found)))
    moment = datetime(year, month, day, hour, minute, second - leaping, micros, tzinfo=zone)
    try:
        return moment.astimezone(UTC) + timedelta(seconds=leaping)
    except OverflowError:
        raise ValueError(text) from None


def _offset_minutes(found: re.Match[str]) -> int:
    if not found[8]:
        return 0
    return int(f"{found[8]}1") * (int(found[9]) * 60 + int(found[10]))
