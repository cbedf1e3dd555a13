"""The rules of an allocation: what comes next, which pledges stay, which states lead where."""

from datetime import date
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.allotting.rules import (
    MOVES,
    CommitmentState,
    CommitmentStateForbids,
    Standing,
    Step,
    check_move,
    next_step,
    season_of,
    together,
    too_many,
)

BOXES = st.integers(0, 30)
STANDINGS = st.builds(Standing, sold=BOXES, pending=BOXES, offered=BOXES, confirmed=BOXES, free=BOXES)


@pytest.mark.parametrize(("before", "after"), list(product(CommitmentState, CommitmentState)))
def test_every_move_of_a_commitment_is_allowed_or_refused(before: CommitmentState, after: CommitmentState):
    legal = {
        ("offered", "confirmed"),
        ("offered", "declined"),
        ("offered", "lapsed"),
        ("offered", "released"),
        ("confirmed", "released"),
    }
    assert (after in MOVES[before]) == ((before.value, after.value) in legal)
    if after in MOVES[before]:
        check_move(before, after)
    else:
        with pytest.raises(CommitmentStateForbids):
            check_move(before, after)


@given(STANDINGS)
def test_confirmed_means_that_every_sold_box_has_a_yes_and_none_is_still_being_paid(item: Standing):
    is_done = item.sold == item.confirmed and not item.offered and not item.pending
    if item.open >= 0:
        assert (next_step(item) == Step.CONFIRM) == is_done


@given(STANDINGS)
def test_it_fails_exactly_when_no_answer_can_help_any_more(item: Standing):
    assert (next_step(item) == Step.FAIL) == (item.sold - item.offered - item.confirmed > item.free)


@given(STANDINGS)
def test_it_splits_only_what_is_open_and_fits_and_asks_nobody_twice_at_once(item: Standing):
    if next_step(item) == Step.SPLIT:
        assert item.open <= item.free
        assert item.open != 0
        assert not item.offered


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([], Step.CONFIRM),
        ([Step.CONFIRM, Step.CONFIRM], Step.CONFIRM),
        ([Step.CONFIRM, Step.WAIT], Step.WAIT),
        ([Step.WAIT, Step.SPLIT], Step.SPLIT),
        ([Step.SPLIT, Step.FAIL, Step.CONFIRM], Step.FAIL),
    ],
)
def test_a_campaign_does_what_its_items_let_it(steps: list[Step], expected: Step):
    assert together(steps) == expected


@given(st.lists(st.integers(1, 20), max_size=8), st.integers(0, 60))
def test_what_stays_of_pledges_is_what_is_kept_and_the_first_stay_longest(pledges: list[int], kept: int):
    back = dict(too_many(enumerate(pledges), kept=kept))
    stays = [boxes - back.get(at, 0) for at, boxes in enumerate(pledges)]
    assert sum(stays) == min(kept, sum(pledges))
    assert all(0 <= stay <= boxes for stay, boxes in zip(stays, pledges, strict=True))
    assert all(boxes > 0 for boxes in back.values())
    cut = min(back, default=len(pledges))
    assert stays[cut + 1 :] == [0] * len(stays[cut + 1 :])


@pytest.mark.parametrize(
    ("day", "season"),
    [
        (date(2026, 7, 1), "2026-27"),
        (date(2027, 6, 30), "2026-27"),
        (date(2026, 12, 31), "2026-27"),
        (date(2099, 8, 1), "2099-00"),
    ],
)
def test_a_season_begins_in_july(day: date, season: str):
    assert season_of(day) == season
