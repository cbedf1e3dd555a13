"""The servers the suite runs on: one real PostgreSQL and one real Redis per run, shared by all workers.

The process that controls the run owns them: `start_for_run` belongs in `pytest_configure` and `stop_for_run` in
`pytest_unconfigure`, both only where there is no `workerinput`. Workers learn the addresses from the environment.
TEST_DATABASE_URL (PostgreSQL 15 or newer, a role that may create databases and roles) and TEST_REDIS_URL name
servers to use instead. What a killed run left behind is ended and removed by the next one.
"""

import fcntl
import json
import os
import secrets
import shutil
import signal
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import psycopg
from psycopg import sql

from marketplace.embedded import cluster, places, postgres, processes, redis_server
from marketplace.embedded.databases import DatabaseUrls, ensure_database
from marketplace.embedded.errors import CannotStart

VARIABLE: Final = "ORCHARD_TEST_SERVERS"
MAJOR_MIN: Final = 15


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of the suite: its name, its folder, and where its servers answer. URLs are SQLAlchemy's."""

    name: str
    folder: str
    admin_url: str
    app_url: str
    owner_url: str
    redis_url: str


@dataclass(slots=True)
class _Owned:
    """What the controlling process must end."""

    run: Run | None = None
    alive: int | None = None
    postgres_home: Path | None = None
    redis: redis_server.RedisServer | None = None
    folders: list[Path] = field(default_factory=list)


_owned = _Owned()


def start_for_run() -> None:
    """Find or start the servers and tell the workers where they are. Raises CannotStart."""
    parent = _parent()
    with places.locked(parent):
        _sweep(parent)
        folder = parent / f"run_{secrets.token_hex(4)}"
        folder.mkdir()
        folder.chmod(_passable())
        _owned.folders.append(folder)
        _owned.alive = places.open_private(folder / "alive")
        fcntl.flock(_owned.alive, fcntl.LOCK_EX)
    try:
        run = Run(name=folder.name, folder=str(folder), redis_url=_redis(folder), **_postgres(folder))
        _owned.run = run
        os.environ[VARIABLE] = json.dumps(asdict(run))
    except BaseException:
        stop_for_run()
        raise


def stop_for_run() -> None:
    """End what `start_for_run` started and remove what it made; does nothing the second time."""
    if _owned.run is not None and _owned.postgres_home is None:
        _drop_all(_owned.run.admin_url, _owned.run.name)
    if _owned.postgres_home is not None:
        postgres.leave(_owned.postgres_home)
    if _owned.redis is not None:
        _owned.redis.stop()
    if _owned.alive is not None:
        os.close(_owned.alive)
    for folder in _owned.folders:
        shutil.rmtree(folder, ignore_errors=True)
    os.environ.pop(VARIABLE, None)
    _owned.run = _owned.alive = _owned.postgres_home = _owned.redis = None
    _owned.folders.clear()


def current() -> Run:
    """The run this process belongs to."""
    return Run(**json.loads(os.environ[VARIABLE]))


def template_database(migrate: Callable[[DatabaseUrls], None]) -> str:
    """The name of the run's template: made and migrated by the first worker that asks, ready-made for the rest."""
    run = current()
    name = f"{run.name}_template"
    ready = Path(run.folder) / "template-ready"
    with places.locked(Path(run.folder)):
        if not ready.exists():
            drop_database(run.admin_url, name)
            with _admin(run.admin_url) as connection:
                connection.execute(
                    sql.SQL(
                        "CREATE DATABASE {} OWNER {} TEMPLATE template0 "
                        "ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
                    ).format(sql.Identifier(name), sql.Identifier(cluster.OWNER_ROLE))
                )
            migrate(urls_of(name))
            ready.touch()
    return name


def clone_database(admin_url: str, template: str, name: str) -> None:
    """Make the database `name` as a copy of `template`, to which nobody may be connected; replaces an old one."""
    drop_database(admin_url, name)
    with _admin(admin_url) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {} STRATEGY FILE_COPY").format(
                sql.Identifier(name), sql.Identifier(cluster.OWNER_ROLE), sql.Identifier(template)
            )
        )


def drop_database(admin_url: str, name: str) -> None:
    """Drop the database with all its connections, if there is one."""
    with _admin(admin_url) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def fresh_database(template: str) -> str:
    """The name of a new copy of `template` that nobody else uses."""
    run = current()
    name = f"{run.name}_{secrets.token_hex(4)}"
    clone_database(run.admin_url, template, name)
    return name


