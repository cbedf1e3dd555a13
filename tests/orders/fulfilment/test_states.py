"""A parcel goes step by step, is lost, cancelled or never filled, and its order is as far as the last of them."""

from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.fulfilment.states import MOVES, ParcelState, ParcelStateForbids, check_move, order_state
from orders.states import OrderState

LINE = [ParcelState.PLANNED, ParcelState.PACKED, ParcelState.SHIPPED, ParcelState.DELIVERED]
LEGAL = {
    *pairwise(LINE),
    (ParcelState.SHIPPED, ParcelState.LOST),
    (ParcelState.PLANNED, ParcelState.SHORT),
    (ParcelState.PLANNED, ParcelState.WITHDRAWN),
    (ParcelState.PLANNED, ParcelState.CANCELLED),
    (ParcelState.PACKED, ParcelState.CANCELLED),
}


@pytest.mark.parametrize(("before", "after"), sorted(product(ParcelState, ParcelState)))
def test_the_next_step_is_made_and_every_other_refused(before: ParcelState, after: ParcelState) -> None:
    if (before, after) in LEGAL:
        check_move(before, after)
        return
    with pytest.raises(ParcelStateForbids) as refused:
        check_move(before, after)
    assert refused.value.facts == {"state": before}


def test_every_state_has_its_step() -> None:
    assert set(MOVES) == set(ParcelState)


@given(st.lists(st.sampled_from(LINE), min_size=1, max_size=6))
def test_an_order_is_as_far_as_the_last_of_its_parcels(parcels: list[ParcelState]) -> None:
    last = min((each for each in parcels if each in LINE), key=LINE.index, default=ParcelState.DELIVERED)
    assert (
        order_state(parcels)
        == {
            ParcelState.PLANNED: OrderState.PACKING,
            ParcelState.PACKED: OrderState.PACKING,
            ParcelState.SHIPPED: OrderState.SHIPPED,
            ParcelState.DELIVERED: OrderState.DELIVERED,
        }[last]
    ), "what is lost, or was never filled, is not waited for"
