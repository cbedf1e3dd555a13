"""The servers of a run: PostgreSQL with fsync on, Redis, and gunicorn with two workers, in a private folder.

All of them are our own children, known by process, and end with us.
"""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Self

import psycopg

from marketplace.embedded import databases, postgres, processes, redis_server
from marketplace.embedded.ports import LOOPBACK, free_port
from marketplace.embedded.processes import Process
from marketplace.settings import PROJECT_ROOT

PORT: Final = 18_700
REDIS_PORT: Final = 16_700
WORKERS: Final = 2
START_SECONDS_MAX: Final = 60
END_SECONDS_MAX: Final = 30
FLASK: Final = (sys.executable, "-m", "flask", "--app", "wsgi:build")
GUNICORN: Final = (sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "--no-control-socket")


class CannotRun(RuntimeError):
    """A server of ours did not come up."""


class Servers:
    """Use as a context; `postgres_lock` and `redis_lock` are for who takes one down for a while."""

    def __init__(self, *, app: str | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="vo-chaos-", dir="/tmp"))
        self.folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
        self.postgres_lock, self.redis_lock = threading.Lock(), threading.Lock()
        self.keep = False
        self._app = app
        self._secret = secrets.token_urlsafe(48)
        self._postgres: postgres.Server | None = None
        self._redis: redis_server.RedisServer | None = None
        self._redis_count = 0
        self._web: subprocess.Popen[bytes] | None = None
        self.port = free_port(PORT)[0]
        self.redis_port = free_port(REDIS_PORT)[0]

    def __enter__(self) -> Self:
        try:
            self.start_postgres()
            self.start_redis()
            self._flask("db", "upgrade", "-d", "migrations")
            self.start_web()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_problem: object) -> None:
        self.stop_web()
        with contextlib.suppress(Exception):
            self.stop_redis()
        postgres.leave(self._home)
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def _home(self) -> Path:
        return self.folder / "postgres"

    @property
    def server(self) -> postgres.Server:
        """PostgreSQL as it was started last."""
        assert self._postgres is not None
        return self._postgres

    @property
    def redis_url(self) -> str:
        return f"redis://{LOOPBACK}:{self.redis_port}/0"

    def start_postgres(self) -> None:
        """Start it, also after it was killed; it recovers first."""
        self._postgres = postgres.ensure(self._home, tcp_port=None, say=lambda _: None)
        self._urls = databases.ensure_database(self._postgres)

    def kill_postgres(self) -> Process:
        """The server itself, and at once; its children see it and end by themselves."""
        process = self.server.process
        process.send(signal.SIGKILL)
        process.wait_until_gone(END_SECONDS_MAX)
        return process

    def restart_postgres(self) -> None:
        postgres.stop(self._home)
        self.start_postgres()

    @contextlib.contextmanager
    def database(self, name: str = databases.DATABASE) -> Iterator[psycopg.Connection[Any]]:
        """A connection of the superuser."""
        connection = self.server.connect(name)
        try:
            yield connection
        finally:
            connection.close()

    def start_redis(self) -> None:
        self._redis_count += 1
        self._redis = redis_server.start(
            port=self.redis_port, folder=self.folder / f"redis-{self._redis_count}"
        )
        if self._redis.url != self.redis_url:
            raise CannotRun(f"Redis came back at {self._redis.url} instead of {self.redis_url}.")

    def stop_redis(self) -> None:
        if self._redis is not None:
            self._redis.stop()
            self._redis = None

    def start_web(self) -> None:
        command = [*GUNICORN, "--bind", f"{LOOPBACK}:{self.port}", *([self._app] if self._app else [])]
        with (self.folder / "web.log").open("ab") as log:
            self._web = subprocess.Popen(
                command, cwd=PROJECT_ROOT, env=self._environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline and self._web.poll() is None:
            if self.is_ready() and len(self.workers()) == WORKERS:
                return
            time.sleep(0.1)
        raise CannotRun(f"The web server does not answer: {self.last_words()}")

    def stop_web(self) -> None:
        if self._web is None:
            return
        if self._web.poll() is None:
            self._web.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._web.wait(END_SECONDS_MAX)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._web.pid, signal.SIGKILL)
        self._web.wait(END_SECONDS_MAX)
        self._web = None

    def workers(self) -> list[Process]:
        """gunicorn's children."""
        assert self._web is not None
        path = Path(f"/proc/{self._web.pid}/task/{self._web.pid}/children")
        found = (processes.find(int(number)) for number in path.read_text().split())
        return [each for each in found if each is not None]

    def is_ready(self) -> bool:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"http://{LOOPBACK}:{self.port}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def verify(self) -> str | None:
        """None when `flask verify` finds nothing, else what it says."""
        return self._run("verify")

    def last_words(self) -> str:
        lines = (self.folder / "web.log").read_text(errors="replace").strip().splitlines()
        return "\n".join(lines[-5:]) if lines else "it ended without a word"

    def _flask(self, *arguments: str) -> None:
        said = self._run(*arguments)
        if said is not None:
            raise CannotRun(f"flask {' '.join(arguments)}: {said[-600:]}")

    def _run(self, *arguments: str) -> str | None:
        done = subprocess.run(
            [*FLASK, *arguments], cwd=PROJECT_ROOT, env=self._environment() | {"COLUMNS": "200"}, capture_output=True,
            text=True, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return None if done.returncode == 0 else done.stdout + done.stderr

    def _environment(self) -> dict[str, str]:
        """Nothing of the caller's own settings reaches the servers."""
        kept = {
            name: os.environ[name]
            for name in ("PATH", "HOME", "LANG", "POSTGRES_BIN_DIR")
            if name in os.environ
        }
        return kept | {
            "ENVIRONMENT": "test",
            "DATABASE_URL": self._urls.app_url,
            "DATABASE_OWNER_URL": self._urls.owner_url,
            "REDIS_URL": self.redis_url,
            "DATA_DIR": str(self.folder / "data"),
            "SECRET_KEY": self._secret,
            "TRUSTED_PROXY_HOPS": "1",
            "WEB_CONCURRENCY": str(WORKERS),
            "LOG_LEVEL": "WARNING",
            "LOG_FORMAT": "json",
            "FLASK_SKIP_DOTENV": "1",
            "PYTHONUTF8": "1",
        }
