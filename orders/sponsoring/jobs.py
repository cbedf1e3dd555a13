"""Work that sponsorships do by themselves."""

from typing import Final

from sqlalchemy.orm import Session

from marketplace import jobs
from marketplace.context import Context
from marketplace.module import Job
from orders.sponsoring import drawing

EXPIRE_DRAWS: Final = "sponsoring.expire_draws"


def expire_draws(session: Session, ctx: Context) -> int:
    """One batch; a full one calls for the next at once."""
    ended = drawing.expire_due(session, ctx)
    if ended >= drawing.BATCH:
        jobs.enqueue(session, EXPIRE_DRAWS, key=EXPIRE_DRAWS)
    return ended


JOBS: Final = (Job(name=EXPIRE_DRAWS, run=expire_draws, cron="* * * * *"),)
