"""Ports, processes, the private Redis."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
import redis

from marketplace.embedded import processes, redis_server
from marketplace.embedded.errors import CannotStart
from marketplace.embedded.ports import free_port
from marketplace.embedded.processes import Process


@pytest.mark.parametrize("listens_on", ["127.0.0.1", "0.0.0.0"])
def test_a_port_somebody_listens_on_is_passed_over(listens_on: str) -> None:
    with socket.socket() as taken:
        taken.bind((listens_on, 0))
        taken.listen()
        port = taken.getsockname()[1]

        assert free_port(port)[0] != port
        assert free_port(port)[1] is True

    assert free_port(port) == (port, False)


def test_an_ended_process_is_not_alive_even_before_it_was_waited_for() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        try:
            process = processes.find(child.pid)
            assert process is not None and process.is_alive()
            # While a process begins to run its program, its command line is empty for a moment.
            until = time.monotonic() + 10
            while not processes.arguments(process) and time.monotonic() < until:
                time.sleep(0.01)
            assert processes.arguments(process) == ["sleep", "60"]

            assert process.send(signal.SIGKILL)
            assert process.wait_until_gone(5)
            assert processes.find(child.pid) is None
            assert process.send(signal.SIGTERM) is False
        finally:
            child.kill()


def test_a_number_that_belongs_to_a_later_process_is_not_signalled() -> None:
    child = subprocess.Popen(["sleep", "60"])
    earlier = Process(child.pid, "an earlier start")

    assert earlier.send(signal.SIGKILL) is False
    assert child.poll() is None
    child.kill()
    child.wait()


def test_a_pid_file_counts_only_while_its_process_lives(place: Path) -> None:
    path = place / "serve.pid"
    assert processes.read_pid_file(path) is None

    processes.write_pid_file(path, processes.this())
    assert path.stat().st_mode & 0o777 == 0o600
    assert processes.read_pid_file(path) == processes.find(os.getpid())

    processes.write_pid_file(path, Process(os.getpid(), "an earlier start"))
    assert processes.read_pid_file(path) is None
    path.write_text("{half")
    assert processes.read_pid_file(path) is None


@pytest.mark.parametrize("port", [None, redis_server.PORT])
def test_a_private_redis_answers_and_leaves_nothing_behind(port: int | None) -> None:
    server = redis_server.start(port=port)
    try:
        with redis.Redis.from_url(server.url) as client:
            assert client.set("apple", "fuji") and client.get("apple") == b"fuji"
            assert client.config_get("save") == {"save": ""}
    finally:
        server.stop()

    assert not server.folder.exists()
    assert server.child.poll() is not None


def test_a_redis_that_does_not_run_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_BIN", "/bin/true")

    with pytest.raises(CannotStart, match="REDIS_BIN"):
        redis_server.find()
