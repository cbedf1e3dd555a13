"""How long a server that says nothing is waited for: a hung server must not hang those who ask it.

A server that has gone closes its connections, and that is seen at once. One that stands still, or is cut off, does
not: after PATIENCE_SECONDS without a word it is asked on a new connection, and if nobody answers there either, it
counts as silent. Statements that only take their time go on.
"""

import threading
import time
from collections.abc import Generator
from functools import cache
from typing import Any, Final, NoReturn

import psycopg
from psycopg.errors import ConnectionTimeout

PATIENCE_SECONDS: Final = 2.0
CONNECT_SECONDS: Final = 2
HEARD_SECONDS: Final = 1.0
"""For so long an answer is enough for everybody."""
KNOWN_SECONDS: Final = 0.25
"""For so long a connection is waited for while the server is known to be silent: whoever asks for one thing after the
other would wait for the same silence again and again."""
PAUSE_SECONDS: Final = 1.0
"""For so long after it was silent a server is not asked again: who queued behind one that waited is refused at once."""


class ServerSilent(psycopg.OperationalError):
    """The server takes connections, if at all, and answers nothing."""


class Watch:
    """What this process knows of one server."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._heard_at = -HEARD_SECONDS
        self._silent_until = 0.0

    def connect(self, **parameters: Any) -> "PatientConnection":
        """Raises ServerSilent at once while it is known to be."""
        self._check()
        try:
            connection = PatientConnection.connect(self._url, connect_timeout=CONNECT_SECONDS, **parameters)
        except ConnectionTimeout as problem:
            self._was_silent(problem)
        connection.watch = self
        return connection

    def ask(self) -> None:
        """Raises ServerSilent if nobody answers; one asks for all."""
        with self._lock:
            self._check()
            if time.monotonic() < self._heard_at + HEARD_SECONDS:
                return
            try:
                psycopg.connect(self._url, connect_timeout=CONNECT_SECONDS).close()
            except ConnectionTimeout as problem:
                self._was_silent(problem)
            except psycopg.Error:
                pass  # no is an answer; and where nobody listens any more, our connections end by themselves
            self._heard_at = time.monotonic()

    @property
    def is_silent(self) -> bool:
        """Whether it was a moment ago."""
        return time.monotonic() < self._silent_until

    def _check(self) -> None:
        if self.is_silent:
            raise ServerSilent("the server was silent a moment ago")

    def _was_silent(self, problem: Exception) -> NoReturn:
        self._silent_until = time.monotonic() + PAUSE_SECONDS
        raise ServerSilent("the server does not answer") from problem


watch = cache(Watch)
"""The watch of a server, by its URL."""


class PatientConnection(psycopg.Connection[Any]):
    """Waits for its server with patience; closed by then, when that was in vain."""

    watch: Watch | None = None

    def wait(self, gen: Generator[Any, Any, Any], *args: Any, **named: Any) -> Any:
        try:
            return super().wait(gen if self.watch is None else _patient(gen, self.watch), *args, **named)
        except ServerSilent:
            self.close()
            raise


def _patient(gen: Generator[Any, Any, Any], known: Watch) -> Generator[Any, Any, Any]:
    until = time.monotonic() + (KNOWN_SECONDS if known.is_silent else PATIENCE_SECONDS)
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if ready:
                until = time.monotonic() + PATIENCE_SECONDS
            elif time.monotonic() > until:
                known.ask()
                until = time.monotonic() + PATIENCE_SECONDS
            wanted = gen.send(ready)
    except StopIteration as done:
        return done.value
