"""A kept connection for work that a process does one piece after the other, with as few round trips as can be.

Beside `database`, this is the only place that commits. Statements are sent together and prepared once; a unit of work
is begun and asked its facts in one round trip, written in a second, and committed in a third. A connection that is
lost is made anew: before COMMIT the work simply runs again; after it the caller must know how to find what it stored.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol, TypeVar, cast

import orjson
import psycopg
from flask import Flask, current_app
from psycopg.rows import namedtuple_row
from sqlalchemy.orm import Session

from marketplace import commits, database
from marketplace.database import ATTEMPTS_MAX, RETRYABLE, DatabaseUnavailable, TryAgain
from marketplace.settings import Settings

T = TypeVar("T")

Statement = tuple[str, Mapping[str, Any]]
"""SQL in psycopg's form, and its parameters."""


def as_json(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows for a statement: ids and instants as texts."""
    return orjson.dumps(rows, default=str).decode()


class Runner(Protocol):
    """Runs statements inside of a transaction; each answers one row."""

    def rows(self, *statements: Statement) -> list[Any]: ...


class InSession:
    """In the transaction of a session, one statement after the other."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def rows(self, *statements: Statement) -> list[Any]:
        connection = self._session.connection()
        return [connection.exec_driver_sql(sql, dict(values)).one() for sql, values in statements]


class Work:
    """One unit of work on a line: reads, and a last write with which it is committed."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._is_open = False

    def rows(self, *statements: Statement) -> list[Any]:
        """Sent together; the first ones begin the transaction."""
        with self._connection.pipeline():
            if not self._is_open:
                self._connection.execute("BEGIN")
                self._is_open = True
            cursors = [self._connection.execute(sql, values) for sql, values in statements]
            return [cursor.fetchone() for cursor in cursors]

    def look(self, *statements: Statement) -> list[Any]:
        """Outside of any transaction: each statement sees its own moment."""
        if len(statements) == 1:
            [(sql, values)] = statements
            return [self._connection.execute(sql, values).fetchone()]
        with self._connection.pipeline():
            cursors = [self._connection.execute(sql, values) for sql, values in statements]
            return [cursor.fetchone() for cursor in cursors]

    def commit(self, *statements: Statement) -> None:
        """Write and commit in one round trip: a statement that must be whole says so itself (SQL `whole`)."""
        try:
            with self._connection.pipeline():
                for sql, values in statements:
                    self._connection.execute(sql, values)
                self._connection.execute("COMMIT")
        finally:
            commits.happened()
        self._is_open = False

    def end(self) -> None:
        """Undo what was not committed."""
        if self._is_open:
            self._connection.execute("ROLLBACK")
            self._is_open = False


class Line:
    """One kept connection; whoever comes while it is in use waits."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._connection: psycopg.Connection[Any] | None = None

    def run(self, work: Callable[[Work], T]) -> T:
        """The result of `work`, run again as a whole when the database asks for it. Raises DatabaseUnavailable.

        It also runs again when the connection broke during COMMIT: it must find by itself what it stored.
        """
        for attempt in range(1, ATTEMPTS_MAX + 1):
            try:
                with self._lock, self._unit() as unit:
                    return work(unit)
            except (TryAgain, psycopg.Error) as problem:
                if attempt == ATTEMPTS_MAX or not _may_run_again(problem):
                    raise _meaning(problem) from problem
            time.sleep(random.uniform(0.002, 0.02) * attempt)  # noqa: S311 (jitter, not a secret)
        raise DatabaseUnavailable

    def close(self) -> None:
        with self._lock:
            self._drop()

    @contextmanager
    def _unit(self) -> Iterator[Work]:
        if self._connection is None or self._connection.closed:
            self._connection = _connect(self._settings)
        unit = Work(self._connection)
        try:
            yield unit
            unit.end()
        except psycopg.Error:
            self._drop()
            raise
        except BaseException:
            self._give_up(unit)
            raise

    def _give_up(self, unit: Work) -> None:
        try:
            unit.end()
        except psycopg.Error:
            self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def line(name: str) -> Line:
    """This process's line of that name; opened by the first who uses it."""
    lines = cast(dict[str, Line], current_app.extensions.setdefault("lines", {}))
    return lines.get(name) or lines.setdefault(name, Line(current_app.config["SETTINGS"]))


def close_all(app: Flask) -> None:
    """Close what this process keeps open for the app."""
    for kept in app.extensions.pop("lines", {}).values():
        kept.close()


_LOST: Final = (psycopg.OperationalError, psycopg.InterfaceError)


PLANNING: Final = " ".join(
    f"-c {name}={value}"
    for name, value in {
        "plan_cache_mode": "force_generic_plan",
        "enable_seqscan": "off",
        "enable_hashjoin": "off",
        "enable_mergejoin": "off",
        "jit": "off",
    }.items()
)
"""A kept connection asks for few rows by their keys, again and again: it plans once, and by index, however small the
tables were at that moment. A plan made over an empty table would read all of a large one later."""


def _connect(settings: Settings) -> psycopg.Connection[Any]:
    options = f"{database.session_options(settings)} {PLANNING}"
    connection = database.connect(database.app_url(settings), options=options)
    connection.autocommit = True
    connection.prepare_threshold = 0
    connection.row_factory = cast(Any, namedtuple_row)
    return connection


def _may_run_again(problem: Exception) -> bool:
    if isinstance(problem, TryAgain):
        return True
    state = getattr(problem, "sqlstate", None)
    return state in RETRYABLE or (isinstance(problem, _LOST) and state is None) or state in _SHUT_DOWN


_SHUT_DOWN: Final = frozenset({"57P01", "57P02", "57P03"})


def _meaning(problem: Exception) -> BaseException:
    if isinstance(problem, TryAgain):
        return problem
    state = getattr(problem, "sqlstate", None)
    if state in database.UNAVAILABLE or state in RETRYABLE or isinstance(problem, _LOST):
        return DatabaseUnavailable()
    return problem
