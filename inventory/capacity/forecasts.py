"""Forecasts: declared, revised up and down, closed. Truth is taken as it comes; what it breaks becomes a case.

A forecast lowered below what is promised is accepted, for refusing it would not make the fruit grow: it opens a
shortfall case that names the missing grams.
"""

import uuid
from datetime import date
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from inventory import cases, lots
from inventory.capacity import rules
from inventory.capacity.models import Capacity, CapacityLine, CapacityRevision, Weighing
from inventory.capacity.rules import CapacityState, Haircut
from inventory.cases import CaseKind
from inventory.events import ForecastFell
from marketplace import audit, database, errors, events
from marketplace.access import STAFF, Role
from marketplace.catalogue import cooperatives
from marketplace.context import Actor, Context
from marketplace.language import Text
from marketplace.values import new_id


class CapacityNotFound(errors.NotFound):
    title = Text(en="There is no such capacity.", zh="没有该预估产量。")


class CapacityExists(errors.Conflict):
    """The cooperative has a forecast of this variety, grade and week: revise that one."""

    title = Text(en="There is a forecast of this already; revise it.", zh="该预估已存在，请修订。")


class CapacityClosed(errors.Conflict):
    """All that the week gave is weighed: nothing is forecast, promised or weighed there any more."""

    title = Text(en="The capacity is closed.", zh="该预估已结束。")


class BandOutOfOrder(errors.Invalid):
    """The estimates are not low ≤ likely ≤ high."""

    title = Text(en="The estimates must be low ≤ likely ≤ high.", zh="预估须满足：低 ≤ 中 ≤ 高。")


class NotAMonday(errors.Invalid):
    """A week is named by its Monday."""

    title = Text(en="A week is named by its Monday.", zh="周次须以星期一的日期表示。")


def declare(
    session: Session,
    ctx: Context,
    *,
    cooperative_id: uuid.UUID,
    variety: str,
    grade: str,
    week_on: date,
    low_grams: int,
    likely_grams: int,
    high_grams: int,
    reason: str,
    haircut: Haircut | None = None,
) -> Capacity:
    """The first forecast of a week.

    Raises CooperativeNotFound (also for a foreign one), CapacityExists, NotAMonday, BandOutOfOrder.
    """
    if not lots.may_work_on(ctx.actor, cooperative_id):
        raise cooperatives.CooperativeNotFound
    cooperatives.get(session, cooperative_id=cooperative_id)
    if not rules.is_monday(week_on):
        raise NotAMonday(errors=[{"pointer": "/week_on", "detail": NotAMonday.title}])
    capacity = Capacity(
        id=new_id(),
        cooperative_id=cooperative_id,
        variety=variety,
        grade=grade,
        week_on=week_on,
        state=CapacityState.OPEN,
        promised_grams=0,
        converted_grams=0,
        weighed_grams=0,
        revisions_count=1,
        lines_count=0,
        weighings_count=0,
        version=1,
        created_at=ctx.now,
    )
    _estimate(ctx, capacity, low_grams, likely_grams, high_grams, haircut)
    session.add(capacity)
    with database.refusing({"uq_capacity_cooperative_id_variety_grade_week_on": CapacityExists()}):
        session.flush()
    _write_revision(session, ctx, capacity, reason)
    _audit(session, ctx, "capacity.declare", capacity, reason=reason)
    return capacity


def revise(
    session: Session,
    ctx: Context,
    *,
    capacity_id: uuid.UUID,
    low_grams: int,
    likely_grams: int,
    high_grams: int,
    reason: str,
    haircut: Haircut | None = None,
) -> Capacity:
    """The next forecast, up or down. Raises CapacityNotFound, CapacityClosed, BandOutOfOrder."""
    capacity = locked_open(session, ctx, capacity_id=capacity_id)
    short_before = capacity.short_grams
    _estimate(ctx, capacity, low_grams, likely_grams, high_grams, haircut)
    capacity.revisions_count += 1
    capacity.version += 1
    session.flush()
    _write_revision(session, ctx, capacity, reason)
    _audit(session, ctx, "capacity.revise", capacity, reason=reason)
    tell_shortfall(session, ctx, capacity, short_before=short_before, cause="revised")
    _tell_fall(session, ctx, capacity)
    return capacity


def close(session: Session, ctx: Context, *, capacity_id: uuid.UUID) -> Capacity:
    """All that the week gave is weighed; what is still promised is missing. Raises CapacityNotFound, -Closed."""
    capacity = locked_open(session, ctx, capacity_id=capacity_id)
    short_before = capacity.short_grams
    capacity.state = CapacityState.CLOSED
    capacity.version += 1
    settle_short(capacity)
    session.flush()
    _audit(session, ctx, "capacity.close", capacity)
    tell_shortfall(session, ctx, capacity, short_before=short_before, cause="closed")
    _tell_fall(session, ctx, capacity)
    return capacity


def get(session: Session, ctx: Context, *, capacity_id: uuid.UUID) -> Capacity:
    """The capacity, for its cooperative's members and staff; raises CapacityNotFound."""
    found = session.scalar(visible(ctx.actor).where(Capacity.id == capacity_id))
    if found is None:
        raise CapacityNotFound
    return found


