"""Reconciliation of all lots and pools, batch by batch: each step is a short unit of work and takes no stock's lock.

A run goes on where its row says, so a worker that dies in the middle loses nothing and counts nothing twice.
"""

import uuid
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from inventory import cases
from inventory.cases import CaseKind
from inventory.reconciling import facts
from inventory.reconciling.facts import LotFacts, PoolFacts
from inventory.reconciling.models import Reconciliation, ReconciliationFinding
from inventory.reconciling.rules import Difference, Phase
from marketplace import audit, errors
from marketplace.context import Context
from marketplace.language import Text
from marketplace.values import new_id

LOTS_BATCH: Final = 500
POOLS_BATCH: Final = 20
"""A pool may have very many holds."""


class ReconciliationNotFound(errors.NotFound):
    title = Text(en="There is no such reconciliation.", zh="没有该对账记录。")


class FindingNotFound(errors.NotFound):
    title = Text(en="The reconciliation has no such finding.", zh="该对账没有此项差异。")


def start(session: Session, ctx: Context) -> Reconciliation:
    run = Reconciliation(
        id=new_id(),
        started_at=_clock(session),
        phase=Phase.LOTS,
        lots_checked=0,
        pools_checked=0,
        differences=0,
        actor=ctx.actor.label,
    )
    session.add(run)
    session.flush()
    audit.record(session, ctx, "reconciliation.start", subject=("reconciliation", run.id))
    return run


def step(
    session: Session,
    ctx: Context,
    *,
    reconciliation_id: uuid.UUID,
    lots_batch: int = LOTS_BATCH,
    pools_batch: int = POOLS_BATCH,
) -> Reconciliation:
    """Look at the next batch; a run that is done stays so. Raises ReconciliationNotFound."""
    run = session.scalar(
        select(Reconciliation)
        .where(Reconciliation.id == reconciliation_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if run is None:
        raise ReconciliationNotFound
    if run.phase == Phase.LOTS:
        _look_at_lots(session, ctx, run, lots_batch)
    elif run.phase == Phase.POOLS:
        _look_at_pools(session, ctx, run, pools_batch)
    session.flush()
    return run


def get(session: Session, *, reconciliation_id: uuid.UUID) -> Reconciliation:
    """Raises ReconciliationNotFound."""
    found = session.get(Reconciliation, reconciliation_id)
    if found is None:
        raise ReconciliationNotFound
    return found


def findings(reconciliation_id: uuid.UUID) -> Select[ReconciliationFinding]:
    return select(ReconciliationFinding).where(ReconciliationFinding.reconciliation_id == reconciliation_id)


def _look_at_lots(session: Session, ctx: Context, run: Reconciliation, batch: int) -> None:
    found = facts.lots_after(session, run.cursor, batch=batch)
    run.lots_checked += len(found)
    for lot in found:
        if lot.differences:
            _write_down(session, ctx, run, ("lot", lot.lot_id), lot.differences, lot.cooperative_id)
    _go_on(run, found, batch, last=found[-1].lot_id if found else None, then=Phase.POOLS)


def _look_at_pools(session: Session, ctx: Context, run: Reconciliation, batch: int) -> None:
    found = facts.pools_after(session, run.cursor, batch=batch)
    run.pools_checked += len(found)
    for pool in found:
        if pool.differences:
            _write_down(session, ctx, run, ("pool", pool.pool_id), pool.differences, None)
    now = _clock(session)
    _go_on(run, found, batch, last=found[-1].pool_id if found else None, then=Phase.DONE)
    if run.phase == Phase.DONE:
        run.finished_at = now
        run.seconds = -((run.started_at - now) // timedelta(seconds=1))
        after = {
            "lots_checked": run.lots_checked,
            "pools_checked": run.pools_checked,
            "differences": run.differences,
        }
        audit.record(session, ctx, "reconciliation.finish", subject=("reconciliation", run.id), after=after)


def _go_on(
    run: Reconciliation,
    found: Sequence[LotFacts | PoolFacts],
    batch: int,
    *,
    last: uuid.UUID | None,
    then: Phase,
) -> None:
    is_over = len(found) < batch
    run.cursor = None if is_over else last
    if is_over:
        run.phase = then


def _write_down(
    session: Session,
    ctx: Context,
    run: Reconciliation,
    subject: tuple[str, uuid.UUID],
    differences: list[Difference],
    cooperative_id: uuid.UUID | None,
) -> None:
    """A finding, and the case in which a person settles it."""
    run.differences += 1
    told: list[dict[str, Any]] = [{**asdict(each), "source": str(each.source)} for each in differences]
    case = cases.open_case(
        session,
        ctx,
        kind=CaseKind.RECONCILIATION,
        subject=subject,
        facts={"reconciliation_id": str(run.id), "finding": run.differences, "differences": told},
        cooperative_id=cooperative_id,
    )
    session.add(
        ReconciliationFinding(
            id=new_id(),
            reconciliation_id=run.id,
            number=run.differences,
            subject_kind=subject[0],
            subject_id=subject[1],
            differences=told,
            case_id=case.id,
            at=ctx.now,
        )
    )


def _clock(session: Session) -> datetime:
    now: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    return now
