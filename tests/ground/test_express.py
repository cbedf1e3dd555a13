"""Kept connections when the wire is cut, the server is away, or says nothing."""

import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from psycopg import sql

from marketplace import context, database, express, patience
from marketplace.database import DatabaseUnavailable
from marketplace.values import new_id
from tests import house, servers
from tests.ground.proxy import Proxy

ENOUGH_SECONDS = 5.0
_WRITE = """
    INSERT INTO audit_entry (id, at, actor, action, subject_kind, subject_id, request_id)
    VALUES (%(id)s, %(at)s, 'system', 'line.write', 'line', %(name)s, 'test') RETURNING id
"""
_FIND = "SELECT count(*) AS count FROM audit_entry WHERE subject_id = %(name)s"

pytestmark = pytest.mark.usefixtures("emptied")


@pytest.fixture
def proxy(database_urls):
    found = Proxy(database_urls.app_url)
    yield found
    found.close()


@pytest.fixture
def line(proxy, database_urls):
    kept = express.Line(house.settings_for(database_urls, database_url=proxy.url))
    yield kept
    kept.close()


def write(line, name, *, finds=True):
    """Once, whatever happens: what is there already is not written again. How often it had to look."""
    looks = []

    def work(unit):
        [found] = unit.rows((_FIND, {"name": name}))
        looks.append(found.count)
        if not (finds and found.count):
            values = {"id": new_id(), "at": context.now_utc(), "name": name}
            unit.commit((_WRITE, values))

    line.run(work)
    return looks


def count(line, name):
    return line.run(lambda unit: unit.look((_FIND, {"name": name}))[0].count)


def test_a_reply_to_commit_that_is_lost_leaves_what_was_stored_to_be_found(line, proxy):
    proxy.fault = "reply_lost"

    assert write(line, "lost") == [0, 1]
    assert proxy.struck == 1
    assert count(line, "lost") == 1


def test_a_commit_that_never_arrived_is_done_again(line, proxy):
    proxy.fault = "never_arrived"

    assert write(line, "cut") == [0, 0]
    assert proxy.struck == 1
    assert count(line, "cut") == 1


def test_a_commit_that_is_prepared_is_struck_too(line, proxy):
    """The second one of a line goes by its name."""
    write(line, "first")
    proxy.fault = "reply_lost"

    assert write(line, "second") == [0, 1]
    assert count(line, "second") == 1


def test_a_line_that_was_cut_while_nobody_used_it_is_made_anew_and_nobody_notices(line, proxy):
    write(line, "before")
    proxy.close()
    proxy.open()

    assert write(line, "after") == [0]


def test_without_a_server_the_line_says_so_at_once_and_heals_by_itself(line, proxy):
    write(line, "before")
    proxy.close()
    began = time.monotonic()
    with pytest.raises(DatabaseUnavailable):
        write(line, "meanwhile")
    assert time.monotonic() - began < 1
    proxy.open()

    assert write(line, "after") == [0]


def test_what_failed_inside_a_unit_of_work_leaves_the_line_usable_and_nothing_behind(line):
    def spoilt(unit):
        unit.rows((_WRITE, {"id": new_id(), "at": context.now_utc(), "name": "spoilt"}))
        unit.rows(("SELECT 1 / 0 AS x", {}), ("SELECT 1 AS x", {}))

    def refused(unit):
        unit.rows((_WRITE, {"id": new_id(), "at": context.now_utc(), "name": "spoilt"}))
        raise ZeroDivisionError

    def unlike(unit):
        values = {"id": new_id(), "at": context.now_utc(), "name": "spoilt"}
        unit.rows(("SELECT 1 AS x", {}))
        unit.commit((_WRITE, values), ("SELECT whole(false)", {}))

    for work, wanted in (
        (spoilt, psycopg.errors.DivisionByZero),
        (refused, ZeroDivisionError),
        (unlike, psycopg.Error),
    ):
        with pytest.raises(wanted):
            line.run(work)
        assert count(line, "spoilt") == 0


