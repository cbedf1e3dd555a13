"""Repair of a drifted counter: set to the fold of its journal, by a line of that journal and never without one.

The lot or pool is locked, its journal and holds are folded anew, and the counters become what the journal says. It
then gets a `reconciled` line that moves nothing and states the counters as they are now; what they were before
stands in the repair's row and in the audit trail.
"""

import uuid
from dataclasses import asdict, dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory import buckets, cases
from inventory.cases import CaseKind
from inventory.gate import keeping
from inventory.models import Lot, Movement, Pool
from inventory.reconciling import facts, reconciliations, rules
from inventory.reconciling.models import ReconciliationFinding, ReconciliationRepair
from inventory.reconciling.rules import Difference
from inventory.states import MovementKind, PoolMovementKind
from marketplace import audit, errors
from marketplace.access import Role
from marketplace.context import Context
from marketplace.language import Text
from marketplace.values import new_id


class NothingToRepair(errors.Conflict):
    """The finding was repaired, or its counters are right again."""

    title = Text(en="The counters are right: there is nothing to repair.", zh="数量一致，无需修复。")


class SourcesDisagree(errors.Conflict):
    """Journal and holds contradict each other: first a promise must be released, or found to be real."""

    title = Text(en="The journal and the holds contradict each other.", zh="流水与保留记录相互矛盾。")


def repair(
    session: Session, ctx: Context, *, reconciliation_id: uuid.UUID, number: int, reason: str
) -> ReconciliationFinding:
    """Set a finding's counters right. Raises FindingNotFound, NothingToRepair, SourcesDisagree, Forbidden."""
    if not ctx.actor.has(Role.OPERATOR, Role.SYSTEM):
        raise errors.Forbidden
    finding = session.scalar(
        reconciliations.findings(reconciliation_id).where(ReconciliationFinding.number == number)
    )
    if finding is None:
        raise reconciliations.FindingNotFound
    setting = _set_lot if finding.subject_kind == "lot" else _set_pool
    done = setting(session, ctx, finding, reason)
    made = ReconciliationRepair(
        id=new_id(),
        finding_id=finding.id,
        reason=reason,
        before=done.before,
        after=done.after,
        movement_id=done.movement_id,
        pool_id=done.pool_id,
        pool_line_number=done.pool_line_number,
        actor=ctx.actor.label,
        at=ctx.now,
    )
    session.add(made)
    subject = (finding.subject_kind, finding.subject_id)
    audit.record(
        session,
        ctx,
        f"{subject[0]}.reconciled",
        subject=subject,
        before=done.before,
        after={**done.after, "reason": reason},
    )
    session.flush()
    told = {"finding": number, "reason": reason, "before": done.before, "after": done.after}
    cases.note_if_open(session, ctx, kind=CaseKind.RECONCILIATION, subject=subject, facts=told)
    session.refresh(finding)
    return finding


@dataclass(frozen=True, slots=True, kw_only=True)
class _Done:
    """Counters before and after, and the line that tells of it: a lot's or a pool's."""

    before: dict[str, int]
    after: dict[str, int]
    movement_id: uuid.UUID | None = None
    pool_id: uuid.UUID | None = None
    pool_line_number: int | None = None


def _set_lot(session: Session, ctx: Context, finding: ReconciliationFinding, reason: str) -> _Done:
    lot = session.execute(
        select(Lot)
        .where(Lot.id == finding.subject_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).scalar_one()
    seen = facts.of_lot(session, lot.id)
    _check_needed(session, finding, seen.differences)
    try:
        right = rules.repaired_lot(journal=seen.journal, promised_by_holds=seen.promised_by_holds)
    except rules.NotRepairable as why:
        raise SourcesDisagree(
            promised_by_journal_grams=seen.journal.promised_grams,
            promised_by_holds_grams=seen.promised_by_holds,
            on_hand_by_journal_grams=seen.journal.on_hand_grams,
        ) from why
    lot.on_hand_grams, lot.held_grams = right.on_hand_grams, right.held_grams
    lot.committed_grams, lot.packed_grams = right.committed_grams, right.packed_grams
    lot.version = right.version
    session.flush()
    buckets.write_line(session, ctx, lot, MovementKind.RECONCILED, on_hand_delta_grams=0, reason=reason)
    session.flush()
    line = select(Movement.id).where(Movement.lot_id == lot.id, Movement.number == lot.version)
    return _Done(
        before=asdict(seen.stored), after=asdict(right), movement_id=session.execute(line).scalar_one()
    )


def _set_pool(session: Session, ctx: Context, finding: ReconciliationFinding, _reason: str) -> _Done:
    """The reason stands in the repair's row, which names the line."""
    pool = session.execute(
        select(Pool)
        .where(Pool.id == finding.subject_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).scalar_one()
    seen = facts.of_pool(session, pool.id)
    _check_needed(session, finding, seen.differences)
    try:
        right = rules.repaired_pool(journal=seen.journal, holds=seen.holds)
    except rules.NotRepairable as why:
        raise SourcesDisagree(
            pledged_by_journal_boxes=seen.journal.boxes_pledged,
            pledged_by_holds_boxes=seen.holds.boxes_pledged,
            held_by_journal_boxes=seen.journal.boxes_held,
            held_by_holds_boxes=seen.holds.boxes_held,
            sold_by_journal_boxes=seen.journal.boxes_sold,
            sold_by_holds_boxes=seen.holds.boxes_sold,
        ) from why
    keeping.forget([pool.id])
    pool.boxes_pledged, pool.boxes_held = right.boxes_pledged, right.boxes_held
    pool.boxes_sold, pool.version = right.boxes_sold, right.version
    session.flush()
    buckets.state_pool(session, ctx, pool, PoolMovementKind.RECONCILED)
    session.flush()
    return _Done(
        before=asdict(seen.stored), after=asdict(right), pool_id=pool.id, pool_line_number=pool.version
    )


def _check_needed(session: Session, finding: ReconciliationFinding, differences: list[Difference]) -> None:
    """Asked when the lock of its subject is had. Raises NothingToRepair."""
    is_repaired = select(ReconciliationRepair.id).where(ReconciliationRepair.finding_id == finding.id)
    if not differences or session.scalar(is_repaired) is not None:
        raise NothingToRepair
