"""What follows when settlements become final: money is booked, retention and advances move; nothing to pay is paid.

Many at once, in a handful of statements. Rows are taken in the order settlement, retention, what cooperatives stand at
for advances, ledger.
"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import date

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from marketplace.context import Context
from marketplace.ledger import ledger
from marketplace.points import Point, passed
from orders.books import postings
from orders.books.postings import Settled
from orders.settlements import advances_kept, gathering, journal
from orders.settlements.account import Taken
from orders.settlements.formulas import Lesser
from orders.settlements.models import Retention, Settlement
from orders.settlements.rules import LineKind, Statement
from orders.settlements.states import SettlementState


def finish(session: Session, ctx: Context, settlements: Sequence[Settlement]) -> None:
    """Locked settlements are final as of now. Raises FloorBroken and what advances refuse: a broken promise of ours."""
    told = {each.id: journal.statement_of(each) for each in settlements}
    for each in settlements:
        each.state, each.final_at = SettlementState.FINAL, ctx.now
    session.flush()
    passed(Point.SETTLEMENTS_FINAL)
    _release(session, told)
    _retain(session, settlements, told)
    passed(Point.RETENTION_MOVED)
    for each in settlements:
        if taken := _repaid(told[each.id]):
            advances_kept.repay(session, ctx, settlement_id=each.id, taken={each.cooperative_id: taken})
    passed(Point.ADVANCES_NETTED)
    facts = [postings.settled(settled_of(each, told[each.id]), settlement_id=each.id) for each in settlements]
    ledger.post_many(session, ctx, facts=[fact for fact in facts if fact is not None])


def settled_of(settlement: Settlement, statement: Statement) -> Settled:
    """Its sums, as they are booked."""
    moved = {kind: journal.sum_of(statement, kind) for kind in LineKind}
    return Settled(
        cooperative_id=settlement.cooperative_id,
        currency=settlement.currency,
        items=gathering.parts_from_json(settlement.by_item),
        commission_minor=moved[LineKind.COMMISSION],
        services_minor=moved[LineKind.FEE] + moved[LineKind.STORAGE],
        released_minor=moved[LineKind.RELEASED] + moved[LineKind.SPENT],
        retained_minor=moved[LineKind.RETAINED],
        collected_minor=moved[LineKind.OWED],
        missing_minor=moved[LineKind.MISSING],
        advances_minor=moved[LineKind.ADVANCE],
        payable_minor=statement.payout_minor - moved[LineKind.FORFEIT],
    )


def take_retention(session: Session, taken: Mapping[str, int]) -> None:
    """By the number of the settlement that kept it, so much of each is not kept any more."""
    rows = session.execute(
        select(Settlement.number, Retention)
        .join(Retention, Retention.settlement_id == Settlement.id)
        .where(Settlement.number.in_(taken))
        .order_by(Retention.settlement_id)
        .with_for_update(of=Retention)
        .execution_options(populate_existing=True)
    ).all()
    for number, retention in rows:
        retention.left_minor -= taken[number]
    session.flush()


def _release(session: Session, told: Mapping[uuid.UUID, Statement]) -> None:
    taken: dict[str, int] = {}
    for statement in told.values():
        for line in journal.of_kind(statement, LineKind.RELEASED, LineKind.SPENT):
            taken[line.reference] = taken.get(line.reference, 0) + line.amount_minor
    if taken:
        take_retention(session, taken)


def _retain(session: Session, settlements: Sequence[Settlement], told: Mapping[uuid.UUID, Statement]) -> None:
    rows = [
        {
            "settlement_id": each.id,
            "cooperative_id": each.cooperative_id,
            "currency": each.currency,
            "until": date.fromisoformat(line.detail),
            "kept_minor": -line.amount_minor,
            "left_minor": -line.amount_minor,
        }
        for each in settlements
        for line in journal.of_kind(told[each.id], LineKind.RETAINED)
    ]
    if rows:
        session.execute(insert(Retention), rows)


def _repaid(statement: Statement) -> list[Taken]:
    found = []
    for line in journal.of_kind(statement, LineKind.ADVANCE):
        assert isinstance(line.formula, Lesser), "an advance is repaid as far as it reaches"
        found.append(
            Taken(
                reference=line.reference,
                amount_minor=-line.amount_minor,
                of_minor=line.formula.asked_minor,
                day=date.fromisoformat(line.detail),
            )
        )
    return found
