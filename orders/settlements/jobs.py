"""Work that settlements do by themselves."""

from typing import Final

from sqlalchemy.orm import Session

from marketplace import jobs
from marketplace.context import Context
from marketplace.module import Job
from marketplace.points import Point, passed
from orders.settlements import settling

LAPSE: Final = "orders.lapse_settlements"


def lapse(session: Session, ctx: Context) -> int:
    """One batch; a full one calls for the next at once."""
    ended = settling.lapse(session, ctx)
    passed(Point.SETTLEMENTS_LAPSED)
    if ended >= settling.BATCH:
        jobs.enqueue(session, LAPSE, key=LAPSE)
    return ended


JOBS: Final = (Job(name=LAPSE, run=lapse, cron="* * * * *"),)
