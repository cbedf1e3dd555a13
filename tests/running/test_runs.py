"""Runs as people start them: real processes, a real database, signals that reach the run alone."""

import contextlib
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from marketplace.embedded import postgres
from marketplace.settings import PROJECT_ROOT
from tests import house, servers
from tests.running.conftest import Kept, Start, environment, fetch, living

EVERYTHING = 5
"""The run, gunicorn with two workers, PostgreSQL (and its own helpers)."""


def test_the_demo_shows_its_result_and_ends_with_nothing_left(kept: Kept) -> None:
    assert kept.status == 0, kept.said
    assert "420,000" in kept.said
    assert "log-ins" in kept.said
    assert postgres.find_running(kept.folder / "postgres") is None
    assert list((kept.folder / "running").iterdir()) == []


def test_a_later_start_uses_what_is_there_serves_until_ctrl_c_and_leaves_nothing_behind(
    start: Start, kept: Kept
) -> None:
    made = (kept.cluster / "PG_VERSION").stat().st_mtime_ns
    run = start("serve", kept.folder)
    base = run.address()
    assert "Making a new" in kept.said
    assert "Making a new" not in run.said
    assert '"ok"' in fetch(f"{base}/healthz")
    assert '"ready"' in fetch(f"{base}/readyz")
    assert "<html" in fetch(f"{base}/docs")
    family = run.family()
    assert len(family) >= EVERYTHING
    assert run.end(signal.SIGINT) == 0, run.said
    assert living(family) == []
    assert "Traceback" not in run.said
    assert (kept.cluster / "PG_VERSION").stat().st_mtime_ns == made
    assert list((kept.folder / "metrics").iterdir()) == list((kept.folder / "running").iterdir()) == []


def test_taken_ports_are_named_and_the_next_ones_used(start: Start, kept: Kept) -> None:
    with socket.create_server(("127.0.0.1", 0)) as web, contextlib.ExitStack() as others:
        port = web.getsockname()[1]
        with contextlib.suppress(OSError):
            others.enter_context(socket.create_server(("127.0.0.1", 5432)))
        run = start("serve", kept.folder, PORT=str(port))
        base = run.address()
    used = int(base.rpartition(":")[2])
    assert port < used <= port + 50
    assert f"API docs 接口说明: {base}/docs" in run.said
    assert f"Port {port} is taken: {used} is used. 端口 {port} 已被占用，改用 {used}。" in run.said
    assert re.search(r"Port 5432 is taken: (\d+) is used. 端口 5432 已被占用，改用 \1。", run.said)
    assert fetch(f"{base}/healthz")
    assert run.end(signal.SIGINT) == 0


def test_after_everything_was_killed_the_next_start_works_and_stop_ends_it(start: Start, kept: Kept) -> None:
    run = start("serve", kept.folder)
    run.address()
    family = run.family()
    for process in family:
        process.send(signal.SIGKILL)
    run.child.wait()
    assert living(family) == []
    again = start("serve", kept.folder)
    assert "ready" in fetch(f"{again.address()}/readyz")
    family = again.family()
    stopping = start("stop", kept.folder)
    assert again.child.wait(40) == stopping.child.wait(40) == 0
    assert "Stopped" in stopping.said
    assert living(family) == []
    once_more = start("stop", kept.folder)
    assert once_more.child.wait(40) == 0
    assert "Nothing was running" in once_more.said


def test_a_web_server_whose_run_was_killed_is_ended_by_the_next_start(start: Start, kept: Kept) -> None:
    run = start("serve", kept.folder)
    port = run.address().rpartition(":")[2]
    family = run.family()
    run.end(signal.SIGKILL)
    again = start("serve", kept.folder, PORT=port)
    assert again.address().endswith(f":{port}")
    assert "已结束上次遗留的服务" in again.said
    assert again.end(signal.SIGTERM) == 0
    assert living(family) == []


@pytest.mark.parametrize("seconds", [0.8, 2.5])
def test_a_start_that_is_interrupted_leaves_nothing_and_can_be_repeated(
    start: Start, new_data: Path, seconds: float
) -> None:
    run = start("demo", new_data)
    time.sleep(seconds)
    family = run.family()
    status = run.end(signal.SIGTERM)
    assert status in (0, 128 + signal.SIGTERM, -signal.SIGTERM), run.said
    assert "Traceback" not in run.said
    assert living(family) == []
    assert postgres.find_running(new_data / "postgres") is None


def test_a_given_database_is_used_and_none_started(start: Start, new_data: Path) -> None:
    urls = servers.urls_of(servers.fresh_database(servers.template_database(house.migrate)))
    run = start(
        "serve", new_data, DATABASE_URL=urls.app_url, DATABASE_OWNER_URL=urls.owner_url,
        ENVIRONMENT="production", SECRET_KEY="s" * 40,
    )  # fmt: skip
    assert "ready" in fetch(f"{run.address()}/readyz")
    assert not (new_data / "postgres").exists()
    assert "Production: no demo data" in run.said
    assert "Log-ins" not in run.said
    assert run.end(signal.SIGTERM) == 0


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"HOLD_MINUTES": "soon"}, "HOLD_MINUTES is 'soon': it must be a whole number from 1 to 60."),
        ({"PORT": "99999"}, "PORT is '99999': it must be a whole number from 1 to 65535."),
        ({"DATABASE_URL": "mysql://x"}, "DATABASE_URL must start with postgresql:// or postgres:// or"),
        ({"DATABASE_OWNER_URL": "postgresql:///x"}, "DATABASE_OWNER_URL is set, but DATABASE_URL is not"),
        (
            {"DATABASE_URL": "postgresql://u:hidden@127.0.0.1:1/x"},
            "The database in DATABASE_URL does not answer",
        ),
        ({"ENVIRONMENT": "production"}, "SECRET_KEY is missing"),
        ({"DATA_DIR": "/proc/nowhere"}, "DATA_DIR /proc/nowhere cannot be used"),
        ({"POSTGRES_BIN_DIR": "/nowhere"}, "POSTGRES_BIN_DIR is /nowhere, but"),
        (
            {"ENVIRONMENT": "production", "SECRET_KEY": "s" * 40},
            "Demo data is made up and stays out of production",
        ),
    ],
)
def test_what_is_wrong_is_one_sentence_and_exit_code_1(
    new_data: Path, variables: dict[str, str], sentence: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "marketplace.running", "demo"],
        cwd=PROJECT_ROOT, env=environment(new_data, **variables), capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith(f"✗ {sentence}")
    assert len(done.stderr.splitlines()) == 1
    assert "hidden" not in done.stdout + done.stderr


def test_a_step_that_fails_names_its_reason_and_its_log(new_data: Path) -> None:
    urls = servers.urls_of(servers.fresh_database(servers.template_database(house.migrate)))
    with psycopg.connect(servers.plain(urls.owner_url)) as owner:
        owner.execute("UPDATE alembic_version SET version_num = 'unheard of'")
    done = subprocess.run(
        [sys.executable, "-m", "marketplace.running", "demo"],
        cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=60, check=False,
        env=environment(new_data, DATABASE_URL=urls.app_url, DATABASE_OWNER_URL=urls.owner_url),
    )  # fmt: skip
    assert done.returncode == 1
    assert re.fullmatch(r"✗ The database could not be migrated .*unheard of.*migrate\.log\)\n", done.stderr)
