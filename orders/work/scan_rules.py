"""What becomes of the rows that a phone sends, perhaps late and perhaps again: each by itself. Pure.

A box is named by the label that it bears, or by its number among the parcel's boxes while they bear none. All boxes of
a parcel are named in the same way, in which the first of them was: so none is counted under two names.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from marketplace import errors
from marketplace.language import Text
from orders.fulfilment.states import UNFILLED, ParcelState
from orders.work.states import ShiftKind, ShiftState, ShiftStateForbids


class ScanOutcome(StrEnum):
    TAKEN = "taken"
    REPEATED = "repeated"
    """It was sent before with the same facts, whatever has become of the shift since."""
    CONFLICT = "conflict"


class ScanDiffers(errors.Conflict):
    """A row with this id was taken with other facts."""

    title = Text(en="This row was sent before with other facts.", zh="该行编号此前已用于其他内容。")


class BoxScannedByAnother(errors.Conflict):
    """Another worker has scanned this box, or this parcel, before: it counts once."""

    title = Text(en="Another worker has scanned this before.", zh="该箱已由其他工人扫描。")


class BoxScannedBefore(errors.Conflict):
    """The same worker has scanned this box, or this parcel, under another id."""

    title = Text(en="This was scanned before.", zh="该箱已扫描。")


class BoxesAllScanned(errors.Conflict):
    """All boxes of the parcel are scanned: a label was replaced after its box had been."""

    title = Text(en="All boxes of this parcel are scanned.", zh="该包裹各箱均已扫描。")


class BoxNotNamed(errors.Conflict):
    """A packed box is named by its label or its number, one of both; a loaded parcel by neither."""

    title = Text(en="The row does not name one box.", zh="该行未正确标明箱。")


class BoxNotInParcel(errors.Conflict):
    """The parcel has fewer boxes."""

    title = Text(en="The parcel has no box of this number.", zh="包裹中没有该箱号。")


class LabelNeeded(errors.Conflict):
    """The parcel's boxes bear labels: they are named by them."""

    title = Text(en="This box is named by its label.", zh="该箱须以标签识别。")


class LabelNotOnParcel(errors.Conflict):
    """No box of the parcel bears this label, or it counts no more."""

    title = Text(en="This label is on no box of the parcel.", zh="该标签不在此包裹上。")


class BoxNamedOtherwise(errors.Conflict):
    """Boxes of this parcel were scanned by number before they bore labels, or the other way: go on as it was begun."""

    title = Text(en="Boxes of this parcel are named in another way.", zh="该包裹的箱以另一种方式识别。")


class ParcelNotInShift(errors.Conflict):
    """The parcel is not of the shift's wave and cooperative."""

    title = Text(en="The parcel is not of this shift.", zh="该包裹不属于此班次。")


class ParcelNotPacked(errors.Conflict):
    """A parcel is loaded when it is packed."""

    title = Text(en="The parcel is not packed yet.", zh="该包裹尚未打包。")


class ParcelGone(errors.Conflict):
    """The parcel had left, or arrived, before it was scanned."""

    title = Text(en="The parcel had gone before.", zh="扫描时该包裹已离开。")


class WorkerNotOnShift(errors.Conflict):
    """Nobody has put the worker on this shift."""

    title = Text(en="The worker is not on this shift.", zh="该工人不在此班次。")


class ScanOutsideShift(errors.Conflict):
    """It was scanned before the shift began or after it ended."""

    title = Text(en="It was scanned outside of the shift.", zh="扫描时间不在班次内。")


Refused = tuple[type[errors.Refusal], str]
"""Why a row is not taken, and what of it that is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a phone says: who had which box in hands, and when."""

    id: uuid.UUID
    worker_id: uuid.UUID
    parcel_id: uuid.UUID
    box: int | None
    serial: str | None
    scanned_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ParcelFacts:
    boxes: int
    state: ParcelState
    shipped_at: datetime | None
    delivered_at: datetime | None
    serials: frozenset[str]
    """Of labels that are, or were until they arrived, on its boxes; none that is void."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftFacts:
    kind: ShiftKind
    state: ShiftState
    begins_at: datetime
    ends_at: datetime
    worker_ids: frozenset[uuid.UUID]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    row: Row
    outcome: ScanOutcome
    boxes: int = 0
    """That count for the worker, if it is taken."""
    refusal: type[errors.Refusal] | None = None
    member: str = "id"
    """What of the row it is about."""


@dataclass(slots=True, kw_only=True)
class Book:
    """All that is known before the rows are looked at, and what each of them adds to it."""

    shift: ShiftFacts
    parcels: Mapping[uuid.UUID, ParcelFacts]
    """Of the shift's wave and cooperative, by id."""
    known: dict[uuid.UUID, Row]
    """Rows of this shift, by id."""
    scanned: dict[uuid.UUID, list[Row]] = field(default_factory=dict)
    """Rows of all shifts of this kind, by parcel."""


