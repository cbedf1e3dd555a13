"""Lots whose best-before day is over, while fruit of them is still there: told once of each, by night.

Nothing else changes: what keeps too short is not offered any more long before (`stock_rules`).
"""

from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.events import LotExpired
from inventory.models import Lot
from marketplace import audit, events, jobs
from marketplace.context import Context
from marketplace.module import Job

TELL_EXPIRED: Final = "inventory.tell_expired"
TOLD: Final = 200
"""Lots in one unit of work: whoever works on one of them waits for it."""


def tell(session: Session, ctx: Context) -> int:
    """A batch of them, how many; lots that somebody works on are told of the next night."""
    found = session.scalars(
        select(Lot)
        .where(Lot.best_before_on < ctx.today, Lot.expired_at.is_(None), Lot.on_hand_grams > 0)
        .order_by(Lot.best_before_on, Lot.id)
        .limit(TOLD)
        .with_for_update(key_share=True, skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
    for lot in found:
        lot.expired_at = ctx.now
        after = {"best_before_on": lot.best_before_on.isoformat(), "on_hand_grams": lot.on_hand_grams}
        audit.record(session, ctx, "lot.expire", subject=("lot", lot.id), after=after)
        events.publish(session, ctx, LotExpired(lot=lot))
    return len(found)


def tell_expired(session: Session, ctx: Context) -> int:
    """A full batch calls for the next."""
    done = tell(session, ctx)
    if done >= TOLD:
        jobs.enqueue(session, TELL_EXPIRED, key=TELL_EXPIRED)
    return done


JOBS: Final = (Job(name=TELL_EXPIRED, run=tell_expired, cron="40 0 * * *"),)
