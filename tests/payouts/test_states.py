"""Every move of a payout, and who may let money out when."""

from datetime import UTC, datetime, timedelta

import pytest

from marketplace.payouts.states import (
    PAYING,
    PAYOUT_MOVES,
    WAIT,
    Destination,
    DestinationChanged,
    DestinationTooNew,
    PayoutState,
    PayoutStateForbids,
    SamePerson,
    check_approval,
    check_destination,
    check_payout_move,
)

PAYOUTS = {
    "drafted": {"approved", "cancelled"},
    "approved": {"sent", "cancelled"},
    "sent": {"paid", "returned"},
    "paid": {"returned"},
    "returned": set(),
    "cancelled": set(),
}
CHANGED = datetime(2026, 11, 1, 8, tzinfo=UTC)
BANK = Destination(id="D1", changed_at=CHANGED)


@pytest.mark.parametrize("then", PayoutState)
@pytest.mark.parametrize("state", PayoutState)
def test_each_move_of_a_payout(state, then):
    if then in PAYOUTS[state]:
        check_payout_move(state, then)
    else:
        with pytest.raises(PayoutStateForbids) as refused:
            check_payout_move(state, then)
        assert refused.value.facts == {"state": state}


def test_every_state_has_its_row_and_can_be_reached():
    assert set(PAYOUT_MOVES) == set(PayoutState)
    assert {then for row in PAYOUT_MOVES.values() for then in row} == set(PayoutState) - {PayoutState.DRAFTED}


def test_no_money_leaves_without_a_second_person():
    """Nothing leads to `sent` but `approved`, and nothing to `paid` but `sent`."""
    assert {state for state, row in PAYOUT_MOVES.items() if PayoutState.SENT in row} == {PayoutState.APPROVED}
    assert {state for state, row in PAYOUT_MOVES.items() if PayoutState.PAID in row} == {PayoutState.SENT}
    check_approval(drafted_by="ann", approved_by="bo")
    with pytest.raises(SamePerson):
        check_approval(drafted_by="ann", approved_by="ann")


def test_a_payout_that_came_back_or_was_cancelled_leaves_room_for_another():
    assert set(PayoutState) - PAYING == {PayoutState.RETURNED, PayoutState.CANCELLED}


@pytest.mark.parametrize("seconds", [0, 1, 3_600, WAIT.total_seconds() - 1])
def test_nothing_goes_to_a_new_destination_for_48_hours(seconds):
    with pytest.raises(DestinationTooNew) as refused:
        check_destination("D1", BANK, now=CHANGED + timedelta(seconds=seconds))
    assert refused.value.facts == {"payable_from": "2026-11-03T08:00:00Z"}


def test_from_the_48th_hour_on_it_does():
    check_destination("D1", BANK, now=CHANGED + timedelta(hours=48))
    check_destination("D1", BANK, now=CHANGED + timedelta(days=400))


def test_a_destination_changed_after_the_approval_is_not_paid_to():
    with pytest.raises(DestinationChanged):
        check_destination("D0", BANK, now=CHANGED + timedelta(days=400))
