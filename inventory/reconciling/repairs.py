"""Repair of a drifted counter: set to the fold of its journal, by a line of that journal and never without one.

The lot or pool is locked, its journal and holds are folded anew, and the counters become what they say. A lot's
journal gets a `reconciled` line that moves nothing and states the buckets as they are now; what they were before
stands in the repair's row and in the audit trail. A pool has no journal: there the repair's row is the line.
"""

import uuid
from dataclasses import asdict

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory import buckets, cases
from inventory.cases import CaseKind
from inventory.gate import keeping
from inventory.models import Lot, Movement, Pool
from inventory.reconciling import facts, reconciliations, rules
from inventory.reconciling.models import ReconciliationFinding, ReconciliationRepair
from inventory.states import MovementKind
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
    before, after = setting(session, finding.subject_id)
    if _is_repaired(session, finding):
        raise NothingToRepair
    line_id = _write_line(session, ctx, finding, reason)

    made = ReconciliationRepair(
        id=new_id(),
        finding_id=finding.id,
        reason=reason,
        before=before,
        after=after,
        movement_id=line_id,
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
        before=before,
        after={**after, "reason": reason},
    )
    session.flush()
    told = {"finding": number, "reason": reason, "before": before, "after": after}
    cases.note_if_open(session, ctx, kind=CaseKind.RECONCILIATION, subject=subject, facts=told)
    session.refresh(finding)
    return finding


def _is_repaired(session: Session, finding: ReconciliationFinding) -> bool:
    """Asked when the lock of its subject is had."""
    found = select(ReconciliationRepair.id).where(ReconciliationRepair.finding_id == finding.id)
    return session.scalar(found) is not None


Change = tuple[dict[str, int], dict[str, int]]
"""Counters before and after."""


def _set_lot(session: Session, lot_id: uuid.UUID) -> Change:
    lot = session.execute(
        select(Lot)
        .where(Lot.id == lot_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).scalar_one()
    seen = facts.of_lot(session, lot_id)
    if not seen.differences:
        raise NothingToRepair
    try:
        right = rules.repaired_lot(journal=seen.journal, held_by_holds=seen.held_by_holds)
    except rules.NotRepairable as why:
        raise SourcesDisagree(
            held_by_journal_grams=seen.journal.held_grams,
            held_by_holds_grams=seen.held_by_holds,
            on_hand_by_journal_grams=seen.journal.on_hand_grams,
        ) from why
    lot.on_hand_grams, lot.held_grams, lot.version = right.on_hand_grams, right.held_grams, right.version
    session.flush()
    return asdict(seen.stored), asdict(right)


def _set_pool(session: Session, pool_id: uuid.UUID) -> Change:
    pool = session.execute(
        select(Pool)
        .where(Pool.id == pool_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).scalar_one()
    seen = facts.of_pool(session, pool_id)
    if not seen.differences:
        raise NothingToRepair
    try:
        right = rules.repaired_pool(holds=seen.holds)
    except rules.NotRepairable as why:
        raise SourcesDisagree(**asdict(seen.holds)) from why
    keeping.forget([pool_id])
    pool.boxes_pledged, pool.boxes_held = right.boxes_pledged, right.boxes_held
    pool.boxes_sold = right.boxes_sold
    pool.version += 1
    session.flush()
    return asdict(seen.stored), asdict(right)


def _write_line(
    session: Session, ctx: Context, finding: ReconciliationFinding, reason: str
) -> uuid.UUID | None:
    """The lot's line, which moves nothing; None for a pool."""
    if finding.subject_kind != "lot":
        return None
    lot = session.get_one(Lot, finding.subject_id)
    kind = MovementKind.RECONCILED
    buckets.write_line(session, ctx, lot, kind, on_hand_delta_grams=0, held_delta_grams=0, reason=reason)
    session.flush()
    return session.execute(
        select(Movement.id).where(Movement.lot_id == lot.id, Movement.number == lot.version)
    ).scalar_one()
