"""Every state × event of a sponsorship, and every move of a draw, allowed and refused."""

import pytest

from orders.sponsoring.states import (
    DRAW_MOVES,
    MOVES,
    DrawState,
    DrawStateForbids,
    SponsorshipEvent,
    SponsorshipState,
    SponsorshipStateForbids,
    after,
    check_draw_move,
)

ALLOWED = {
    "draft": {"sign": "signed", "cancel": "cancelled"},
    "signed": {"accept": "committed", "reject": "draft", "cancel": "cancelled"},
    "committed": {"fund": "funded", "cancel": "cancelled"},
    "funded": {"allocate": "allocating", "cancel": "cancelled"},
    "allocating": {"confirm": "drawing", "fail": "funded"},
    "drawing": {"carry": "drawing", "end": "delivering"},
    "delivering": {"close": "closed"},
    "closed": {},
    "cancelled": {},
}
DRAWS = {
    "open": {"ordered", "redeemed", "expired", "released"},
    "ordered": {"redeemed", "open", "expired"},
    "redeemed": set(),
    "expired": set(),
    "released": set(),
}


@pytest.mark.parametrize("event", SponsorshipEvent)
@pytest.mark.parametrize("state", SponsorshipState)
def test_each_state_and_event(state: SponsorshipState, event: SponsorshipEvent) -> None:
    expected = ALLOWED[state].get(event)
    if expected is None:
        with pytest.raises(SponsorshipStateForbids) as refused:
            after(state, event)
        assert refused.value.facts == {"state": state}
    else:
        assert after(state, event) == expected


@pytest.mark.parametrize("then", DrawState)
@pytest.mark.parametrize("state", DrawState)
def test_each_move_of_a_draw(state: DrawState, then: DrawState) -> None:
    if then in DRAWS[state]:
        check_draw_move(state, then)
    else:
        with pytest.raises(DrawStateForbids):
            check_draw_move(state, then)


def test_every_state_has_its_row() -> None:
    assert set(MOVES) == set(SponsorshipState)
    assert set(DRAW_MOVES) == set(DrawState)
