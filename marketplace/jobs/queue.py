"""The queue: put in, take out, finish, put back. Each function acts in its caller's transaction.

Times are the database's, so that workers on many machines agree on what is due.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from flask import Flask, current_app
from sqlalchemy import ColumnElement, ScalarResult, cast, delete, func, literal, select
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Session

from marketplace import audit, errors
from marketplace.context import Context
from marketplace.jobs.models import DEAD, DONE, ID_MAX, RUNNING, WAITING, StoredJob
from marketplace.language import Text
from marketplace.module import Job
from marketplace.settings import Settings

CLOCK: Final = func.statement_timestamp()
"""Stable within a statement, so that conditions on it can use an index."""
GRACE_SECONDS: Final = 15
"""Between taking a job and locking its row for the work; no longer than this."""
PROBLEM_CHARACTERS_MAX: Final = 1_000
WAIT_SECONDS_MAX: Final = 86_400
JOINED_MAX: Final = 200
JOINED_LENGTH_MAX: Final = 1_000
"""So many jobs are run as one at most, and no list grows longer by joining them."""


class JobNotFound(errors.NotFound):
    """There is no such job, or it is done and forgotten."""

    title = Text(en="There is no such job.", zh="未找到该任务。")


class JobNotDead(errors.Conflict):
    """Only a dead job can be retried; others take their course."""

    title = Text(en="Only a dead job can be retried.", zh="只有已失败的任务才能重试。")


def _in(state: str) -> ColumnElement[bool]:
    """Written out, not a parameter: a prepared statement could not use the partial indexes otherwise."""
    return StoredJob.state == literal(state, literal_execute=True)


KEY_WAITS: Final = _in(WAITING) & StoredJob.started_at.is_(None)
"""The condition of uq_job_key: a job that has begun has given its key free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A job in a worker's hands; `attempt` is also the fence against a worker believed lost.

    Several that were joined have one attempt, their first.
    """

    ids: tuple[int, ...]
    name: str
    arguments: dict[str, Any]
    attempt: int

    @property
    def id(self) -> int:
        """Of the one that was due first."""
        return self.ids[0]


def configure(app: Flask, settings: Settings, jobs: Iterable[Job]) -> None:
    """Make the jobs known to the app; starts nothing."""
    known: dict[str, Job] = {}
    for job in jobs:
        if known.setdefault(job.name, job) is not job:
            raise ValueError(f"two jobs are named {job.name!r}")
    app.extensions["jobs"] = known
    app.config["WORKER_CONCURRENCY"] = settings.worker_concurrency


def known(name: str) -> Job:
    """The job of that name; raises KeyError."""
    job: Job = current_app.extensions["jobs"][name]
    return job


def enqueue(
    session: Session,
    name: str,
    *,
    arguments: Mapping[str, Any] | None = None,
    key: str | None = None,
    at: datetime | None = None,
) -> int:
    """Put a job on the caller's transaction; answers its id. It is not seen before the caller commits.

    `arguments` are JSON values (ids as strings). `at`: not before. `key`: if a job with this key waits and has
    not begun, it is the answer, and due at the sooner of both times; it also waits for the caller's commit then,
    so that it sees what the caller wrote. Callers of one key queue up behind each other until they commit: no key
    for what many requests put in at once.
    """
    known(name)
    statement = insert(StoredJob).values(
        name=name,
        arguments=dict(arguments or {}),
        key=key,
        state=WAITING,
        due_at=at if at is not None else CLOCK,
        attempts=0,
        enqueued_at=CLOCK,
    )
    sooner = func.least(StoredJob.due_at, statement.excluded.due_at)
    merged = statement.on_conflict_do_update(
        index_elements=[StoredJob.key], index_where=KEY_WAITS, set_={"due_at": sooner}
    )
    return session.execute(merged.returning(StoredJob.id)).scalar_one()


def enqueue_slot(session: Session, *, job: Job, slot: datetime) -> bool:
    """Put in a cron job's run for the minute `slot`; False when it was there, or an earlier one still waits."""
    statement = insert(StoredJob).values(
        name=job.name,
        arguments={},
        key=f"cron:{job.name}",
        slot=slot.astimezone(UTC),
        state=WAITING,
        due_at=CLOCK,
        attempts=0,
        enqueued_at=CLOCK,
    )
    made = session.execute(statement.on_conflict_do_nothing().returning(StoredJob.id))
    return made.scalar_one_or_none() is not None


def take(session: Session, jobs: Mapping[str, Job]) -> Taken | None:
    """The longest due of these jobs, now running, and those that are run as one with it; None when nothing is due.

    Nobody waits for anybody.
    """
    first = _due(session, StoredJob.name.in_(list(jobs)), at_most=1).first()
    if first is None:
        return None
    rows, arguments = _joined(session, first, by=jobs[first.name].joined)
    now = _now(session)
    for row in rows:
        row.started_at = now
        row.state = RUNNING
        row.attempts += 1
    ids = tuple(row.id for row in rows)
    return Taken(ids=ids, name=first.name, arguments=arguments, attempt=first.attempts)


