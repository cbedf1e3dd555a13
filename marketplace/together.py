"""Requests that wait in one process are served together: whoever comes first serves all who came meanwhile.

The first to ask becomes the leader: it takes what is waiting, serves it in one go, and hands the lead to the first of
those who came in between. One commit then answers many; a lone request is served at once and waits for nobody.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

Asked = TypeVar("Asked")
Told = TypeVar("Told")

PATIENCE_SECONDS: Final = 60
"""Longer than any leader may take: who waits so long has lost its leader."""


class LeaderLost(Exception):
    """Nobody answered: a leader ended without a word. A broken promise of our own code."""


@dataclass(slots=True, eq=False)
class _Seat(Generic[Asked, Told]):
    asked: Asked
    called: threading.Event | None
    """None for who leads at once and waits for nobody."""
    leads: bool
    told: Told | None = None
    failed: BaseException | None = None


class Together(Generic[Asked, Told]):
    """`serve` answers a batch in its order, at most `at_once_max` of them."""

    def __init__(self, serve: Callable[[Sequence[Asked]], Sequence[Told]], *, at_once_max: int = 64) -> None:
        self._serve = serve
        self._at_once_max = at_once_max
        self._lock = threading.Lock()
        self._waiting: deque[_Seat[Asked, Told]] = deque()
        self._is_led = False

    def ask(self, asked: Asked) -> Told:
        """The answer to this request; raises what its batch raised."""
        with self._lock:
            called = threading.Event() if self._is_led else None
            seat: _Seat[Asked, Told] = _Seat(asked, called, leads=called is None)
            self._waiting.append(seat)
            self._is_led = True
        if called is not None and not called.wait(PATIENCE_SECONDS):
            raise LeaderLost
        if seat.leads:
            self._lead()
        if seat.failed is not None:
            raise seat.failed
        assert seat.told is not None
        return seat.told

    def _lead(self) -> None:
        """Serves one batch, its own seat among it, and hands the lead on."""
        with self._lock:
            batch = [self._waiting.popleft() for _ in range(min(self._at_once_max, len(self._waiting)))]
        try:
            answers = self._serve([seat.asked for seat in batch])
            for seat, told in zip(batch, answers, strict=True):
                seat.told = told
        except BaseException as problem:
            for seat in batch:
                seat.failed = problem
            if not isinstance(problem, Exception):
                raise
        finally:
            self._hand_on()
            for seat in batch:
                if seat.called is not None:
                    seat.called.set()

    def _hand_on(self) -> None:
        with self._lock:
            self._is_led = bool(self._waiting)
            if self._waiting:
                following = self._waiting[0]
                following.leads = True
                assert following.called is not None
                following.called.set()
