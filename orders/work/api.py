"""Doors of shifts: planned, worked on, scanned, closed, signed for and paid."""

import uuid
from typing import Any, Final

from flask import Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace import context, errors, paging
from marketplace.catalogue.cooperatives import CooperativeNotFound
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.files import attached
from orders.fulfilment.picking import WaveNotFound
from orders.work import attending, scanning, schemas, sheets, shifts, tasks
from orders.work.models import Shift, ShiftScan
from orders.work.pay_rules import AttendanceNotValid, TooManyHours, WorkerElsewhere
from orders.work.scan_rules import WorkerNotOnShift
from orders.work.shifts import ShiftNotFound
from orders.work.states import ShiftStateForbids, ShiftTimesNotValid

blueprint = Blueprint(
    "shifts", __name__, url_prefix="/shifts", description="Shifts of packing and haulage 班次"
)
of_waves = Blueprint("wave_shifts", __name__, url_prefix="/waves", description="A wave's shifts 批次用工")

STEP: Final[tuple[type[errors.Refusal], ...]] = (ShiftNotFound, ShiftStateForbids)
CSV: Final = "text/csv; charset=utf-8"


@of_waves.post("/<uuid:wave_id>/shifts")
@of_waves.arguments(schemas.PlanShift)
@of_waves.problems(CooperativeNotFound, WaveNotFound, ShiftTimesNotValid)
@of_waves.writes(201, schemas.Shift, location=lambda made: f"/v1/shifts/{made.id}")
def plan(session: Session, body: dict[str, Any], wave_id: uuid.UUID) -> Shift:
    """Plan a shift in which a cooperative's parcels of the wave are packed or loaded 安排班次"""
    return shifts.plan(session, context.current(), wave_id=wave_id, **body)


@of_waves.get("/<uuid:wave_id>/wage-sheet")
@of_waves.arguments(schemas.WaveSheetQuery, location="query")
@of_waves.problems(CooperativeNotFound, WaveNotFound)
@of_waves.response(200, schemas.WaveWageSheet)
def get_wave_sheet(query: dict[str, Any], wave_id: uuid.UUID) -> dict[str, Any]:
    """What a cooperative's workers are paid for a wave, over its signed shifts 批次工资表"""
    ctx = context.current()
    with reading() as session:
        return sheets.shown_wave(ctx, sheets.of_wave(session, ctx, wave_id=wave_id, **query))


@of_waves.get("/<uuid:wave_id>/wage-sheet.csv")
@of_waves.arguments(schemas.WaveSheetQuery, location="query")
@of_waves.problems(CooperativeNotFound, WaveNotFound)
@of_waves.response(200, content_type="text/csv")
def download_wave_sheet(query: dict[str, Any], wave_id: uuid.UUID) -> Response:
    """The same as a table to pay from 批次工资表（CSV）"""
    ctx = context.current()
    with reading() as session:
        data = sheets.csv_of(ctx, sheets.of_wave(session, ctx, wave_id=wave_id, **query).lines)
    return attached(data, CSV, f"wages-wave-{wave_id}.csv")


@blueprint.get("")
@blueprint.arguments(schemas.ShiftQuery, location="query")
@blueprint.response(200, schemas.ShiftPage)
def list_shifts(query: dict[str, Any]) -> dict[str, Any]:
    """One's cooperatives' shifts, all for staff 班次列表"""
    columns = (Shift.wave_id, Shift.cooperative_id, Shift.state)
    statement = paging.only(shifts.visible(context.current()), query, *columns)
    with reading() as session:
        return paging.read(session, statement, Shift.id, **query)


@blueprint.get("/<uuid:shift_id>")
@blueprint.problems(ShiftNotFound)
@blueprint.response(200, schemas.Shift)
def get_shift(shift_id: uuid.UUID) -> Shift:
    """One shift 查询班次"""
    with reading() as session:
        return shifts.get(session, context.current(), shift_id=shift_id)


@blueprint.get("/<uuid:shift_id>/workers")
@blueprint.problems(ShiftNotFound)
@blueprint.response(200, schemas.ShiftWorkers)
def list_workers(shift_id: uuid.UUID) -> dict[str, Any]:
    """Who is on it, and from when to when 班次工人与出勤"""
    with reading() as session:
        return {"items": attending.shown(session, context.current(), shift_id=shift_id)}


@blueprint.post("/<uuid:shift_id>/workers")
@blueprint.arguments(schemas.NameWorkers)
@blueprint.problems(*STEP, attending.WorkersUnknown, attending.ShiftFull)
@blueprint.writes(200, schemas.Shift)
def assign(session: Session, body: dict[str, Any], shift_id: uuid.UUID) -> Shift:
    """Put workers on it; safe to send again 安排工人"""
    return attending.assign(session, context.current(), shift_id=shift_id, **body)


@blueprint.post("/<uuid:shift_id>/workers/removal")
@blueprint.arguments(schemas.NameWorkers)
@blueprint.problems(*STEP, WorkerNotOnShift, attending.WorkerHasScanned)
@blueprint.writes(200, schemas.Shift)
def take_off(session: Session, body: dict[str, Any], shift_id: uuid.UUID) -> Shift:
    """Take workers off it who have scanned nothing 移出工人"""
    return attending.take_off(session, context.current(), shift_id=shift_id, **body)


