"""What the gate may say of a pool, and for how long. Pure: no Redis, no clock."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from inventory.grant_rules import PoolFacts

LIFE_MAX: Final = timedelta(seconds=1)
"""No notice is older than this, counted from before its look."""
BOXES_MAX: Final = 1_000_000_000
"""More than anybody may ask for: the limit of a pool without one."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)

_FORM: Final = re.compile(
    r"(?P<tag>[0-9a-f]+):(?P<version>\d{1,19}):(?P<available>\d{1,19}):\d+:(?P<next>\d{1,19}):[0-9a-z]+",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """At this version of a pool so many boxes were left; only asks up to `most` boxes are answered by it."""

    version: int
    available: int
    most: int
    """Who asks for more passes a limit, and is told so by PostgreSQL."""
    next_expires_at: datetime | None
    life: timedelta

    @property
    def next_us(self) -> int:
        """Microseconds since 1970; 0 for none."""
        return 0 if self.next_expires_at is None else (self.next_expires_at - EPOCH) // MICROSECOND

    @property
    def life_ms(self) -> int:
        return self.life // timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A notice as it was read."""

    version: int
    available: int
    next_expires_at: datetime | None


def notice(
    pool: PoolFacts, *, now: datetime, has_lapsed: bool, next_expires_at: datetime | None
) -> Notice | None:
    """What may be noted of a pool that was locked at `now`; None if nothing may.

    Boxes of lapsed holds are free though the counters do not say so: then there is nothing to notice.
    """
    if has_lapsed or not pool.sells_at(now):
        return None
    assert pool.sells_until is not None, "a pool that sells has a window"
    ends = [pool.sells_until, *([] if next_expires_at is None else [next_expires_at])]
    life = min([LIFE_MAX, *(end - now for end in ends)])
    if life < timedelta(milliseconds=1):
        return None
    limit = pool.boxes_per_buyer_max
    return Notice(
        version=pool.version,
        available=pool.available,
        most=BOXES_MAX if limit is None else limit,
        next_expires_at=next_expires_at,
        life=life,
    )


def read(text: object, *, tag: str) -> Told | None:
    """None for whatever is not a notice of ours."""
    found = _FORM.fullmatch(text) if isinstance(text, str) else None
    if found is None or found["tag"] != tag:
        return None
    try:
        next_expires_at = EPOCH + int(found["next"]) * MICROSECOND if int(found["next"]) else None
    except (ValueError, OverflowError):
        return None
    return Told(
        version=int(found["version"]), available=int(found["available"]), next_expires_at=next_expires_at
    )
