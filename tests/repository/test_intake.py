"""Documents that come at once are written down together, and each is told what became of itself alone."""

import threading
import uuid
from typing import Any

import pytest
from flask import Flask

from inventory.repository import capturing, intake
from inventory.repository.capturing import Brought, CaptureJob
from inventory.repository.models import Behaviour
from inventory.traces import verifying
from marketplace import context, database
from marketplace.catalogue import counties
from marketplace.catalogue.counties import CountyNotFound
from marketplace.desk import Broken
from tests import builders
from tests.epcis.documents import least_document
from tests.repository.test_doors import another_county, told

PROCEED, ROLLBACK = Behaviour.PROCEED, Behaviour.ROLLBACK


@pytest.fixture
def county_id(app: Flask) -> uuid.UUID:
    return builders.build(app).county_id


def brought(county_id: uuid.UUID, *events: Any, behaviour: Behaviour = ROLLBACK) -> Brought:
    return capturing.read_in(
        context.system(), county_id=county_id, document=least_document(*events), behaviour=behaviour
    )


def named(number: int, name: str) -> dict[str, Any]:
    return told(number, eventID=f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name)}")


def verdicts(*documents: Brought) -> list[Any]:
    """What each is told, in their order: how many events were taken and the places of its faults, or the failure."""
    found = dict(intake.take_in_all(documents))
    assert sorted(found) == list(range(len(documents)))
    return [
        (each.taken, [fault["pointer"] for fault in each.faults]) if isinstance(each, CaptureJob) else each
        for _, each in sorted(found.items())
    ]


def length(county_id: uuid.UUID) -> int:
    with database.reading() as session:
        code = counties.get(session, county_id=county_id).code
        verdict = verifying.verify(session, county_id=county_id, county_code=code)
    assert verdict.finding is None
    return verdict.events


def test_each_is_told_of_itself_alone(app: Flask, county_id: uuid.UUID) -> None:
    wrong = told(7, action="NO")
    with app.app_context():
        other = another_county("other")
        missing = uuid.uuid4()
        right, spoilt, part, repeated, clash, away, nowhere, mixed = verdicts(
            brought(county_id, told(1), told(2)),
            brought(county_id, told(3), wrong),
            brought(county_id, told(4), wrong, behaviour=PROCEED),
            brought(county_id, told(1), told(1)),
            brought(county_id, named(5, "a"), named(6, "a")),
            brought(other, told(1)),
            brought(missing, told(1)),
            brought(county_id, named(8, "b"), named(9, "b"), told(10), behaviour=PROCEED),
        )
        assert right == (2, [])
        assert (spoilt[0], part[0]) == (0, 1)
        assert spoilt[1] == part[1] == ["/epcisBody/eventList/1/action"]
        assert repeated == (2, []), "an event that is there already counts as taken"
        assert clash == (0, ["/epcisBody/eventList/1/eventID"])
        assert away == (1, [])
        assert isinstance(nowhere, CountyNotFound)
        assert mixed == (2, ["/epcisBody/eventList/1/eventID"])
        assert length(county_id) == 5
        assert length(other) == 1


def test_a_name_that_an_earlier_document_took_is_taken(app: Flask, county_id: uuid.UUID) -> None:
    """The first of two that come at once has it; one that is undone has taken none."""
    with app.app_context():
        undone, first, second, again = verdicts(
            brought(county_id, named(1, "x"), told(2, action="NO")),
            brought(county_id, named(3, "x")),
            brought(county_id, named(4, "x")),
            brought(county_id, named(3, "x")),
        )
        assert undone[0] == 0
        assert (first, again) == ((1, []), (1, []))
        assert second == (0, ["/epcisBody/eventList/0/eventID"])
        assert length(county_id) == 1


def test_a_document_that_breaks_spoils_nothing_for_the_others(
    app: Flask, county_id: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = capturing.capture_all

    def breaking(session: Any, county: uuid.UUID, documents: Any) -> list[CaptureJob]:
        jobs = real(session, county, documents)
        if any(len(each.entries) == 3 for each in documents):
            raise RuntimeError("one of them breaks")
        return jobs

    monkeypatch.setattr(capturing, "capture_all", breaking)
    with app.app_context():
        first, broken, last = verdicts(
            brought(county_id, told(1)),
            brought(county_id, told(2), told(3), told(4)),
            brought(county_id, told(5)),
        )
        assert (first, last) == ((1, []), (1, []))
        assert isinstance(broken, Broken)
        assert length(county_id) == 2


def test_a_commit_has_so_many_events_at_most(
    app: Flask, county_id: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    real = capturing.capture_all

    def noting(session: Any, county: uuid.UUID, documents: Any) -> list[CaptureJob]:
        sizes.append(sum(len(each.entries) for each in documents))
        return real(session, county, documents)

    monkeypatch.setattr(capturing, "capture_all", noting)
    monkeypatch.setattr(intake, "EVENTS_MAX", 3)
    with app.app_context():
        found = verdicts(
            brought(county_id, told(1), told(2)),
            brought(county_id, told(3)),
            brought(county_id, told(4)),
            brought(county_id, *(told(number) for number in range(5, 10))),
            brought(county_id, told(10)),
        )
        assert [taken for taken, _ in found] == [2, 1, 1, 5, 1]
        assert sizes == [3, 1, 5, 1]
        assert length(county_id) == 10


def test_writers_of_two_counties_and_many_threads_leave_whole_chains(
    app: Flask, county_id: uuid.UUID
) -> None:
    with app.app_context():
        other = another_county("other")
    start = threading.Barrier(8)
    jobs: list[CaptureJob] = []

    def send(writer: int) -> None:
        with app.app_context():
            start.wait(60)
            for number in range(5):
                event = told(number)
                event["epcList"] = [f"urn:epc:id:sgtin:9521234.000001.{writer}-{number}"]
                jobs.append(
                    intake.take_in(
                        context.system(),
                        county_id=(county_id, other)[writer % 2],
                        document=least_document(event),
                        behaviour=ROLLBACK,
                    )
                )

    threads = [threading.Thread(target=send, args=(writer,)) for writer in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert [job.success for job in jobs] == [True] * 40
    with app.app_context():
        assert (length(county_id), length(other)) == (20, 20)
