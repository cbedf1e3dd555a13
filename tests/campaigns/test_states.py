"""Every move of a campaign, what scheduling asks for, and what the clock asks for."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from campaigns.states import (
    MOVES,
    PLEDGEABLE,
    PUBLIC,
    CampaignEvent,
    CampaignNotReady,
    CampaignState,
    CampaignStateForbids,
    Plan,
    after,
    check_ready,
    due_event,
    state_at,
)

NOON = datetime(2026, 4, 15, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
S = CampaignState
E = CampaignEvent
LEGAL = {
    (S.DRAFT, E.SCHEDULE): S.SCHEDULED,
    (S.SCHEDULED, E.OPEN): S.DEPOSIT_OPEN,
    (S.DEPOSIT_OPEN, E.PAUSE): S.PAUSED,
    (S.DEPOSIT_OPEN, E.CLOSE): S.DEPOSIT_CLOSED,
    (S.PAUSED, E.RESUME): S.DEPOSIT_OPEN,
    (S.DEPOSIT_CLOSED, E.ALLOCATE): S.ALLOCATING,
    (S.DEPOSIT_CLOSED, E.FAIL): S.FAILED,
    (S.ALLOCATING, E.CONFIRM): S.ALLOCATED,
    (S.ALLOCATING, E.FAIL): S.FAILED,
    (S.ALLOCATED, E.HARVEST): S.HARVESTED,
    (S.HARVESTED, E.FALL_SHORT): S.SHORTFALL,
    (S.HARVESTED, E.OPEN_BALANCE): S.BALANCE_OPEN,
    (S.SHORTFALL, E.OPEN_BALANCE): S.BALANCE_OPEN,
    (S.SHORTFALL, E.FAIL): S.FAILED,
    (S.BALANCE_OPEN, E.CLOSE_BALANCE): S.BALANCE_CLOSED,
    (S.BALANCE_OPEN, E.FAIL): S.FAILED,
    (S.BALANCE_CLOSED, E.FAIL): S.FAILED,
    (S.BALANCE_CLOSED, E.FULFIL): S.FULFILLING,
    (S.FULFILLING, E.COMPLETE): S.COMPLETED,
    (S.COMPLETED, E.SETTLE): S.SETTLED,
    (S.FAILED, E.END): S.CLOSED,
    (S.CANCELLED, E.END): S.CLOSED,
    **{
        (state, E.CANCEL): S.CANCELLED
        for state in (
            S.DRAFT,
            S.SCHEDULED,
            S.PAUSED,
            S.DEPOSIT_CLOSED,
            S.ALLOCATING,
            S.ALLOCATED,
            S.HARVESTED,
            S.SHORTFALL,
            S.BALANCE_OPEN,
            S.BALANCE_CLOSED,
        )
    },
}
"""Written out once more: a table that tests itself shows nothing."""


@pytest.mark.parametrize(("state", "event"), list(product(S, E)))
def test_every_event_in_every_state_is_allowed_or_refused(state: S, event: E) -> None:
    if (state, event) in LEGAL:
        assert after(state, event) == LEGAL[state, event]
        return
    with pytest.raises(CampaignStateForbids) as refused:
        after(state, event)
    assert refused.value.facts == {"state": state, "asked": event}


def test_every_state_has_its_moves_and_only_unborn_ones_are_hidden() -> None:
    assert set(MOVES) == set(S)
    assert set(S) - PUBLIC == {S.DRAFT, S.CANCELLED, S.CLOSED}
    assert {S.DRAFT, S.SCHEDULED, S.DEPOSIT_OPEN} == PLEDGEABLE


def test_every_state_can_be_reached_and_every_life_can_end() -> None:
    reached, waiting = {S.DRAFT}, [S.DRAFT]
    while waiting:
        new = set(MOVES[waiting.pop()].values()) - reached
        reached |= new
        waiting += new
    assert reached == set(S)
    ending = {state for state in S if not MOVES[state]}
    assert ending == {S.SETTLED, S.CLOSED}
    while grown := {state for state in S if set(MOVES[state].values()) & ending} - ending:
        ending |= grown
    assert ending == set(S)


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
        expected = E.OPEN
    if state == S.DEPOSIT_OPEN and at >= NOON + HOUR:
        expected = E.CLOSE
    assert due_event(state, opens_at=NOON, closes_at=NOON + HOUR, now=at) == expected


@pytest.mark.parametrize(
    ("state", "at", "seen"),
    [
        (S.SCHEDULED, NOON - HOUR, S.SCHEDULED),
        (S.SCHEDULED, NOON, S.DEPOSIT_OPEN),
        (S.SCHEDULED, NOON + HOUR, S.DEPOSIT_CLOSED),
        (S.DEPOSIT_OPEN, NOON + HOUR, S.DEPOSIT_CLOSED),
        (S.PAUSED, NOON + HOUR, S.PAUSED),
        (S.ALLOCATED, NOON + HOUR, S.ALLOCATED),
    ],
)
def test_a_reader_sees_what_the_clock_has_asked_for(state: S, at: datetime, seen: S) -> None:
    assert state_at(state, opens_at=NOON, closes_at=NOON + HOUR, now=at) == seen
