"""The jobs of bank statements: a file is sifted batch by batch, and each entry that names a payment settled alone."""

import uuid
from typing import Final

from sqlalchemy.orm import Session

from marketplace.context import Context
from marketplace.jobs import enqueue
from marketplace.module import Job
from marketplace.payments.statements import matching
from marketplace.payments.statements.uploading import SIFT
from marketplace.points import Point, passed


def sift_entries(session: Session, ctx: Context, *, statement_id: str, after: str | None = None) -> None:
    """One batch; the next is a job of its own, so that each commits what it found."""
    sifted = matching.sift(
        session,
        ctx,
        statement_id=uuid.UUID(statement_id),
        after=None if after is None else uuid.UUID(after),
    )
    passed(Point.ENTRIES_SIFTED)
    for entry_id in sifted.named:
        enqueue(session, matching.SETTLE, arguments={"entry_id": str(entry_id)})
    if sifted.after is not None:
        enqueue(session, SIFT, arguments={"statement_id": statement_id, "after": str(sifted.after)})


def settle_entry(session: Session, ctx: Context, *, entry_id: str) -> None:
    matching.settle(session, ctx, entry_id=uuid.UUID(entry_id))
    passed(Point.ENTRY_SETTLED)


def wake_confirmed(session: Session, ctx: Context) -> None:
    matching.wake_confirmed(session, ctx)


JOBS: Final = (
    Job(name=SIFT, run=sift_entries),
    Job(name=matching.SETTLE, run=settle_entry),
    Job(name="payments.wake_confirmed_entries", run=wake_confirmed, cron="*/10 * * * *"),
)
