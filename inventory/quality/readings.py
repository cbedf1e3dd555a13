"""What is measured of a lot's fruit: readings, one after another."""

import uuid
from datetime import date

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from inventory import lots
from inventory.events import FruitMeasured
from inventory.models import QualityReading
from marketplace import audit, errors, events
from marketplace.context import Context
from marketplace.language import Text
from marketplace.values import new_id


class MeasuredTooEarly(errors.Invalid):
    """Before the harvest, or on a day that is still to come."""

    title = Text(en="Fruit is measured between its harvest and today.", zh="测量日期须在采收日与今天之间。")


class NothingMeasured(errors.Invalid):
    """Neither sugar nor firmness."""

    title = Text(en="Say at least one of sugar and firmness.", zh="糖度与硬度须至少填写一项。")


def write_down(
    session: Session,
    ctx: Context,
    *,
    lot_id: uuid.UUID,
    measured_on: date,
    brix_tenths: int | None = None,
    firmness_newton_tenths: int | None = None,
) -> QualityReading:
    """Raises NothingMeasured, LotNotFound, MeasuredTooEarly."""
    if brix_tenths is None and firmness_newton_tenths is None:
        raise NothingMeasured
    lot = lots.get(session, ctx, lot_id=lot_id)
    if not lots.may_work_on(ctx.actor, lot.cooperative_id):
        raise lots.LotNotFound
    if not lot.harvested_on <= measured_on <= ctx.today:
        raise MeasuredTooEarly
    reading = QualityReading(
        id=new_id(),
        lot_id=lot_id,
        measured_on=measured_on,
        brix_tenths=brix_tenths,
        firmness_newton_tenths=firmness_newton_tenths,
        actor=ctx.actor.label,
        at=ctx.now,
    )
    session.add(reading)
    after = {"brix_tenths": brix_tenths, "firmness_newton_tenths": firmness_newton_tenths}
    events.publish(session, ctx, FruitMeasured(lot=lot, reading=reading))
    audit.record(session, ctx, "lot.measure", subject=("lot", lot_id), after=after)
    return reading


def of_lot(lot_id: uuid.UUID) -> Select[QualityReading]:
    """The lot's readings."""
    return select(QualityReading).where(QualityReading.lot_id == lot_id)
