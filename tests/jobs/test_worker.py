"""Workers: failures, lost processes, the clock, the end."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from marketplace import context, database, jobs, verify
from marketplace.embedded.databases import DatabaseUrls
from marketplace.jobs import builtin, queue, worker
from marketplace.jobs.invariants import INVARIANTS
from marketplace.jobs.models import StoredJob
from marketplace.jobs.worker import Pace
from marketplace.module import Job
from tests import house
from tests.jobs import world
from tests.jobs.processes import WorkerProcess


def run_next(app: Flask) -> bool:
    return worker.run_next(app, app.extensions["jobs"]) is not None


def wait_for(what: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not what():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_what_a_failed_job_did_is_undone(app: Flask) -> None:
    job_id = world.put("test.break", arguments={"word": "apple"})
    run_next(app)
    assert world.noted("apple") == 0
    row = world.stored(job_id)
    assert (row.state, row.attempts) == ("waiting", 1)


def test_each_wait_is_twice_the_one_before_until_the_job_is_dead(app: Flask) -> None:
    job_id = world.put("test.break")
    waits = []
    for _ in range(2):
        run_next(app)
        row = world.stored(job_id)
        assert row.started_at is not None
        waits.append((row.due_at - row.started_at).total_seconds())
        assert not run_next(app)
        world.make_due(job_id)
    run_next(app)
    assert waits == [pytest.approx(10, abs=2), pytest.approx(20, abs=2)]
    row = world.stored(job_id)
    assert (row.state, row.attempts) == ("dead", 3)
    assert not run_next(app)


def test_a_problem_is_kept_without_its_secrets(app: Flask) -> None:
    job_id = world.put("test.fragile")
    run_next(app)
    problem = world.stored(job_id).problem
    assert problem == "Broken: password=*** was wrong"


def test_a_wait_never_grows_beyond_a_day() -> None:
    job = Job(name="test.patient", run=world.note, attempts_max=1_000, wait_seconds=5)
    assert [queue.wait_seconds(job, attempts) for attempts in (1, 2, 3, 900)] == [5, 10, 20, 86_400]


def test_an_argument_that_the_job_does_not_take_makes_it_fail(app: Flask) -> None:
    job_id = world.put("test.note", arguments={"colour": "red"})
    run_next(app)
    assert "TypeError" in (world.stored(job_id).problem or "")


def test_a_job_whose_connection_breaks_is_put_back(app: Flask) -> None:
    job_id = world.put("test.lose_connection")
    assert run_next(app)
    row = world.stored(job_id)
    assert (row.state, row.attempts, world.noted("lost")) == ("waiting", 1, 0)


def test_a_job_that_asks_to_exit_only_fails(app: Flask) -> None:
    job_id = world.put("test.leave")
    assert run_next(app)
    assert world.stored(job_id).problem == "SystemExit: a job ends itself, not its worker"


def test_a_job_nobody_here_knows_is_left_for_others(app: Flask) -> None:
    job_id = world.put("test.note", arguments={"word": "apple"})
    assert not worker.run_next(app, {world.TICK.name: world.TICK})
    assert world.stored(job_id).state == "waiting"


def test_a_job_of_a_killed_process_runs_again(
    app: Flask, worker_process: Callable[..., WorkerProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "GRACE_SECONDS", 0)
    process = worker_process()
    job_id = world.put("test.linger", arguments={"folder": str(process.folder), "seconds": 60})
    process.wait_until_at_work()
    worker.rescue(app, app.extensions["jobs"])
    assert world.stored(job_id).state == "running", "its worker is alive: nobody may take it away"
    process.kill()
    wait_for(lambda: worker.rescue(app, app.extensions["jobs"]) or world.stored(job_id).state == "waiting")
    assert world.noted("linger") == 0
    jobs.work(app, once=True)
    assert world.noted("linger") == 1
    assert (world.stored(job_id).state, world.stored(job_id).attempts) == ("done", 2)


def test_a_worker_told_to_stop_finishes_its_job_first(
    app: Flask, worker_process: Callable[..., WorkerProcess]
) -> None:
    process = worker_process()
    job_id = world.put("test.linger", arguments={"folder": str(process.folder), "seconds": 1})
    process.wait_until_at_work()
    left = world.put("test.note", arguments={"word": "left"}, at=context.now_utc() + timedelta(seconds=1))
    assert process.terminate() == 0, process.log.read_text()
    assert (world.stored(job_id).state, world.stored(left).state) == ("done", "waiting")


def test_a_serving_process_that_ends_finishes_its_job_first(
    app: Flask, worker_process: Callable[..., WorkerProcess]
) -> None:
    process = worker_process(way="serve")
    job_id = world.put("test.linger", arguments={"folder": str(process.folder), "seconds": 1})
    assert process.wait_for_end() == 0, process.log.read_text()
    assert world.stored(job_id).state == "done", process.log.read_text()


def test_a_job_taken_and_never_begun_is_found_after_the_grace(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = world.put("test.note", arguments={"word": "apple"})
    taken = database.transact(lambda session: queue.take(session, app.extensions["jobs"]))
    worker.rescue(app, app.extensions["jobs"])
    assert world.stored(job_id).state == "running"
    monkeypatch.setattr(queue, "GRACE_SECONDS", 0)
    worker.rescue(app, app.extensions["jobs"])
    assert world.stored(job_id).problem == "the worker was lost"
    assert taken is not None
    assert database.transact(lambda session: queue.hold(session, taken)) == (), (
        "the late worker is fenced off"
    )


def test_jobs_that_were_joined_are_all_found_and_one_of_them_taken_over_stops_the_late_worker(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_ids = [world.put("test.note_all", arguments={"words": [word]}) for word in "ab"]
    taken = database.transact(lambda session: queue.take(session, app.extensions["jobs"]))
    assert taken is not None
    assert taken.ids == tuple(job_ids)
    monkeypatch.setattr(queue, "GRACE_SECONDS", 0)
    worker.rescue(app, app.extensions["jobs"])
    assert {world.stored(each).problem for each in job_ids} == {"the worker was lost"}
    world.make_due(job_ids[0])
    again = database.transact(lambda session: queue.take(session, app.extensions["jobs"]))
    assert again is not None
    assert again.ids == (job_ids[0],), "after a failure each goes alone"
    assert database.transact(lambda session: queue.hold(session, taken)) == ()
    assert len(database.transact(lambda session: list(queue.hold(session, again)))) == 1


def test_a_job_that_joins_rests_between_its_runs(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a rush more of them come together; a lone one is run when it is seen."""
    clock = [time.monotonic()]
    monkeypatch.setattr(
        worker, "time", SimpleNamespace(monotonic=lambda: clock[0], perf_counter=time.perf_counter)
    )
    crew = worker.Worker(app, pace=Pace(look_seconds=60))
    world.put("test.note_all", arguments={"words": ["a"]})
    assert crew.run_one()
    assert world.noted("1 together") == 1
    for _ in range(5):
        world.put("test.note_all", arguments={"words": ["b"]})
    clock[0] += 59
    assert not crew.run_one(), "it rests"
    clock[0] += 2
    assert crew.run_one()
    assert (world.noted("5 together"), world.noted("b")) == (1, 5)


