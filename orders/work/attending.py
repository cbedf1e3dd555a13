"""Who is on a shift, and from when to when: as the cooperative says, while the shift is open."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, or_, select
from sqlalchemy.orm import Session

from marketplace import errors
from marketplace.context import Context
from marketplace.language import Text
from orders.work import pay_rules, shifts, states, workers
from orders.work.models import Shift, ShiftScan, ShiftWorker, Worker
from orders.work.pay_rules import AttendanceNotValid, Presence
from orders.work.scan_rules import WorkerNotOnShift


class WorkersUnknown(errors.Conflict):
    """Some workers are none of the cooperative's, or work no more; `worker_ids`."""

    title = Text(en="Some of these are no workers of the cooperative.", zh="部分人员不是该合作社的在册工人。")


class ShiftFull(errors.Conflict):
    """The shift has fewer places; `places`, `workers`."""

    title = Text(en="The shift has no place for so many.", zh="班次名额不足。")


class WorkerHasScanned(errors.Conflict):
    """Who has scanned boxes on a shift stays on it; `worker_ids`."""

    title = Text(en="Some of these have scanned boxes already.", zh="部分工人已有扫描记录。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attended:
    row: ShiftWorker
    worker: Worker

    @property
    def minutes(self) -> int:
        return pay_rules.minutes_between(self.row.checked_in_at, self.row.checked_out_at)


def assign(session: Session, ctx: Context, *, shift_id: uuid.UUID, worker_ids: Sequence[uuid.UUID]) -> Shift:
    """Put workers on an open shift; who is on it already stays. Safe to send again.

    Raises ShiftNotFound, ShiftStateForbids, WorkersUnknown, ShiftFull.
    """
    shift = shifts.locked(session, ctx, shift_id=shift_id)
    states.check_open(shift.state)
    new = set(worker_ids) - {each.worker.id for each in of_shift(session, shift)}
    known = session.scalars(
        select(Worker.id)
        .where(Worker.id.in_(new), Worker.cooperative_id == shift.cooperative_id, Worker.is_active)
        .order_by(Worker.id)
        .with_for_update(read=True)
    ).all()
    if unknown := new - set(known):
        raise WorkersUnknown(worker_ids=sorted(map(str, unknown)))
    if shift.workers + len(new) > shift.places:
        raise ShiftFull(places=shift.places, workers=shift.workers + len(new))
    if new:
        session.execute(
            insert(ShiftWorker), [{"shift_id": shift.id, "worker_id": each} for each in sorted(new)]
        )
    return _counted(session, ctx, shift, len(new), "assign", sorted(map(str, new)))


def take_off(
    session: Session, ctx: Context, *, shift_id: uuid.UUID, worker_ids: Sequence[uuid.UUID]
) -> Shift:
    """They do not come after all. Raises ShiftNotFound, ShiftStateForbids, WorkerNotOnShift, WorkerHasScanned."""
    shift = shifts.locked(session, ctx, shift_id=shift_id)
    states.check_open(shift.state)
    going = set(worker_ids)
    if unknown := going - {each.worker.id for each in of_shift(session, shift)}:
        raise WorkerNotOnShift(worker_ids=sorted(map(str, unknown)))
    wanted = select(ShiftScan.worker_id).where(ShiftScan.shift_id == shift.id, ShiftScan.worker_id.in_(going))
    if scanned := set(session.scalars(wanted.distinct())):
        raise WorkerHasScanned(worker_ids=sorted(map(str, scanned)))
    session.execute(
        delete(ShiftWorker).where(ShiftWorker.shift_id == shift.id, ShiftWorker.worker_id.in_(going))
    )
    return _counted(session, ctx, shift, -len(going), "take_off", sorted(map(str, going)))


def attend(session: Session, ctx: Context, *, shift_id: uuid.UUID, items: Sequence[dict[str, Any]]) -> Shift:
    """Set when these workers came and went; all of it or nothing.

    Raises ShiftNotFound, ShiftStateForbids, AttendanceNotValid, WorkerNotOnShift, WorkerElsewhere, TooManyHours.
    """
    shift = shifts.locked(session, ctx, shift_id=shift_id)
    states.check_open(shift.state)
    ids = [each["worker_id"] for each in items]
    _check(shift, items)
    session.execute(
        select(Worker.id).where(Worker.id.in_(ids)).order_by(Worker.id).with_for_update(key_share=True)
    )
    rows = {
        each.worker_id: each
        for each in session.scalars(
            select(ShiftWorker)
            .where(ShiftWorker.shift_id == shift.id, ShiftWorker.worker_id.in_(ids))
            .execution_options(populate_existing=True)
        )
    }
    if unknown := set(ids) - rows.keys():
        raise WorkerNotOnShift(worker_ids=sorted(map(str, unknown)))
    others = _elsewhere(session, shift, ids)
    for each in items:
        row = rows[each["worker_id"]]
        row.checked_in_at, row.checked_out_at = each["checked_in_at"], each["checked_out_at"]
        if row.checked_in_at is not None:
            own = Presence(since=row.checked_in_at, until=row.checked_out_at or row.checked_in_at)
            pay_rules.check_day(row.worker_id, own, others.get(row.worker_id, []))
    shift.version += 1
    session.flush()
    shifts.told(session, ctx, shift, "attend", times=[_told(each) for each in items])
    return shift


def of_shift(session: Session, shift: Shift) -> list[Attended]:
    """By worker."""
    rows = session.execute(
        select(ShiftWorker, Worker)
        .join(Worker, Worker.id == ShiftWorker.worker_id)
        .where(ShiftWorker.shift_id == shift.id)
        .order_by(ShiftWorker.worker_id)
    )
    return [Attended(row=row, worker=worker) for row, worker in rows]


def shown(session: Session, ctx: Context, *, shift_id: uuid.UUID) -> list[dict[str, Any]]:
    """Names for members alone. Raises ShiftNotFound."""
    shift = shifts.get(session, ctx, shift_id=shift_id)
    return [
        {
            "worker_id": each.worker.id,
            "name": workers.name_for(ctx, each.worker),
            "village": each.worker.village,
            "checked_in_at": each.row.checked_in_at,
            "checked_out_at": each.row.checked_out_at,
            "minutes": each.minutes,
        }
        for each in of_shift(session, shift)
    ]


def _check(shift: Shift, items: Sequence[dict[str, Any]]) -> None:
    seen: set[uuid.UUID] = set()
    wrong = []
    for number, each in enumerate(items):
        came, went = each["checked_in_at"], each["checked_out_at"]
        is_good = (
            each["worker_id"] not in seen
            and (went is None or (came is not None and came < went))
            and all(_fits(shift, at) for at in (came, went) if at is not None)
        )
        seen.add(each["worker_id"])
        if not is_good:
            wrong.append({"pointer": f"/items/{number}", "detail": AttendanceNotValid.title.en})
    if wrong:
        raise AttendanceNotValid(errors=wrong)


def _fits(shift: Shift, at: datetime) -> bool:
    return shift.begins_at <= at <= shift.ends_at and states.is_whole_minute(at)


def _elsewhere(session: Session, shift: Shift, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[Presence]]:
    """Where these workers were at other shifts, that day or at the same time."""
    day = timedelta(days=1)
    rows = session.execute(
        select(ShiftWorker, Shift.works_on)
        .join(Shift, Shift.id == ShiftWorker.shift_id)
        .where(
            ShiftWorker.worker_id.in_(ids),
            ShiftWorker.shift_id != shift.id,
            ShiftWorker.checked_in_at.is_not(None),
            or_(
                Shift.works_on == shift.works_on,
                Shift.begins_at.between(shift.begins_at - day, shift.ends_at),
            ),
        )
    )
    found: dict[uuid.UUID, list[Presence]] = {}
    for row, on in rows:
        assert row.checked_in_at is not None, "only those were asked for"
        presence = Presence(
            since=row.checked_in_at,
            until=row.checked_out_at or row.checked_in_at,
            is_same_day=on == shift.works_on,
        )
        found.setdefault(row.worker_id, []).append(presence)
    return found


def _counted(
    session: Session, ctx: Context, shift: Shift, more: int, verb: str, worker_ids: list[str]
) -> Shift:
    shift.workers += more
    shift.version += 1
    session.flush()
    shifts.told(session, ctx, shift, verb, worker_ids=worker_ids)
    return shift


def _told(item: dict[str, Any]) -> dict[str, str | None]:
    return {name: None if value is None else str(value) for name, value in item.items()}