def test_a_worker_that_stood_still_for_too_long_in_the_middle_begins_again(database_urls):
    """The server ends a transaction in which nothing happens, and says so in a state of its own."""
    line = express.Line(house.settings_for(database_urls, idle_in_transaction_timeout_ms=200))
    pauses = iter([0.5, 0.0])

    def work(unit):
        unit.rows(("SELECT 1 AS x", {}))
        time.sleep(next(pauses))
        return unit.rows(("SELECT 7 AS x", {}))[0].x

    assert line.run(work) == 7
    line.close()


def test_a_lock_that_is_not_had_in_time_is_a_refusal(database_urls):
    line = express.Line(house.settings_for(database_urls, lock_timeout_ms=200))
    with database.connect(database_urls.app_url) as other:
        other.execute("SELECT pg_advisory_xact_lock(815)")
        with pytest.raises(DatabaseUnavailable):
            line.run(lambda unit: unit.rows(("SELECT pg_advisory_xact_lock(815)", {})))
    assert count(line, "nothing") == 0
    line.close()


def test_a_server_that_says_nothing_is_given_up_on_soon_and_by_all_who_wait(line, proxy):
    write(line, "before")
    proxy.is_silent = True
    began = time.monotonic()

    def wait(number):
        with pytest.raises(DatabaseUnavailable):
            write(line, f"meanwhile {number}")
        return time.monotonic() - began

    with ThreadPoolExecutor(6) as pool:
        waited = list(pool.map(wait, range(6)))
    assert min(waited) >= patience.PATIENCE_SECONDS
    assert max(waited) < ENOUGH_SECONDS


def test_a_silent_server_is_used_again_soon_after_it_speaks(line, proxy):
    write(line, "before")
    proxy.is_silent = True
    with pytest.raises(DatabaseUnavailable):
        write(line, "meanwhile")
    proxy.is_silent = False
    time.sleep(patience.PAUSE_SECONDS)

    assert write(line, "after") == [0]


def test_a_connection_of_a_session_gives_up_on_a_silent_server_too(proxy):
    with database.connect(proxy.url) as connection:
        connection.execute("SELECT 1")
        proxy.is_silent = True
        began = time.monotonic()
        with pytest.raises(patience.ServerSilent):
            connection.execute("SELECT 1")
        assert time.monotonic() - began < ENOUGH_SECONDS
        assert connection.closed
        with pytest.raises(patience.ServerSilent):
            database.connect(proxy.url)


def test_who_holds_a_connection_does_not_wait_for_a_silence_that_is_known(proxy):
    """As somebody does who asked for one thing after the other, each on a connection of its own."""
    with database.connect(proxy.url) as first, database.connect(proxy.url) as second:
        first.execute("SELECT 1")
        second.execute("SELECT 1")
        proxy.is_silent = True
        with pytest.raises(patience.ServerSilent):
            first.execute("SELECT 1")
        began = time.monotonic()
        with pytest.raises(patience.ServerSilent):
            second.execute("SELECT 1")
        assert time.monotonic() - began < patience.PAUSE_SECONDS / 2


def test_a_statement_that_takes_its_time_is_waited_for(proxy):
    with database.connect(proxy.url) as connection:
        slow = f"SELECT pg_sleep({patience.PATIENCE_SECONDS * 1.5}), 7"

        assert connection.execute(slow).fetchone()[1] == 7


def test_a_server_without_room_for_another_connection_is_a_refusal_and_no_silence(database_urls):
    line = express.Line(house.settings_for(database_urls))
    name = psycopg.conninfo.conninfo_to_dict(servers.plain(database_urls.app_url))["dbname"]
    limit = sql.SQL("ALTER DATABASE {} CONNECTION LIMIT {}")
    with psycopg.connect(servers.plain(servers.current().admin_url), autocommit=True) as admin:
        admin.execute(limit.format(sql.Identifier(name), 0))
        try:
            began = time.monotonic()
            with pytest.raises(DatabaseUnavailable):
                count(line, "nothing")
            assert time.monotonic() - began < 1
        finally:
            admin.execute(limit.format(sql.Identifier(name), -1))

    assert count(line, "nothing") == 0
    line.close()
