"""Putting jobs in: on the caller's transaction, once for each key, not before its time."""

import threading
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from marketplace import context, database, jobs
from marketplace.jobs import queue, worker
from marketplace.module import Job
from tests.jobs import world


def run_next(app: Flask) -> bool:
    return worker.run_next(app, app.extensions["jobs"])


def test_a_job_whose_cause_committed_is_done(app: Flask) -> None:
    job_id = world.put("test.note", arguments={"word": "apple"})
    assert run_next(app)
    assert not run_next(app)
    assert world.noted("apple") == 1
    row = world.stored(job_id)
    assert (row.state, row.attempts, row.problem) == ("done", 1, None)
    assert row.finished_at is not None


def test_a_job_whose_cause_was_rolled_back_does_not_exist(app: Flask) -> None:
    def work(session: Session) -> None:
        jobs.enqueue(session, "test.note", arguments={"word": "apple"})
        raise world.Broken

    with pytest.raises(world.Broken):
        database.transact(work)
    assert not run_next(app)
    assert world.noted("apple") == 0


def test_an_uncommitted_job_is_not_seen(app: Flask) -> None:
    with database.transaction() as session:
        jobs.enqueue(session, "test.note", arguments={"word": "apple"})
        session.flush()
        seen: list[bool] = []
        thread = threading.Thread(target=lambda: seen.append(run_next(app)))
        thread.start()
        thread.join()
        assert seen == [False]
    assert run_next(app)


def test_a_job_for_later_waits(app: Flask) -> None:
    job_id = world.put("test.note", arguments={"word": "a"}, at=context.now_utc() + timedelta(hours=1))
    assert not run_next(app)
    world.make_due(job_id)
    assert run_next(app)


def test_the_longest_due_job_comes_first(app: Flask) -> None:
    now = context.now_utc()
    late = world.put("test.note", arguments={"word": "late"}, at=now - timedelta(minutes=1))
    early = world.put("test.note", arguments={"word": "early"}, at=now - timedelta(minutes=2))
    run_next(app)
    assert world.stored(early).state == "done"
    assert world.stored(late).state == "waiting"


def test_a_job_without_a_name_we_know_is_refused_at_once(app: Flask) -> None:
    with pytest.raises(KeyError):
        world.put("test.unknown")


def test_two_jobs_of_one_name_are_a_mistake(app: Flask) -> None:
    twice = [Job(name="test.same", run=world.note), Job(name="test.same", run=world.tick)]
    with pytest.raises(ValueError, match=r"test\.same"):
        queue.configure(Flask("other"), app.config["SETTINGS"], twice)


def test_one_job_waits_for_each_key(app: Flask) -> None:
    first = world.put("test.note", arguments={"word": "first"}, key="pool:1")
    assert world.put("test.note", arguments={"word": "second"}, key="pool:1") == first
    assert world.put("test.note", arguments={"word": "other"}, key="pool:2") != first
    while run_next(app):
        pass
    assert (world.noted("first"), world.noted("second"), world.noted("other")) == (1, 0, 1)


def test_a_key_is_free_again_when_its_job_has_begun(app: Flask) -> None:
    first = world.put("test.note", arguments={"word": "apple"}, key="pool:1")
    run_next(app)
    assert world.put("test.note", arguments={"word": "apple"}, key="pool:1") != first


def test_a_failed_job_and_a_fresh_one_of_the_same_key_both_run(app: Flask) -> None:
    first = world.put("test.break", key="pool:1")
    run_next(app)
    assert world.stored(first).state == "waiting"
    second = world.put("test.break", key="pool:1")
    assert second != first
    run_next(app)
    world.make_due(first)
    run_next(app)
    assert (world.stored(first).attempts, world.stored(second).attempts) == (2, 1)


def test_the_sooner_time_of_a_key_counts(app: Flask) -> None:
    later = context.now_utc() + timedelta(hours=1)
    job_id = world.put("test.note", arguments={"word": "apple"}, key="pool:1", at=later)
    world.put("test.note", arguments={"word": "apple"}, key="pool:1")
    assert run_next(app)
    again = world.put("test.note", arguments={"word": "apple"}, key="pool:1")
    world.put("test.note", arguments={"word": "apple"}, key="pool:1", at=later)
    assert again != job_id
    assert run_next(app)


def test_a_waiting_job_of_the_key_does_not_start_before_its_second_cause_committed(app: Flask) -> None:
    """Else it would not see what that cause wrote, and nobody would look again."""
    world.put("test.note", arguments={"word": "apple"}, key="pool:1")
    with database.transaction() as session:
        jobs.enqueue(session, "test.note", arguments={"word": "apple"}, key="pool:1")
        seen: list[bool] = []
        thread = threading.Thread(target=lambda: seen.append(run_next(app)))
        thread.start()
        thread.join()
        assert seen == [False]
    assert run_next(app)


def test_many_workers_do_each_job_once(app: Flask) -> None:
    count = 40

    def work(session: Session) -> None:
        for number in range(count):
            jobs.enqueue(session, "test.note", arguments={"word": f"apple {number}"})

    def drain() -> None:
        while run_next(app):
            pass

    database.transact(work)
    threads = [threading.Thread(target=drain) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [world.noted(f"apple {number}") for number in range(count)] == [1] * count
