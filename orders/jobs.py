"""Work that orders do by themselves."""

from typing import Final

from flask import current_app
from sqlalchemy.orm import Session

from marketplace import jobs
from marketplace.context import Context
from marketplace.module import Job
from marketplace.settings import Settings
from orders import answers, checkout

EXPIRE_UNPAID: Final = "orders.expire_unpaid"
PATIENCE: Final = 2
"""An order waits this many times as long for its payer's word as a hold waits for its order."""


def expire_unpaid(session: Session, ctx: Context) -> int:
    """One batch; a full one calls for the next at once."""
    settings: Settings = current_app.config["SETTINGS"]
    ended = checkout.expire_unpaid(
        session, ctx, minutes=PATIENCE * settings.hold_minutes, batch=checkout.BATCH
    )
    if ended >= checkout.BATCH:
        jobs.enqueue(session, EXPIRE_UNPAID, key=EXPIRE_UNPAID)
    return ended


JOBS: Final = (
    Job(name=EXPIRE_UNPAID, run=expire_unpaid, cron="* * * * *"),
    Job(name="orders.lapse_shares", run=answers.lapse_due, cron="* * * * *"),
)
