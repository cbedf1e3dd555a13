"""The ground's own jobs: forgetting."""

from typing import Final

from flask import current_app
from sqlalchemy.orm import Session

from marketplace import idempotency, two_steps
from marketplace.context import Context
from marketplace.jobs import queue
from marketplace.module import Job

DONE_DAYS: Final = 30


def forget_keys(session: Session, ctx: Context) -> None:
    idempotency.forget_old(session, ctx, days=current_app.config["SETTINGS"].idempotency_days)
    two_steps.forget_old(session, ctx)


def forget_done(session: Session, ctx: Context) -> None:
    queue.forget_done(session, ctx, days=DONE_DAYS)


JOBS: Final = (
    Job(name="idempotency.forget_old", run=forget_keys, cron="17 3 * * *"),
    Job(name="jobs.forget_done", run=forget_done, cron="47 3 * * *"),
)
