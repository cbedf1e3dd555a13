"""What of a carrier's words is taken, and what a file of them may look like."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from marketplace.catalogue.csv_table import CsvRefused
from orders.fulfilment.carriers import rules, tables, ways
from orders.fulfilment.carriers.interface import CarrierHasNoFiles
from orders.fulfilment.carriers.rules import Unusable
from orders.fulfilment.states import GONE, ParcelState, TrackingStatus

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
P, T = ParcelState, TrackingStatus


def unusable(
    state: str = P.SHIPPED,
    status: TrackingStatus = T.IN_TRANSIT,
    *,
    number: str | None = None,
    told_number: str | None = None,
    at: datetime = NOW,
) -> Unusable | None:
    return rules.unusable(state=state, number=number, status=status, at=at, told_number=told_number, now=NOW)


@pytest.mark.parametrize(("state", "status"), list(product(P, T)))
def test_of_what_is_still_here_only_its_number_is_told(state: ParcelState, status: TrackingStatus) -> None:
    found = unusable(state, status, told_number="SF-1")
    if state not in GONE and status != T.ANNOUNCED:
        assert found is Unusable.NOT_SENT
    elif state == P.DELIVERED and status in (T.RETURNED, T.LOST):
        assert found is Unusable.ARRIVED
    else:
        assert found is None


def test_a_number_must_be_told_and_stay() -> None:
    assert unusable(P.PACKED, T.ANNOUNCED) is Unusable.NO_NUMBER
    assert unusable(number="SF-1", told_number="SF-2") is Unusable.OTHER_NUMBER
    assert unusable(number="SF-1", told_number="SF-1") is None
    assert unusable(number="SF-1") is None
    assert unusable(told_number="SF-1") is None


def test_a_carrier_s_clock_may_go_a_little_ahead() -> None:
    assert unusable(at=NOW + rules.AHEAD) is None
    assert unusable(at=NOW + rules.AHEAD + timedelta(seconds=1)) is Unusable.IN_FUTURE
    assert unusable(at=NOW - timedelta(days=400)) is None, "late is not wrong"


def test_every_reason_speaks_both_languages() -> None:
    assert set(rules.REASONS) == set(Unusable)
    assert all(each.en and each.zh for each in rules.REASONS.values())


def test_what_has_no_files_takes_and_gives_none() -> None:
    offline = ways.get("offline")
    assert not offline.has_files
    with pytest.raises(CarrierHasNoFiles):
        offline.file_of([])
    with pytest.raises(CarrierHasNoFiles):
        offline.reports_of("")
    assert ways.get("csv").has_files


def test_an_unknown_way_is_refused() -> None:
    with pytest.raises(ways.CarrierNotFound):
        ways.get("pigeon")


GOOD = "P1,in_transit,2026-11-27T10:00:00+08:00,SF-1"


def reports(*lines: str, heading: str = "parcel,status,at,tracking_number"):
    return ways.get("csv").reports_of("\n".join((heading, *lines)))


def test_a_wrong_cell_spoils_its_own_line_alone() -> None:
    found = reports(
        GOOD, "P2,flying,2026-11-27T10:00:00Z,", "P3,lost,yesterday,", "P4,lost,2026-11-27T10:00:00Z,"
    )
    assert [(each.line, each.parcel, each.status, each.tracking_number) for each in found.read] == [
        (2, "P1", T.IN_TRANSIT, "SF-1"),
        (5, "P4", T.LOST, None),
    ]
    assert found.read[0].at == datetime(2026, 11, 27, 2, tzinfo=UTC)
    assert [(each.line, each.column) for each in found.faults] == [(3, "status"), (4, "at")]


@pytest.mark.parametrize(
    "lines",
    [
        (GOOD, "too,few"),
        (GOOD, '"open'),
        (GOOD, *[f"P{each},lost,2026-11-27T10:00:00Z," for each in range(tables.ROWS_MAX)]),
        ("P2,flying,2026-11-27T10:00:00Z,",),
    ],
)
def test_a_file_whose_lines_cannot_be_told_apart_is_refused_as_a_whole(lines: tuple[str, ...]) -> None:
    with pytest.raises(CsvRefused):
        reports(*lines)


def test_a_file_with_other_columns_is_refused() -> None:
    with pytest.raises(CsvRefused):
        reports(GOOD, heading="parcel,status,when,tracking_number")
    with pytest.raises(CsvRefused):
        ways.get("csv").reports_of("")


def test_as_many_lines_as_may_be_are_read_and_none_is_too_few_to_say_so() -> None:
    lines = [f"P{each},lost,2026-11-27T10:00:00Z," for each in range(tables.ROWS_MAX)]
    assert len(reports(*lines).read) == tables.ROWS_MAX
    assert reports().read == []
