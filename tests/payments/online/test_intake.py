"""Events that come at once: one statement stores them all, each once, with its job and its audit row."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psycopg
import pytest
from sqlalchemy import text

from marketplace import context, database, express
from marketplace.database import DatabaseUnavailable
from marketplace.payments import event_intake
from marketplace.payments.event_intake import Arrived, take_in, take_in_all
from marketplace.payments.gateways.interface import EventSeen

pytestmark = pytest.mark.usefixtures("market")


def seen(event_id: str) -> EventSeen:
    return EventSeen(
        event_id=event_id,
        type="customer.created",
        object_kind="customer",
        object_id="cus_1",
        payment_ref=None,
    )


def arrived(*event_ids: str, provider: str = "stripe") -> list[Arrived]:
    return [
        Arrived(ctx=context.system(f"request-{place}"), provider=provider, event=seen(each))
        for place, each in enumerate(event_ids)
    ]


def kept() -> dict[str, list]:
    """What is stored, and what hangs on it, by the events' ids."""
    statement = text("""
        SELECT e.event_id, e.tries, e.due_at > e.received_at, a.action, a.request_id, a.after->>'type', j.state
        FROM provider_event e
        LEFT JOIN audit_entry a ON a.subject_kind = 'provider_event' AND a.subject_id = e.id::text
        LEFT JOIN job j ON j.name = 'payments.handle_event' AND j.arguments->>'event_id' = e.id::text
        """)
    found: dict[str, list] = {}
    for event_id, *rest in database.transact(lambda session: session.execute(statement).all()):
        found.setdefault(event_id, []).append(tuple(rest))
    return found


def test_each_of_a_batch_is_stored_with_its_job_and_its_audit_row(app) -> None:
    assert list(take_in_all(arrived("evt_1", "evt_2", "evt_3"))) == [(0, True), (1, True), (2, True)]

    assert kept() == {
        f"evt_{number + 1}": [
            (0, True, "provider_event.take_in", f"request-{number}", "customer.created", "waiting")
        ]
        for number in range(3)
    }


def test_of_two_alike_in_a_batch_the_first_is_new_and_of_old_ones_none(app) -> None:
    assert take_in(context.system(), provider="stripe", event=seen("evt_1"))
    assert [new for _, new in take_in_all(arrived("evt_2", "evt_1", "evt_2"))] == [True, False, False]
    assert {event_id: len(rows) for event_id, rows in kept().items()} == {"evt_1": 1, "evt_2": 1}


def test_the_same_id_of_another_service_is_another_event(app) -> None:
    take_in_all(arrived("evt_1"))
    assert [new for _, new in take_in_all(arrived("evt_1", provider="other"))] == [True]


def test_batches_with_the_same_events_in_opposite_orders_end_and_store_each_once(app) -> None:
    ids = [f"evt_{uuid.uuid4().hex}" for _ in range(60)]
    ready = Barrier(4)

    def work(order: list[str]) -> int:
        line = express.Line(app.config["SETTINGS"])
        ready.wait(30)
        try:
            return sum(event_intake.store(line, arrived(*order)))
        finally:
            line.close()

    with ThreadPoolExecutor(4) as threads:
        counts = list(threads.map(work, [ids, ids[::-1], ids, ids[::-1]]))

    assert sum(counts) == 60
    assert all(len(rows) == 1 for rows in kept().values())


def test_many_at_the_door_in_the_same_moment_are_each_told_their_own(app) -> None:
    ready = Barrier(12)

    def work(number: int) -> bool:
        with app.app_context():
            ready.wait(30)
            return take_in(context.system(), provider="stripe", event=seen(f"evt_{number % 8}"))

    with ThreadPoolExecutor(12) as threads:
        assert sum(threads.map(work, range(12))) == 8
    assert {event_id: len(rows) for event_id, rows in kept().items()} == {f"evt_{n}": 1 for n in range(8)}


def test_an_answer_to_commit_that_got_lost_is_told_as_known_and_stored_once(app, monkeypatch) -> None:
    """The service is told that it was here before, which is as good: it is stored, with one job."""
    commit = express.Work.commit

    def cut(self, *statements) -> None:
        monkeypatch.setattr(express.Work, "commit", commit)
        commit(self, *statements)
        raise psycopg.OperationalError("the connection is gone")

    monkeypatch.setattr(express.Work, "commit", cut)
    assert not take_in(context.system(), provider="stripe", event=seen("evt_1"))
    assert {event_id: len(rows) for event_id, rows in kept().items()} == {"evt_1": 1}


def test_without_a_database_nothing_is_told_as_taken(app, monkeypatch) -> None:
    def away(self, *statements) -> None:
        raise psycopg.OperationalError("nobody there")

    with monkeypatch.context() as patched:
        patched.setattr(express.Work, "rows", away)
        with pytest.raises(DatabaseUnavailable):
            take_in(context.system(), provider="stripe", event=seen("evt_1"))
    assert kept() == {}
