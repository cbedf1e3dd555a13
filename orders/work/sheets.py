"""Wage sheets: what each worker of a shift is paid, computed from its rows; signed off, frozen, marked as paid.

A wave's sheet sums those of its shifts that are signed. Names are shown to the cooperative's members alone.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from marketplace import errors
from marketplace.context import Context
from marketplace.csv_cells import file_of
from marketplace.language import Text
from marketplace.values import amount_text
from orders.work import attending, pay_rules, shifts, states, workers
from orders.work.models import Shift, ShiftScan, WageLine, WageSheet, Worker
from orders.work.pay_rules import Pay
from orders.work.states import FROZEN, PaidHow, ShiftState

HEADER: Final = (
    "worker 工号",
    "name 姓名",
    "village 村",
    "shifts 班次数",
    "minutes 分钟",
    "boxes 箱数",
    "piece pay 计件工资",
    "top-up 最低工资补足",
    "total 合计",
    "total in minor units 合计（最小单位）",
    "currency 币种",
    "signature 签名",
)


class WageSheetDiffers(errors.Conflict):
    """Another sum stands on the sheet than the one that is signed for; `total_minor`."""

    title = Text(en="The sheet has another sum.", zh="工资表合计与所签金额不符。")


class WageSheetEmpty(errors.Conflict):
    """Nobody has worked: there is nothing to sign for."""

    title = Text(en="Nobody has worked on this shift.", zh="该班次无人出工。")


class PaidOnNotValid(errors.Invalid):
    """Wages are paid on the day of the work or later, and told of when they are."""

    title = Text(en="Wages are not paid before the work, nor in time to come.", zh="发放日期有误。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    worker: Worker
    village: str
    currency: str
    shifts: int
    pay: Pay


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """`signed`: None as long as it may change."""

    shift: Shift
    lines: Sequence[Line]
    signed: WageSheet | None

    @property
    def total(self) -> Pay:
        return pay_rules.total(each.pay for each in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveSheet:
    wave_id: uuid.UUID
    cooperative_id: uuid.UUID
    lines: Sequence[Line]
    """By currency and worker."""
    shifts: Sequence[Shift]
    """All of them; only those that are signed are in the lines."""

    @property
    def totals(self) -> list[tuple[str, Pay]]:
        currencies = sorted({each.currency for each in self.lines})
        return [
            (currency, pay_rules.total(each.pay for each in self.lines if each.currency == currency))
            for currency in currencies
        ]


def of_shift(session: Session, ctx: Context, *, shift_id: uuid.UUID) -> Sheet:
    """As it was signed; before that as it would be now. Raises ShiftNotFound."""
    return _sheet(session, shifts.get(session, ctx, shift_id=shift_id))


def of_wave(session: Session, ctx: Context, *, wave_id: uuid.UUID, cooperative_id: uuid.UUID) -> WaveSheet:
    """Raises CooperativeNotFound, WaveNotFound."""
    workers.check_may_see(session, ctx, cooperative_id)
    shifts.check_wave(session, wave_id, cooperative_id)
    of_both = (Shift.wave_id == wave_id, Shift.cooperative_id == cooperative_id)
    found = session.scalars(select(Shift).where(*of_both).order_by(Shift.id)).all()
    rows = session.execute(
        select(WageLine, Worker, Shift.currency)
        .join(Worker, Worker.id == WageLine.worker_id)
        .join(Shift, Shift.id == WageLine.shift_id)
        .where(*of_both)
        .order_by(Shift.currency, WageLine.worker_id, WageLine.shift_id)
    )
    lines: dict[tuple[str, uuid.UUID], Line] = {}
    for row, worker, currency in rows:
        known = lines.get((currency, worker.id))
        lines[currency, worker.id] = Line(
            worker=worker,
            village=row.village,
            currency=currency,
            shifts=known.shifts + 1 if known else 1,
            pay=pay_rules.total([*([known.pay] if known else []), _pay_of(row)]),
        )
    return WaveSheet(wave_id=wave_id, cooperative_id=cooperative_id, lines=list(lines.values()), shifts=found)


def sign(session: Session, ctx: Context, *, shift_id: uuid.UUID, total_minor: int) -> Sheet:
    """A member signs off the sum that they have read; from now on the sheet stays as it is.

    Raises ShiftNotFound, ShiftStateForbids, WageSheetEmpty, WageSheetDiffers.
    """
    shift = shifts.locked(session, ctx, shift_id=shift_id, by_members=True)
    states.check_move(shift.state, ShiftState.SIGNED)
    lines = _computed(session, shift)
    if not lines:
        raise WageSheetEmpty
    whole = pay_rules.total(each.pay for each in lines)
    if whole.total_minor != total_minor:
        raise WageSheetDiffers(total_minor=whole.total_minor)
    signed = WageSheet(shift_id=shift.id, **_numbers(whole), signed_by=ctx.actor.label, signed_at=ctx.now)
    session.add(signed)
    session.flush()
    rows = [
        {
            "shift_id": shift.id,
            "worker_id": each.worker.id,
            "village": each.village,
            **_numbers(each.pay),
        }
        for each in lines
    ]
    session.execute(insert(WageLine), rows)
    shifts.move(session, ctx, shift, ShiftState.SIGNED, "sign", total_minor=total_minor, lines=len(lines))
    return Sheet(shift=shift, lines=lines, signed=signed)


def mark_paid(
    session: Session,
    ctx: Context,
    *,
    shift_id: uuid.UUID,
    how: PaidHow,
    paid_on: date,
    note: str | None,
) -> Sheet:
    """A member says how and when its workers got their wages.

    Raises ShiftNotFound, ShiftStateForbids, PaidOnNotValid.
    """
    shift = shifts.locked(session, ctx, shift_id=shift_id, by_members=True)
    states.check_move(shift.state, ShiftState.PAID)
    if not shift.works_on <= paid_on <= ctx.today + timedelta(days=1):  # which is today already farther east
        detail = f"{PaidOnNotValid.title.en} {PaidOnNotValid.title.zh}"
        raise PaidOnNotValid(errors=[{"pointer": "/paid_on", "detail": detail}])
    signed = session.get_one(WageSheet, shift.id, with_for_update=True, populate_existing=True)
    signed.paid_how, signed.paid_on, signed.paid_note = how, paid_on, note
    signed.marked_by, signed.marked_at = ctx.actor.label, ctx.now
    shifts.move(session, ctx, shift, ShiftState.PAID, "pay", how=str(how), paid_on=paid_on.isoformat())
    return _sheet(session, shift)


def shown(ctx: Context, sheet: Sheet) -> dict[str, Any]:
    """With names for members alone."""
    signed = sheet.signed
    return {
        **short(sheet),
        "wave_id": sheet.shift.wave_id,
        "cooperative_id": sheet.shift.cooperative_id,
        "kind": sheet.shift.kind,
        "works_on": sheet.shift.works_on,
        "piece_rate_minor": sheet.shift.piece_rate_minor,
        "hourly_floor_minor": sheet.shift.hourly_floor_minor,
        "paid_note": signed.paid_note if signed else None,
        "lines": [shown_line(ctx, each) for each in sheet.lines],
    }


def short(sheet: Sheet) -> dict[str, Any]:
    """Without its lines: nobody is named in an answer that is kept."""
    shift, signed = sheet.shift, sheet.signed
    return {
        "shift_id": shift.id,
        "state": shift.state,
        "currency": shift.currency,
        "workers": len(sheet.lines),
        **_numbers(sheet.total),
        "signed_by": signed.signed_by if signed else None,
        "signed_at": signed.signed_at if signed else None,
        "paid_how": signed.paid_how if signed else None,
        "paid_on": signed.paid_on if signed else None,
    }


def shown_wave(ctx: Context, sheet: WaveSheet) -> dict[str, Any]:
    return {
        "wave_id": sheet.wave_id,
        "cooperative_id": sheet.cooperative_id,
        "shifts_not_signed": sum(each.state not in FROZEN for each in sheet.shifts),
        "shifts": sheet.shifts,
        "totals": [{"currency": currency, **_numbers(pay)} for currency, pay in sheet.totals],
        "lines": [shown_line(ctx, each) for each in sheet.lines],
    }


def shown_line(ctx: Context, line: Line) -> dict[str, Any]:
    return {
        "worker_id": line.worker.id,
        "name": workers.name_for(ctx, line.worker),
        "village": line.village,
        "currency": line.currency,
        "shifts": line.shifts,
        **_numbers(line.pay),
    }


def csv_of(ctx: Context, lines: Iterable[Line]) -> bytes:
    """One row for each worker and currency, with an empty cell to sign in; then the sum of each currency."""
    found = list(lines)
    rows = [
        (
            str(each.worker.id),
            workers.name_for(ctx, each.worker) or "",
            each.village,
            each.shifts,
            *_cells(each.pay, each.currency),
        )
        for each in found
    ]
    for currency in sorted({each.currency for each in found}):
        whole = pay_rules.total(each.pay for each in found if each.currency == currency)
        rows.append(("", "合计 total", "", "", *_cells(whole, currency)))
    return file_of(HEADER, rows)


def _sheet(session: Session, shift: Shift) -> Sheet:
    signed = session.get(WageSheet, shift.id)
    if signed is None:
        return Sheet(shift=shift, lines=_computed(session, shift), signed=None)
    rows = session.execute(
        select(WageLine, Worker)
        .join(Worker, Worker.id == WageLine.worker_id)
        .where(WageLine.shift_id == shift.id)
        .order_by(WageLine.worker_id)
    )
    lines = [
        Line(worker=worker, village=row.village, currency=shift.currency, shifts=1, pay=_pay_of(row))
        for row, worker in rows
    ]
    return Sheet(shift=shift, lines=lines, signed=signed)


def _computed(session: Session, shift: Shift) -> list[Line]:
    """Of all who worked, by worker: who only was to come is on no sheet."""
    counted = select(ShiftScan.worker_id, func.sum(ShiftScan.boxes)).where(ShiftScan.shift_id == shift.id)
    boxes = {
        worker_id: int(count) for worker_id, count in session.execute(counted.group_by(ShiftScan.worker_id))
    }
    lines = [
        Line(
            worker=each.worker,
            village=each.worker.village,
            currency=shift.currency,
            shifts=1,
            pay=pay_rules.pay(
                boxes=boxes.get(each.worker.id, 0),
                minutes=each.minutes,
                piece_rate_minor=shift.piece_rate_minor,
                hourly_floor_minor=shift.hourly_floor_minor,
            ),
        )
        for each in attending.of_shift(session, shift)
    ]
    return [each for each in lines if each.pay.minutes or each.pay.boxes]


def _pay_of(row: WageLine) -> Pay:
    return Pay(
        minutes=row.minutes, boxes=row.boxes, piece_minor=row.piece_minor, top_up_minor=row.top_up_minor
    )


def _numbers(pay: Pay) -> dict[str, int]:
    return {
        "minutes": pay.minutes,
        "boxes": pay.boxes,
        "piece_minor": pay.piece_minor,
        "top_up_minor": pay.top_up_minor,
        "total_minor": pay.total_minor,
    }


def _cells(pay: Pay, currency: str) -> tuple[str | int, ...]:
    amounts = (pay.piece_minor, pay.top_up_minor, pay.total_minor)
    return (
        pay.minutes,
        pay.boxes,
        *(amount_text(each, currency) for each in amounts),
        pay.total_minor,
        currency,
        "",
    )
