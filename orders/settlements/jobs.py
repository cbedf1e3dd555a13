"""Work that settlements do by themselves."""

from typing import Final

from sqlalchemy.orm import Session

from marketplace import jobs
from marketplace.context import Context
from marketplace.module import Job
from marketplace.points import Point, passed
from orders.settlements import releasing, settling

LAPSE: Final = "orders.lapse_settlements"
RELEASE: Final = "orders.release_retention"


def lapse(session: Session, ctx: Context) -> int:
    """One batch; a full one calls for the next at once."""
    ended = settling.lapse(session, ctx)
    passed(Point.SETTLEMENTS_LAPSED)
    if ended >= settling.BATCH:
        jobs.enqueue(session, LAPSE, key=LAPSE)
    return ended


def release(session: Session, ctx: Context) -> int:
    """The same of retention whose day has come: its cooperatives are shown what is released."""
    released = releasing.release_due(session, ctx)
    if released >= releasing.BATCH:
        jobs.enqueue(session, RELEASE, key=RELEASE)
    return released


JOBS: Final = (
    Job(name=LAPSE, run=lapse, cron="* * * * *"),
    Job(name=RELEASE, run=release, cron="10 1 * * *"),
)