def judge(book: Book, rows: Sequence[Row]) -> list[Verdict]:
    """In the order of the rows; a row that is taken is known to those behind it."""
    found = []
    for row in rows:
        if (same := book.known.get(row.id)) is not None:
            found.append(_again(same, row))
            continue
        refused = _refusal(book, row)
        if refused is not None:
            refusal, member = refused
            found.append(
                Verdict(row=row, outcome=ScanOutcome.CONFLICT, refusal=refusal, member=member),
            )
            continue
        book.known[row.id] = row
        book.scanned.setdefault(row.parcel_id, []).append(row)
        is_whole = book.shift.kind is ShiftKind.HAULAGE
        boxes = book.parcels[row.parcel_id].boxes if is_whole else 1
        found.append(Verdict(row=row, outcome=ScanOutcome.TAKEN, boxes=boxes))
    return found


def first_difference(known: Row, sent: Row) -> str | None:
    """The first member of a row that is not as it was sent before."""
    names = ("worker_id", "parcel_id", "box", "serial", "scanned_at")
    return next((name for name in names if getattr(known, name) != getattr(sent, name)), None)


def _again(known: Row, sent: Row) -> Verdict:
    name = first_difference(known, sent)
    if name is None:
        return Verdict(row=sent, outcome=ScanOutcome.REPEATED)
    return Verdict(row=sent, outcome=ScanOutcome.CONFLICT, refusal=ScanDiffers, member=name)


def _refusal(book: Book, row: Row) -> Refused | None:
    shift, parcel = book.shift, book.parcels.get(row.parcel_id)
    if refused := _of_shift(shift, row):
        return refused
    if parcel is None:
        return ParcelNotInShift, "parcel_id"
    if refused := _of_state(shift, parcel, row):
        return refused
    others = book.scanned.get(row.parcel_id, [])
    return _of_box(parcel, row, others) if shift.kind is ShiftKind.PACKING else _of_parcel(row, others)


def _of_shift(shift: ShiftFacts, row: Row) -> Refused | None:
    if shift.state is not ShiftState.OPEN:
        return ShiftStateForbids, "id"
    if row.worker_id not in shift.worker_ids:
        return WorkerNotOnShift, "worker_id"
    if not shift.begins_at <= row.scanned_at <= shift.ends_at:
        return ScanOutsideShift, "scanned_at"
    return None


def _of_state(shift: ShiftFacts, parcel: ParcelFacts, row: Row) -> Refused | None:
    """Packed until it left, loaded until it arrived: by when it was scanned, however late that comes here."""
    is_packing = shift.kind is ShiftKind.PACKING
    if parcel.state in UNFILLED:
        return ParcelNotInShift, "parcel_id"
    if not is_packing and parcel.state is ParcelState.PLANNED:
        return ParcelNotPacked, "parcel_id"
    gone_at = parcel.shipped_at if is_packing else parcel.delivered_at
    if gone_at is not None and gone_at < row.scanned_at:
        return ParcelGone, "parcel_id"
    return None


def _of_parcel(row: Row, others: Sequence[Row]) -> Refused | None:
    if row.box is not None or row.serial is not None:
        return BoxNotNamed, "box" if row.box is not None else "serial"
    return _twice(row, others, "parcel_id")


def _of_box(parcel: ParcelFacts, row: Row, others: Sequence[Row]) -> Refused | None:
    if (row.box is None) == (row.serial is None):
        return BoxNotNamed, "box"
    is_numbered = others[0].box is not None if others else not parcel.serials
    refused = (
        _by_label(parcel, row, others, is_numbered=is_numbered)
        if row.serial is not None
        else _by_number(parcel, row, others, is_numbered=is_numbered)
    )
    if refused is None and len(others) >= parcel.boxes:
        return BoxesAllScanned, "parcel_id"
    return refused


def _by_label(parcel: ParcelFacts, row: Row, others: Sequence[Row], *, is_numbered: bool) -> Refused | None:
    if twice := _twice(row, [each for each in others if each.serial == row.serial], "serial"):
        return twice
    if row.serial not in parcel.serials:
        return LabelNotOnParcel, "serial"
    return (BoxNamedOtherwise, "serial") if is_numbered else None


def _by_number(parcel: ParcelFacts, row: Row, others: Sequence[Row], *, is_numbered: bool) -> Refused | None:
    if not is_numbered:
        return (BoxNamedOtherwise if others else LabelNeeded), "box"
    if row.box is not None and row.box > parcel.boxes:
        return BoxNotInParcel, "box"
    return _twice(row, [each for each in others if each.box == row.box], "box")


def _twice(row: Row, same: Sequence[Row], member: str) -> Refused | None:
    if not same:
        return None
    return (BoxScannedBefore if same[0].worker_id == row.worker_id else BoxScannedByAnother), member
