"""Laws of reconciliation: what agrees is never found, what differs always is, and a repair leaves nothing to find."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.reconciling import rules
from inventory.reconciling.rules import Boxes, Buckets, Counters, NotRepairable, Source

GRAMS = st.integers(-50, 50)
BUCKETS = st.builds(
    Buckets,
    on_hand_grams=GRAMS,
    held_grams=GRAMS,
    committed_grams=GRAMS,
    packed_grams=GRAMS,
    version=st.integers(0, 5),
)
LEGAL = st.tuples(*[st.integers(0, 20)] * 4).map(
    lambda parts: Buckets(
        on_hand_grams=sum(parts),
        held_grams=parts[0],
        committed_grams=parts[1] + parts[2],
        packed_grams=parts[1],
        version=1,
    )
)
"""Free, held, packed, and committed but not packed."""
LOT_COUNTERS = ("on_hand_grams", "held_grams", "committed_grams", "packed_grams", "version")
COUNTS = st.integers(0, 20)
BOXES = st.builds(Boxes, boxes_pledged=COUNTS, boxes_held=COUNTS, boxes_sold=COUNTS)
COUNTERS = st.builds(
    Counters,
    boxes_pledged=st.integers(-5, 20),
    boxes_held=st.integers(-5, 20),
    boxes_sold=st.integers(-5, 20),
    version=st.integers(1, 5),
)


@given(BUCKETS, BUCKETS, GRAMS)
def test_each_lots_counter_is_found_exactly_when_it_is_not_its_fold(
    stored: Buckets, journal: Buckets, promised: int
) -> None:
    found = rules.lot_differences(stored, journal=journal, promised_by_holds=promised)
    by_journal = {each.counter for each in found if each.source is Source.JOURNAL}
    assert by_journal == {name for name in LOT_COUNTERS if _differ(stored, journal, name)}
    by_holds = [(each.counter, each.rebuilt) for each in found if each.source is Source.HOLDS]
    differs = stored.held_grams + stored.committed_grams != promised
    assert by_holds == ([("promised_grams", promised)] if differs else [])
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


@given(LEGAL, st.none() | GRAMS)
def test_after_a_repair_and_its_line_nothing_differs(journal: Buckets, other: int | None) -> None:
    """Without `other` the holds say the same."""
    promised = journal.promised_grams if other is None else other
    if promised != journal.promised_grams:
        with pytest.raises(NotRepairable):
            rules.repaired_lot(journal=journal, promised_by_holds=promised)
        return
    right = rules.repaired_lot(journal=journal, promised_by_holds=promised)
    told = replace(journal, version=journal.version + 1)
    assert rules.lot_differences(right, journal=told, promised_by_holds=promised) == []


@given(BUCKETS)
def test_no_lot_is_set_to_what_cannot_be(journal: Buckets) -> None:
    free = journal.on_hand_grams - journal.held_grams - journal.committed_grams
    loose = journal.committed_grams - journal.packed_grams
    if min(free, journal.held_grams, loose, journal.packed_grams) < 0:
        with pytest.raises(NotRepairable):
            rules.repaired_lot(journal=journal, promised_by_holds=journal.promised_grams)
    else:
        right = rules.repaired_lot(journal=journal, promised_by_holds=journal.promised_grams)
        assert right == replace(journal, version=journal.version + 1)


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
