"""Jobs of traces: checkpoints, and telling them elsewhere."""

import uuid
from typing import Final

from sqlalchemy.orm import Session

from inventory.traces import checkpointing
from marketplace.context import Context
from marketplace.module import Job


def sign(session: Session, ctx: Context) -> None:
    checkpointing.sign_all(session, ctx)


def publish(session: Session, ctx: Context, *, county_id: str, length: int) -> None:
    checkpointing.publish(session, ctx, county_id=uuid.UUID(county_id), length=length)


JOBS: Final = (
    Job(name="inventory.trace_checkpoints", run=sign, cron="*/10 * * * *"),
    Job(name=checkpointing.PUBLISH, run=publish),
)
