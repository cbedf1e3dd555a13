"""Transactions at the edge: retried, cut off, looked up, refused; and what the app's role may not do."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import event, func, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from marketplace import audit, context, database, errors
from marketplace.audit import AuditEntry
from marketplace.catalogue.models import County
from marketplace.database import CommitUnknown, DatabaseUnavailable, db, reading, transact, transaction
from marketplace.language import Text
from marketplace.settings import PROJECT_ROOT
from marketplace.values import new_id
from tests import house, servers
from tests.ground import shed as sheds
from tests.ground.proxy import Proxy
from tests.ground.shed import BODY, put

KEY = "a-key-of-a-shopper-1"
pytestmark = pytest.mark.usefixtures("emptied")


class OtherFault(errors.Conflict):
    title = Text(en="Something else.", zh="其他问题。")


def county(code: str = "YJ") -> County:
    return County(
        id=new_id(),
        code=code,
        name_en="Yijun",
        name_zh="宜君",
        is_demo=True,
        version=1,
        created_at=context.now_utc(),
    )


def trace(session, name="x"):
    audit.record(session, context.system(), "shed.put", subject=("shed", name))


def stored(what=AuditEntry):
    with reading() as session:
        return session.scalar(select(func.count()).select_from(what))


@pytest.fixture
def inside(shed):
    with shed.app.app_context():
        yield shed
        database.db.session.remove()


@pytest.fixture
def proxy(database_urls):
    found = Proxy(database_urls.app_url)
    yield found
    found.close()


@pytest.fixture
def wired(proxy, database_urls):
    """A shed whose wire to the database can be cut."""
    settings = house.settings_for(
        database_urls, database_url=proxy.url, database_pool_size=2, database_pool_timeout_seconds=1
    )
    with sheds.built(settings) as shed:
        yield shed


# Edges


def test_a_transaction_commits_at_its_end(inside):
    with transaction() as session:
        trace(session)
    assert stored() == 1


@pytest.mark.parametrize("problem", [RuntimeError, KeyboardInterrupt, errors.Conflict])
def test_any_exception_rolls_back(inside, problem):
    def fail():
        with transaction() as session:
            trace(session)
            session.flush()
            raise problem

    with pytest.raises(problem):
        fail()
    assert stored() == 0


def test_a_transaction_does_not_nest(inside):
    with transaction() as session:
        trace(session)
        with pytest.raises(RuntimeError, match="open already"), transaction():
            pass
    assert stored() == 1


def test_reading_inside_of_a_transaction_is_refused_and_undoes_nothing(inside):
    with transaction() as session:
        trace(session)
        with pytest.raises(RuntimeError, match="reading"), reading():
            pass
    assert stored() == 1


def test_reading_rolls_back(inside):
    with reading() as session:
        trace(session)
        session.flush()
    assert stored() == 0


def test_a_named_constraint_becomes_the_refusal_that_it_means(inside):
    def work(session):
        session.add_all([county(), county()])
        with database.refusing({"uq_county_code": OtherFault()}):
            session.flush()

    with pytest.raises(OtherFault):
        transact(work)
    assert stored(County) == 0


def test_an_unnamed_constraint_stays_what_it_is(inside):
    def work(session):
        session.add_all([county(), county()])
        with database.refusing({"uq_something": OtherFault()}):
            session.flush()

    with pytest.raises(IntegrityError):
        transact(work)


# Retries


def test_a_serialization_failure_is_run_again_as_a_whole(inside, database_urls):
    transact(lambda session: session.add(county()))
    runs = []

    def work(session):
        session.connection(execution_options={"isolation_level": "SERIALIZABLE"})
        found = session.scalar(select(County))
        if not runs:
            with psycopg.connect(servers.plain(database_urls.owner_url), autocommit=True) as rival:
                rival.execute("UPDATE county SET version = version + 1")
        runs.append(found.version)
        found.version += 1

    transact(work)
    assert runs == [1, 2]
    with reading() as session:
        assert session.scalar(select(County.version)) == 3


def test_it_is_given_up_after_three_times(inside, database_urls):
    transact(lambda session: session.add(county()))
    runs = []

    def work(session):
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        found = session.scalar(select(County))
        with psycopg.connect(servers.plain(database_urls.owner_url), autocommit=True) as rival:
            rival.execute("UPDATE county SET version = version + 1")
        runs.append(found.version)
        found.version += 1

    with pytest.raises(DatabaseUnavailable):
        transact(work)
    assert runs == [1, 2, 3]


def test_of_two_in_a_deadlock_one_is_run_again(inside):
    transact(lambda session: session.add_all([county("A"), county("B")]))
    both_hold_one = threading.Barrier(2)
    runs = []

    def cross(codes):
        def work(session):
            runs.append(codes)
            for number, code in enumerate(codes):
                found = session.scalar(
                    select(County)
                    .where(County.code == code)
                    .with_for_update()
                    .execution_options(populate_existing=True)
                )
                found.version += 1
                session.flush()
                if number == 0 and len(runs) <= 2:
                    both_hold_one.wait(20)

        with inside.app.app_context():
            transact(work)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(cross, ["AB", "BA"]))
    assert len(runs) == 3
    with reading() as session:
        assert list(session.scalars(select(County.version))) == [3, 3]


def test_a_connection_killed_before_commit_is_run_again(inside, database_urls):
    runs = []

    def work(session):
        trace(session)
        session.flush()
        runs.append(session.scalar(text("SELECT pg_backend_pid()")))
        if len(runs) == 1:
            kill(runs[0])
        session.execute(text("SELECT 1"))

    transact(work)
    assert len(set(runs)) == 2
    assert stored() == 1


def kill(pid):
    with psycopg.connect(servers.plain(servers.current().admin_url), autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def test_other_failures_of_the_database_are_not_run_again(inside):
    runs = []

    def work(session):
        runs.append(1)
        session.execute(text("SELECT 1 / 0"))

    with pytest.raises(DBAPIError):
        transact(work)
    assert runs == [1]


# The wire breaks while committing


def test_committed_but_the_reply_lost_is_found_and_replayed(wired, proxy):
    proxy.fault = "reply_lost"
    answer = wired.post(key=KEY)
    assert proxy.struck == 1
    assert (answer.status_code, answer.json) == (201, {**BODY, "version": 7})
    assert answer.headers["Idempotent-Replayed"] == "true"
    assert wired.effects() == 1
    assert wired.post(key=KEY).data == answer.data
    assert wired.effects() == 1


def test_a_commit_that_never_arrived_is_run_again(wired, proxy):
    proxy.fault = "never_arrived"
    runs = []

    def act(session, body):
        runs.append(1)
        return put(session, body)

    wired.act = act
    answer = wired.post(key=KEY)
    assert proxy.struck == 1
    assert (answer.status_code, len(runs)) == (201, 2)
    assert wired.effects() == 1


@pytest.mark.parametrize(("fault", "effects"), [("reply_lost", 1), ("never_arrived", 0)])
def test_without_a_key_nobody_guesses(wired, proxy, fault, effects):
    proxy.fault = fault
    answer = wired.post(path="marks")
    assert (answer.status_code, answer.json["code"]) == (503, "commit_unknown")
    assert wired.effects() == effects


def test_without_recall_the_outcome_stays_unknown(wired, proxy):
    with wired.app.app_context():
        transact(trace)
        proxy.fault = "reply_lost"
        with pytest.raises(CommitUnknown):
            transact(trace)
        assert transact(lambda session: 5, recall=lambda session: None) == 5
        assert stored() == 2


def test_a_refusal_whose_storing_lost_its_reply_is_replayed(wired, proxy):
    def refuse(session, body):
        proxy.fault = "reply_lost"
        raise sheds.ShedFull

    wired.act = refuse
    answer = wired.post(key=KEY)
    assert proxy.struck == 1
    assert (answer.status_code, answer.json["code"]) == (409, "shed_full")
    wired.act = put
    assert wired.post(key=KEY).data == answer.data


# The database is away


def test_a_silent_network_is_given_up_on(proxy):
    with database.connect(proxy.url) as connection:
        known = connection.info.get_parameters()
    assert (known["tcp_user_timeout"], known["connect_timeout"], known["keepalives_idle"]) == (
        "10000",
        "2",
        "30",
    )


def test_a_stopped_database_is_a_clean_503_and_heals_by_itself(wired, proxy):
    assert wired.post(key=KEY).status_code == 201
    proxy.close()
    for answer in (wired.get(), wired.post(key="b" * 20), wired.post(path="marks"), wired.get("/readyz")):
        assert (answer.status_code, answer.mimetype) == (503, "application/problem+json")
        assert answer.headers["Retry-After"]
        assert "127.0.0.1" not in answer.text
    assert wired.get("/healthz").status_code == 200
    assert wired.get("/metrics").status_code == 200
    assert wired.get("/v1/shed/guarded").status_code == 401
    assert wired.get("/v1/shed/guarded", headers={"Authorization": "Bearer x"}).status_code == 503
    proxy.open()
    assert wired.get("/readyz").status_code == 200
    assert wired.post(key="b" * 20).status_code == 201


def test_a_kept_connection_that_was_ended_meanwhile_is_replaced_without_asking(inside, database_urls):
    sent = []

    def note(_connection, _cursor, statement, *_rest):
        sent.append(statement)

    with reading() as session:
        ended = session.scalar(text("SELECT pg_backend_pid()"))
    with psycopg.connect(servers.plain(database_urls.app_url), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [ended])
    event.listen(db.engine, "before_cursor_execute", note)
    try:
        with reading() as session:
            assert session.scalar(text("SELECT pg_backend_pid()")) != ended
        with reading() as session:
            assert session.scalar(text("SELECT 1")) == 1
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert sent == ["SELECT pg_backend_pid()", "SELECT 1"]


def test_the_first_questions_of_a_unit_of_work_are_asked_together_and_again_when_the_connection_is_lost(
    inside, database_urls
):
    tries = []

    def work(session):
        pid = session.connection().connection.driver_connection.info.backend_pid
        tries.append(pid)
        if len(tries) == 1:
            with psycopg.connect(servers.plain(database_urls.app_url), autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        told = database.ask_together(
            session, ("SELECT %(a)s::int + 1", {"a": 1}), ("SELECT 1 WHERE false", {}), ("SELECT 3", {})
        )
        trace(session)
        return told

    assert transact(work) == [(2,), None, (3,)]
    assert len(tries) == 2
    assert stored() == 1


def test_a_database_that_stops_in_the_middle_is_a_503(wired, proxy):
    def act(session, body):
        put(session, body)
        session.flush()
        proxy.close()
        return {**body, "version": 1}

    wired.act = act
    answer = wired.post(key=KEY)
    assert answer.status_code == 503
    proxy.open()
    wired.act = put
    assert wired.post(key=KEY).status_code == 201
    assert wired.effects() == 1


def test_a_database_without_our_tables_is_not_ready(database_urls):
    run = servers.current()
    name = f"{run.name}_bare_{new_id().hex[-8:]}"
    with psycopg.connect(servers.plain(run.admin_url), autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
    try:
        with sheds.built(house.settings_for(servers.urls_of(name))) as shed:
            answer = shed.get("/readyz")
            assert (answer.status_code, answer.json["code"]) == (503, "not_migrated")
    finally:
        servers.drop_database(run.admin_url, name)


def test_an_exhausted_pool_is_a_503(database_urls):
    settings = house.settings_for(
        database_urls, database_pool_size=1, database_pool_overflow=0, database_pool_timeout_seconds=1
    )
    with sheds.built(settings) as shed:
        with shed.app.app_context(), db.engine.connect():
            answers = [shed.get(), shed.post(key=KEY), shed.get("/readyz")]
        for answer in answers:
            assert (answer.status_code, answer.json["code"]) == (503, "database_unavailable")
            assert answer.headers["Retry-After"]
        assert shed.get().status_code == 200


def test_waiting_too_long_for_a_lock_or_a_statement_is_a_503(database_urls):
    settings = house.settings_for(database_urls, lock_timeout_ms=100, statement_timeout_ms=300)
    with sheds.built(settings) as shed:
        shed.see = lambda session: session.execute(text("SELECT pg_sleep(20)"))
        slow = shed.get()
        shed.see = lambda session: session.execute(select(County))
        with psycopg.connect(servers.plain(database_urls.owner_url)) as rival:
            rival.execute("LOCK TABLE county, audit_entry IN ACCESS EXCLUSIVE MODE")
            locked, writing = shed.get(), shed.post(key=KEY)
        assert [each.status_code for each in (slow, locked, writing)] == [503, 503, 503]
        assert all(each.headers["Retry-After"] for each in (slow, locked, writing))
        assert shed.get().status_code == 200
        assert shed.post(key=KEY).status_code == 201


# Traps


def test_a_lock_on_a_row_that_was_read_before_needs_a_fresh_look(inside):
    """SQLAlchemy hands back the object it knows; two increments would become one."""
    transact(lambda session: session.add(county()))
    have_read = threading.Barrier(2)

    def increment(_):
        def work(session):
            session.scalar(select(County))
            have_read.wait(20)
            found = session.scalar(select(County).with_for_update().execution_options(populate_existing=True))
            found.version += 1

        with inside.app.app_context():
            transact(work)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(increment, range(2)))
    with reading() as session:
        assert session.scalar(select(County.version)) == 3


def test_a_time_without_a_zone_is_not_stored(inside):
    naive = context.now_utc().replace(tzinfo=None)
    with pytest.raises(DBAPIError.__mro__[1], match="zone"):
        transact(lambda session: session.scalar(select(County).where(County.created_at == naive)))


def test_times_come_back_in_utc(inside):
    transact(lambda session: session.add(county()))
    with reading() as session:
        assert session.scalar(select(County)).created_at.utcoffset().total_seconds() == 0


# Rights


def revoked():
    """(right, table) for every REVOKE of the migrations."""
    found = set()
    for path in sorted(Path(PROJECT_ROOT / "migrations" / "versions").glob("*.py")):
        upgrade = path.read_text().partition("def downgrade")[0]
        for rights, tables in re.findall(r"REVOKE ([A-Z, ]+) ON ([a-z_, ]+) FROM marketplace_app", upgrade):
            found |= {
                (right.strip(), name.strip()) for right in rights.split(",") for name in tables.split(",")
            }
    return sorted(found)


def test_the_journals_are_append_only():
    assert {"audit_entry", "movement", "season_entry", "allocation_run", "campaign_transition"} <= {
        name for right, name in revoked() if right == "DELETE"
    }


@pytest.mark.parametrize(("right", "table"), revoked())
def test_the_app_may_not_rewrite_what_is_append_only(inside, right, table):
    with reading() as session:
        column = session.scalar(
            text("SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(:name) AND attnum = 1"),
            {"name": table},
        )
    statement = f"DELETE FROM {table}" if right == "DELETE" else f"UPDATE {table} SET {column} = {column}"
    with reading() as session, pytest.raises(DBAPIError, match="permission denied"):
        session.execute(text(statement))


@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE {}",
        "ALTER TABLE {} ADD COLUMN x int",
        "ALTER TABLE {} DISABLE TRIGGER ALL",
        "DROP TABLE {}",
        "GRANT ALL ON {} TO PUBLIC",
        "CREATE TRIGGER t BEFORE INSERT ON {} EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "CREATE RULE r AS ON INSERT TO {} DO INSTEAD NOTHING",
        "LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE",
        "UPDATE alembic_version SET version_num = 'x'",
    ],
)
@pytest.mark.parametrize("table", ["audit_entry", "movement", "county"])
def test_the_app_may_not_change_the_tables_themselves(inside, statement, table):
    with reading() as session:
        session.execute(text("SELECT 1"))
        if statement.startswith("GRANT"):
            session.execute(text(statement.format(table)))  # PostgreSQL only warns that nothing was granted
            granted = session.scalar(text(f"SELECT has_table_privilege('public', '{table}', 'DELETE')"))
            assert granted is False
            return
        with pytest.raises(DBAPIError, match=r"permission denied|must be owner"):
            session.execute(text(statement.format(table)))


def test_the_app_acts_in_its_role_and_makes_no_tables(inside):
    with reading() as session:
        assert session.scalar(text("SELECT current_user")) == database.APP_ROLE
        with pytest.raises(DBAPIError, match="permission denied"):
            session.execute(text("CREATE TABLE own (x int)"))


def test_a_url_keeps_its_own_options_beside_ours(database_urls):
    """A role named in the URL must hold: migrations of a borrowed server run as the owner of the tables by it."""
    url = database_urls.owner_url.split("options=")[0].rstrip("?&")
    joiner = "&" if "?" in url else "?"

    with database.connect(
        f"{url}{joiner}options=-c%20statement_timeout%3D1234", options="-c lock_timeout=4321"
    ) as made:
        shown = [made.execute(f"SHOW {name}").fetchone()[0] for name in ("statement_timeout", "lock_timeout")]

    assert shown == ["1234ms", "4321ms"]
