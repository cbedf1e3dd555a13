"""Work that inventory does by itself."""

import uuid
from typing import Final

from sqlalchemy.orm import Session

from inventory import bell, holds, waitlist
from marketplace import jobs
from marketplace.context import Context
from marketplace.module import Job

EXPIRE_HOLDS: Final = "inventory.expire_holds"
SWEPT: Final = 50
"""How many lapsed holds the job writes down at once: live holds of their pool wait for it."""


def expire_holds(session: Session, ctx: Context) -> int:
    """One batch; a full one calls for the next, so that a rush does not wait for the minute.

    Between two batches it rests: boxes of lapsed holds are free anyhow, and whoever needs them writes them down.
    """
    done = holds.expire_due(session, ctx, batch=SWEPT)
    if done >= SWEPT:
        jobs.enqueue(session, EXPIRE_HOLDS, key=EXPIRE_HOLDS)
    return done


def offer_freed(session: Session, ctx: Context, *, pool_id: str) -> int:
    return waitlist.serve(session, ctx, pool_id=uuid.UUID(pool_id))


JOBS: Final = (
    Job(name=EXPIRE_HOLDS, run=expire_holds, cron="* * * * *", rest_ms=100),
    Job(name=bell.OFFER_FREED, run=offer_freed),
)
