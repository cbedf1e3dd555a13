"""Every move of a campaign, what scheduling asks for, and what the clock asks for."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from campaigns.states import (
    MOVES,
    PLEDGEABLE,
    PUBLIC,
    CampaignNotReady,
    CampaignState,
    CampaignStateForbids,
    Plan,
    check_move,
    check_ready,
    due_move,
)

NOON = datetime(2026, 4, 15, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
S = CampaignState
LEGAL = {
    (S.DRAFT, S.SCHEDULED),
    (S.DRAFT, S.CANCELLED),
    (S.SCHEDULED, S.DEPOSIT_OPEN),
    (S.SCHEDULED, S.CANCELLED),
    (S.DEPOSIT_OPEN, S.PAUSED),
    (S.DEPOSIT_OPEN, S.DEPOSIT_CLOSED),
    (S.PAUSED, S.DEPOSIT_OPEN),
    (S.PAUSED, S.DEPOSIT_CLOSED),
}


@pytest.mark.parametrize(("before", "after"), sorted(LEGAL))
def test_a_legal_move_is_let_through(before: S, after: S) -> None:
    check_move(before, after)


@pytest.mark.parametrize(("before", "after"), sorted(set(product(S, S)) - LEGAL))
def test_every_other_move_is_refused(before: S, after: S) -> None:
    with pytest.raises(CampaignStateForbids) as refused:
        check_move(before, after)
    assert refused.value.facts == {"state": before, "asked": after}


def test_every_state_has_its_moves_and_only_unborn_ones_are_hidden() -> None:
    assert set(MOVES) == set(S)
    assert set(S) - PUBLIC == {S.DRAFT, S.CANCELLED}
    assert {S.DRAFT, S.SCHEDULED, S.DEPOSIT_OPEN} == PLEDGEABLE


def test_a_plan_with_fruit_and_time_is_ready() -> None:
    check_ready(Plan(opens_at=NOON, closes_at=NOON + HOUR, pledged_boxes=(1, 20)), now=NOON)


@pytest.mark.parametrize(
    ("plan", "missing"),
    [
        (Plan(opens_at=NOON, closes_at=NOON + HOUR, pledged_boxes=()), ["It sells nothing: add an item."]),
        (
            Plan(opens_at=NOON, closes_at=NOON + HOUR, pledged_boxes=(3, 0)),
            ["An item has no pledged fruit."],
        ),
        (
            Plan(opens_at=NOON - HOUR, closes_at=NOON, pledged_boxes=(3,)),
            ["Its window is already over."],
        ),
        (
            Plan(opens_at=NOON - HOUR, closes_at=NOON, pledged_boxes=(0,)),
            ["An item has no pledged fruit.", "Its window is already over."],
        ),
    ],
)
def test_all_that_is_missing_is_told_at_once(plan: Plan, missing: list[str]) -> None:
    with pytest.raises(CampaignNotReady) as refused:
        check_ready(plan, now=NOON)
    assert [each.en for each in refused.value.facts["missing"]] == missing


@pytest.mark.parametrize("state", list(S))
@pytest.mark.parametrize("at", [NOON - HOUR, NOON, NOON + HOUR / 2, NOON + HOUR, NOON + 2 * HOUR])
def test_the_clock_opens_what_is_scheduled_and_closes_what_is_open(state: S, at: datetime) -> None:
    expected = None
    if state == S.SCHEDULED and at >= NOON:
        expected = S.DEPOSIT_OPEN
    if state in (S.DEPOSIT_OPEN, S.PAUSED) and at >= NOON + HOUR:
        expected = S.DEPOSIT_CLOSED
    assert due_move(state, opens_at=NOON, closes_at=NOON + HOUR, now=at) == expected
