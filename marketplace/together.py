"""Requests that wait in one process are served together: whoever comes first serves all who came meanwhile.

The first to ask becomes the leader: it takes what is waiting, serves it in one go, and hands the lead to the first of
those who came in between. One commit then answers many; a lone request is served at once and waits for nobody. Who is
answered before the others of a batch goes on at once.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar, cast

Asked = TypeVar("Asked")
Told = TypeVar("Told")

PATIENCE_SECONDS: Final = 60
"""Longer than any leader may take: who waits so long has lost its leader."""


class LeaderLost(Exception):
    """Nobody answered: a leader ended without a word. A broken promise of our own code."""


class NotAnswered(Exception):
    """A batch was served and somebody in it got no answer. A broken promise of our own code."""


@dataclass(slots=True, eq=False)
class _Seat(Generic[Asked, Told]):
    asked: Asked
    called: Any
    """A lock that is held until this seat is called; None for who leads at once and waits for nobody."""
    leads: bool
    is_answered: bool = False
    told: Told | None = None
    failed: BaseException | None = None

    def call(self) -> None:
        """Wakes who sits here: a lock is a lighter bell than an Event, and a rush rings it thousands of times."""
        called, self.called = self.called, None
        if called is not None:
            called.release()


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Told]):
    """What became of a request: it was told something, or its batch failed."""

    told: Told | None = None
    failed: BaseException | None = None

    def get(self) -> Told:
        """What it was told; raises why it failed."""
        if self.failed is not None:
            raise self.failed
        return cast(Told, self.told)


class Together(Generic[Asked, Told]):
    """`serve` answers a batch of at most `at_once_max`: places in it and answers, each as soon as it is known."""

    def __init__(
        self,
        serve: Callable[[Sequence[Asked]], Iterable[tuple[int, Told]]],
        *,
        at_once_max: int = 64,
        linger_ms: int = 0,
    ) -> None:
        self._serve = serve
        self._at_once_max = at_once_max
        self._linger_ms = linger_ms
        self._lock = threading.Lock()
        self._waiting: deque[_Seat[Asked, Told]] = deque()
        self._is_led = False
        self._expected = 1
        """As many as were served last time."""
        self._lingering: Any = None
        """A lock that is held until as many as expected are there."""

    def ask(self, asked: Asked) -> Told:
        """The answer to this request; raises what its batch raised."""
        [outcome] = self.ask_all([asked])
        return outcome.get()

    def ask_all(self, asked: Sequence[Asked]) -> "list[Outcome[Told]]":
        """What becomes of each of these requests, which came together in one thread."""
        seats = self._sit_down(asked)
        return [self._served(seat, bell) for seat, bell in seats]

    def _sit_down(self, asked: Sequence[Asked]) -> list[tuple[_Seat[Asked, Told], Any]]:
        """A seat for each, and the bell that calls it. Who comes first to an empty table leads."""
        seats = []
        with self._lock:
            for each in asked:
                bell = threading.Lock()
                bell.acquire()
                seat: _Seat[Asked, Told] = _Seat(each, bell if self._is_led else None, leads=not self._is_led)
                seats.append((seat, bell))
                self._waiting.append(seat)
                self._is_led = True
            if self._lingering is not None and len(self._waiting) >= self._expected:
                self._lingering.release()
                self._lingering = None
        return seats

    def _served(self, seat: _Seat[Asked, Told], bell: Any) -> "Outcome[Told]":
        """Waits until this seat is served, or must lead. Seats are called in the order in which they were taken."""
        if not seat.leads and not bell.acquire(timeout=PATIENCE_SECONDS):
            return Outcome(failed=LeaderLost())
        if seat.leads and not seat.is_answered:
            self._lead()
        return Outcome(told=seat.told, failed=seat.failed)

    def _lead(self) -> None:
        """Serves one batch, its own seat among it, and hands the lead on."""
        self._linger()
        with self._lock:
            batch = [self._waiting.popleft() for _ in range(min(self._at_once_max, len(self._waiting)))]
            self._expected = len(batch)
        try:
            for place, told in self._serve([seat.asked for seat in batch]):
                seat = batch[place]
                seat.told, seat.is_answered = told, True
                seat.call()
            problem: BaseException = NotAnswered()
        except Exception as failure:  # noqa: BLE001 (whoever is not answered raises it)
            problem = failure
        except BaseException as failure:
            problem = failure
            raise
        finally:
            self._hand_on()
            for seat in batch:
                if not seat.is_answered:
                    seat.failed = problem
                    seat.call()

    def _linger(self) -> None:
        """Waits a moment for as many as came last time: they were answered together, and come back together."""
        bell = threading.Lock()
        bell.acquire()
        with self._lock:
            if not self._linger_ms or len(self._waiting) >= self._expected:
                return
            self._lingering = bell
        bell.acquire(timeout=self._linger_ms / 1_000)
        with self._lock:
            self._lingering = None

    def _hand_on(self) -> None:
        with self._lock:
            self._is_led = bool(self._waiting)
            if self._waiting:
                following = self._waiting[0]
                following.leads = True
                following.call()
