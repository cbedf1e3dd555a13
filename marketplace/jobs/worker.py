"""Workers: threads that take what is due and do it, each job in one transaction with its own completion.

A job that raises is put back with a doubled wait; one whose process was killed is found by its unlocked row.
"""

import atexit
import contextlib
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from types import FrameType
from typing import Final

from croniter import croniter  # type: ignore[import-untyped]
from flask import Flask, g
from sqlalchemy.orm import Session

from marketplace import context, database, metrics
from marketplace.jobs import queue
from marketplace.jobs.models import DEAD
from marketplace.jobs.queue import Taken
from marketplace.logs import clean_text, log
from marketplace.module import Job
from marketplace.points import Point, passed

PAUSE_SECONDS_MAX: Final = 30.0
STOP_SECONDS_MAX: Final = 20.0
"""How long the end of the serving process waits for a running job; a job cut off is undone and run again."""
SLOT_AGE_MAX: Final = timedelta(days=1)
"""A cron minute missed while no worker ran is made up for when it is not older."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often a worker looks for due jobs, and for lost jobs and due cron minutes."""

    look_seconds: float = 1.0
    tend_seconds: float = 5.0


class Worker:
    """`concurrency` threads that work, and one that tends: puts in cron jobs, rescues lost ones."""

    def __init__(self, app: Flask, *, pace: Pace | None = None) -> None:
        self._app = app
        self._pace = pace or Pace()
        self._jobs: dict[str, Job] = app.extensions["jobs"]
        self._stopping = threading.Event()
        self._slots: dict[str, datetime] = {}
        self._rested: dict[str, float] = {}
        """Jobs that join others, or rest, and when they may run again: meanwhile more of the former come together."""
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        concurrency: int = self._app.config["WORKER_CONCURRENCY"]
        names = ["jobs-tend", *(f"jobs-{number}" for number in range(1, concurrency + 1))]
        for name in names:
            target = self._tend if name == "jobs-tend" else self._work
            thread = threading.Thread(target=target, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Take no further job. Safe in a signal handler and from any thread."""
        self._stopping.set()

    def join(self, seconds: float | None = None) -> bool:
        """Wait until the running jobs are finished; whether they are."""
        until = None if seconds is None else time.monotonic() + seconds
        for thread in self._threads:
            thread.join(None if until is None else max(0.0, until - time.monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    def wait(self) -> None:
        """Until `stop`; wakes up now and then so that signals are heard."""
        while not self._stopping.wait(0.5):
            pass

    def run_one(self) -> bool:
        """Do one due job of those that are not resting; whether there was one."""
        now = time.monotonic()
        awake = {name: job for name, job in self._jobs.items() if self._rested.get(name, now) <= now}
        done = run_next(self._app, awake)
        if done is not None:
            rest = done.rest_ms / 1_000 if done.joined is None else self._pace.look_seconds
            self._rested[done.name] = time.monotonic() + rest
        return done is not None

    def _work(self) -> None:
        self._repeat(self.run_one, self._until_look)

    def _until_look(self) -> float:
        """How long a thread that has found nothing waits: not longer than until a job has rested."""
        now = time.monotonic()
        resting = [until - now for until in list(self._rested.values()) if until > now]
        return min([self._pace.look_seconds, *resting])

    def _tend(self) -> None:
        self._repeat(self._tend_once, lambda: self._pace.tend_seconds)

    def _tend_once(self) -> bool:
        rescue(self._app, self._jobs)
        self._slots.update(enqueue_due_slots(self._app, self._jobs, self._slots))
        return False

    def _repeat(self, step: Callable[[], bool], wait: Callable[[], float]) -> None:
        """Take `step` until stopping: at once again after True, else after `wait`, longer while it fails."""
        failures = 0
        while not self._stopping.is_set():
            try:
                again = step()
                failures = 0
            except Exception as problem:  # noqa: BLE001 (a worker outlives its database)
                again = False
                failures += 1
                log.warning(
                    "the job queue cannot be reached", problem=type(problem).__name__, detail=str(problem)
                )
            if not again:
                seconds = wait()
                pause = min(seconds * 2 ** min(failures, 10), max(seconds, PAUSE_SECONDS_MAX))
                self._stopping.wait(pause * random.uniform(0.8, 1.2))  # noqa: S311 (jitter, not a secret)


def run_next(app: Flask, jobs: Mapping[str, Job]) -> Job | None:
    """Take one due job of these and do it; None when nothing was due."""
    with app.app_context():
        taken = database.transact(lambda session: queue.take(session, jobs))
    if taken is None:
        return None
    passed(Point.JOB_TAKEN)
    job = jobs[taken.name]
    _run(app, job, taken)
    return job


def rescue(app: Flask, jobs: Mapping[str, Job]) -> None:
    """Put lost jobs back into the queue."""
    with app.app_context():
        for job_id, state in database.transact(lambda session: queue.rescue(session, jobs)):
            log.warning("job lost its worker", job=job_id, state=state)


def enqueue_due_slots(
    app: Flask, jobs: Mapping[str, Job], before: Mapping[str, datetime], *, now: datetime | None = None
) -> dict[str, datetime]:
    """Put in every cron job whose latest minute is not among those seen `before`; answers the latest minutes.

    Of the workers that try, the first makes the job: the pair of name and minute is unique.
    """
    at = now or context.now_utc()
    slots = {job.name: latest_slot(job.cron, at) for job in jobs.values() if job.cron}
    due = {
        name: slot for name, slot in slots.items() if before.get(name) != slot and at - slot <= SLOT_AGE_MAX
    }
    for name, slot in due.items():
        with app.app_context():
            database.transact(partial(queue.enqueue_slot, job=jobs[name], slot=slot))
    return slots


def latest_slot(cron: str, at: datetime) -> datetime:
    """The last minute up to `at` that the five fields name, in UTC."""
    after = at.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
    found: datetime = croniter(cron, after).get_prev(datetime)
    return found


def _run(app: Flask, job: Job, taken: Taken) -> None:
    started = time.perf_counter()
    with app.app_context():
        ctx = context.system(f"job-{taken.id}-{taken.attempt}")
        g.request_id = ctx.request_id

        def work(session: Session) -> bool:
            rows = queue.hold(session, taken)
            if not rows:
                return False
            job.run(session, ctx, **taken.arguments)
            passed(Point.JOB_WORKED)
            queue.finish(session, rows)
            return True

        try:
            outcome = "done" if database.transact(work) else "taken over"
            passed(Point.JOB_DONE)
        except (Exception, SystemExit) as problem:  # noqa: BLE001 (whatever a job raises is its failed attempt)
            outcome = _put_back(job, taken, problem)
        seconds = time.perf_counter() - started
        metrics.observe_job(job.name, outcome, seconds)
        log.info(
            "job",
            name=job.name,
            job=taken.id,
            joined=len(taken.ids),
            outcome=outcome,
            milliseconds=round(seconds * 1_000, 1),
        )


def _put_back(job: Job, taken: Taken, problem: BaseException) -> str:
    """A new transaction for the failed attempt; without a database the job is found by `rescue` later."""
    says = clean_text(f"{type(problem).__name__}: {problem}")

    def work(session: Session) -> str:
        states = [queue.put_back(session, row, job=job, problem=says) for row in queue.hold(session, taken)]
        return states[0] if states else "taken over"

    outcome = database.transact(work)
    report = log.error if outcome == DEAD else log.warning
    report(
        "job failed", name=job.name, job=taken.id, attempt=taken.attempt, outcome=outcome, exc_info=problem
    )
    return outcome


def work(app: Flask, *, once: bool = False, pace: Pace | None = None) -> None:
    """Work in the foreground: until SIGTERM or SIGINT, or with `once` until nothing is due (no cron then)."""
    plain = _plain(app)
    if once:
        while run_next(plain, plain.extensions["jobs"]):
            pass
        return
    worker = Worker(plain, pace=pace)
    with _stopped_by_signals(worker):
        worker.start()
        worker.wait()
        worker.join()
    close(plain)


def start_embedded(app: Flask) -> None:
    """Start the serving process's own worker, once; it is stopped at the process's end."""
    plain = _plain(app)
    if not plain.config["SETTINGS"].worker_embedded:
        return
    with _starting:
        if "worker" not in plain.extensions:
            worker = Worker(plain)
            plain.extensions["worker"] = worker
            atexit.register(stop_embedded, plain)
            worker.start()


def stop_embedded(app: Flask) -> None:
    """Take no further job and wait a little for the running ones."""
    worker: Worker | None = _plain(app).extensions.get("worker")
    if worker is not None:
        worker.stop()
        worker.join(STOP_SECONDS_MAX)
        close(_plain(app))


def close(app: Flask) -> None:
    """What the modules do at the end of a process that works; what fails is logged, and found by the next one."""
    for module in app.extensions["modules"]:
        for closing in module.closings:
            with app.app_context():
                ctx = context.system("closing")
                try:
                    database.transact(partial(closing, ctx=ctx))
                except Exception:  # noqa: BLE001 (the process ends whatever happens)
                    log.warning("a closing step was not done", module=module.name, exc_info=True)


_starting: Final = threading.Lock()


def _plain(app: Flask) -> Flask:
    """The app itself where `current_app` was handed over: threads of ours have no current app."""
    return getattr(app, "_get_current_object", lambda: app)()


@contextlib.contextmanager
def _stopped_by_signals(worker: Worker) -> Iterator[None]:
    """SIGTERM and SIGINT stop the worker, when this is the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        worker.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
