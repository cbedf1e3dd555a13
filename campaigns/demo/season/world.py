"""A world of its own for a season: a database that nobody else uses, a clock that says what it is told, ids by a seed.

The code that runs in it is that of every day. PostgreSQL looks for its clock in a schema that this database alone has,
and Python's ids and clock come from here; so the same steps leave the same rows, ids and instants included.
"""

import hashlib
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
from alembic import command
from alembic.config import Config
from flask import Flask
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from marketplace import context, database, express, values
from marketplace.app import create_app
from marketplace.database import db
from marketplace.embedded import databases, places, postgres
from marketplace.embedded.databases import DatabaseUrls
from marketplace.module import Module
from marketplace.settings import PROJECT_ROOT, Settings

BEGINS_AT: Final = datetime(2025, 9, 15, 0, 0, tzinfo=UTC)
SCHEMA: Final = "told"
OPTIONS: Final = f"-c search_path={SCHEMA},pg_catalog,public"
_CLOCKS: Final = ("clock_timestamp", "statement_timestamp", "transaction_timestamp", "now")
_TELL: Final = sql.SQL("UPDATE told.clock SET at = %s")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NOT_STATED: Final = 40
"""Bits of an id that its place in the season does not fill."""


class NoDatabase(Exception):
    """No database can be made for the season; the message says why."""


@dataclass(slots=True, kw_only=True)
class Clock:
    """What time it is, for Python and PostgreSQL alike: it stands still until it is told."""

    now: datetime
    _connection: "psycopg.Connection[Any]"

    def go(self, at: datetime) -> None:
        """It is `at` now; time does not run backwards."""
        if at < self.now:
            raise ValueError(f"{at} is over: it is {self.now}")
        self._connection.execute(_TELL, [at])
        self.now = at

    def wait(self, **time: int) -> None:
        self.go(self.now + timedelta(**time))


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    app: Flask
    clock: Clock


@contextmanager
def own_database(settings: Settings, name: str) -> Iterator[DatabaseUrls]:
    """A fresh database with all tables, gone at the end. Raises NoDatabase, CannotStart."""
    if settings.database_url is None:
        folder = places.choose(settings.data_dir, PROJECT_ROOT, postgres.tell)
        server = postgres.ensure(folder)
        with server.connect() as admin:
            _claim(admin, name)
            _drop(admin, name)
            urls = databases.ensure_database(server, name)
            try:
                _migrate(urls)
                yield urls
            finally:
                _drop(admin, name)
        return
    owner = database.owner_url(settings)
    try:
        with psycopg.connect(_plain(owner), autocommit=True) as admin:
            _claim(admin, name)
            _drop(admin, name)
            admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            try:
                urls = DatabaseUrls(
                    app_url=_at(settings.database_url, name),
                    owner_url=_at(owner, name),
                )
                _migrate(urls)
                yield urls
            finally:
                _drop(admin, name)
    except psycopg.errors.InsufficientPrivilege as problem:
        raise NoDatabase(
            "The season is played in a database of its own, which the owner in DATABASE_OWNER_URL may not create. "
            "演示季使用独立数据库，但该账号无权创建。"
        ) from problem


@contextmanager
def opened(
    urls: DatabaseUrls, settings: Settings, modules: Iterable[Module], *, seed: int
) -> Iterator[World]:
    """The app in that database, as long as it lasts; its clock begins with the season."""
    with ExitStack() as stack:
        owner = stack.enter_context(psycopg.connect(_plain(urls.owner_url), autocommit=True))
        _give_clock(owner)
        clock = Clock(now=BEGINS_AT, _connection=owner)
        chosen = replace(
            settings,
            database_url=_with_options(urls.app_url),
            database_owner_url=urls.owner_url,
            redis_url=None,
            worker_embedded=False,
            log_level="ERROR",
            notify_channels="console",
            payout_account_name="宜君县果业平台",
            payout_account_number="6100123456789",
            payout_account_cnaps="102791000018",
        )
        app = create_app(chosen, modules)
        stack.enter_context(app.app_context())
        stack.callback(db.engine.dispose)
        stack.callback(express.close_all, app)
        stack.enter_context(values.ids_from(_ids(seed, clock)))
        stack.enter_context(context.clock_from(lambda: clock.now))
        yield World(app=app, clock=clock)


def _give_clock(owner: "psycopg.Connection[Any]") -> None:
    """Functions of PostgreSQL's own names that are found first, and answer what a row says."""
    schema = sql.Identifier(SCHEMA)
    owner.execute(sql.SQL("CREATE SCHEMA {}").format(schema))
    owner.execute(sql.SQL("CREATE TABLE told.clock (at timestamptz NOT NULL)"))
    owner.execute("INSERT INTO told.clock VALUES (%s)", [BEGINS_AT])
    for name in _CLOCKS:
        owner.execute(
            sql.SQL(
                "CREATE FUNCTION {}.{}() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT at FROM told.clock'"
            ).format(schema, sql.Identifier(name))
        )
    role = sql.Identifier(database.APP_ROLE)
    owner.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema, role))
    owner.execute(sql.SQL("GRANT SELECT ON told.clock TO {}").format(role))


def _ids(seed: int, clock: Clock) -> Callable[[], uuid.UUID]:
    """UUIDv7 in the order in which they are asked for: the told instant, a count, and what the seed adds."""
    asked = 0

    def next_id() -> uuid.UUID:
        nonlocal asked
        asked += 1
        said = hashlib.sha256(f"{seed}/{asked}".encode()).digest()
        tail = asked << _NOT_STATED | int.from_bytes(said[: _NOT_STATED // 8])
        instant = (clock.now - _EPOCH) // timedelta(milliseconds=1)
        high, low = tail >> 62, tail & ((1 << 62) - 1)
        return uuid.UUID(int=instant << 80 | 7 << 76 | high << 64 | 2 << 62 | low)

    return next_id


def _migrate(urls: DatabaseUrls) -> None:
    config = Config(PROJECT_ROOT / "migrations" / "alembic.ini")
    config.set_main_option("script_location", str(PROJECT_ROOT / "migrations"))
    config.attributes["url"] = urls.owner_url
    command.upgrade(config, "head")


def _claim(admin: "psycopg.Connection[Any]", name: str) -> None:
    """For as long as this connection lasts: what is left of an earlier play may be dropped, a play that goes on not."""
    [is_ours] = admin.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [name]).fetchone() or (False,)
    if not is_ours:
        raise NoDatabase("A season of this seed is being played already. 该种子的演示季正在进行。")


def _drop(admin: "psycopg.Connection[Any]", name: str) -> None:
    admin.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


def _at(url: str, name: str) -> str:
    """The same server and role, another database."""
    return make_conninfo(_plain(url), dbname=name)


def _with_options(url: str) -> str:
    plain = _plain(url)
    before = conninfo_to_dict(plain).get("options") or ""
    return make_conninfo(plain, options=f"{before} {OPTIONS}".strip())
