"""Laws of reconciliation: what agrees is never found, what differs always is, and a repair leaves nothing to find."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.reconciling import rules
from inventory.reconciling.rules import Boxes, Buckets, Counters, NotRepairable, Source

GRAMS = st.integers(-50, 50)
BUCKETS = st.builds(Buckets, on_hand_grams=GRAMS, held_grams=GRAMS, version=st.integers(0, 5))
COUNTS = st.integers(0, 20)
BOXES = st.builds(Boxes, boxes_pledged=COUNTS, boxes_held=COUNTS, boxes_sold=COUNTS)
COUNTERS = st.builds(
    Counters,
    boxes_pledged=st.integers(-5, 20),
    boxes_held=st.integers(-5, 20),
    boxes_sold=st.integers(-5, 20),
    version=st.integers(1, 5),
)
DELTAS = st.lists(st.tuples(GRAMS, GRAMS), max_size=10)


@given(DELTAS, DELTAS)
def test_a_fold_can_be_cut_anywhere(first: list[tuple[int, int]], then: list[tuple[int, int]]) -> None:
    whole, one, two = rules.fold(first + then), rules.fold(first), rules.fold(then)
    assert whole.on_hand_grams == one.on_hand_grams + two.on_hand_grams
    assert whole.held_grams == one.held_grams + two.held_grams
    assert whole.version == one.version + two.version == len(first) + len(then)


@given(BUCKETS, BUCKETS, GRAMS)
def test_each_lots_counter_is_found_exactly_when_it_is_not_its_fold(
    stored: Buckets, journal: Buckets, held: int
) -> None:
    found = rules.lot_differences(stored, journal=journal, held_by_holds=held)
    by_journal = {each.counter for each in found if each.source is Source.JOURNAL}
    assert by_journal == {
        name for name in ("on_hand_grams", "held_grams", "version") if _differ(stored, journal, name)
    }
    by_holds = [(each.counter, each.rebuilt) for each in found if each.source is Source.HOLDS]
    assert by_holds == ([("held_grams", held)] if stored.held_grams != held else [])
    assert all(each.stored != each.rebuilt for each in found)


@given(COUNTERS, COUNTERS, BOXES)
def test_each_pools_counter_is_found_exactly_when_it_is_not_its_fold_or_not_the_sum_of_its_holds(
    stored: Counters, journal: Counters, holds: Boxes
) -> None:
    found = rules.pool_differences(stored, journal=journal, holds=holds)
    names = ("boxes_pledged", "boxes_held", "boxes_sold")
    by_journal = {each.counter for each in found if each.source is Source.JOURNAL}
    assert by_journal == {name for name in (*names, "version") if _differ(stored, journal, name)}
    by_holds = {each.counter for each in found if each.source is Source.HOLDS}
    assert by_holds == {name for name in names if _differ(stored, holds, name)}
    assert all(each.stored != each.rebuilt for each in found)


@given(DELTAS, GRAMS)
def test_after_a_repair_and_its_line_nothing_differs(deltas: list[tuple[int, int]], held: int) -> None:
    journal = rules.fold(deltas)
    try:
        right = rules.repaired_lot(journal=journal, held_by_holds=held)
    except NotRepairable:
        assert journal.held_grams != held or not 0 <= journal.held_grams <= journal.on_hand_grams
        return
    told = rules.fold([*deltas, (0, 0)])
    assert rules.lot_differences(right, journal=told, held_by_holds=held) == []


@given(COUNTERS, st.none() | BOXES)
def test_a_pool_is_what_its_journal_says_unless_its_holds_say_another_thing(
    journal: Counters, other: Boxes | None
) -> None:
    """Without `other` the holds say the same."""
    holds = journal.boxes if other is None else other
    can_be = journal.boxes_held >= 0 and 0 <= journal.boxes_sold <= journal.boxes_pledged - journal.boxes_held
    if journal.boxes != holds or not can_be:
        with pytest.raises(NotRepairable):
            rules.repaired_pool(journal=journal, holds=holds)
        return
    right = rules.repaired_pool(journal=journal, holds=holds)
    told = replace(journal, version=journal.version + 1)
    assert right.boxes == journal.boxes
    assert rules.pool_differences(right, journal=told, holds=holds) == []


def _differ(one: Any, other: Any, name: str) -> bool:
    return bool(getattr(one, name) != getattr(other, name))
