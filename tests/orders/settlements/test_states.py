"""Every state × event of a settlement."""

import pytest

from orders.settlements.states import (
    MOVES,
    SettlementEvent,
    SettlementState,
    SettlementStateForbids,
    after,
)

ALLOWED = {
    "draft": {"propose": "proposed"},
    "proposed": {"withdraw": "draft", "object": "objected", "accept": "final", "lapse": "final"},
    "objected": {"revise": "draft", "dismiss": "final"},
    "final": {"pay": "paid"},
    "paid": {"return": "final"},
}


@pytest.mark.parametrize("event", SettlementEvent)
@pytest.mark.parametrize("state", SettlementState)
def test_each_state_and_event(state, event):
    expected = ALLOWED[state].get(event)
    if expected is None:
        with pytest.raises(SettlementStateForbids) as refused:
            after(state, event)
        assert refused.value.facts == {"state": state}
    else:
        assert after(state, event) == expected


def test_every_state_has_its_row_and_can_be_reached():
    assert set(MOVES) == set(SettlementState)
    assert {then for row in MOVES.values() for then in row.values()} == set(SettlementState)


def test_nothing_is_final_before_the_cooperative_has_seen_it():
    """The only ways into `final` lead from a proposed, an objected, or a returned one."""
    leading = {state for state, row in MOVES.items() if SettlementState.FINAL in row.values()}
    assert leading == {SettlementState.PROPOSED, SettlementState.OBJECTED, SettlementState.PAID}