def _joined(session: Session, first: StoredJob, *, by: str | None) -> tuple[list[StoredJob], dict[str, Any]]:
    """The jobs that are run as one with the first, itself among them, and what they are given together."""
    if by is None or first.attempts or not isinstance(first.arguments.get(by), list):
        return [first], first.arguments
    rest = {name: value for name, value in first.arguments.items() if name != by}
    alike = _due(
        session,
        StoredJob.name == first.name,
        StoredJob.id != first.id,
        StoredJob.attempts == 0,
        StoredJob.arguments.op("-")(by) == cast(rest, JSONB),
        func.jsonb_typeof(StoredJob.arguments[by]) == "array",
        at_most=JOINED_MAX - 1,
    )
    rows, together = [first], list(first.arguments[by])
    for row in alike:
        if len(together) + len(row.arguments[by]) > JOINED_LENGTH_MAX:
            break
        rows.append(row)
        together += row.arguments[by]
    return rows, {**rest, by: together}


def _due(session: Session, *which: ColumnElement[bool], at_most: int) -> ScalarResult[StoredJob]:
    return session.scalars(
        select(StoredJob)
        .where(_in(WAITING), StoredJob.due_at <= CLOCK, *which)
        .order_by(StoredJob.due_at, StoredJob.id)
        .limit(at_most)
        .with_for_update(skip_locked=True)
    )


def hold(session: Session, taken: Taken) -> Sequence[StoredJob]:
    """The taken jobs' rows, locked until the end of the transaction; none when somebody else has one of them by now."""
    rows = session.scalars(
        select(StoredJob)
        .where(StoredJob.id.in_(taken.ids), _in(RUNNING), StoredJob.attempts == taken.attempt)
        .order_by(StoredJob.id)
        .with_for_update()
    ).all()
    return rows if len(rows) == len(taken.ids) else ()


def finish(session: Session, rows: Iterable[StoredJob]) -> None:
    """Mark held jobs as done, in the transaction of their work."""
    now = _now(session)
    for row in rows:
        row.finished_at = now
        row.state = DONE
        row.problem = None


def put_back(session: Session, row: StoredJob, *, job: Job, problem: str) -> str:
    """After a failed attempt of a held job: wait twice as long as before, or be dead. Answers the new state."""
    now = _now(session)
    row.problem = problem[:PROBLEM_CHARACTERS_MAX]
    if row.attempts >= job.attempts_max:
        row.state, row.finished_at = DEAD, now
    else:
        row.state, row.due_at = WAITING, now + timedelta(seconds=wait_seconds(job, row.attempts))
    return row.state


def wait_seconds(job: Job, attempts: int) -> int:
    """How long to wait after so many failed attempts."""
    return int(min(job.wait_seconds * 2 ** min(attempts - 1, 32), WAIT_SECONDS_MAX))


def rescue(session: Session, jobs: Mapping[str, Job]) -> list[tuple[int, str]]:
    """Put back the running jobs whose worker is gone (nobody has the row locked); ids and new states."""
    lost = session.scalars(
        select(StoredJob)
        .where(
            _in(RUNNING),
            StoredJob.started_at < CLOCK - timedelta(seconds=GRACE_SECONDS),
            StoredJob.name.in_(list(jobs)),
        )
        .order_by(StoredJob.id)
        .limit(100)
        .with_for_update(skip_locked=True)
    )
    return [
        (row.id, put_back(session, row, job=jobs[row.name], problem="the worker was lost"))
        for row in list(lost)
    ]


def _now(session: Session) -> datetime:
    now: datetime = session.execute(select(CLOCK)).scalar_one()
    return now


def get(session: Session, *, job_id: int) -> StoredJob:
    """Raises JobNotFound."""
    row = session.get(StoredJob, job_id) if job_id <= ID_MAX else None
    if row is None:
        raise JobNotFound
    return row


def read_page(
    session: Session, *, state: str | None, limit: int, cursor: int | None
) -> tuple[list[StoredJob], int | None]:
    """Jobs from the newest to the oldest, and the cursor of the next page."""
    statement = select(StoredJob)
    if state is not None:
        statement = statement.where(_in(state))
    if cursor is not None:
        statement = statement.where(StoredJob.id < cursor)
    rows = list(session.scalars(statement.order_by(StoredJob.id.desc()).limit(limit + 1)))
    return rows[:limit], rows[limit - 1].id if len(rows) > limit else None


def retry(session: Session, ctx: Context, *, job_id: int) -> StoredJob:
    """Let a dead job begin anew, with all its attempts. Raises JobNotFound, JobNotDead."""
    row = session.get(StoredJob, job_id, with_for_update=True) if job_id <= ID_MAX else None
    if row is None:
        raise JobNotFound
    if row.state != DEAD:
        raise JobNotDead(state=row.state)
    before = {"state": row.state, "attempts": row.attempts, "problem": row.problem}
    row.due_at = _now(session)
    row.state, row.attempts, row.finished_at = WAITING, 0, None
    audit.record(
        session,
        ctx,
        "job.retry",
        subject=("job", row.id),
        before=before,
        after={"state": row.state, "attempts": row.attempts},
    )
    return row


def forget_done(session: Session, ctx: Context, *, days: int) -> int:
    """Delete what has been done for so many days; how many. Dead jobs stay until they are retried."""
    gone = session.execute(
        delete(StoredJob).where(_in(DONE), StoredJob.finished_at < ctx.now - timedelta(days=days))
    )
    return int(getattr(gone, "rowcount", 0))
