"""Counts by village: nothing lost, and nobody's pay to be read off."""

import uuid
from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from orders.work import summary_rules
from orders.work.summary_rules import WORKERS_MIN, Cell

SHIFT = uuid.UUID(int=1)


def cell(worker: int, village: str = "A", month: str = "2026-10", income: int = 100, **more: str) -> Cell:
    return Cell(
        month=month,
        currency=more.get("currency", "CNY"),
        village=village,
        worker_id=uuid.UUID(int=worker),
        shift_ids=frozenset({SHIFT}),
        minutes=60,
        boxes=2,
        income_minor=income,
    )


CELLS = st.lists(
    st.builds(
        cell,
        worker=st.integers(1, 12),
        village=st.sampled_from("ABCDE"),
        month=st.sampled_from(["2026-10", "2026-11"]),
        income=st.integers(0, 10**6),
    ),
    max_size=40,
    unique_by=lambda each: (each.worker_id, each.village, each.month),
)


def sizes(cells: Sequence[Cell]) -> dict[str | None, int]:
    parted = summary_rules.part_month(cells) or {}
    return {name: len({each.worker_id for each in found}) for name, found in parted.items()}


@given(CELLS)
def test_whatever_is_told_of_is_of_three_workers_at_least_and_nothing_is_lost(cells: list[Cell]) -> None:
    for month in ("2026-10", "2026-11"):
        those = [each for each in cells if each.month == month]
        parted = summary_rules.part_month(those)
        if parted is None:
            assert len({each.worker_id for each in those}) < WORKERS_MIN
            continue
        assert all(size >= WORKERS_MIN for size in sizes(those).values())
        told = [each for found in parted.values() for each in found]
        assert sorted(told, key=id) == sorted(those, key=id)
        assert all(each.village == name for name, found in parted.items() if name for each in found)


@given(CELLS)
def test_what_several_months_tell_is_what_each_of_them_tells(cells: list[Cell]) -> None:
    """So the difference of two answers is again an answer, and gives nobody away."""
    both = summary_rules.summaries(cells)
    each_alone = [
        summary_rules.summaries([each for each in cells if each.month == month])
        for month in ("2026-10", "2026-11")
    ]

    def income(found: Sequence[summary_rules.Summary]) -> dict[str | None, int]:
        sums: dict[str | None, int] = {}
        for summary in found:
            for village in summary.villages:
                sums[village.village] = sums.get(village.village, 0) + village.income_minor
        return sums

    assert income(both) == income([each for found in each_alone for each in found])
    assert sum(each.months_withheld for each in both) == sum(
        each.months_withheld for found in each_alone for each in found
    )
    for summary in both:
        assert summary.all.income_minor == sum(each.income_minor for each in summary.villages)
        assert summary.all.minutes == sum(each.minutes for each in summary.villages)


def test_small_villages_are_told_of_together() -> None:
    cells = [cell(each, "A") for each in (1, 2, 3)] + [cell(4, "B"), cell(5, "B"), cell(6, "C")]
    assert sizes(cells) == {"A": 3, None: 3}


def test_one_small_village_takes_the_smallest_other_with_it() -> None:
    """Else it could be read off: all less those that are named."""
    cells = (
        [cell(each, "A") for each in range(1, 5)] + [cell(each, "B") for each in (5, 6, 7)] + [cell(8, "C")]
    )
    assert sizes(cells) == {"A": 4, None: 4}


def test_of_two_workers_nothing_is_told() -> None:
    [found] = summary_rules.summaries([cell(1, "A"), cell(2, "B")])
    assert (found.months_withheld, found.all.workers, found.all.income_minor) == (1, 0, 0)
    assert found.villages == []


def test_currencies_are_told_of_apart_and_the_small_ones_last() -> None:
    cells = [cell(each, "B") for each in (1, 2, 3)] + [cell(each, "Z") for each in (4, 5)]
    cells += [cell(each, "A") for each in (6, 7, 8)] + [cell(9, "Y")]
    cells += [cell(each, "B", currency="USD") for each in (1, 2, 3)]
    found = summary_rules.summaries(cells)
    assert [(each.currency, [v.village for v in each.villages]) for each in found] == [
        ("CNY", ["A", "B", None]),
        ("USD", ["B"]),
    ]
    assert all(a.currency < b.currency for a, b in pairwise(found))
    assert (found[0].all.shifts, found[0].all.workers) == (1, 9)