def test_between_two_pieces_of_work_that_rests_others_get_their_turn(app: Flask) -> None:
    crew = worker.Worker(app, pace=Pace(look_seconds=1.0, tend_seconds=60))
    threads: int = app.config["WORKER_CONCURRENCY"]
    pieces = [world.put("test.note_piece", arguments={"word": "piece"}) for _ in range(threads + 1)]
    plain = [world.put("test.note", arguments={"word": "plain"}) for _ in range(20)]
    crew.start()
    try:
        wait_for(lambda: all(world.stored(each).state == "done" for each in plain))
        assert world.noted("piece") <= threads, "one for each thread that found none of them resting"
        wait_for(lambda: all(world.stored(each).state == "done" for each in pieces))
    finally:
        crew.stop()
        crew.join()


def test_a_job_that_kills_every_worker_dies_itself(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "GRACE_SECONDS", 0)
    job_id = world.put("test.fragile")
    database.transact(lambda session: queue.take(session, app.extensions["jobs"]))
    worker.rescue(app, app.extensions["jobs"])
    assert world.stored(job_id).state == "dead"


def test_of_two_workers_one_makes_the_minute_s_job(app: Flask) -> None:
    known = {world.TICK.name: world.TICK}
    now = context.now_utc()
    threads = [
        threading.Thread(target=worker.enqueue_due_slots, args=(app, known, {}), kwargs={"now": now})
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while run_next(app):
        pass
    worker.enqueue_due_slots(app, known, {}, now=now)
    assert not run_next(app)
    assert world.noted("tick") == 1
    worker.enqueue_due_slots(app, known, {}, now=now + timedelta(minutes=1))
    assert run_next(app)


def test_a_minute_s_job_does_not_pile_up_behind_a_waiting_one(app: Flask) -> None:
    known = {world.TICK.name: world.TICK}
    now = context.now_utc()
    for minutes in range(3):
        worker.enqueue_due_slots(app, known, {}, now=now + timedelta(minutes=minutes))
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(StoredJob)) == 1


