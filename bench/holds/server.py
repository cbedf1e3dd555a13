"""The servers of one run, in a private folder: PostgreSQL that really writes to disk, Redis, gunicorn.

A template database is filled once; every case works on copies of it and on web servers of its own, so cases do
not disturb each other. Whatever was started is ended with the run.
"""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
from alembic import command
from alembic.config import Config
from psycopg import sql

from marketplace.embedded import cluster, databases, postgres, redis_server
from marketplace.embedded.databases import DatabaseUrls
from marketplace.embedded.ports import LOOPBACK
from marketplace.running import launch
from marketplace.settings import PROJECT_ROOT, Settings

TEMPLATE: Final = "template_of_bench"
FIRST_PORT: Final = 18_400
START_SECONDS: Final = 60
STOP_SECONDS: Final = 30
HOLD_MINUTES: Final = 60
"""The longest there is: what a case holds does not lapse before the case is over."""
KEPT_VARIABLES: Final = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV", "POSTGRES_BIN_DIR", "REDIS_BIN")
APP: Final = "wsgi:build()"
BARE: Final = "bench.holds.bare:app"
PROFILED: Final = "bench.holds.profiled:build()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """One gunicorn with its workers."""

    url: str
    child: "subprocess.Popen[bytes]"
    log: Path

    def worker_pids(self) -> list[int]:
        text = Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children").read_text()
        return [int(pid) for pid in text.split()]

    def rss_mib(self) -> list[float]:
        """What each worker keeps in memory now."""
        return [rss_mib(Path(f"/proc/{pid}/status").read_text()) for pid in self.worker_pids()]

    def stop(self) -> None:
        self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait(STOP_SECONDS)


@dataclass(slots=True, kw_only=True)
class Ground:
    """PostgreSQL, Redis and the folder they live in."""

    folder: Path
    postgres: postgres.Server
    redis: redis_server.RedisServer
    secret: str

    def settings(self, urls: DatabaseUrls, *, redis: bool = True) -> Settings:
        """For use cases that run in this process, such as those that fill the template."""
        return Settings(
            environment="production",
            database_url=urls.app_url,
            database_owner_url=urls.owner_url,
            redis_url=self.redis.url if redis else None,
            secret_key=self.secret,
            data_dir=str(self.folder / "own"),
            worker_embedded=False,
            log_level="ERROR",
            hold_minutes=HOLD_MINUTES,
            hold_minutes_guest=HOLD_MINUTES,
            statement_timeout_ms=600_000,
        )

    def make_template(self) -> DatabaseUrls:
        urls = databases.ensure_database(self.postgres, TEMPLATE)
        config = Config(PROJECT_ROOT / "migrations" / "alembic.ini")
        config.set_main_option("script_location", str(PROJECT_ROOT / "migrations"))
        config.attributes["url"] = urls.owner_url
        command.upgrade(config, "head")
        return urls

    @contextlib.contextmanager
    def copy(self, name: str) -> Iterator[DatabaseUrls]:
        """A copy of the template that nobody else uses; dropped at the end."""
        with self.postgres.connect() as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {} STRATEGY FILE_COPY").format(
                    sql.Identifier(name), sql.Identifier(cluster.OWNER_ROLE), sql.Identifier(TEMPLATE)
                )
            )
        try:
            yield databases.ensure_database(self.postgres, name)
        finally:
            with self.postgres.connect() as connection:
                connection.execute(
                    sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
                )

    def admin(self, database: str) -> psycopg.Connection[Any]:
        return self.postgres.connect(database)

    @contextlib.contextmanager
    def serve(
        self,
        name: str,
        urls: DatabaseUrls | None = None,
        *,
        app: str = APP,
        redis: bool = True,
        workers: int = 2,
        **changes: str,
    ) -> Iterator[Web]:
        """gunicorn by the project's own file, as in production; `bare` gets the same file and worker class."""
        listener = launch.listen(LOOPBACK, FIRST_PORT)
        port = listener.getsockname()[1]
        log = self.folder / f"{name}.log"
        args = (sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "--no-control-socket",
                "--bind", f"fd://{listener.fileno()}", "--max-requests", "0", app)  # fmt: skip
        with listener, log.open("ab") as output:
            child = subprocess.Popen(
                args,
                cwd=PROJECT_ROOT,
                env=self._environment(name, urls, port=port, redis=redis, workers=workers) | changes,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=[listener.fileno()],
                start_new_session=True,
            )
        web = Web(url=f"http://{LOOPBACK}:{port}", child=child, log=log)
        try:
            _wait_for(web)
            yield web
        finally:
            web.stop()

    @contextlib.contextmanager
    def work(self, name: str, urls: DatabaseUrls) -> Iterator["subprocess.Popen[bytes]"]:
        """`flask worker` in a process of its own; its end is the caller's, or the run's."""
        log = self.folder / f"{name}.log"
        with log.open("ab") as output:
            child = subprocess.Popen(
                (sys.executable, "-m", "flask", "--app", "wsgi:build()", "worker"),
                cwd=PROJECT_ROOT,
                env=self._environment(name, urls, port=0, redis=False, workers=1),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            yield child
        finally:
            if child.poll() is None:
                child.kill()
            child.wait(STOP_SECONDS)

    def _environment(
        self, name: str, urls: DatabaseUrls | None, *, port: int, redis: bool, workers: int
    ) -> dict[str, str]:
        kept = {key: os.environ[key] for key in KEPT_VARIABLES if key in os.environ}
        chosen = {
            "ENVIRONMENT": "production",
            "SECRET_KEY": self.secret,
            "DATA_DIR": str(self.folder / f"{name}_data"),
            "HOST": LOOPBACK,
            "PORT": str(port),
            "PUBLIC_URL": f"http://{LOOPBACK}:{port}",
            "WEB_CONCURRENCY": str(workers),
            "TRUSTED_PROXY_HOPS": "1",
            "HOLD_MINUTES": str(HOLD_MINUTES),
            "HOLD_MINUTES_GUEST": str(HOLD_MINUTES),
            "WORKER_EMBEDDED": "true" if urls else "false",
            "FLASK_SKIP_DOTENV": "1",
            "PYTHONUTF8": "1",
        }
        if urls:
            chosen |= {"DATABASE_URL": urls.app_url, "DATABASE_OWNER_URL": urls.owner_url}
        if redis and urls:
            chosen["REDIS_URL"] = self.redis.url
        return kept | chosen


@contextlib.contextmanager
def started() -> Iterator[Ground]:
    """All servers of one run; raises CannotStart."""
    folder = Path(tempfile.mkdtemp(prefix="vo-bench-"))
    folder.chmod(0o711)
    redis = None
    try:
        server = postgres.ensure(folder / "postgres", tcp_port=None, say=lambda _: None)
        redis = redis_server.start(folder=folder / "redis")
        ground = Ground(folder=folder, postgres=server, redis=redis, secret=secrets.token_urlsafe(48))
        _check_durable(ground)
        yield ground
    finally:
        if redis is not None:
            redis.stop()
        if (folder / "postgres" / "cluster").exists():
            postgres.leave(folder / "postgres")
        shutil.rmtree(folder, ignore_errors=True)


def resident_mib(pid: int) -> float:
    """The same of a process that runs; 0 of one that does not any more."""
    try:
        return rss_mib(Path(f"/proc/{pid}/status").read_text())
    except (OSError, StopIteration):
        return 0.0


def rss_mib(status: str) -> float:
    """The resident memory that a process's `/proc/…/status` tells."""
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1_024


def _check_durable(ground: Ground) -> None:
    with ground.admin("postgres") as connection:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            value = connection.execute(sql.SQL("SHOW {}").format(sql.Identifier(name))).fetchone()
            if value is None or value[0] != "on":
                raise RuntimeError(f"{name} is {value}: numbers without it say nothing")


def _wait_for(web: Web) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if web.child.poll() is not None:
            raise RuntimeError(f"gunicorn ended: {web.log.read_text(errors='replace')[-2_000:]}")
        with contextlib.suppress(OSError, urllib.error.URLError):
            urllib.request.urlopen(f"{web.url}/healthz", timeout=2).close()
            return
        time.sleep(0.1)
    raise RuntimeError(f"gunicorn does not answer: {web.log.read_text(errors='replace')[-2_000:]}")
