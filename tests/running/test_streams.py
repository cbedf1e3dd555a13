"""Live streams on the real web server: they never take the last thread, and a client that goes away frees its own."""

import json
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from campaigns.streaming import HEARTBEAT_SECONDS
from marketplace.access import Role
from marketplace.running.gunicorn_worker import READ_SECONDS_MAX
from tests import builders, web_server
from tests.builders import held
from tests.web_server import WebServer

THREADS = 8
STREAMS = THREADS // 4
SECONDS = 14
"""Longer than a request may take to be read."""


@dataclass(frozen=True)
class Server:
    web: WebServer

    @property
    def child(self) -> "subprocess.Popen[bytes]":
        return self.web.child

    @property
    def output(self) -> Path:
        return self.web.output

    def connect(self, path: str, *lines: str, host: str = "127.0.0.1") -> socket.socket:
        wire = self.web.connect(host)
        more = "".join(f"{line}\r\n" for line in lines)
        wire.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n{more}\r\n".encode())
        return wire

    def ask(self, path: str) -> tuple[int, Any]:
        with self.connect(path, "Connection: close") as wire:
            head, _, body = read_until(wire, None).partition(b"\r\n\r\n")
        return int(head.split(b" ")[1]), json.loads(body)


def read_until(wire: socket.socket, mark: bytes | None) -> bytes:
    """Up to this mark, or to the end."""
    found = b""
    while mark is None or mark not in found:
        data = wire.recv(65_536)
        if not data:
            break
        found += data
    return found


@pytest.fixture
def server(database_urls, tmp_path) -> Iterator[Server]:
    chosen = {"WEB_THREADS": str(THREADS), "PROGRESS_STREAM_SECONDS": str(SECONDS)}
    with web_server.started(database_urls, tmp_path, **chosen) as web:
        yield Server(web)


def stream_of(sale) -> str:
    return f"{sale.url}/progress/stream"


def test_a_stream_tells_of_changes_outlives_the_time_to_read_and_ends_whole(server, app, as_role):
    sale = builders.build(app).on_sale(20)
    started = time.monotonic()
    with server.connect(stream_of(sale)) as wire:
        first = read_until(wire, b"\n\n\r\n")
        assert b"text/event-stream" in first
        assert b"chunked" in first
        held(as_role(Role.SHOPPER), sale, 3)
        asked = time.monotonic()
        changed = read_until(wire, b'"boxes_held":3')
        assert time.monotonic() - asked < 3
        rest = read_until(wire, b"\r\n0\r\n\r\n")
    assert READ_SECONDS_MAX < time.monotonic() - started < SECONDS + 5
    assert rest.endswith(b"0\r\n\r\n")
    assert rest.count(b": still here") >= 2
    version = server.ask(f"{sale.url}/progress")[1]["version"]
    assert max(map(int, re.findall(rb"id: (\d+)", first + changed + rest))) == version


def test_streams_leave_threads_for_everybody_else(server, app):
    sale = builders.build(app).on_sale(20)
    with ExitStack() as wires:
        for number in range(STREAMS):
            wire = wires.enter_context(server.connect(stream_of(sale), host=f"127.0.0.{number + 2}"))
            assert b" 200 " in read_until(wire, b"\n\n")
        for _ in range(3 * THREADS):
            status, document = server.ask(stream_of(sale))
            assert (status, document["code"], document["poll"]) == (
                503,
                "no_stream_free",
                f"{sale.url}/progress",
            )
        assert server.ask(document["poll"])[0] == 200
        asked = time.monotonic()
        assert [server.ask("/healthz")[0] for _ in range(20)] == [200] * 20
        assert time.monotonic() - asked < 5
    freed = time.monotonic()
    while True:
        with server.connect(stream_of(sale)) as wire:
            if b" 200 " in read_until(wire, b"\r\n\r\n"):
                break
        assert time.monotonic() - freed < 3 * HEARTBEAT_SECONDS, "who went away keeps the thread"
        time.sleep(0.2)


def test_a_server_that_is_told_to_end_does_not_wait_for_streams(server, app):
    sale = builders.build(app).on_sale(20)
    wire = server.connect(stream_of(sale))
    assert b" 200 " in read_until(wire, b"\n\n")
    asked = time.monotonic()
    server.child.send_signal(signal.SIGTERM)
    with wire:
        assert read_until(wire, None).endswith(b"0\r\n\r\n")
    server.child.wait(20)
    assert time.monotonic() - asked < 8
    assert "Traceback" not in server.output.read_text()
