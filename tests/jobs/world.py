"""Jobs made for the tests, and an app that knows them; also a worker process of its own (`python -m`)."""

import os
import sys
import time
from pathlib import Path

from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from marketplace import audit, context, database, jobs
from marketplace.app import create_app
from marketplace.audit import AuditEntry
from marketplace.context import Context
from marketplace.ground import module as ground
from marketplace.jobs.models import StoredJob
from marketplace.module import Job, Module
from marketplace.settings import Settings


class Broken(Exception):
    """What a job of the tests fails with."""


def note(session: Session, ctx: Context, *, word: str) -> None:
    audit.record(session, ctx, "test.note", subject=("test", word))


def note_all(session: Session, ctx: Context, *, words: list[str], also: str = "") -> None:
    """Each of the words, and in one more note how many they were; a bad one breaks them all."""
    for word in words:
        note(session, ctx, word=word)
    note(session, ctx, word=f"{len(words)} together{also}")
    if "bad" in words:
        session.flush()
        raise Broken("a bad one")


def note_and_break(session: Session, ctx: Context, *, word: str = "broken") -> None:
    note(session, ctx, word=word)
    session.flush()
    raise Broken("password=hunter2 was wrong")


def linger(session: Session, ctx: Context, *, folder: str, seconds: int) -> None:
    """Tell that the work has begun, then take long, but only the first time."""
    note(session, ctx, word="linger")
    session.flush()
    began = Path(folder) / "began"
    if not began.exists():
        began.touch()
        time.sleep(seconds)


def lose_connection(session: Session, ctx: Context) -> None:
    note(session, ctx, word="lost")
    session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))


def leave(session: Session, ctx: Context) -> None:
    sys.exit("a job ends itself, not its worker")


def tick(session: Session, ctx: Context) -> None:
    note(session, ctx, word="tick")


TICK = Job(name="test.tick", run=tick, cron="* * * * *")
JOBS = (
    Job(name="test.note", run=note),
    Job(name="test.note_all", run=note_all, attempts_max=2, wait_seconds=10, joined="words"),
    Job(name="test.note_piece", run=note, rest_ms=1_000),
    Job(name="test.break", run=note_and_break, attempts_max=3, wait_seconds=10),
    Job(name="test.fragile", run=note_and_break, attempts_max=1),
    Job(name="test.linger", run=linger, wait_seconds=0),
    Job(name="test.lose_connection", run=lose_connection),
    Job(name="test.leave", run=leave, attempts_max=1),
    TICK,
)


def build(settings: Settings) -> Flask:
    return create_app(settings, [ground, Module(name="test", jobs=JOBS)])


def hang_up(app: Flask) -> None:
    """Close the app's connections."""
    with app.app_context():
        database.db.engine.dispose()


def put(name: str, **options: object) -> int:
    """Enqueue in a transaction of its own."""
    return database.transact(lambda session: jobs.enqueue(session, name, **options))  # type: ignore[arg-type]


def stored(job_id: int) -> StoredJob:
    with database.reading() as session:
        row = session.get(StoredJob, job_id)
        assert row is not None
        session.expunge(row)
        return row


def noted(word: str) -> int:
    """How often a job has noted the word, for good."""
    with database.reading() as session:
        wanted = select(func.count()).where(AuditEntry.action == "test.note", AuditEntry.subject_id == word)
        return session.scalar(wanted) or 0


def make_due(job_id: int) -> None:
    """As if the wait were over."""

    def work(session: Session) -> None:
        row = session.get(StoredJob, job_id)
        assert row is not None
        row.due_at = context.now_utc()

    database.transact(work)


def serve_until_at_work(folder: Path) -> None:
    """A serving process that ends while its own worker is in the middle of a job."""
    jobs.start_embedded(build(Settings.from_env(os.environ)))
    while not (folder / "began").exists():
        time.sleep(0.02)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve_until_at_work(Path(sys.argv[2]))
    else:
        jobs.work(build(Settings.from_env(os.environ)))
