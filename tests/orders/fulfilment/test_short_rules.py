"""Laws of a short pick: whole parcels, never by arrival, and none is left out that would still fit."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.fulfilment import short_rules
from orders.fulfilment.short_rules import Outcome, Planned

WAVE = uuid.UUID("01900000-0000-7000-8000-000000000001")
PARCELS = st.lists(
    st.builds(Planned, id=st.uuids(), order_id=st.uuids(), boxes=st.integers(1, 9)),
    max_size=12,
    unique_by=lambda each: each.id,
)


def boxes_of(parcels: list[Planned], kept: frozenset[uuid.UUID]) -> int:
    return sum(each.boxes for each in parcels if each.id in kept)


@given(parcels=PARCELS, found=st.integers(0, 60))
def test_no_more_is_kept_than_was_found_and_nobody_is_left_out_who_fits(parcels, found) -> None:
    kept = short_rules.keep(parcels, wave_id=WAVE, boxes_found=found)
    left = found - boxes_of(parcels, kept)
    assert left >= 0
    assert all(each.boxes > left for each in parcels if each.id not in kept)
    if found >= sum(each.boxes for each in parcels):
        assert kept == {each.id for each in parcels}


@given(parcels=PARCELS, found=st.integers(0, 60), data=st.data())
def test_who_comes_first_is_neither_chosen_nor_a_matter_of_arrival(parcels, found, data) -> None:
    kept = short_rules.keep(parcels, wave_id=WAVE, boxes_found=found)
    again = data.draw(st.permutations(parcels))
    assert short_rules.keep(again, wave_id=WAVE, boxes_found=found) == kept


@given(parcels=PARCELS, found=st.integers(1, 60))
def test_the_first_by_rank_is_served_whenever_it_fits(parcels, found) -> None:
    if parcels:
        first = min(parcels, key=lambda each: (short_rules.rank(WAVE, each.order_id), each.id))
        kept = short_rules.keep(parcels, wave_id=WAVE, boxes_found=found)
        assert (first.id in kept) == (first.boxes <= found)


def test_the_rank_is_the_hash_that_anybody_can_compute() -> None:
    order_id = uuid.UUID("01900000-0000-7000-8000-000000000002")
    assert short_rules.rank(WAVE, order_id) == (
        "aac50e6119c3c757c3d6c01e01d912a11707c8102b09e391f88e2c40ff3287c6"
    )


@given(order_ids=st.lists(st.uuids(), unique=True, max_size=40))
def test_the_last_by_rank_give_way_and_in_the_end_all_have(order_ids) -> None:
    left, rounds = set(order_ids), 0
    while going := short_rules.last(left, wave_id=WAVE):
        ranks = {each: short_rules.rank(WAVE, each) for each in left}
        left -= set(going)
        assert all(ranks[each] < ranks[other] for each in left for other in going)
        rounds += 1
    assert not left
    assert rounds <= 20


@given(of=st.dictionaries(st.uuids(), st.integers(0, 9), max_size=6), boxes=st.integers(0, 60))
def test_boxes_are_parted_whole_and_nobody_has_more_than_it_lost(of, boxes) -> None:
    if boxes > sum(of.values()):
        with pytest.raises(ValueError, match="too many"):
            short_rules.part(boxes, of)
        return
    parts = short_rules.part(boxes, of)
    assert sum(parts.values()) == boxes
    assert all(0 < taken <= of[key] for key, taken in parts.items())


@pytest.mark.parametrize(
    ("others", "outcome"),
    [([], Outcome.TAKEN_BACK), ([False], Outcome.TAKEN_BACK), ([False, True], Outcome.REFUNDED)],
)
def test_an_order_waits_only_while_nothing_of_it_is_packed(others, outcome) -> None:
    assert short_rules.unserved(others) == outcome
