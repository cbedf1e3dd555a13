"""The database: one dialect (PostgreSQL), one metadata, and the only places that commit.

`transact` runs a unit of work with bounded retries; `transaction` is its plain form for jobs and commands;
`reading` ends without writing. Nothing else in the project commits, but for the kept connections of `express`.
"""

import logging
import random
import select
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, TypeVar, cast

import psycopg
from flask import Flask, g
from flask_sqlalchemy import SQLAlchemy
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import BigInteger, DateTime, Dialect, MetaData, Uuid, func
from sqlalchemy import select as sql_select
from sqlalchemy.exc import DBAPIError, DisconnectionError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

from marketplace import commits, errors, last_words, patience
from marketplace.embedded import resolve_urls
from marketplace.language import Text
from marketplace.points import Point, passed
from marketplace.settings import PROJECT_ROOT, Settings

T = TypeVar("T")
log = logging.getLogger(__name__)

APP_ROLE: Final = "marketplace_app"
"""Every connection of the app acts in this role; it cannot UPDATE or DELETE journals, ledger and audit."""

ATTEMPTS_MAX: Final = 3
RETRYABLE: Final = frozenset({"40001", "40P01"})
"""serialization_failure, deadlock_detected"""
UNAVAILABLE: Final = frozenset({"53300", "57P01", "57P02", "57P03", "55P03", "57014", "53100", "53200"})
"""too many connections, shutdowns, cannot connect now, lock and statement timeouts, disk or memory full"""

NAMING: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """timestamptz that refuses naive datetimes and always answers in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("a datetime without a zone cannot be stored")
        return value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)


def one_of(column: str, values: Iterable[StrEnum]) -> str:
    """The condition of a CHECK: the column holds one of these words, in the order they are given."""
    return f"{column} IN ({', '.join(repr(value.value) for value in values)})"


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: UtcDateTime, int: BigInteger, uuid.UUID: Uuid}  # noqa: RUF012 (SQLAlchemy's form)


db = SQLAlchemy(metadata=Base.metadata, session_options={"expire_on_commit": False})


class DatabaseUnavailable(errors.TryLater):
    """The database is away, overloaded, or a lock was not to be had in time; nothing was changed."""

    title = Text(en="The database is not available right now.", zh="数据库暂时不可用。")


class TryAgain(errors.TryLater):
    """A unit of work that must let its locks go and begin anew; `transact` does that, ATTEMPTS_MAX times."""


class CommitUnknown(errors.TryLater):
    """The connection broke while committing: it may be stored or not, and nobody may guess. Look before repeating."""

    title = Text(
        en="Whether this was stored is not known; look before you try again.",
        zh="无法确认是否已保存，请先查询再重试。",
    )


def configure(app: Flask, settings: Settings) -> None:
    """Give the app its engine. Opens no connection: an embedded server is started by the first one."""
    options = session_options(settings)
    app.config["SQLALCHEMY_DATABASE_URI"] = "postgresql+psycopg://"
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {
        "creator": lambda: connect(app_url(settings), options=options),
        "hide_parameters": True,
        "pool_size": settings.database_pool_size,
        "max_overflow": settings.database_pool_overflow,
        "pool_timeout": settings.database_pool_timeout_seconds,
        "pool_events": [(_check_alive, "checkout")],
        "pool_recycle": 1_800,
    }
    db.init_app(app)


def _check_alive(connection: psycopg.Connection[Any], _record: object, _proxy: object) -> None:
    """Costs no round trip: a server that has gone has ended the connection, which a resting socket tells by itself.

    One that vanished without a word is found out by the first statement, and the unit of work runs again.
    """
    if connection.closed or _has_something_to_say(connection.fileno()):
        raise DisconnectionError


def _has_something_to_say(socket: int) -> bool:
    watch = select.poll()
    watch.register(socket, select.POLLIN | select.POLLPRI)
    return bool(watch.poll(0))


def driver_of(session: Session) -> psycopg.Connection[Any]:
    """The session's own connection, in its transaction, for what only the driver can do; flush before it if need be."""
    driver = session.connection().connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver


