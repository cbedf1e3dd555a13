"""Shifts: planned from a wave, closed, and opened again as long as nobody has signed for them.

Rows are taken in the order shift, worker, parcel; of one kind by id.
"""

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from marketplace import audit, errors
from marketplace.access import STAFF, Role
from marketplace.catalogue.cooperatives import CooperativeNotFound
from marketplace.context import Context
from marketplace.language import Text
from marketplace.values import new_id
from orders.fulfilment.models import Parcel, Wave
from orders.fulfilment.picking import WaveNotFound
from orders.work import states
from orders.work.models import Shift, ShiftScan, ShiftWorker
from orders.work.states import ShiftKind, ShiftState


class ShiftNotFound(errors.NotFound):
    title = Text(en="There is no such shift.", zh="没有该班次。")


class AttendanceOpen(errors.Conflict):
    """Somebody came and has not gone, or has scanned boxes and never came; `worker_ids`."""

    title = Text(en="The times of some workers are missing.", zh="部分工人的签到签退时间缺失。")


def plan(
    session: Session,
    ctx: Context,
    *,
    wave_id: uuid.UUID,
    kind: ShiftKind,
    cooperative_id: uuid.UUID,
    works_on: date,
    begins_at: datetime,
    ends_at: datetime,
    currency: str,
    piece_rate_minor: int,
    hourly_floor_minor: int,
    places: int,
) -> Shift:
    """Raises CooperativeNotFound, WaveNotFound (also where nothing of it is the cooperative's), ShiftTimesNotValid."""
    if not may_work_on(ctx, cooperative_id):
        raise CooperativeNotFound
    check_wave(session, wave_id, cooperative_id)
    states.check_times(works_on, begins_at, ends_at)
    shift = Shift(
        id=new_id(),
        wave_id=wave_id,
        cooperative_id=cooperative_id,
        kind=kind,
        works_on=works_on,
        begins_at=begins_at,
        ends_at=ends_at,
        currency=currency,
        piece_rate_minor=piece_rate_minor,
        hourly_floor_minor=hourly_floor_minor,
        places=places,
        workers=0,
        state=ShiftState.OPEN,
        planned_by=ctx.actor.label,
        planned_at=ctx.now,
        version=1,
    )
    session.add(shift)
    session.flush()
    told(
        session,
        ctx,
        shift,
        "plan",
        wave_id=str(wave_id),
        kind=str(kind),
        on=works_on.isoformat(),
        piece_rate_minor=piece_rate_minor,
        hourly_floor_minor=hourly_floor_minor,
    )
    return shift


def close(session: Session, ctx: Context, *, shift_id: uuid.UUID) -> Shift:
    """Nothing is scanned any more. Raises ShiftNotFound, ShiftStateForbids, AttendanceOpen."""
    shift = locked(session, ctx, shift_id=shift_id)
    states.check_move(shift.state, ShiftState.CLOSED)
    scanning = select(ShiftScan.worker_id).where(ShiftScan.shift_id == shift.id)
    is_missing = ShiftWorker.checked_out_at.is_(None) & (
        ShiftWorker.checked_in_at.is_not(None) | ShiftWorker.worker_id.in_(scanning)
    )
    missing = session.scalars(
        select(ShiftWorker.worker_id)
        .where(ShiftWorker.shift_id == shift.id, is_missing)
        .order_by(ShiftWorker.worker_id)
    ).all()
    if missing:
        raise AttendanceOpen(worker_ids=[str(each) for each in missing])
    return move(session, ctx, shift, ShiftState.CLOSED, "close")


def reopen(session: Session, ctx: Context, *, shift_id: uuid.UUID) -> Shift:
    """Something was forgotten, and nobody has signed yet. Raises ShiftNotFound, ShiftStateForbids."""
    shift = locked(session, ctx, shift_id=shift_id)
    states.check_move(shift.state, ShiftState.OPEN)
    return move(session, ctx, shift, ShiftState.OPEN, "reopen")


def move(session: Session, ctx: Context, shift: Shift, after: ShiftState, verb: str, **facts: Any) -> Shift:
    """The move of a locked shift has been checked."""
    before = shift.state
    shift.state = after
    shift.version += 1
    session.flush()
    audit.record(
        session,
        ctx,
        f"shift.{verb}",
        subject=("shift", shift.id),
        before={"state": before},
        after={"state": str(after), **facts},
    )
    return shift


def get(session: Session, ctx: Context, *, shift_id: uuid.UUID) -> Shift:
    """Of the actor's cooperatives, any for staff. Raises ShiftNotFound."""
    found = session.scalar(visible(ctx).where(Shift.id == shift_id))
    if found is None:
        raise ShiftNotFound
    return found


def locked(session: Session, ctx: Context, *, shift_id: uuid.UUID, by_members: bool = False) -> Shift:
    """Nobody else changes it, or what belongs to it, until the commit.

    `by_members`: it is no operator's to change. Raises ShiftNotFound, also for who may only see it.
    """
    statement = visible(ctx).where(Shift.id == shift_id).with_for_update(of=Shift, key_share=True)
    found = session.scalar(statement.execution_options(populate_existing=True))
    if found is None or not may_work_on(ctx, found.cooperative_id):
        raise ShiftNotFound
    if by_members and not ctx.actor.belongs_to(found.cooperative_id):
        raise ShiftNotFound
    return found


def visible(ctx: Context) -> Select[Shift]:
    statement = select(Shift)
    if ctx.actor.has(*STAFF):
        return statement
    return statement.where(Shift.cooperative_id.in_(ctx.actor.cooperative_ids))


def may_work_on(ctx: Context, cooperative_id: uuid.UUID) -> bool:
    return ctx.actor.has(Role.OPERATOR) or ctx.actor.belongs_to(cooperative_id)


def check_wave(session: Session, wave_id: uuid.UUID, cooperative_id: uuid.UUID) -> None:
    """Raises WaveNotFound, also where nothing of it is the cooperative's."""
    found = session.scalar(
        select(func.count())
        .select_from(Wave)
        .where(
            Wave.id == wave_id,
            select(Parcel.id)
            .where(Parcel.wave_id == wave_id, Parcel.cooperative_id == cooperative_id)
            .exists(),
        )
    )
    if not found:
        raise WaveNotFound


def told(session: Session, ctx: Context, shift: Shift, verb: str, **after: Any) -> None:
    audit.record(session, ctx, f"shift.{verb}", subject=("shift", shift.id), after=after)
