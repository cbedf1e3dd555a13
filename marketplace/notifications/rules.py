"""Whether and when a message is sent. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

ATTEMPTS_MAX: Final = 6
WAIT_SECONDS: Final = 30
"""After the first failure; doubled each time."""


class ChannelName(StrEnum):
    CONSOLE = "console"
    EMAIL = "email"
    WEBHOOK = "webhook"


class DeliveryState(StrEnum):
    WAITING = "waiting"
    SENT = "sent"
    SKIPPED = "skipped"
    """The person has no address there any more, has switched the kind off, or has no account in use."""
    DEAD = "dead"
    """It failed too often, or for good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """Hours of the day in which nobody is woken up: from `first` until `last` o'clock; equal ones mean never."""

    first: int
    last: int
    zone: ZoneInfo

    def ends_at(self, now: datetime) -> datetime | None:
        """When the quiet hours that are running at `now` are over; None outside of them."""
        local = now.astimezone(self.zone)
        within = (
            self.first <= local.hour < self.last
            if self.first <= self.last
            else local.hour >= self.first or local.hour < self.last
        )
        if not within:
            return None
        end = local.replace(hour=self.last, minute=0, second=0, microsecond=0)
        return (end if end > local else end + timedelta(days=1)).astimezone(now.tzinfo)


def is_wanted(
    *, is_mandatory: bool, kind: str, channel: str, switched_off: Collection[tuple[str, str]]
) -> bool:
    return is_mandatory or (kind, channel) not in switched_off


def due_at(now: datetime, *, is_urgent: bool, quiet: Quiet) -> datetime:
    return now if is_urgent else quiet.ends_at(now) or now


def wait_seconds(attempts: int) -> int:
    """How long to wait after so many failed attempts."""
    return WAIT_SECONDS * (1 << min(attempts - 1, 16))


def after_failure(attempts: int, *, is_final: bool) -> DeliveryState:
    """What a message is after its so many-th attempt has failed."""
    return DeliveryState.DEAD if is_final or attempts >= ATTEMPTS_MAX else DeliveryState.WAITING
