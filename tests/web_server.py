"""The real web server for a test: gunicorn with one worker by the project's own configuration, on a test's database."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

from marketplace.embedded.databases import DatabaseUrls
from marketplace.embedded.ports import free_port
from marketplace.running.launch import Launch
from marketplace.settings import PROJECT_ROOT, Settings
from tests import house

START_SECONDS_MAX = 40
STOP_SECONDS_MAX = 40


@dataclass(frozen=True)
class WebServer:
    port: int
    child: "subprocess.Popen[bytes]"
    output: Path

    def connect(self, host: str = "127.0.0.1") -> socket.socket:
        """`host`: the address that the client comes from."""
        wire = socket.create_connection(("127.0.0.1", self.port), timeout=20, source_address=(host, 0))
        wire.settimeout(20)
        return wire

    def stop(self) -> None:
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
        self.child.wait(STOP_SECONDS_MAX)


@contextmanager
def started(urls: DatabaseUrls, folder: Path, **chosen: str) -> Iterator[WebServer]:
    """A server that answers; what it writes goes to `output.txt` in the folder."""
    port = free_port(31_000 + os.getpid() % 5_000)[0]
    settings = house.settings_for(urls)
    defaults = {each.name.upper(): "" for kind in (Settings, Launch) for each in fields(kind)}
    usual = {
        "ENVIRONMENT": "test",
        "DATABASE_URL": settings.database_url or "",
        "DATABASE_OWNER_URL": settings.database_owner_url or "",
        "SECRET_KEY": settings.secret_key,
        "DATA_DIR": str(folder),
        "WORKER_EMBEDDED": "false",
        "RATE_LIMITS_ENABLED": "false",
        "LOG_LEVEL": "WARNING",
        "PORT": str(port),
        "WEB_CONCURRENCY": "1",
    }
    output = folder / "output.txt"
    with output.open("wb") as file:
        child = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "--no-control-socket"],
            cwd=PROJECT_ROOT, env=os.environ | defaults | usual | chosen, stdout=file, stderr=file,
        )  # fmt: skip
    server = WebServer(port, child, output)
    try:
        _wait_until_it_answers(server)
        yield server
    finally:
        server.stop()


def _wait_until_it_answers(server: WebServer) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        assert server.child.poll() is None, server.output.read_text()
        try:
            with server.connect() as wire:
                wire.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                if wire.recv(100).startswith(b"HTTP/1.1 200"):
                    return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(server.output.read_text())