def ask_together(session: Session, *statements: tuple[str, Mapping[str, Any]]) -> list[Any]:
    """One row (or None) of each, all in one round trip, with the BEGIN if they are the first of the transaction.

    A lost connection means TryAgain: so it is for the beginning of a unit of work, when nothing is lost with it.
    """
    driver = driver_of(session)
    try:
        with driver.pipeline():
            cursors = [driver.execute(sql, values) for sql, values in statements]
            return [cursor.fetchone() for cursor in cursors]
    except psycopg.OperationalError as problem:
        if not driver.broken:
            raise
        session.invalidate()
        raise TryAgain from problem


def may_rest(session: Session, *, seconds: int) -> None:
    """The transaction may rest so long while an outside call is made: a job's row stays locked, and nothing else is, so
    that a lost worker is noticed at once.
    """
    session.execute(sql_select(func.set_config("idle_in_transaction_session_timeout", f"{seconds}s", True)))


def session_options(settings: Settings) -> str:
    """What every connection of the app asks the server for."""
    return " ".join(
        f"-c {name}={value}"
        for name, value in {
            "role": APP_ROLE,
            "timezone": "UTC",
            "statement_timeout": settings.statement_timeout_ms,
            "lock_timeout": settings.lock_timeout_ms,
            "idle_in_transaction_session_timeout": settings.idle_in_transaction_timeout_ms,
        }.items()
    )


def app_url(settings: Settings) -> str:
    """Where the app logs in; starts the embedded server when no URL is set."""
    return settings.database_url or resolve_urls(settings.data_dir, PROJECT_ROOT)[0]


def owner_url(settings: Settings) -> str:
    """Where migrations log in: the role that owns the tables."""
    if settings.database_owner_url or settings.database_url:
        return cast(str, settings.database_owner_url or settings.database_url)
    return resolve_urls(settings.data_dir, PROJECT_ROOT)[1]


def connect(url: str, *, options: str = "") -> psycopg.Connection[Any]:
    """One psycopg connection with the project's time-outs on the wire; the URL's own options come first.

    Raises ServerSilent where a server stands still, as all of its statements do.
    """
    plain = url.replace("postgresql+psycopg://", "postgresql://", 1)
    return patience.watch(plain).connect(
        options=f"{conninfo_to_dict(plain).get('options') or ''} {options}".strip(),
        keepalives_idle=30,
        keepalives_interval=10,
        keepalives_count=3,
        tcp_user_timeout=10_000,  # keepalives rest while a statement is on its way; this bounds that too
        application_name="virtual-orchard",
    )


@contextmanager
def transaction() -> Iterator[Session]:
    """One unit of work at an edge: commit at the end, roll back on any exception. Does not nest."""
    if g.get("in_transaction"):
        raise RuntimeError("a transaction is open already: only edges open one")
    g.in_transaction = True
    session = db.session()
    try:
        yield session
        last_words.say(session)
        passed(Point.WORKED)
        _commit(session)
        passed(Point.COMMITTED)
    except BaseException as problem:
        _roll_back(session)
        _raise_meaning(problem)
        raise
    finally:
        last_words.forget(session)
        g.in_transaction = False


@contextmanager
def savepoint(session: Session) -> Iterator[None]:
    """A part of a unit of work that is undone alone when it raises."""
    marked = last_words.mark(session)
    try:
        with session.begin_nested():
            yield
    except BaseException:
        last_words.back_to(session, marked)
        raise


def _commit(session: Session) -> None:
    """Flush first, so that only the COMMIT itself can leave the outcome unknown."""
    session.flush()
    try:
        session.commit()
    except DBAPIError as problem:
        if problem.connection_invalidated:
            raise CommitUnknown from problem
        raise
    finally:
        commits.happened()


