"""The life of a pledge, and how much of it may go back: every state and event, and laws."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.pledges import rules, states
from campaigns.pledges.rules import LOWERABLE, Harvest, PledgeBoxesNeeded, Standing
from campaigns.pledges.states import MOVES, OPEN, PledgeEvent, PledgeState, PledgeStateForbids
from campaigns.states import PLEDGEABLE, CampaignState

S, E = PledgeState, PledgeEvent
NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

ALLOWED = {
    (None, E.INVITE): S.INVITED,
    (None, E.OFFER): S.OFFERED,
    (None, E.PUT_UP): S.ACCEPTED,
    (S.INVITED, E.ACCEPT): S.ACCEPTED,
    (S.INVITED, E.DECLINE): S.DECLINED,
    (S.INVITED, E.LAPSE): S.LAPSED,
    (S.INVITED, E.WITHDRAW): S.WITHDRAWN,
    (S.OFFERED, E.ACCEPT): S.ACCEPTED,
    (S.OFFERED, E.DECLINE): S.DECLINED,
    (S.OFFERED, E.LAPSE): S.LAPSED,
    (S.OFFERED, E.WITHDRAW): S.WITHDRAWN,
    (S.ACCEPTED, E.RAISE): S.ACCEPTED,
    (S.ACCEPTED, E.LOWER): S.ACCEPTED,
    (S.ACCEPTED, E.WITHDRAW): S.WITHDRAWN,
    (S.ACCEPTED, E.REDUCE): S.ACCEPTED,
    (S.ACCEPTED, E.RELEASE): S.RELEASED,
}
BOXES = st.integers(0, 50)
STANDINGS = st.builds(Standing, boxes=st.integers(1, 50), free=BOXES, own=BOXES, committed=BOXES)


@pytest.mark.parametrize(("before", "event"), list(product([None, *S], E)))
def test_every_state_and_event(before: PledgeState | None, event: PledgeEvent) -> None:
    if (before, event) in ALLOWED:
        assert states.after(before, event) == ALLOWED[before, event]
    else:
        with pytest.raises(PledgeStateForbids) as refused:
            states.after(before, event)
        assert refused.value.facts == {"state": before, "asked": event.value}


def test_what_has_ended_stays_so_and_only_what_is_open_can_be_answered() -> None:
    ended = {state for state, events in MOVES.items() if state and not events}
    assert ended == {S.DECLINED, S.LAPSED, S.WITHDRAWN, S.RELEASED}
    assert {before for before, event in ALLOWED if event in (E.ACCEPT, E.DECLINE, E.LAPSE)} == OPEN


@given(STANDINGS, st.one_of(st.none(), st.integers(1, 60)))
def test_what_goes_back_is_nobodys_and_a_refusal_says_how_much_could(
    standing: Standing, asked: int | None
) -> None:
    wanted = standing.boxes if asked is None else asked
    could = max(0, min(standing.boxes, standing.free, standing.own - standing.committed))
    if wanted <= could:
        assert rules.check_withdrawal(asked, standing) == wanted
        assert standing.own - wanted >= standing.committed
    else:
        with pytest.raises(PledgeBoxesNeeded) as refused:
            rules.check_withdrawal(asked, standing)
        assert refused.value.facts["withdrawable_boxes"] == could
        assert refused.value.facts["requested_boxes"] == wanted


def test_boxes_go_back_until_every_one_of_them_is_somebodys() -> None:
    assert PLEDGEABLE < LOWERABLE
    assert {
        CampaignState.PAUSED,
        CampaignState.DEPOSIT_CLOSED,
        CampaignState.ALLOCATING,
    } == LOWERABLE - PLEDGEABLE


@given(st.integers(0, 300_000), st.integers(1, 5_000), BOXES, BOXES)
def test_what_a_fallen_forecast_does_not_bear_is_no_longer_sold_unless_somebody_has_it(
    missing: int, pack: int, forecast: int, free: int
) -> None:
    boxes = rules.unfounded(
        missing_grams=missing, pack_grams=pack, forecast_boxes=forecast, withdrawable=free
    )
    assert 0 <= boxes <= min(forecast, free)
    assert boxes * pack < missing + pack, "no more than is missing"
    assert boxes * pack >= missing or boxes == min(forecast, free)


@pytest.mark.parametrize("state", S)
@pytest.mark.parametrize("campaign", CampaignState)
@pytest.mark.parametrize("due", [None, NOON - HOUR, NOON, NOON + HOUR])
def test_what_is_open_lapses_with_its_time_or_with_the_sale(
    state: PledgeState, campaign: CampaignState, due: datetime | None
) -> None:
    over = rules.is_over(state, answer_due_at=due, campaign_state=campaign, now=NOON)
    is_late = due is not None and due <= NOON
    assert over == (state in OPEN and (is_late or campaign not in PLEDGEABLE))


@given(st.integers(0, 9), st.one_of(st.none(), st.integers(-5, 5)))
def test_forecast_fruit_is_waited_for_until_it_is_in_or_the_time_is_over(awaited: int, hours: int | None):
    ends_at = None if hours is None else NOON + hours * HOUR
    said = rules.harvest(awaited_boxes=awaited, ends_at=ends_at, now=NOON)
    if awaited == 0:
        assert said == Harvest.IN_STORE
    else:
        assert said == (Harvest.TIME_IS_OVER if hours is not None and hours <= 0 else None)
