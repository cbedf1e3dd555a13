"""Who may pay for a hold, and when: laws over every kind, state and moment."""

import uuid
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from inventory.paying_rules import Hindrance, HoldFacts, hindrance
from inventory.states import HoldKind, HoldState

NOW = datetime(2027, 1, 1, tzinfo=UTC)
OWNER = uuid.UUID(int=1)

holds = st.builds(
    HoldFacts,
    hold_id=st.just(uuid.UUID(int=7)),
    owner_id=st.sampled_from([None, OWNER, uuid.UUID(int=2)]),
    kind=st.sampled_from(HoldKind),
    state=st.sampled_from(HoldState),
    expires_at=st.sampled_from([None, *(NOW + timedelta(seconds=each) for each in (-1, 0, 1))]),
    version=st.just(1),
)


@given(holds)
def test_only_a_live_hold_in_the_owners_cart_is_paid(hold: HoldFacts) -> None:
    is_live = hold.expires_at is None or hold.expires_at > NOW
    is_in_the_cart = (hold.kind, hold.state) == (HoldKind.CART, HoldState.ACTIVE)
    may_pay = hindrance(hold, payer_id=OWNER, now=NOW) is None
    assert may_pay == (hold.owner_id == OWNER and is_in_the_cart and is_live)


@given(holds)
def test_what_is_not_ones_own_looks_as_if_it_were_not_there(hold: HoldFacts) -> None:
    found = hindrance(hold, payer_id=OWNER, now=NOW)
    assert (found == Hindrance.NOT_FOUND) == (hold.owner_id != OWNER)
    assert hindrance(hold, payer_id=None, now=NOW) == Hindrance.NOT_FOUND
    assert hindrance(None, payer_id=OWNER, now=NOW) == Hindrance.NOT_FOUND


@given(holds)
def test_a_hold_that_is_over_is_over_whether_or_not_it_was_written_down(hold: HoldFacts) -> None:
    is_over = hold.expires_at is not None and hold.expires_at <= NOW
    found = hindrance(hold, payer_id=hold.owner_id, now=NOW)
    if hold.owner_id is not None and hold.state in (HoldState.ACTIVE, HoldState.EXPIRED):
        assert (found == Hindrance.EXPIRED) == (is_over or hold.state == HoldState.EXPIRED)
    else:
        assert found != Hindrance.EXPIRED
