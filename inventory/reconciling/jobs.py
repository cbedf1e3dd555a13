"""The nightly reconciliation: a job that starts it, and one for each batch, put in by the one before it."""

import uuid
from typing import Final

from sqlalchemy.orm import Session

from inventory.reconciling import reconciliations
from inventory.reconciling.rules import Phase
from marketplace import jobs
from marketplace.context import Context
from marketplace.module import Job

RECONCILE: Final = "inventory.reconcile"
RECONCILE_BATCH: Final = "inventory.reconcile_batch"


def reconcile(session: Session, ctx: Context) -> None:
    run = reconciliations.start(session, ctx)
    jobs.enqueue(session, RECONCILE_BATCH, arguments={"reconciliation_id": str(run.id)})


def reconcile_batch(session: Session, ctx: Context, *, reconciliation_id: str) -> None:
    run = reconciliations.step(session, ctx, reconciliation_id=uuid.UUID(reconciliation_id))
    if run.phase != Phase.DONE:
        jobs.enqueue(session, RECONCILE_BATCH, arguments={"reconciliation_id": reconciliation_id})


JOBS: Final = (
    Job(name=RECONCILE, run=reconcile, cron="17 3 * * *"),
    Job(name=RECONCILE_BATCH, run=reconcile_batch),
)