@blueprint.put("/<uuid:shift_id>/attendance")
@blueprint.arguments(schemas.TellAttendance)
@blueprint.problems(*STEP, WorkerNotOnShift, AttendanceNotValid, WorkerElsewhere, TooManyHours)
@blueprint.writes(200, schemas.Shift, key=False)
def attend(session: Session, body: dict[str, Any], shift_id: uuid.UUID) -> Shift:
    """Say when workers came and went; who is not named stays as it was 签到签退"""
    return attending.attend(session, context.current(), shift_id=shift_id, **body)


@blueprint.get("/<uuid:shift_id>/tasks")
@blueprint.arguments(paging.Query, location="query")
@blueprint.problems(ShiftNotFound)
@blueprint.response(200, schemas.TaskPage)
def list_tasks(query: dict[str, Any], shift_id: uuid.UUID) -> dict[str, Any]:
    """What is to be packed or loaded, in the order of the pick list 班次任务"""
    with reading() as session:
        return tasks.of_shift(session, context.current(), shift_id=shift_id, **query)


@blueprint.get("/<uuid:shift_id>/scans")
@blueprint.arguments(paging.Query, location="query")
@blueprint.problems(ShiftNotFound)
@blueprint.response(200, schemas.TakenScanPage)
def list_scans(query: dict[str, Any], shift_id: uuid.UUID) -> dict[str, Any]:
    """What was scanned on it 扫描记录"""
    with reading() as session:
        shift = shifts.get(session, context.current(), shift_id=shift_id)
        statement = select(ShiftScan).where(ShiftScan.shift_id == shift.id)
        return paging.read(session, statement, ShiftScan.id, **query)


@blueprint.post("/<uuid:shift_id>/scans")
@blueprint.arguments(schemas.SendScans)
@blueprint.problems(ShiftNotFound)
@blueprint.writes(200, schemas.ScanReport)
def scan(session: Session, body: dict[str, Any], shift_id: uuid.UUID) -> scanning.Report:
    """Send what a phone scanned, also hours later: row by row, every row may be sent again 上传扫描"""
    return scanning.take(session, context.current(), shift_id=shift_id, **body)


@blueprint.post("/<uuid:shift_id>/closing")
@blueprint.problems(*STEP, shifts.AttendanceOpen)
@blueprint.writes(200, schemas.Shift)
def close(session: Session, shift_id: uuid.UUID) -> Shift:
    """It is over: nothing is scanned any more 结束班次"""
    return shifts.close(session, context.current(), shift_id=shift_id)


@blueprint.post("/<uuid:shift_id>/reopening")
@blueprint.problems(*STEP)
@blueprint.writes(200, schemas.Shift)
def reopen(session: Session, shift_id: uuid.UUID) -> Shift:
    """Open it again, as long as nobody has signed 重新打开班次"""
    return shifts.reopen(session, context.current(), shift_id=shift_id)


@blueprint.get("/<uuid:shift_id>/wage-sheet")
@blueprint.problems(ShiftNotFound)
@blueprint.response(200, schemas.WageSheet)
def get_sheet(shift_id: uuid.UUID) -> dict[str, Any]:
    """What each worker is paid: as it was signed, or as it would be now 工资表"""
    ctx = context.current()
    with reading() as session:
        return sheets.shown(ctx, sheets.of_shift(session, ctx, shift_id=shift_id))


@blueprint.get("/<uuid:shift_id>/wage-sheet.csv")
@blueprint.problems(ShiftNotFound)
@blueprint.response(200, content_type="text/csv")
def download_sheet(shift_id: uuid.UUID) -> Response:
    """The same as a table to pay from 工资表（CSV）"""
    ctx = context.current()
    with reading() as session:
        data = sheets.csv_of(ctx, sheets.of_shift(session, ctx, shift_id=shift_id).lines)
    return attached(data, CSV, f"wages-{shift_id}.csv")


@blueprint.post("/<uuid:shift_id>/wage-sheet/signature")
@blueprint.arguments(schemas.SignWageSheet)
@blueprint.problems(*STEP, sheets.WageSheetEmpty, sheets.WageSheetDiffers)
@blueprint.writes(200, schemas.SignedWageSheet)
def sign(session: Session, body: dict[str, Any], shift_id: uuid.UUID) -> dict[str, Any]:
    """Sign off the sum that you have read: the sheet is frozen (members) 签认工资表"""
    return sheets.short(sheets.sign(session, context.current(), shift_id=shift_id, **body))


@blueprint.post("/<uuid:shift_id>/wage-sheet/payment")
@blueprint.arguments(schemas.MarkWagesPaid)
@blueprint.problems(*STEP, sheets.PaidOnNotValid)
@blueprint.writes(200, schemas.SignedWageSheet)
def mark_paid(session: Session, body: dict[str, Any], shift_id: uuid.UUID) -> dict[str, Any]:
    """Say how and when the wages of a signed sheet were paid (members) 登记工资发放"""
    return sheets.short(sheets.mark_paid(session, context.current(), shift_id=shift_id, **body))