def test_a_minute_missed_for_more_than_a_day_is_not_made_up_for(app: Flask) -> None:
    yearly = Job(name="test.yearly", run=world.tick, cron="0 0 1 1 *")
    slots = worker.enqueue_due_slots(app, {yearly.name: yearly}, {}, now=datetime(2026, 7, 1, tzinfo=UTC))
    assert slots == {"test.yearly": datetime(2026, 1, 1, tzinfo=UTC)}
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(StoredJob)) == 0


@pytest.mark.parametrize(
    ("cron", "at", "slot"),
    [
        ("* * * * *", "2026-10-01T12:00:00Z", "2026-10-01T12:00:00Z"),
        ("* * * * *", "2026-10-01T12:00:59Z", "2026-10-01T12:00:00Z"),
        ("17 3 * * *", "2026-10-01T03:16:59Z", "2026-09-30T03:17:00Z"),
        ("17 3 * * *", "2026-10-01T11:17:00+08:00", "2026-10-01T03:17:00Z"),
    ],
)
def test_the_minute_of_a_schedule_is_the_last_one_in_utc(cron: str, at: str, slot: str) -> None:
    assert worker.latest_slot(cron, datetime.fromisoformat(at)) == datetime.fromisoformat(slot)


def test_work_once_does_what_is_due_and_nothing_by_the_clock(app: Flask) -> None:
    world.put("test.note", arguments={"word": "apple"})
    jobs.work(app, once=True)
    assert (world.noted("apple"), world.noted("tick")) == (1, 0)


def test_the_command_drains_the_queue(app: Flask) -> None:
    world.put("test.note", arguments={"word": "apple"})
    result = app.test_cli_runner().invoke(args=["worker", "--once"])
    assert result.exit_code == 0, result.output
    assert world.noted("apple") == 1


def test_the_serving_process_works_when_it_may(app: Flask, database_urls: DatabaseUrls) -> None:
    serving = world.build(house.settings_for(database_urls, worker_embedded=True))
    jobs.start_embedded(serving)
    first = serving.extensions["worker"]
    jobs.start_embedded(serving)
    try:
        assert serving.extensions["worker"] is first
        job_id = world.put("test.note", arguments={"word": "apple"})
        wait_for(lambda: world.stored(job_id).state == "done")
    finally:
        jobs.stop_embedded(serving)
        world.hang_up(serving)
    assert first.join(0)


def test_the_serving_process_does_not_work_when_it_may_not(app: Flask) -> None:
    jobs.start_embedded(app)
    assert "worker" not in app.extensions


def test_a_worker_outlives_a_queue_it_cannot_reach(app: Flask, database_urls: DatabaseUrls) -> None:
    away = world.build(
        house.settings_for(database_urls, database_url="postgresql+psycopg://127.0.0.1:1/none")
    )
    running = worker.Worker(away, pace=Pace(look_seconds=0.01, tend_seconds=0.01))
    running.start()
    time.sleep(0.3)
    assert not running.join(0)
    running.stop()
    assert running.join(10)


def test_the_ground_forgets_what_is_long_done(app: Flask) -> None:
    old, fresh = (world.put("test.note", arguments={"word": "apple"}) for _ in range(2))
    dead = world.put("test.fragile")
    while run_next(app):
        pass
    with database.transaction() as session:
        session.execute(
            text("UPDATE job SET finished_at = finished_at - interval '31 days' WHERE id IN (:old, :dead)"),
            {"old": old, "dead": dead},
        )
    database.transact(lambda session: builtin.forget_done(session, context.system()))
    database.transact(lambda session: builtin.forget_keys(session, context.system()))
    with database.reading() as session:
        assert set(session.scalars(select(StoredJob.id))) == {fresh, dead}


def test_the_invariants_hold_and_notice(app: Flask) -> None:
    job_id = world.put("test.fragile")
    run_next(app)
    with database.reading() as session:
        assert [finding.broken for finding in verify.check(session, INVARIANTS)] == [0, 0]
    with database.transaction() as session:
        session.execute(text("UPDATE job SET problem = NULL WHERE id = :id"), {"id": job_id})
        stuck = (
            "UPDATE job SET state = 'running', finished_at = NULL, started_at = now() - interval '2 hours'"
        )
        session.execute(text(stuck))
    with database.reading() as session:
        assert [finding.broken for finding in verify.check(session, INVARIANTS)] == [1, 0]
