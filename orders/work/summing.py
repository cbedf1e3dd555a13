"""What rural work brought: workers, shifts, hours, boxes and income by village, counted from signed sheets alone.

Work counts in the month (UTC) in which its sheet was signed: a month that is over never changes any more. Passers-by
are told of such months only.
"""

import uuid
from typing import Any, Final

from sqlalchemy import ColumnElement, func, literal_column, select
from sqlalchemy.orm import Session

from marketplace.access import STAFF
from marketplace.catalogue import counties
from marketplace.catalogue.models import Cooperative
from marketplace.context import Context
from orders.work import workers
from orders.work.models import Shift, WageLine, WageSheet
from orders.work.summary_rules import Cell, Summary, summaries

month_of_signing: Final[ColumnElement[str]] = literal_column(
    "to_char(wage_sheet.signed_at AT TIME ZONE 'UTC', 'YYYY-MM')"
)


def of_cooperative(
    session: Session,
    ctx: Context,
    *,
    cooperative_id: uuid.UUID,
    from_month: str | None,
    to_month: str | None,
) -> list[Summary]:
    """Raises CooperativeNotFound."""
    workers.check_may_see(session, ctx, cooperative_id)
    return _summed(session, Shift.cooperative_id == cooperative_id, from_month, to_month)


def of_county(
    session: Session, ctx: Context, *, county_id: uuid.UUID, from_month: str | None, to_month: str | None
) -> list[Summary]:
    """Raises CountyNotFound."""
    counties.get(session, county_id=county_id)
    those = Shift.cooperative_id.in_(select(Cooperative.id).where(Cooperative.county_id == county_id))
    if ctx.actor.has(*STAFF):
        return _summed(session, those, from_month, to_month)
    is_over = month_of_signing < f"{ctx.now:%Y-%m}"
    return _summed(session, those & is_over, from_month, to_month)


def _summed(
    session: Session, those: ColumnElement[bool], from_month: str | None, to_month: str | None
) -> list[Summary]:
    statement = (
        select(
            month_of_signing,
            Shift.currency,
            WageLine.village,
            WageLine.worker_id,
            func.array_agg(Shift.id),
            func.sum(WageLine.minutes),
            func.sum(WageLine.boxes),
            func.sum(WageLine.total_minor),
        )
        .select_from(WageLine)
        .join(WageSheet, WageSheet.shift_id == WageLine.shift_id)
        .join(Shift, Shift.id == WageLine.shift_id)
        .where(those)
        .group_by(month_of_signing, Shift.currency, WageLine.village, WageLine.worker_id)
    )
    if from_month is not None:
        statement = statement.where(month_of_signing >= from_month)
    if to_month is not None:
        statement = statement.where(month_of_signing <= to_month)
    rows: Any = session.execute(statement)
    return summaries(
        Cell(
            month=name,
            currency=currency,
            village=village,
            worker_id=worker_id,
            shift_ids=frozenset(shift_ids),
            minutes=int(minutes),
            boxes=int(boxes),
            income_minor=int(income),
        )
        for name, currency, village, worker_id, shift_ids, minutes, boxes, income in rows
    )
