"""What a label's scans say about it. Pure; whole numbers only.

Places are tenths of a degree. How far two of them are apart is told from below, so that nobody is accused by rounding:
the straight line through the earth, with Bhaskara's approximation of the sine (never more than 0.0017 off), minus a
slack for that and for the size of a place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from math import isqrt
from typing import Final

SCANS_BEFORE_DELIVERY_MAX: Final = 3
SPEED_KM_PER_HOUR_MAX: Final = 1_000
"""An airliner's; nobody's box is faster."""
MINUTES_BETWEEN_CITIES: Final = 20
EARTH_KM: Final = 6_371
SLACK_KM: Final = 100
OUR_CHANNELS: Final = frozenset({"app", "parcel", "gift", "sponsor"})
_UNIT: Final = 10_000
_HALF_TURN: Final = 1_800
_QUARTER_TURN: Final = 900


class Finding(StrEnum):
    """Why a label is flagged."""

    NOT_SHIPPED = "not_shipped"
    TOO_MANY_SCANS = "too_many_scans"
    IMPOSSIBLE_TRAVEL = "impossible_travel"
    OTHER_CHANNEL = "other_channel"
    OTHER_GTIN = "other_gtin"
    IS_VOID = "is_void"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where, coarsely: a city's code, or tenths of a degree north and east."""

    city: str | None = None
    north_tenths: int | None = None
    east_tenths: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    at: datetime
    place: Place
    channel: str


def findings(
    scan: Scan, *, before: Sequence[Scan], is_shipped: bool, is_delivered: bool, is_void: bool
) -> list[Finding]:
    """What is not right about a label that is scanned now; `before`: its scans so far, in the order of their time."""
    found = []
    if is_void:
        found.append(Finding.IS_VOID)
    elif not is_shipped:
        found.append(Finding.NOT_SHIPPED)
    elif not is_delivered and len(before) + 1 > SCANS_BEFORE_DELIVERY_MAX:
        found.append(Finding.TOO_MANY_SCANS)
    if before and is_too_fast(before[-1], scan):
        found.append(Finding.IMPOSSIBLE_TRAVEL)
    if scan.channel not in OUR_CHANNELS:
        found.append(Finding.OTHER_CHANNEL)
    return found


def is_too_fast(first: Scan, second: Scan) -> bool:
    """Whether no box gets from the one place to the other in that time."""
    seconds = max(0, int((second.at - first.at).total_seconds()))
    apart = distance_km(first.place, second.place)
    if apart is None:
        here, there = first.place.city, second.place.city
        return None not in (here, there) and here != there and seconds < 60 * MINUTES_BETWEEN_CITIES
    return apart * 3_600 > seconds * SPEED_KM_PER_HOUR_MAX


def distance_km(first: Place, second: Place) -> int | None:
    """At least so far apart; None if one of the two does not say where on earth it is."""
    if first.north_tenths is None or first.east_tenths is None:
        return None
    if second.north_tenths is None or second.east_tenths is None:
        return None
    one = _on_sphere(first.north_tenths, first.east_tenths)
    other = _on_sphere(second.north_tenths, second.east_tenths)
    chord = isqrt(sum((a - b) ** 2 for a, b in zip(one, other, strict=True)))
    return max(0, chord * EARTH_KM // _UNIT - SLACK_KM)


def _on_sphere(north_tenths: int, east_tenths: int) -> tuple[int, int, int]:
    """The place as a point of a sphere of radius _UNIT."""
    across = _sine(_QUARTER_TURN - abs(north_tenths))
    return (
        across * _cosine(east_tenths) // _UNIT,
        across * _sine(east_tenths) // _UNIT,
        _sine(north_tenths),
    )


def _sine(tenths: int) -> int:
    """The sine of so many tenths of a degree, from minus to plus a half turn, in units."""
    if tenths < 0:
        return -_sine(-tenths)
    part = tenths * (_HALF_TURN - tenths)
    return 4 * part * _UNIT // (4_050_000 - part)


def _cosine(tenths: int) -> int:
    away = abs(tenths)
    return _sine(_QUARTER_TURN - away) if away <= _QUARTER_TURN else -_sine(away - _QUARTER_TURN)
