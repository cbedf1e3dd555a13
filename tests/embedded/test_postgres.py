"""The embedded PostgreSQL under the things that happen to it."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from marketplace.embedded import cluster, databases, places, postgres, processes, system_user
from marketplace.embedded.errors import CannotStart
from marketplace.embedded.postgres import Server

PROJECT_ROOT = Path(__file__).resolve().parents[2]


def start(home: Path, tcp_port: int | None = None, say: Callable[[str], None] = lambda _: None) -> Server:
    return postgres.ensure(home, fast=True, tcp_port=tcp_port, say=say)


def elsewhere(script: str, *arguments: object) -> "subprocess.Popen[str]":
    """Another process of ours that runs `script` with `arguments` in sys.argv."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )


START_ELSEWHERE = """
import sys
from pathlib import Path
from marketplace.embedded import postgres
server = postgres.ensure(Path(sys.argv[1]), fast=True, tcp_port=None, say=lambda _: None)
print(server.process.pid, flush=True)
sys.stdin.read()
"""


def family(postmaster: int) -> list[int]:
    """The postmaster and its living children."""
    children = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:
            continue
        if text.rpartition(")")[2].split()[1] == str(postmaster):
            children.append(int(stat.parent.name))
    return [postmaster, *children]


def plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


def test_a_new_server_lets_the_owner_build_and_the_app_only_log_in(home: Path) -> None:
    urls = databases.ensure_database(start(home))

    with psycopg.connect(plain(urls.owner_url)) as owner:
        owner.execute("CREATE TABLE apples (grams bigint)")
        owner.commit()
    with psycopg.connect(plain(urls.app_url)) as app:
        assert app.execute("SELECT current_user").fetchone() == (cluster.APP_ROLE,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("SELECT * FROM apples")
        app.rollback()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("CREATE TABLE pears (grams bigint)")


def test_asking_for_the_database_twice_changes_nothing(home: Path) -> None:
    server = start(home)

    assert databases.ensure_database(server) == databases.ensure_database(server)


def test_a_wrong_password_is_refused_on_the_socket_too(home: Path) -> None:
    server = start(home)

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(plain(server.url("postgres", cluster.SUPERUSER, "guess")))


def test_text_is_stored_and_ordered_the_same_on_every_machine(home: Path) -> None:
    with start(home).connect() as connection:
        row = connection.execute(
            "SELECT pg_encoding_to_char(encoding), current_setting('timezone'), "
            "lower('Ä'), 'a' < 'B' COLLATE \"default\""
            " FROM pg_database WHERE datname = current_database()"
        ).fetchone()

    assert row == ("UTF8", "UTC", "ä", False)


@pytest.mark.parametrize(("fast", "fsync"), [(False, "on"), (True, "off")])
def test_only_a_fast_server_gives_up_safety(home: Path, fast: bool, fsync: str) -> None:
    server = postgres.ensure(home, fast=fast, tcp_port=None, say=lambda _: None)

    with server.connect() as connection:
        assert connection.execute("SHOW fsync").fetchone() == (fsync,)
        assert connection.execute("SHOW synchronous_commit").fetchone() == (fsync,)


def test_nobody_else_can_read_what_the_server_keeps(home: Path) -> None:
    server = start(home)

    modes = {path.name: path.stat().st_mode & 0o777 for path in home.iterdir()}
    outer = 0o711 if os.geteuid() == 0 else 0o700
    assert home.stat().st_mode & 0o777 == outer
    assert modes == {
        "cluster": 0o700, "log": 0o700, "run": 0o700, "credentials.json": 0o600, "lock": 0o600, "users": 0o600,
    }  # fmt: skip
    assert server.socket_folder == home / "run"
    assert server.process.pid > 0 and processes.user_id(server.process) == server.home.user.uid != 0


def test_a_second_call_finds_the_running_server(home: Path) -> None:
    first = start(home)
    second = start(home)

    assert not first.was_running and second.was_running
    assert second.process == first.process


def test_the_data_is_there_after_stop_and_start(home: Path) -> None:
    databases.ensure_database(start(home), "kept")
    assert postgres.leave(home)
    assert postgres.find_running(home) is None

    with start(home).connect("kept") as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_server_used_by_another_process_survives_our_leaving_and_ends_with_the_other(home: Path) -> None:
    server = start(home)
    with elsewhere(START_ELSEWHERE, home) as other:
        assert other.stdout is not None
        assert int(other.stdout.readline()) == server.process.pid

        assert postgres.leave(home) is False
        assert server.process.is_alive()
        other.communicate()

    assert server.process.wait_until_gone(5)


def test_a_server_whose_user_was_killed_is_found_and_then_stopped(home: Path) -> None:
    with elsewhere(START_ELSEWHERE, home) as other:
        assert other.stdout is not None
        pid = int(other.stdout.readline())
        other.kill()

    found = start(home)
    assert found.was_running and found.process.pid == pid
    assert postgres.leave(home) is True
    assert not found.process.is_alive()


def test_a_short_command_leaves_no_server_behind(place: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from marketplace.embedded import resolve_urls\n"
        "print(*resolve_urls(sys.argv[1], Path(sys.argv[1])))"
    )
    with elsewhere(script, place) as command:
        shown, _ = command.communicate()

    app_url, owner_url = shown.split()
    assert app_url.startswith("postgresql+psycopg://marketplace_app:")
    assert owner_url.startswith("postgresql+psycopg://marketplace_owner:")
    assert postgres.find_running(place / "postgres") is None


@pytest.mark.parametrize("whole_family", [True, False])
def test_after_a_kill_of_everything_the_next_start_has_the_committed_data(
    home: Path, whole_family: bool
) -> None:
    server = postgres.ensure(home, tcp_port=None, say=lambda _: None)
    with server.connect() as connection:
        connection.execute("CREATE TABLE kept AS SELECT 420000 AS jin")
        for pid in family(server.process.pid)[: None if whole_family else 1]:
            os.kill(pid, signal.SIGKILL)
    assert server.process.wait_until_gone(5)
    assert (home / "cluster" / "postmaster.pid").exists()

    again = start(home)

    assert not again.was_running
    with again.connect() as connection:
        assert connection.execute("SELECT jin FROM kept").fetchone() == (420_000,)


def test_a_process_number_given_to_a_stranger_is_neither_trusted_nor_signalled(home: Path) -> None:
    server = start(home)
    os.kill(server.process.pid, signal.SIGKILL)
    assert server.process.wait_until_gone(5)
    stranger = subprocess.Popen(["sleep", "60"], **system_user.process_options(server.home.user))
    pid_file = home / "cluster" / "postmaster.pid"
    pid_file.write_text(re.sub(r"\A\d+", str(stranger.pid), pid_file.read_text()))

    try:
        assert postgres.stop(home) is False
        again = start(home)
        assert not again.was_running
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_two_starters_at_once_end_with_one_server(home: Path) -> None:
    with elsewhere(START_ELSEWHERE, home) as one, elsewhere(START_ELSEWHERE, home) as two:
        assert one.stdout is not None and two.stdout is not None
        pids = {int(one.stdout.readline()), int(two.stdout.readline())}
        one.communicate()
        assert processes.find(*pids) is not None
        two.communicate()

    assert len(pids) == 1
    assert postgres.find_running(home) is None


def test_a_taken_port_is_named_and_the_next_one_is_used(home: Path) -> None:
    said: list[str] = []
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        wanted = taken.getsockname()[1]

        server = start(home, tcp_port=wanted, say=said.append)

    assert server.port != wanted and server.tcp_host == "127.0.0.1"
    assert f"127.0.0.1:{server.port} (port {wanted} is taken)" in said[-1]
    url = f"postgresql://{cluster.SUPERUSER}:{server.password}@127.0.0.1:{server.port}/postgres"
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_an_installation_killed_half_way_is_begun_anew(home: Path) -> None:
    half_made = f"{cluster.HALF_MADE}*"
    with elsewhere(START_ELSEWHERE, home) as other:
        deadline = time.monotonic() + 20
        while not list(home.glob(f"{half_made}/PG_VERSION")) and time.monotonic() < deadline:
            time.sleep(0.001)
        other.kill()
    assert len(list(home.glob(half_made))) == 1 and not (home / "cluster").exists()

    with start(home).connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)

    postgres.leave(home)
    start(home)
    assert list(home.glob(half_made)) == []


