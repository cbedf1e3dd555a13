"""Calls counted in a sliding window, in the memory of one process."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

SECOND: Final = 1_000_000_000
"""In nanoseconds."""
CALLERS_MAX: Final = 100_000
"""Of one window; when more come, this process begins to count anew. A limit protects, it must not fill the memory."""


@dataclass(slots=True)
class _Window:
    """How often each caller came in this stretch of time and in the one before."""

    number: int
    now: dict[str, int] = field(default_factory=dict)
    before: dict[str, int] = field(default_factory=dict)


class Calls:
    """`amount` calls of each caller in any `seconds`; those of the stretch before count by the part still in sight."""

    def __init__(self, amount: int, seconds: int, *, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self._amount = amount
        self._length = seconds * SECOND
        self._clock = clock
        self._lock = threading.Lock()
        self._window = _Window(number=0)

    def take(self, who: str) -> int | None:
        """Count one call; answers the seconds to wait when it is one too many, and then does not count it."""
        with self._lock:
            window, gone = self._at(self._clock())
            now, before = window.now.get(who, 0), window.before.get(who, 0)
            if (now + 1) * self._length + before * (self._length - gone) > self._amount * self._length:
                return max(1, -((gone - self._free_at(now, before)) // SECOND))
            if now == 0 and len(window.now) >= CALLERS_MAX:
                window.now.clear()
            window.now[who] = now + 1
            return None

    def _at(self, moment: int) -> tuple[_Window, int]:
        """The window of this moment, and how much of it is over."""
        number, gone = divmod(moment, self._length)
        if number != self._window.number:
            follows = number == self._window.number + 1
            self._window = _Window(number=number, before=self._window.now if follows else {})
        return self._window, gone

    def _free_at(self, now: int, before: int) -> int:
        """When one call has room again, counted from the beginning of this window."""
        room = self._amount - 1 - now
        if room >= 0:
            return self._length - room * self._length // before
        return 2 * self._length - (self._amount - 1) * self._length // now
