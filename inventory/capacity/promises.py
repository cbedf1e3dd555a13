"""Promises of forecast fruit: made by one conditional UPDATE, so that never more than the prudent part is promised.

The counter and its journal's line are written together. The capacity is locked before lots and cases; a pool that
draws on it must have its capacities locked first.
"""

import uuid

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from inventory.capacity import forecasts, rules
from inventory.capacity.models import Capacity, CapacityLine
from inventory.capacity.rules import CapacityState, Line, LineKind
from marketplace import audit, errors
from marketplace.context import Context
from marketplace.language import Text
from marketplace.values import new_id

Purpose = tuple[str, uuid.UUID]
"""What the fruit is promised to: the kind of thing and its id."""


class CapacityExceeded(errors.Conflict):
    """More than the prudent part of the forecast that nobody was promised yet."""

    title = Text(en="The forecast has not that much left to promise.", zh="可预售数量不足。")


class NotPromised(errors.Conflict):
    """The purpose was not promised that much, or its fruit lies in lots already and is freed there."""

    title = Text(en="Not that much is promised to it.", zh="承诺数量没有这么多。")


def promise(
    session: Session, ctx: Context, *, capacity_id: uuid.UUID, grams: int, purpose: Purpose
) -> Capacity:
    """Promise forecast fruit. Raises CapacityNotFound, CapacityClosed, CapacityExceeded."""
    capacity: Capacity | None = session.scalar(
        update(Capacity)
        .where(
            Capacity.id == capacity_id,
            Capacity.state == CapacityState.OPEN,
            Capacity.promised_grams + grams
            <= func.greatest(Capacity.prudent_grams - Capacity.weighed_grams, 0),
        )
        .values(
            promised_grams=Capacity.promised_grams + grams,
            lines_count=Capacity.lines_count + 1,
            version=Capacity.version + 1,
        )
        .returning(Capacity),
        execution_options={"synchronize_session": False, "populate_existing": True},
    )
    if capacity is None:
        raise _why_not(session, capacity_id, grams)
    write_line(session, ctx, capacity, LineKind.PROMISE, grams=grams, purpose=purpose)
    _audit(session, ctx, "capacity.promise", capacity, grams, purpose)
    return capacity


def give_back(
    session: Session, ctx: Context, *, capacity_id: uuid.UUID, grams: int, purpose: Purpose
) -> Capacity:
    """Take a promise back, as far as its fruit is not weighed. Raises CapacityNotFound, NotPromised."""
    capacity = forecasts.locked(session, capacity_id=capacity_id)
    promised = open_promises(session, capacity_id=capacity_id).get(purpose, 0)
    if not 0 < grams <= promised:
        raise NotPromised(requested_grams=grams, promised_grams=promised)
    short_before = capacity.short_grams
    capacity.promised_grams -= grams
    capacity.lines_count += 1
    capacity.version += 1
    forecasts.settle_short(capacity)
    session.flush()
    write_line(session, ctx, capacity, LineKind.GIVE_BACK, grams=grams, purpose=purpose)
    _audit(session, ctx, "capacity.give_back", capacity, grams, purpose)
    forecasts.tell_shortfall(session, ctx, capacity, short_before=short_before, cause="given_back")
    return capacity


def open_promises(session: Session, *, capacity_id: uuid.UUID) -> dict[Purpose, int]:
    """What is still promised on the forecast to whom, the first promised first; lock the capacity before."""
    rows = session.scalars(
        select(CapacityLine).where(CapacityLine.capacity_id == capacity_id).order_by(CapacityLine.number)
    )
    told = [
        Line(kind=LineKind(row.kind), purpose=(row.purpose_kind, row.purpose_id), grams=row.grams)
        for row in rows
    ]
    return {
        (kind, each): grams
        for (kind, each), grams in rules.open_promises(told).items()
        if isinstance(each, uuid.UUID)
    }


def write_line(
    session: Session,
    ctx: Context,
    capacity: Capacity,
    kind: LineKind,
    *,
    grams: int,
    purpose: Purpose,
    weighing_id: uuid.UUID | None = None,
    hold_id: uuid.UUID | None = None,
) -> None:
    """The journal's line for what the counters have just become."""
    session.add(
        CapacityLine(
            id=new_id(),
            capacity_id=capacity.id,
            number=capacity.lines_count,
            kind=kind,
            grams=grams,
            purpose_kind=purpose[0],
            purpose_id=purpose[1],
            promised_grams=capacity.promised_grams,
            converted_grams=capacity.converted_grams,
            weighing_id=weighing_id,
            hold_id=hold_id,
            actor=ctx.actor.label,
            at=ctx.now,
        )
    )


def _why_not(session: Session, capacity_id: uuid.UUID, grams: int) -> errors.Refusal:
    found = session.get(Capacity, capacity_id, populate_existing=True)
    if found is None:
        return forecasts.CapacityNotFound()
    if found.state == CapacityState.CLOSED:
        return forecasts.CapacityClosed()
    return CapacityExceeded(requested_grams=grams, sellable_grams=found.sellable_grams)


def _audit(
    session: Session, ctx: Context, action: str, capacity: Capacity, grams: int, purpose: Purpose
) -> None:
    after = {
        "grams": grams,
        "purpose": f"{purpose[0]}:{purpose[1]}",
        "promised_grams": capacity.promised_grams,
    }
    audit.record(session, ctx, action, subject=("capacity", capacity.id), after=after)