def test_a_path_too_long_for_a_socket_gets_a_short_private_folder(place: Path) -> None:
    home = place / ("long" * 20) / "postgres"
    first = start(home).socket_folder
    try:
        assert first.parent == Path("/tmp")
        assert first.stat().st_mode & 0o777 == 0o700
        postgres.leave(home)
        second = start(home).socket_folder
        assert second != first and not first.exists()
    finally:
        postgres.leave(home)
    assert postgres.find_running(home) is None
    second.rmdir()


def test_data_of_another_major_version_is_named_not_touched(home: Path) -> None:
    start(home)
    postgres.leave(home)
    (home / "cluster" / "PG_VERSION").write_text("14\n")

    with pytest.raises(CannotStart, match=r"made by PostgreSQL 14.*POSTGRES_BIN_DIR"):
        start(home)
    assert (home / "cluster" / "PG_VERSION").read_text() == "14\n"


def test_lost_passwords_are_named_not_replaced(home: Path) -> None:
    start(home)
    postgres.leave(home)
    (home / "credentials.json").unlink()

    with pytest.raises(CannotStart, match=r"credentials\.json is missing"):
        start(home)


@pytest.mark.parametrize("folder", ["/dev/null/data", "/proc/data"])
def test_a_folder_that_cannot_be_made_is_named(folder: str) -> None:
    with pytest.raises(CannotStart, match=rf"{folder}.*DATA_DIR"):
        start(Path(folder))


def test_a_full_disk_is_named(place: Path) -> None:
    with pytest.raises(CannotStart, match=rf"disk that holds {place} is full"):
        places.require_space(place, bytes_min=2**62)


def test_a_wrong_setting_of_postgres_itself_is_quoted(home: Path) -> None:
    start(home)
    postgres.leave(home)
    with (home / "cluster" / "postgresql.conf").open("a") as file:
        file.write("\nno_such_setting = 1\n")

    with pytest.raises(CannotStart, match=r"did not start.*log/postgres\.log"):
        start(home)
