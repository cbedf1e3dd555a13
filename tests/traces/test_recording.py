"""Events written down in the unit of work that caused them, and the chain that they make."""

import threading
from datetime import timedelta
from typing import Any

import orjson
import psycopg
import pytest
from sqlalchemy import func, select

from inventory.epcis import reading as epcis
from inventory.epcis.event_schemas import EVENT_TYPES, faults_of_others
from inventory.traces import entries, recording
from inventory.traces.mentions import Role
from inventory.traces.models import TraceChain, TraceMention, TraceRun
from marketplace import context, database, errors, last_words
from marketplace.catalogue import counties
from marketplace.embedded.databases import DatabaseUrls
from tests import servers
from tests.builders import Market, at_once
from tests.epcis import documents
from tests.traces.told import BOX, observed, recorded, rows, verdict


def test_an_event_comes_back_as_it_was_told_with_its_name_and_its_moment(market: Market) -> None:
    event = observed(1)
    [made] = recorded(market, event)
    [row] = rows(market)
    assert (made.number, made.is_new) == (1, True)
    assert orjson.loads(row.body) == {
        **event,
        "eventID": row.event_hash,
        "recordTime": entries.written(market.ctx.now),
    }
    assert (row.event_type, row.action, row.biz_step, row.context) == (
        "ObjectEvent",
        "OBSERVE",
        "storing",
        None,
    )
    assert verdict(market).events == 1


def test_every_shape_of_event_is_written_down(market: Market) -> None:
    told = set()
    for document in documents.right().values():
        epcis.read(document)
        events = (document.get("epcisBody") or {}).get("eventList") or []
        events = [each for each in events if not faults_of_others(each)]
        context = document.get("@context") or []
        context = context if isinstance(context, list) else [context]
        for again in (False, True):
            for made in recorded(market, *events, context=context):
                assert not (again and made.is_new)
                told.add(made.number)
    assert sorted(told) == [row.number for row in rows(market)]
    assert len(told) > 80
    assert verdict(market).finding is None


def test_what_others_define_is_written_down_or_refused_with_the_place() -> None:
    """GS1's schema lets any value stand under a name of the standard there; what cannot be hashed is refused."""
    now = context.now_utc()
    free = {"petals": [1, {"of": None}], "https://example.org/colour": "white"}
    told = {**documents.other_event(), "epcList": [BOX], **free}
    assert entries.entry_of(told, recorded_at=now).mentions == {(Role.OBJECT, BOX)}
    strange = [None, 7, 1.5, True, "x", [1], [None], [{"a": 1}], {}, {"id": 3}, [[]]]
    names = {name for schema in EVENT_TYPES.values() for name in schema.names} - {"@context"}
    refused: dict[tuple[str, str], str] = {}
    for name in names:
        for value in strange:
            event = {**told, name: value}
            try:
                epcis.read({**event, "@context": documents.CONTEXT})
                entries.entry_of(event, recorded_at=now)
            except errors.Invalid as refusal:
                refused[name, repr(value)] = refusal.facts["errors"][0]["pointer"]
    assert all(pointer.startswith(f"/{name}") for (name, _), pointer in refused.items()), refused
    assert len(refused) > (len(strange) - 1) * len(names), "but for what is empty nothing of it has its form"


def test_an_event_told_again_is_the_one_that_is_there(market: Market) -> None:
    [first] = recorded(market, observed(1))
    again, other = recorded(market, {**observed(1), "recordTime": "2020-01-01T00:00:00Z"}, observed(2))
    assert (again.number, again.is_new, other.number, other.is_new) == (1, False, 2, True)
    same, twice = recorded(market, observed(3), observed(3))
    assert (same.number, twice.number, twice.is_new) == (3, 3, False)
    assert [row.number for row in rows(market)] == [1, 2, 3]
    assert first.entry.event_hash == again.entry.event_hash


def test_a_declaration_of_error_stands_beside_what_it_declares_wrong(market: Market) -> None:
    [first] = recorded(market, observed(1))
    wrong = {"declarationTime": "2026-11-27T02:00:00Z", "reason": "incorrect_data"}
    [made] = recorded(market, {**observed(1), "eventID": first.entry.event_id, "errorDeclaration": wrong})
    assert (made.number, made.is_new) == (2, True)
    assert [row.event_hash for row in rows(market)] == [first.entry.event_hash] * 2


def test_a_name_that_another_event_has_undoes_all(market: Market) -> None:
    recorded(market, observed(1, eventID="https://example.org/events/1"))
    with pytest.raises(recording.EventNamed):
        recorded(market, observed(2), observed(3, eventID="https://example.org/events/1"))
    assert len(rows(market)) == 1


def test_what_cannot_be_written_alike_is_refused_at_once(market: Market) -> None:
    for wrong in (
        {"https://example.org/n": 2**60},
        {"eventTime": "0000-01-01T00:00:00Z"},
        {"eventID": "https://example.org/" + "x" * 2_000},
    ):
        with pytest.raises(errors.Invalid):
            recorded(market, observed(1, **wrong))
    assert rows(market) == []


def test_a_unit_of_work_that_is_undone_tells_nothing(market: Market) -> None:
    def work(session: Any) -> None:
        recording.record(session, market.ctx, county_id=market.county_id, events=[observed(1)])
        raise errors.Conflict

    with pytest.raises(errors.Conflict):
        database.transact(work)
    recorded(market, observed(2))
    assert [orjson.loads(row.body)["eventTime"] for row in rows(market)] == [observed(2)["eventTime"]]


