"""The processes of the marketplace that an attack runs and kills: a web server, and a worker without a clock."""

import contextlib
import http.client
import os
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server

import wsgi
from marketplace import points
from marketplace.embedded.ports import LOOPBACK
from marketplace.jobs import worker
from marketplace.module import Job
from marketplace.points import Point
from marketplace.settings import Settings

FORKS: Final = get_context("forkserver")
FORKS.set_forkserver_preload(["wsgi", "tests.attacks.children"])
START_SECONDS_MAX: Final = 60
IDLE_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Fuse:
    """Where one process ends itself, once; and a file for each process of what it passed."""

    folder: Path
    role: str = ""
    point: str = ""
    nth: int = 0

    @property
    def is_burnt(self) -> bool:
        return (self.folder / "burnt").exists()

    def light(self, role: str) -> None:
        """In the process itself: listen to its points."""
        notes = os.open(
            self.folder / f"passed-{role}-{os.getpid()}", os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600
        )
        counts: Counter[str] = Counter()
        lock = threading.Lock()

        def heard(point: Point) -> None:
            with lock:
                counts[point] += 1
                os.write(notes, f"{point}\n".encode())
                is_here = (self.role, self.point, self.nth) == (role, point, counts[point])
                if is_here and self._burns():
                    os.kill(os.getpid(), signal.SIGKILL)

        points.listen(heard)

    def _burns(self) -> bool:
        """The first of all processes that come here."""
        try:
            os.close(os.open(self.folder / "burnt", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return False
        return True

    def passed(self, role: str) -> Counter[str]:
        """How often the processes of a role have passed each point."""
        return Counter(
            line for file in self.folder.glob(f"passed-{role}-*") for line in file.read_text().splitlines()
        )


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_: object) -> None:
        """Nobody reads it."""


def serve(settings: Settings, port: int, fuse: Fuse | None) -> None:
    if fuse is not None:
        fuse.light("web")
    server = make_server(LOOPBACK, port, wsgi.build(settings), threaded=True, request_handler=_Quiet)
    server.daemon_threads = True
    server.serve_forever()


def work(settings: Settings, _port: int, fuse: Fuse | None) -> None:
    """Take what is due, and put lost jobs back; the clock's jobs are the attack's own to put in."""
    if fuse is not None:
        fuse.light("worker")
    app = wsgi.build(settings)
    known = app.extensions["jobs"]
    threads = [
        threading.Thread(target=_work, args=(app, known), daemon=True)
        for _ in range(settings.worker_concurrency)
    ]
    for thread in threads:
        thread.start()
    while True:
        with contextlib.suppress(Exception):
            worker.rescue(app, known)
        time.sleep(0.1)


def _work(app: Flask, known: dict[str, Job]) -> None:
    while True:
        try:
            if worker.run_next(app, known) is None:
                time.sleep(IDLE_SECONDS)
        except Exception:  # noqa: BLE001 (a worker outlives its database)
            time.sleep(5 * IDLE_SECONDS)


class Child:
    """One of them, started again whenever it was lost."""

    def __init__(self, settings: Settings, role: str, port: int, fuse: Fuse | None) -> None:
        self.role, self.port = role, port
        self._settings, self._fuse = settings, fuse
        self._lock = threading.Lock()
        self.lost = 0
        self._start()

    def mend(self) -> bool:
        """Start it again if it is gone; whether it was."""
        with self._lock:
            if self._process.is_alive():
                return False
            self._process.join()
            self.lost += 1
            self._start()
        self.wait()
        return True

    def wait(self) -> None:
        """Until it answers; a worker is at work whenever it is."""
        until = time.monotonic() + START_SECONDS_MAX
        while self.role == "web" and time.monotonic() < until:
            line = http.client.HTTPConnection(LOOPBACK, self.port, timeout=5)
            try:
                line.request("GET", "/healthz")
                if line.getresponse().status == 200:
                    return
            except (OSError, http.client.HTTPException):
                assert self._process.is_alive(), "the web server ended"
                time.sleep(0.02)
            finally:
                line.close()
        assert self.role != "web", "the web server does not answer"

    def kill(self) -> None:
        self._process.kill()
        self._process.join()

    def _start(self) -> None:
        target = serve if self.role == "web" else work
        self._process = FORKS.Process(
            target=target, args=(self._settings, self.port, self._fuse), daemon=True
        )
        self._process.start()
