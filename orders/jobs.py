"""Work that orders do by themselves."""

import uuid
from typing import Final

from flask import current_app
from sqlalchemy.orm import Session

from marketplace import jobs
from marketplace.context import Context
from marketplace.module import Job
from marketplace.settings import Settings
from orders import answers, balances, checkout

EXPIRE_UNPAID: Final = "orders.expire_unpaid"
REMIND_BALANCES: Final = "orders.remind_balances"
LAPSE_ORDER: Final = "orders.lapse_order"
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


def lapse_shares(session: Session, ctx: Context) -> None:
    """Each silent order is a job of its own: locks of two orders never meet, and none waits for another's fault."""
    for order_id in answers.silent(session, ctx):
        jobs.enqueue(
            session, LAPSE_ORDER, arguments={"order_id": str(order_id)}, key=f"{LAPSE_ORDER}:{order_id}"
        )


def lapse_order(session: Session, ctx: Context, *, order_id: str) -> None:
    answers.lapse(session, ctx, order_id=uuid.UUID(order_id))


def remind_balances(session: Session, ctx: Context) -> None:
    """One batch; a full one calls for the next at once."""
    if balances.remind(session, ctx) >= balances.REMINDERS_MAX:
        jobs.enqueue(session, REMIND_BALANCES, key=REMIND_BALANCES)


JOBS: Final = (
    Job(name=REMIND_BALANCES, run=remind_balances, cron="* * * * *"),
    Job(name=EXPIRE_UNPAID, run=expire_unpaid, cron="* * * * *"),
    Job(name="orders.lapse_shares", run=lapse_shares, cron="* * * * *"),
    Job(name=LAPSE_ORDER, run=lapse_order),
)
