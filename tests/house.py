"""The house as tests see it: the app on a database of its own, and callers at its door."""

import atexit
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from flask import Flask
from psycopg import sql
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from marketplace import context, database
from marketplace.access import Role
from marketplace.audit import AuditEntry
from marketplace.embedded.databases import DatabaseUrls
from marketplace.identity import accounts, sessions
from marketplace.settings import PROJECT_ROOT, Settings
from tests import servers

SAFE = ("GET", "HEAD", "OPTIONS")
KEPT = ("alembic_version",)


def alembic_config(urls: DatabaseUrls) -> Config:
    config = Config(PROJECT_ROOT / "migrations" / "alembic.ini")
    config.set_main_option("script_location", str(PROJECT_ROOT / "migrations"))
    config.attributes["url"] = urls.owner_url
    return config


def migrate(urls: DatabaseUrls) -> None:
    command.upgrade(alembic_config(urls), "head")


def settings_for(urls: DatabaseUrls, *, redis_number: int = 0, **changes: Any) -> Settings:
    chosen: dict[str, Any] = {
        "environment": "test",
        "database_url": urls.app_url,
        "database_owner_url": urls.owner_url,
        "redis_url": servers.redis_url(redis_number),
        "secret_key": "only-for-tests-" * 4,
        "worker_embedded": False,
        "rate_limits_enabled": False,
        "log_level": "ERROR",
        "progress_stream_seconds": 1,
        "trace_checkpoints_dir": f"{servers.current().folder}/checkpoints",
    }
    return Settings(**{**chosen, **changes})


FEW_ROWS = 2_000
"""So many rows of a table are sooner deleted than the table is made anew."""
_REFERENCES = """
    SELECT DISTINCT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint
    WHERE contype = 'f' AND conrelid <> confrelid
"""
_SEQUENCES = """
    SELECT format('%I.%I', schemaname, sequencename) FROM pg_sequences
    WHERE schemaname = 'public' AND last_value IS NOT NULL
"""


def empty(urls: DatabaseUrls) -> None:
    """Make every table empty again, as the owner of the tables.

    A test fills few of them, with few rows: those are deleted, tables before those that they refer to. To truncate
    them all makes hundreds of files anew, which takes longer than most tests.
    """
    try:
        _empty(_keeper_of(urls))
    except psycopg.OperationalError:  # a test that ended every connection has ended this one, too
        _keeper_of.cache_clear()
        _empty(_keeper_of(urls))


def _empty(keeper: "_Keeper") -> None:
    with keeper.connection.transaction():
        filled = dict(keeper.connection.execute(keeper.counts, prepare=True).fetchall())
        order = None if max(filled.values(), default=0) > FEW_ROWS else _referring_first(keeper, filled)
        if order is None:
            tables = sql.SQL(", ").join(map(sql.Identifier, keeper.tables))
            keeper.connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY CASCADE").format(tables))
            return
        for name in order:
            keeper.connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(name)))
        for (sequence,) in keeper.connection.execute(_SEQUENCES).fetchall():
            keeper.connection.execute("SELECT setval(%s, 1, false)", [sequence])


@dataclass(frozen=True, slots=True)
class _Keeper:
    """A connection of the owner, and what of the database's shape stays as it is for the whole run."""

    connection: psycopg.Connection[Any]
    tables: list[str]
    references: list[tuple[str, str]]
    counts: sql.Composed
    """Answers the tables with rows, and how many they have, counted no further than needed."""


@cache
def _keeper_of(urls: DatabaseUrls) -> _Keeper:
    connection = psycopg.connect(servers.plain(urls.owner_url), autocommit=True, prepare_threshold=None)
    atexit.register(connection.close)
    rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    tables = [name for (name,) in rows if name not in KEPT]
    count = sql.SQL("SELECT {}, (SELECT count(*) FROM (SELECT FROM {} LIMIT {}) AS few)")
    counts = [count.format(sql.Literal(name), sql.Identifier(name), FEW_ROWS + 1) for name in tables]
    filled = sql.SQL("SELECT * FROM ({}) AS counted (name, rows) WHERE rows > 0").format(
        sql.SQL(" UNION ALL ").join(counts)
    )
    found = connection.execute(_REFERENCES).fetchall()
    references = [(referring.strip('"'), referred.strip('"')) for referring, referred in found]
    return _Keeper(connection, tables, references, filled)


def _referring_first(keeper: _Keeper, filled: Iterable[str]) -> list[str] | None:
    """These tables, each before those that it refers to; None when they refer to each other in a circle."""
    sorter: TopologicalSorter[str] = TopologicalSorter({name: set() for name in filled})
    known = set(filled)
    for referring, referred in keeper.references:
        if {referring, referred} <= known:
            sorter.add(referred, referring)
    try:
        return list(sorter.static_order())
    except CycleError:
        return None


class Caller:
    """One person or program at the door. Unsafe calls carry a fresh key; what they do must leave a trace."""

    def __init__(self, app: Flask, token: str | None = None, account_id: uuid.UUID | None = None) -> None:
        self.app = app
        self.token = token
        self.account_id = account_id

    def get(self, path: str, **options: Any) -> TestResponse:
        return self.call("GET", path, **options)

    def post(self, path: str, json: Any = None, **options: Any) -> TestResponse:
        return self.call("POST", path, json=json, **options)

    def put(self, path: str, json: Any = None, **options: Any) -> TestResponse:
        return self.call("PUT", path, json=json, **options)

    def patch(self, path: str, json: Any = None, **options: Any) -> TestResponse:
        return self.call("PATCH", path, json=json, **options)

    def delete(self, path: str, **options: Any) -> TestResponse:
        return self.call("DELETE", path, **options)

    def call(
        self, method: str, path: str, *, key: str | None = "fresh", headers: Any = None, **options: Any
    ) -> TestResponse:
        """`key`: the Idempotency-Key; "fresh" makes one, None sends none. json=None sends no body."""
        sent = {**({"Authorization": f"Bearer {self.token}"} if self.token else {}), **(headers or {})}
        if key is not None and method not in SAFE:
            sent.setdefault("Idempotency-Key", str(uuid.uuid4()) if key == "fresh" else key)
        if options.get("json") is None:
            options.pop("json", None)
        response = self.app.test_client().open(path, method=method, headers=sent, buffered=True, **options)
        assert response.status_code < 500 or response.status_code == 503, response.get_data(as_text=True)
        if response.status_code >= 400:
            assert response.mimetype == "application/problem+json", response.get_data(as_text=True)
        elif method not in SAFE and "Idempotent-Replayed" not in response.headers:
            assert self._left_a_trace(response.headers["X-Request-Id"]), f"{method} {path} wrote no audit row"
        return response

    def _left_a_trace(self, request_id: str) -> bool:
        with self.app.app_context(), database.reading() as session:
            found = session.scalar(
                select(func.count()).select_from(AuditEntry).where(AuditEntry.request_id == request_id)
            )
            return bool(found)


def caller(app: Flask, *roles: Role, cooperative_ids: tuple[uuid.UUID, ...] = ()) -> Caller:
    """Somebody with these roles, logged in; without roles a passer-by."""
    if not roles:
        return Caller(app)
    ctx = context.system()

    def work(session: Any) -> tuple[uuid.UUID, str]:
        account = accounts.create(
            session, ctx, name=f"A {roles[0]}", roles=frozenset(roles), cooperative_ids=cooperative_ids
        )
        _, token = sessions.open_session(session, ctx, account=account)
        return account.id, token

    with app.app_context():
        account_id, token = database.transact(work)
    return Caller(app, token, account_id)