def visible(actor: Actor) -> Select[Capacity]:
    if actor.has(*STAFF, Role.SYSTEM):
        return select(Capacity)
    return select(Capacity).where(Capacity.cooperative_id.in_(sorted(actor.cooperative_ids)))


def revisions(capacity_id: uuid.UUID) -> Select[CapacityRevision]:
    return select(CapacityRevision).where(CapacityRevision.capacity_id == capacity_id)


def lines(capacity_id: uuid.UUID) -> Select[CapacityLine]:
    return select(CapacityLine).where(CapacityLine.capacity_id == capacity_id)


def weighings(capacity_id: uuid.UUID) -> Select[Weighing]:
    return select(Weighing).where(Weighing.capacity_id == capacity_id)


def locked(session: Session, *, capacity_id: uuid.UUID) -> Capacity:
    """The capacity as it is now, nobody else's until the commit; raises CapacityNotFound."""
    found = session.scalar(
        select(Capacity)
        .where(Capacity.id == capacity_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise CapacityNotFound
    return found


def locked_open(session: Session, ctx: Context, *, capacity_id: uuid.UUID) -> Capacity:
    """The same for somebody who may work on it. Raises CapacityNotFound (also for a foreign one), CapacityClosed."""
    capacity = locked(session, capacity_id=capacity_id)
    if not lots.may_work_on(ctx.actor, capacity.cooperative_id):
        raise CapacityNotFound
    if capacity.state == CapacityState.CLOSED:
        raise CapacityClosed
    return capacity


def settle_short(capacity: Capacity) -> None:
    """Bring the missing grams up to what the other numbers say."""
    capacity.short_grams = rules.short_grams(room=capacity.room_grams, promised_grams=capacity.promised_grams)


def tell_shortfall(
    session: Session, ctx: Context, capacity: Capacity, *, short_before: int, cause: str
) -> None:
    """Open or continue the capacity's shortfall case when the missing grams have moved."""
    if capacity.short_grams == short_before:
        return
    facts = {
        "cause": cause,
        "missing_grams": capacity.short_grams,
        "missing_before_grams": short_before,
        "grades": _grades(session, capacity),
    }
    subject = ("capacity", capacity.id)
    if capacity.short_grams > short_before:
        cases.open_case(
            session,
            ctx,
            kind=CaseKind.SHORTFALL,
            subject=subject,
            facts=facts,
            cooperative_id=capacity.cooperative_id,
        )
    else:
        cases.note_if_open(session, ctx, kind=CaseKind.SHORTFALL, subject=subject, facts=facts)


def _tell_fall(session: Session, ctx: Context, capacity: Capacity) -> None:
    """Whoever sells boxes of it can stop selling those that nobody has bought yet."""
    if capacity.short_grams:
        fell = ForecastFell(capacity_id=capacity.id, missing_grams=capacity.short_grams)
        events.publish(session, ctx, fell)


def _grades(session: Session, capacity: Capacity) -> list[dict[str, Any]]:
    """The week's fruit of this variety, grade by grade: what one grade lacks another may have."""
    found = session.scalars(
        select(Capacity)
        .where(
            Capacity.cooperative_id == capacity.cooperative_id,
            Capacity.variety == capacity.variety,
            Capacity.week_on == capacity.week_on,
        )
        .order_by(Capacity.grade)
    )
    names = ("prudent_grams", "promised_grams", "converted_grams", "weighed_grams", "missing_grams")
    return [
        {"grade": each.grade, "state": str(each.state), **{name: getattr(each, name) for name in names}}
        for each in found
    ]


def _estimate(
    ctx: Context, capacity: Capacity, low: int, likely: int, high: int, haircut: Haircut | None
) -> None:
    if not low <= likely <= high:
        raise BandOutOfOrder(errors=[{"pointer": "/likely", "detail": BandOutOfOrder.title}])
    permille = (haircut or Haircut()).permille(rules.weeks_to_go(capacity.week_on, ctx.today))
    capacity.low_grams, capacity.likely_grams, capacity.high_grams = low, likely, high
    capacity.haircut_permille = permille
    capacity.prudent_grams = rules.prudent_grams(low, permille)
    settle_short(capacity)


def _write_revision(session: Session, ctx: Context, capacity: Capacity, reason: str) -> None:
    session.add(
        CapacityRevision(
            id=new_id(),
            capacity_id=capacity.id,
            number=capacity.revisions_count,
            low_grams=capacity.low_grams,
            likely_grams=capacity.likely_grams,
            high_grams=capacity.high_grams,
            haircut_permille=capacity.haircut_permille,
            prudent_grams=capacity.prudent_grams,
            promised_grams=capacity.promised_grams,
            reason=reason,
            actor=ctx.actor.label,
            at=ctx.now,
        )
    )


def _audit(
    session: Session, ctx: Context, action: str, capacity: Capacity, *, reason: str | None = None
) -> None:
    names = ("low_grams", "likely_grams", "high_grams", "prudent_grams", "promised_grams", "short_grams")
    after = {name: getattr(capacity, name) for name in names} | {"state": str(capacity.state)}
    audit.record(session, ctx, action, subject=("capacity", capacity.id), after={**after, "reason": reason})
