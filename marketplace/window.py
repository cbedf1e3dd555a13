"""Calls counted in a sliding window, in the memory of one process."""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

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

    def __init__(self, amount: int, seconds: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._amount = amount
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._window = _Window(number=0)

    def take(self, who: str) -> int | None:
        """Count one call; answers the seconds to wait when it is one too many, and then does not count it."""
        with self._lock:
            window, gone = self._at(self._clock())
            now, before = window.now.get(who, 0), window.before.get(who, 0)
            if now + before * (1 - gone) + 1 > self._amount:
                return max(1, math.ceil(self._seconds * (self._free_at(now, before) - gone)))
            if now == 0 and len(window.now) >= CALLERS_MAX:
                window.now.clear()
            window.now[who] = now + 1
            return None

    def _at(self, moment: float) -> tuple[_Window, float]:
        """The window of this moment, and which part of it is over."""
        number, rest = divmod(moment, self._seconds)
        if number != self._window.number:
            follows = number == self._window.number + 1
            self._window = _Window(number=int(number), before=self._window.now if follows else {})
        return self._window, rest / self._seconds

    def _free_at(self, now: int, before: int) -> float:
        """When one call has room again, in windows from the beginning of this one."""
        room = self._amount - 1 - now
        if room >= 0:
            return 1 - room / before
        return 2 - (self._amount - 1) / now
