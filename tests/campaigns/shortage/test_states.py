"""Every state × every next state of a shortage and of an offer: allowed or refused."""

import pytest

from campaigns.shortage.states import (
    OfferAnswered,
    OfferState,
    ShortageState,
    ShortageStateForbids,
    check_move,
    check_offer_move,
)

MAY = {("offering", "electing"), ("offering", "cutting"), ("electing", "cutting"), ("cutting", "settled")}
MAY_OFFER = {("offered", "accepted"), ("offered", "declined"), ("offered", "lapsed")}


@pytest.mark.parametrize("before", ShortageState)
@pytest.mark.parametrize("after", ShortageState)
def test_a_shortage_goes_forward_alone(before, after):
    if (before, after) in MAY:
        check_move(before, after)
    else:
        with pytest.raises(ShortageStateForbids):
            check_move(before, after)


@pytest.mark.parametrize("before", OfferState)
@pytest.mark.parametrize("after", OfferState)
def test_an_offer_is_answered_once(before, after):
    if (before, after) in MAY_OFFER:
        check_offer_move(before, after)
    else:
        with pytest.raises(OfferAnswered):
            check_offer_move(before, after)