def test_a_part_that_is_undone_alone_tells_nothing_either(market: Market) -> None:
    def work(session: Any) -> None:
        recording.record(session, market.ctx, county_id=market.county_id, events=[observed(1)])
        with pytest.raises(errors.Conflict):
            refused(session)
        recording.record(session, market.ctx, county_id=market.county_id, events=[observed(3)])

    def refused(session: Any) -> None:
        with database.savepoint(session):
            recording.record(session, market.ctx, county_id=market.county_id, events=[observed(2)])
            raise errors.Conflict

    database.transact(work)
    assert [orjson.loads(row.body)["eventTime"] for row in rows(market)] == [
        observed(1)["eventTime"],
        observed(3)["eventTime"],
    ]


def test_each_county_has_a_chain_of_its_own(market: Market) -> None:
    with_another = {"code": "LC", "name_en": "Luochuan", "name_zh": "洛川", "is_demo": True}
    other = database.transact(lambda session: counties.create(session, market.ctx, **with_another)).id

    def work(session: Any) -> None:
        for county_id, number in ((other, 1), (market.county_id, 1), (other, 2)):
            recording.record(session, market.ctx, county_id=county_id, events=[observed(number)])

    database.transact(work)
    with database.reading() as session:
        chains = {each.county_id: each.length for each in session.scalars(select(TraceChain))}
    assert chains == {market.county_id: 1, other: 2}


def test_it_is_found_by_all_that_it_speaks_of(market: Market) -> None:
    event = documents.full("TransformationEvent")
    [made] = recorded(market, event, context=documents.CONTEXT)
    with database.reading() as session:
        found = {(row.role, row.key) for row in session.scalars(select(TraceMention))}
    assert found == {(str(role), key) for role, key in made.entry.mentions}
    roles = {role for role, _ in found}
    assert {Role.INPUT, Role.OUTPUT, Role.INPUT_CLASS, Role.OUTPUT_CLASS, Role.TRANSFORMATION} <= roles
    recorded(market, observed(7))
    with database.reading() as session:
        numbers = session.scalars(
            select(TraceMention.number).where(TraceMention.key == BOX, TraceMention.role == Role.OBJECT)
        ).all()
    assert numbers == [2], "a link of another host is the same box"


def test_fifty_writers_at_once_make_one_chain(market: Market) -> None:
    """Each tells of forty events in four units of work, some of them of the same ones."""

    def writer(number: int) -> None:
        for turn in range(4):
            recorded(
                market,
                *(observed(number * 40 + turn * 10 + each) for each in range(9)),
                observed(7_000 + turn),
            )

    at_once(market.app, [lambda number=number: writer(number) for number in range(50)])
    found = rows(market)
    assert [row.number for row in found] == list(range(1, 50 * 36 + 4 + 1))
    assert verdict(market).finding is None
    with database.reading() as session:
        kept = session.execute(select(TraceRun.level, func.count()).group_by(TraceRun.level)).all()
    assert [tuple(row) for row in kept] == [(8, len(found) // 256)]


def test_who_waits_for_the_head_holds_nobody_up_who_came_before(market: Market) -> None:
    """The head is locked at the unit's end only: another may tell and commit while the first is still at work."""
    told, committed = threading.Event(), threading.Event()

    def first() -> None:
        def work(session: Any) -> None:
            recording.record(session, market.ctx, county_id=market.county_id, events=[observed(1)])
            told.set()
            assert committed.wait(20), "the other waited for this one's end"

        database.transact(work)

    def second() -> None:
        assert told.wait(20)
        recorded(market, observed(2))
        committed.set()

    at_once(market.app, [first, second])
    assert [orjson.loads(row.body)["eventTime"] for row in rows(market)] == [
        observed(2)["eventTime"],
        observed(1)["eventTime"],
    ]


@pytest.mark.parametrize("table", ["trace_event", "trace_mention", "trace_run", "trace_checkpoint"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "UPDATE {} SET county_id = county_id"])
def test_the_app_s_role_can_take_nothing_back(
    database_urls: DatabaseUrls, app: Any, table: str, statement: str
) -> None:
    with (
        psycopg.connect(
            servers.plain(database_urls.app_url), options="-c role=marketplace_app"
        ) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.format(table))


def test_last_words_are_said_once_and_in_the_order_in_which_they_came(app: Any) -> None:
    said = []

    def work(session: Any) -> None:
        last_words.keep(session, first, 1)
        last_words.keep(session, second, 2)
        last_words.keep(session, first, 3)
        assert last_words.kept(session, first) == [1, 3]

    def first(session: Any, items: list[int]) -> None:
        said.append(("first", items))
        if items == [1, 3]:
            last_words.keep(session, second, 4)

    def second(_session: Any, items: list[int]) -> None:
        said.append(("second", items))

    database.transact(work)
    database.transact(lambda _session: None)
    assert said == [("first", [1, 3]), ("second", [2]), ("second", [4])]


def test_a_moment_is_told_to_the_millisecond(market: Market) -> None:
    moment = market.ctx.now.replace(microsecond=123_999)
    made = entries.entry_of(observed(1), recorded_at=moment)
    assert orjson.loads(made.body)["recordTime"].endswith(".123Z")
    assert made.recorded_at == moment - timedelta(microseconds=999)