def _roll_back(session: Session) -> None:
    try:
        session.rollback()
    except DBAPIError:
        log.warning("rollback on a broken connection; the server undoes it itself")
        db.session.remove()


@contextmanager
def reading() -> Iterator[Session]:
    """A view that only looks: whatever was touched is rolled back, so it has no place inside a transaction."""
    if g.get("in_transaction"):
        raise RuntimeError("a transaction is open: reading would roll it back")
    session = db.session()
    try:
        yield session
    except (DBAPIError, PoolTimeout) as problem:
        _raise_meaning(problem)
        raise
    finally:
        session.expunge_all()
        _roll_back(session)


def transact(work: Callable[[Session], T], *, recall: Callable[[Session], T | None] | None = None) -> T:
    """Run `work` in a transaction, again if the database asks for it, at most ATTEMPTS_MAX times.

    Serialization failures, deadlocks, TryAgain and connections lost before COMMIT are run again as a whole. After a
    connection lost during COMMIT, `recall` looks on a new connection whether the work is stored and answers
    its result; without `recall` the outcome stays CommitUnknown.
    """
    for attempt in range(1, ATTEMPTS_MAX + 1):
        try:
            with transaction() as session:
                return work(session)
        except CommitUnknown:
            if recall is None:
                raise
            with reading() as session:
                known = recall(session)
            if known is not None:
                return known
        except (TryAgain, DBAPIError, DatabaseUnavailable) as problem:
            _raise_unless_again(problem, is_last=attempt == ATTEMPTS_MAX)
        time.sleep(random.uniform(0.01, 0.05) * attempt)  # noqa: S311 (jitter, not a secret)
    raise DatabaseUnavailable


def _raise_unless_again(problem: TryAgain | DBAPIError | DatabaseUnavailable, *, is_last: bool) -> None:
    """Raises what a failed attempt means, unless another one may succeed and is left."""
    if isinstance(problem, DBAPIError):
        if not _may_run_again(problem):
            raise problem
        if is_last:
            raise DatabaseUnavailable from problem
        return
    cause = problem.__cause__
    lost = isinstance(cause, DBAPIError) and cause.connection_invalidated
    if is_last or not (lost or isinstance(problem, TryAgain)):
        raise problem


def _may_run_again(problem: DBAPIError) -> bool:
    return sqlstate(problem) in RETRYABLE


def sqlstate(problem: DBAPIError) -> str | None:
    return getattr(problem.orig, "sqlstate", None)


def _raise_meaning(problem: BaseException) -> None:
    meaning = translated(problem)
    if meaning is not problem:
        raise meaning from problem


def translated(problem: BaseException) -> BaseException:
    """The refusal that a database failure means to a caller, or the failure itself."""
    if isinstance(problem, PoolTimeout):
        return DatabaseUnavailable()
    if isinstance(problem, DBAPIError) and not isinstance(problem, IntegrityError):
        state = sqlstate(problem)
        is_connection = isinstance(problem.orig, psycopg.OperationalError) and state is None
        if state in UNAVAILABLE or problem.connection_invalidated or is_connection:
            return DatabaseUnavailable()
    if isinstance(problem, psycopg.OperationalError):
        return DatabaseUnavailable()
    return problem


def changed_behind(session: Session, kind: type[Base], ids: Iterable[uuid.UUID]) -> None:
    """Rows were changed by a statement of our own: what the session remembers of them is read again."""
    for row_id in ids:
        known = session.identity_map.get(session.identity_key(kind, row_id))
        if known is not None:
            session.refresh(known)


@contextmanager
def refusing(constraints: Mapping[str, errors.Refusal]) -> Iterator[None]:
    """Turn the violation of a named constraint into the refusal that it means; flush inside the block."""
    try:
        yield
    except IntegrityError as problem:
        diagnosis = getattr(problem.orig, "diag", None)
        refusal = constraints.get(getattr(diagnosis, "constraint_name", None) or "")
        if refusal is None:
            raise
        raise refusal from problem
