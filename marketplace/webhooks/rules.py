"""When a delivery is tried again, when an endpoint rests, and when it is given up. Pure; whole seconds."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

WAITS_SECONDS: Final = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""After the first failed attempt, the second …: 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h."""
TRIES_MAX: Final = len(WAITS_SECONDS) + 1
JITTER_PERMILLE: Final = 200
"""A wait is up to so much shorter or longer, so that what failed together does not come back together."""
FAILURES_BEFORE_REST: Final = 5
REST_SECONDS_MIN: Final = 30
REST_SECONDS_MAX: Final = 900
DISABLED_AFTER: Final = timedelta(days=5)
"""An endpoint that has taken nothing for so long is disabled."""


class DeliveryState(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"
    """Tried for the last time; only a replay sends it again."""


class EndpointState(StrEnum):
    ENABLED = "enabled"
    DISABLED = "disabled"
    REMOVED = "removed"


class DisabledReason(StrEnum):
    BY_HAND = "by_hand"
    FAILING = "failing"
    """Nothing was taken for DISABLED_AFTER."""
    GONE = "gone"
    """It answered 410."""
    SECRET_UNREADABLE = "secret_unreadable"  # noqa: S105 (a reason)
    """Its secret cannot be opened any more; a new one mends it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What an endpoint's last attempts say of it."""

    failures_in_row: int = 0
    failing_since: datetime | None = None
    rests_until: datetime | None = None

    @property
    def is_suspect(self) -> bool:
        """Only one message at a time is risked on it."""
        return self.failures_in_row >= FAILURES_BEFORE_REST

    def is_resting(self, now: datetime) -> bool:
        return self.rests_until is not None and now < self.rests_until

    def is_given_up(self, now: datetime) -> bool:
        return self.failing_since is not None and now - self.failing_since >= DISABLED_AFTER


WELL: Final = Health()


def wait_seconds(tries: int, *, shift_permille: int) -> int | None:
    """How long after so many failed tries; None after the last. `shift_permille`: from -200 to 200, by chance."""
    if not 1 <= tries <= len(WAITS_SECONDS):
        return None
    shift = max(-JITTER_PERMILLE, min(JITTER_PERMILLE, shift_permille))
    return max(1, WAITS_SECONDS[tries - 1] * (1_000 + shift) // 1_000)


def health_after(health: Health, *, is_accepted: bool, at: datetime) -> Health:
    """An endpoint that fails again and again rests for longer and longer, and is then tried with one message."""
    if is_accepted:
        return WELL
    failures = health.failures_in_row + 1
    rests_until = None
    if failures >= FAILURES_BEFORE_REST:
        doubled = REST_SECONDS_MIN * 2 ** min(failures - FAILURES_BEFORE_REST, 10)
        rests_until = at + timedelta(seconds=min(doubled, REST_SECONDS_MAX))
    return Health(failures_in_row=failures, failing_since=health.failing_since or at, rests_until=rests_until)