def urls_of(name: str) -> DatabaseUrls:
    """How the app and the owner reach the database `name` of this run."""
    run = current()
    return DatabaseUrls(app_url=_at(run.app_url, name), owner_url=_at(run.owner_url, name))


def redis_url(number: int = 0) -> str:
    """The run's Redis, database `number`: give each worker its own."""
    parts = urlsplit(current().redis_url)
    query = dict(parse_qsl(parts.query)) | {"db": str(number)}
    path = parts.path if parts.scheme == "unix" else ""
    return f"{parts.scheme}://{parts.netloc}{path}?{urlencode(query)}"


def plain(url: str) -> str:
    """The same address for psycopg itself."""
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


def _postgres(folder: Path) -> dict[str, str]:
    chosen = os.environ.get("TEST_DATABASE_URL", "").strip()
    if chosen:
        return _borrowed(chosen)
    _owned.postgres_home = folder / "postgres"
    server = postgres.ensure(_owned.postgres_home, fast=True, tcp_port=None, say=lambda _: None)
    urls = ensure_database(server)
    return {"admin_url": server.admin_url, "app_url": urls.app_url, "owner_url": urls.owner_url}


def _borrowed(chosen: str) -> dict[str, str]:
    """A server that is not ours: we log in as its role and only take on the project's roles."""
    admin_url = "postgresql+psycopg://" + chosen.partition("://")[2]
    try:
        with _admin(admin_url) as connection:
            if connection.info.server_version < MAJOR_MIN * 10_000:
                raise CannotStart(f"TEST_DATABASE_URL names a PostgreSQL older than {MAJOR_MIN}.")
            for role in (cluster.OWNER_ROLE, cluster.APP_ROLE):
                known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
                if known is None:
                    connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
                    connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(role)))
    except psycopg.Error as problem:
        raise CannotStart(f"TEST_DATABASE_URL cannot be used: {str(problem).splitlines()[0]}") from problem
    app, owner = (_with_role(admin_url, role) for role in (cluster.APP_ROLE, cluster.OWNER_ROLE))
    return {"admin_url": admin_url, "app_url": app, "owner_url": owner}


def _redis(folder: Path) -> str:
    chosen = os.environ.get("TEST_REDIS_URL", "").strip()
    if chosen:
        return chosen
    _owned.redis = redis_server.start(folder=folder / "redis")
    process = processes.find(_owned.redis.child.pid)
    if process is not None:
        processes.write_pid_file(folder / "redis.pid", process)
    return _owned.redis.url


def _sweep(parent: Path) -> None:
    """End and remove what runs that were killed have left; call with `parent` locked."""
    for folder in parent.glob("run_*"):
        try:
            alive = places.open_private(folder / "alive")
        except FileNotFoundError:
            continue  # a run that has just ended
        try:
            if not places.try_lock(alive, fcntl.LOCK_EX):
                continue
            redis = processes.read_pid_file(folder / "redis.pid")
            if redis is not None:
                redis.send(signal.SIGTERM)
            if (folder / "postgres" / "cluster").exists():
                postgres.stop(folder / "postgres")
            elif os.environ.get("TEST_DATABASE_URL"):
                _drop_all(os.environ["TEST_DATABASE_URL"], folder.name)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(alive)


def _drop_all(admin_url: str, run_name: str) -> None:
    with _admin(admin_url) as connection:
        rows = connection.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [f"{run_name}_"]
        ).fetchall()
    for (name,) in rows:
        drop_database(admin_url, name)


def _parent() -> Path:
    folder = Path("/tmp") / f"vo-suite-{os.geteuid()}"
    folder.mkdir(mode=_passable(), exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
        raise CannotStart(f"{folder} belongs to somebody else: remove it and start again.")
    folder.chmod(_passable())
    return folder


def _passable() -> int:
    """As root the unprivileged user of PostgreSQL must get through to its own folder."""
    return 0o711 if os.geteuid() == 0 else 0o700


def _admin(url: str) -> psycopg.Connection[Any]:
    return psycopg.connect(plain(url), autocommit=True, connect_timeout=10)


def _at(url: str, name: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/{quote(name, safe='')}?{parts.query}"


def _with_role(url: str, role: str) -> str:
    parts = urlsplit(url)
    query = urlencode({**dict(parse_qsl(parts.query)), "options": f"-c role={role}"}, quote_via=quote)
    return f"{parts.scheme}://{parts.netloc}{parts.path}?{query}"
