"""Scans that phones send, perhaps hours later and perhaps twice: each row has its own answer, good ones stay.

The shift is locked, then the parcels by id: of two phones that send at once, for one shift or for two, one comes after
the other, and a parcel leaves before its boxes are scanned or after it.
"""

import uuid
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from inventory.labels.models import LabelSerial
from inventory.labels.states import SerialState
from marketplace import audit
from marketplace.context import Context
from marketplace.row_reports import RowReport, RowResult
from orders.fulfilment.models import Parcel
from orders.fulfilment.states import ParcelState
from orders.work import scan_rules, shifts
from orders.work.models import Shift, ShiftScan, ShiftWorker
from orders.work.scan_rules import Book, ParcelFacts, Row, ScanOutcome, ShiftFacts, Verdict
from orders.work.states import ShiftKind, ShiftState

ROWS_MAX: Final = 500


class Report(RowReport[RowResult]):
    @property
    def taken(self) -> int:
        return self.count(ScanOutcome.TAKEN)

    @property
    def repeated(self) -> int:
        return self.count(ScanOutcome.REPEATED)

    @property
    def conflicts(self) -> int:
        return self.count(ScanOutcome.CONFLICT)


def take(session: Session, ctx: Context, *, shift_id: uuid.UUID, rows: Sequence[dict[str, Any]]) -> Report:
    """Take what can be taken. Raises ShiftNotFound; all else is said of each row."""
    shift = shifts.locked(session, ctx, shift_id=shift_id)
    sent = [Row(**each) for each in rows]
    verdicts = scan_rules.judge(_book(session, shift, sent), sent)
    taken = [_stored(ctx, shift, each) for each in verdicts if each.outcome is ScanOutcome.TAKEN]
    if taken:
        session.execute(insert(ShiftScan), taken)
    report = Report(results=[_result(number, each) for number, each in enumerate(verdicts)])
    counts = {"taken": report.taken, "repeated": report.repeated, "conflicts": report.conflicts}
    audit.record(session, ctx, "shift.scan", subject=("shift", shift.id), after=counts)
    return report


def _book(session: Session, shift: Shift, sent: Sequence[Row]) -> Book:
    parcels = session.scalars(
        select(Parcel)
        .where(
            Parcel.id.in_({each.parcel_id for each in sent}),
            Parcel.wave_id == shift.wave_id,
            Parcel.cooperative_id == shift.cooperative_id,
        )
        .order_by(Parcel.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    ids = [each.id for each in parcels]
    labels: dict[uuid.UUID, set[str]] = {each: set() for each in ids}
    on_boxes = select(LabelSerial.parcel_id, LabelSerial.serial)
    for parcel_id, serial in session.execute(
        on_boxes.where(LabelSerial.parcel_id.in_(ids), LabelSerial.state != SerialState.VOID)
    ):
        assert parcel_id is not None, "only those on these parcels were asked for"
        labels[parcel_id].add(serial)
    known = session.scalars(
        select(ShiftScan).where(ShiftScan.shift_id == shift.id, ShiftScan.id.in_({each.id for each in sent}))
    )
    scanned: dict[uuid.UUID, list[Row]] = {}
    of_parcels = select(ShiftScan).where(ShiftScan.parcel_id.in_(ids), ShiftScan.kind == shift.kind)
    for each in session.scalars(of_parcels.order_by(ShiftScan.parcel_id, ShiftScan.at)):
        scanned.setdefault(each.parcel_id, []).append(_row(each))
    worker_ids = session.scalars(select(ShiftWorker.worker_id).where(ShiftWorker.shift_id == shift.id))
    return Book(
        shift=ShiftFacts(
            kind=ShiftKind(shift.kind),
            state=ShiftState(shift.state),
            begins_at=shift.begins_at,
            ends_at=shift.ends_at,
            worker_ids=frozenset(worker_ids),
        ),
        parcels={
            each.id: ParcelFacts(
                boxes=each.boxes,
                state=ParcelState(each.state),
                shipped_at=each.shipped_at,
                delivered_at=each.delivered_at,
                serials=frozenset(labels[each.id]),
            )
            for each in parcels
        },
        known={each.id: _row(each) for each in known},
        scanned=scanned,
    )


def _row(scan: ShiftScan) -> Row:
    return Row(
        id=scan.id,
        worker_id=scan.worker_id,
        parcel_id=scan.parcel_id,
        box=scan.box,
        serial=scan.serial,
        scanned_at=scan.scanned_at,
    )


def _stored(ctx: Context, shift: Shift, verdict: Verdict) -> dict[str, Any]:
    return {
        **asdict(verdict.row),
        "shift_id": shift.id,
        "kind": shift.kind,
        "boxes": verdict.boxes,
        "actor": ctx.actor.label,
        "at": ctx.now,
    }


def _result(number: int, verdict: Verdict) -> RowResult:
    if verdict.refusal is None:
        return RowResult(id=verdict.row.id, outcome=verdict.outcome)
    return RowResult(
        id=verdict.row.id,
        outcome=verdict.outcome,
        code=verdict.refusal.code,
        pointer=f"/rows/{number}/{verdict.member}",
        detail=verdict.refusal.title,
    )
