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
    return worker.run_next(app, app.extensions["jobs"]) is not None


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


def test_jobs_that_join_are_run_as_one(app: Flask) -> None:
    job_ids = [world.put("test.note_all", arguments={"words": words}) for words in (["a", "b"], ["c"], ["d"])]
    later = world.put("test.note_all", arguments={"words": ["e"]}, at=context.now_utc() + timedelta(hours=1))
    assert run_next(app)
    assert {world.stored(each).state for each in job_ids} == {"done"}
    assert world.stored(later).state == "waiting", "it is not due"
    assert [world.noted(word) for word in "abcde"] == [1, 1, 1, 1, 0]
    assert world.noted("4 together") == 1
    assert not run_next(app)


def test_only_jobs_that_are_alike_in_everything_else_join(app: Flask) -> None:
    world.put("test.note_all", arguments={"words": ["a"], "also": " here"})
    world.put("test.note_all", arguments={"words": ["b"], "also": " there"})
    world.put("test.note_all", arguments={"words": ["c"]})
    world.put("test.note_all", arguments={"words": ["d"], "also": " here"})
    while run_next(app):
        pass
    told = ("2 together here", "1 together there", "1 together")
    assert [world.noted(each) for each in told] == [1, 1, 1]


def test_no_list_grows_beyond_its_length(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "JOINED_LENGTH_MAX", 4)
    for words in (["a"] * 3, ["a"], ["a"], ["a"] * 7):
        world.put("test.note_all", arguments={"words": words})
    while run_next(app):
        pass
    assert [world.noted(f"{length} together") for length in (4, 1, 7)] == [1, 1, 1]
    assert world.noted("a") == 12


def test_after_a_failure_each_is_tried_alone_and_the_good_ones_are_done(app: Flask) -> None:
    good, bad, other = (world.put("test.note_all", arguments={"words": [each]}) for each in ("a", "bad", "c"))
    run_next(app)
    assert [world.stored(each).state for each in (good, bad, other)] == ["waiting"] * 3
    assert (world.noted("a"), world.noted("3 together")) == (0, 0), "all of it is undone"
    for each in (good, bad, other):
        assert world.stored(each).attempts == 1
        world.make_due(each)
    while run_next(app):
        pass
    assert [world.stored(each).state for each in (good, bad, other)] == ["done", "dead", "done"]
    assert (world.noted("a"), world.noted("c"), world.noted("1 together")) == (1, 1, 2)


def test_a_list_that_is_none_joins_nobody_and_fails_alone(app: Flask) -> None:
    wrong = [world.put("test.note_all", arguments={"words": each}) for each in (None, 7)]
    missing = world.put("test.note_all")
    good = world.put("test.note_all", arguments={"words": ["a"]})
    while run_next(app):
        pass
    assert world.stored(good).state == "done"
    assert {world.stored(each).state for each in (*wrong, missing)} == {"waiting"}
    assert {world.stored(each).attempts for each in (*wrong, missing)} == {1}
