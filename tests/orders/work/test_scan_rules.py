"""Rows from phones: each judged by itself, a box counted once, whatever order and however often they come."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace import errors
from orders.fulfilment.states import ParcelState
from orders.work import scan_rules as rules
from orders.work.scan_rules import Book, ParcelFacts, Row, ScanOutcome, ShiftFacts
from orders.work.states import ShiftKind, ShiftState, ShiftStateForbids

NINE = datetime(2026, 11, 27, 9, tzinfo=UTC)
LI, WANG, NOBODY = (uuid.UUID(int=each) for each in (1, 2, 3))
PLAIN, LABELLED, FOREIGN = (uuid.UUID(int=each) for each in (11, 12, 13))
SERIALS = ("AAAAAAAAAAAA", "BBBBBBBBBBBB")


def parcel(**changes: Any) -> ParcelFacts:
    facts: dict[str, Any] = {
        "boxes": 2,
        "state": ParcelState.PLANNED,
        "shipped_at": None,
        "delivered_at": None,
        "serials": frozenset(),
    }
    return ParcelFacts(**{**facts, **changes})


def shift(kind: ShiftKind = ShiftKind.PACKING, **changes: Any) -> ShiftFacts:
    facts: dict[str, Any] = {
        "state": ShiftState.OPEN,
        "begins_at": NINE,
        "ends_at": NINE + timedelta(hours=8),
        "worker_ids": frozenset({LI, WANG}),
    }
    return ShiftFacts(kind=kind, **{**facts, **changes})


def book(**changes: Any) -> Book:
    facts: dict[str, Any] = {
        "shift": shift(),
        "parcels": {PLAIN: parcel(), LABELLED: parcel(serials=frozenset(SERIALS))},
        "known": {},
    }
    return Book(**{**facts, **changes})


def row(box: int | None = 1, serial: str | None = None, **changes: Any) -> Row:
    facts: dict[str, Any] = {
        "id": uuid.uuid4(),
        "worker_id": LI,
        "parcel_id": PLAIN if serial is None else LABELLED,
        "box": box if serial is None else None,
        "serial": serial,
        "scanned_at": NINE + timedelta(hours=1),
    }
    return Row(**{**facts, **changes})


def outcome(found: rules.Verdict) -> Any:
    return found.outcome.value if found.refusal is None else (found.refusal, found.member)


def refused(known: Book, sent: Row) -> Any:
    return outcome(rules.judge(known, [sent])[0])


def test_boxes_are_taken_once_and_repeated_safely() -> None:
    rows = [row(1), row(2), row(serial=SERIALS[0])]
    known = book()
    assert [outcome(each) for each in rules.judge(known, rows + rows)] == ["taken"] * 3 + ["repeated"] * 3
    assert [outcome(each) for each in rules.judge(known, rows)] == ["repeated"] * 3


@pytest.mark.parametrize(
    ("changes", "member"),
    [
        ({"worker_id": WANG}, "worker_id"),
        ({"parcel_id": LABELLED}, "parcel_id"),
        ({"box": 2}, "box"),
        ({"serial": SERIALS[0]}, "serial"),
        ({"scanned_at": NINE + timedelta(microseconds=1)}, "scanned_at"),
    ],
)
def test_the_same_id_with_another_fact_is_a_conflict(changes: dict[str, Any], member: str) -> None:
    first = row(1)
    assert refused(book(known={first.id: first}), replace(first, **changes)) == (rules.ScanDiffers, member)


@pytest.mark.parametrize(
    ("sent", "known", "refusal", "member"),
    [
        (row(worker_id=NOBODY), book(), rules.WorkerNotOnShift, "worker_id"),
        (row(parcel_id=FOREIGN), book(), rules.ParcelNotInShift, "parcel_id"),
        (row(scanned_at=NINE - timedelta(seconds=1)), book(), rules.ScanOutsideShift, "scanned_at"),
        (row(scanned_at=NINE + timedelta(hours=9)), book(), rules.ScanOutsideShift, "scanned_at"),
        (row(3), book(), rules.BoxNotInParcel, "box"),
        (row(None), book(), rules.BoxNotNamed, "box"),
        (replace(row(1), serial=SERIALS[0]), book(), rules.BoxNotNamed, "box"),
        (row(1, parcel_id=LABELLED), book(), rules.LabelNeeded, "box"),
        (row(serial="CCCCCCCCCCCC"), book(), rules.LabelNotOnParcel, "serial"),
        (row(serial=SERIALS[0], parcel_id=PLAIN), book(), rules.LabelNotOnParcel, "serial"),
        (row(), book(shift=shift(state=ShiftState.CLOSED)), ShiftStateForbids, "id"),
        (row(), book(shift=shift(state=ShiftState.PAID)), ShiftStateForbids, "id"),
    ],
)
def test_why_a_row_is_not_taken(sent: Row, known: Book, refusal: type[errors.Refusal], member: str) -> None:
    assert refused(known, sent) == (refusal, member)


def test_a_box_that_was_scanned_says_by_whom() -> None:
    known = book()
    rules.judge(known, [row(1), row(serial=SERIALS[0])])
    assert refused(known, row(1)) == (rules.BoxScannedBefore, "box")
    assert refused(known, row(1, worker_id=WANG)) == (rules.BoxScannedByAnother, "box")
    assert refused(known, row(serial=SERIALS[0], worker_id=WANG)) == (rules.BoxScannedByAnother, "serial")
    assert refused(known, row(2, worker_id=WANG)) == "taken"


def test_what_was_sent_before_a_shift_closed_is_still_known() -> None:
    first = row(1)
    known = book(shift=shift(state=ShiftState.SIGNED), known={first.id: first})
    assert refused(known, first) == "repeated"


def test_boxes_are_named_as_the_first_of_them_was() -> None:
    """Labels that come later, or are void, leave no box to be counted twice, and none that cannot be counted."""
    by_number = book(scanned={LABELLED: [row(1, parcel_id=LABELLED)]})
    assert refused(by_number, row(serial=SERIALS[0])) == (rules.BoxNamedOtherwise, "serial")
    assert refused(by_number, row(2, parcel_id=LABELLED)) == "taken"
    gone = {LABELLED: parcel()}
    by_label = book(parcels=gone, scanned={LABELLED: [row(serial=SERIALS[0])]})
    assert refused(by_label, row(2, parcel_id=LABELLED)) == (rules.BoxNamedOtherwise, "box")


def test_a_replaced_label_makes_no_box_more() -> None:
    others = [row(serial=each) for each in ("DDDDDDDDDDDD", SERIALS[0])]
    known = book(scanned={LABELLED: others})
    assert refused(known, row(serial=SERIALS[1])) == (rules.BoxesAllScanned, "parcel_id")
    assert refused(known, row(serial="DDDDDDDDDDDD")) == (rules.BoxScannedBefore, "serial")


@pytest.mark.parametrize("state", [ParcelState.SHIPPED, ParcelState.DELIVERED])
def test_what_was_packed_before_the_parcel_left_counts_however_late_it_comes(state: ParcelState) -> None:
    left = parcel(state=state, shipped_at=NINE + timedelta(hours=1))
    known = book(parcels={PLAIN: left})
    assert refused(known, row(1)) == "taken"
    after = row(2, scanned_at=NINE + timedelta(hours=1, seconds=1))
    assert refused(known, after) == (rules.ParcelGone, "parcel_id")


def test_parcels_are_loaded_whole_and_once() -> None:
    packed = parcel(state=ParcelState.PACKED, serials=frozenset(SERIALS))
    known = book(shift=shift(ShiftKind.HAULAGE), parcels={PLAIN: packed, LABELLED: parcel()})
    [first] = rules.judge(known, [row(None)])
    assert (first.outcome, first.boxes) == (ScanOutcome.TAKEN, 2)
    assert refused(known, row(None, worker_id=WANG)) == (rules.BoxScannedByAnother, "parcel_id")
    assert refused(known, row(1)) == (rules.BoxNotNamed, "box")
    assert refused(known, row(serial=SERIALS[0], parcel_id=PLAIN)) == (rules.BoxNotNamed, "serial")
    assert refused(known, row(None, parcel_id=LABELLED)) == (rules.ParcelNotPacked, "parcel_id")
    arrived = parcel(state=ParcelState.DELIVERED, shipped_at=NINE, delivered_at=NINE + timedelta(minutes=9))
    known = book(shift=shift(ShiftKind.HAULAGE), parcels={PLAIN: arrived})
    assert refused(known, row(None)) == (rules.ParcelGone, "parcel_id")
    assert refused(known, row(None, scanned_at=NINE + timedelta(minutes=5))) == "taken"


ROWS = st.lists(
    st.builds(
        row,
        box=st.integers(1, 3),
        serial=st.sampled_from([None, None, *SERIALS, "CCCCCCCCCCCC"]),
        id=st.integers(1, 6).map(lambda number: uuid.UUID(int=number)),
        worker_id=st.sampled_from([LI, WANG, NOBODY]),
        parcel_id=st.sampled_from([PLAIN, LABELLED, FOREIGN]),
    ),
    max_size=12,
)


@given(ROWS, st.integers(0, 12))
def test_rows_in_one_batch_or_in_two_or_again_come_to_the_same(rows: list[Row], cut: int) -> None:
    whole, parts = book(), book()
    one = rules.judge(whole, rows)
    two = rules.judge(parts, rows[:cut]) + rules.judge(parts, rows[cut:])
    assert [outcome(each) for each in one] == [outcome(each) for each in two]
    again = rules.judge(whole, rows)
    assert not [each for each in again if each.outcome is ScanOutcome.TAKEN]
    taken = [each.row for each in one if each.outcome is ScanOutcome.TAKEN]
    assert len({(each.parcel_id, each.box, each.serial) for each in taken}) == len(taken)
    for parcel_id in (PLAIN, LABELLED):
        assert sum(each.parcel_id == parcel_id for each in taken) <= 2
    for first, second in zip(one, again, strict=True):
        if first.outcome is ScanOutcome.TAKEN:
            assert second.outcome is ScanOutcome.REPEATED
