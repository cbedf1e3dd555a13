"""The helper that gives the suite its servers, in processes of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from marketplace.embedded import cluster, postgres
from tests import servers

PROJECT_ROOT = Path(__file__).resolve().parents[2]

CONTROL = """
import json, os, sys
import psycopg, redis
from tests import servers

def migrate(urls):
    with psycopg.connect(servers.plain(urls.owner_url)) as owner:
        owner.execute("CREATE TABLE kept (jin bigint)")
        owner.execute("GRANT SELECT ON kept TO marketplace_app")

servers.start_for_run()
run = servers.current()
names = [servers.fresh_database(servers.template_database(migrate)) for _ in range(2)]
with psycopg.connect(servers.plain(servers.urls_of(names[0]).app_url)) as app:
    seen = app.execute("SELECT count(*), current_user FROM kept").fetchone()
    try:
        app.execute("INSERT INTO kept VALUES (1)")
        seen = "the app may write"
    except psycopg.errors.InsufficientPrivilege:
        pass
with redis.Redis.from_url(servers.redis_url(1)) as client:
    client.set("apple", "fuji")
with redis.Redis.from_url(servers.redis_url(2)) as client:
    apart = client.get("apple") is None
print(json.dumps({"folder": run.folder, "admin": run.admin_url, "names": names, "seen": seen, "apart": apart}))
sys.stdout.flush()
sys.stdin.readline()
servers.stop_for_run()
"""


def control(stderr: int | None = None, **environment: str) -> "subprocess.Popen[str]":
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("TEST_", "ORCHARD_TEST"))
    }
    return subprocess.Popen(
        [sys.executable, "-c", CONTROL], cwd=PROJECT_ROOT, env=kept | environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr,
    )  # fmt: skip


def facts_of(controller: "subprocess.Popen[str]") -> dict[str, object]:
    assert controller.stdout is not None
    facts: dict[str, object] = json.loads(controller.stdout.readline())
    return facts


@pytest.fixture
def borrowed(home: Path) -> str:
    """A server of somebody else, reached as a role that may make databases and roles and nothing more."""
    server = postgres.ensure(home, fast=True, tcp_port=None, say=lambda _: None)
    with server.connect() as connection:
        connection.execute("CREATE ROLE tester LOGIN CREATEDB CREATEROLE PASSWORD 'x'")
        if connection.info.server_version >= 160_000:
            connection.execute("ALTER ROLE tester SET createrole_self_grant = 'set, inherit'")
    return server.url("postgres", "tester", "x")


def test_a_run_has_migrated_copies_and_leaves_nothing_behind() -> None:
    with control() as controller:
        facts = facts_of(controller)
        assert facts["seen"] == [0, cluster.APP_ROLE] and facts["apart"] is True
        assert len(set(facts["names"])) == 2  # type: ignore[call-overload]
        controller.communicate("\n")

    assert controller.returncode == 0
    assert not Path(str(facts["folder"])).exists()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(servers.plain(str(facts["admin"])))


def test_what_a_killed_run_left_is_ended_by_the_next_one() -> None:
    with control() as killed:
        left = Path(str(facts_of(killed)["folder"]))
        killed.kill()
    orphan = postgres.find_running(left / "postgres")
    assert orphan is not None

    with control() as controller:
        facts_of(controller)
        assert not left.exists()
        assert not orphan.process.is_alive()
        controller.communicate("\n")


def test_two_runs_at_once_do_not_meet() -> None:
    with control() as one, control() as two:
        first, second = facts_of(one), facts_of(two)
        assert first["folder"] != second["folder"]
        one.communicate("\n")
        assert postgres.find_running(Path(str(second["folder"])) / "postgres") is not None
        two.communicate("\n")


def test_a_borrowed_server_is_left_as_it_was(borrowed: str) -> None:
    with control(TEST_DATABASE_URL=servers.plain(borrowed)) as controller:
        facts = facts_of(controller)
        assert facts["seen"] == [0, cluster.APP_ROLE]
        controller.communicate("\n")

    with psycopg.connect(servers.plain(borrowed)) as connection:
        rows = connection.execute("SELECT datname FROM pg_database ORDER BY 1").fetchall()
    assert [name for (name,) in rows] == ["postgres", "template0", "template1"]


def test_a_killed_run_on_a_borrowed_server_loses_its_databases_to_the_next_run(borrowed: str) -> None:
    with control(TEST_DATABASE_URL=servers.plain(borrowed)) as killed:
        names = facts_of(killed)["names"]
        killed.kill()

    with control(TEST_DATABASE_URL=servers.plain(borrowed)) as controller:
        facts_of(controller)
        with psycopg.connect(servers.plain(borrowed)) as connection:
            rows = connection.execute(
                "SELECT datname FROM pg_database WHERE datname = ANY(%s)", [names]
            ).fetchall()
        controller.communicate("\n")
    assert rows == []


def test_a_server_that_cannot_be_reached_is_named() -> None:
    url = "postgresql://nobody:x@127.0.0.1:1/postgres"
    with control(stderr=subprocess.PIPE, TEST_DATABASE_URL=url) as controller:
        _, said = controller.communicate("\n")
    assert controller.returncode != 0
    assert "CannotStart: TEST_DATABASE_URL cannot be used: connection" in said
