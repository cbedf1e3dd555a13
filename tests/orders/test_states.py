"""Every move of an order: the legal ones, and that all others are refused."""

from itertools import product

import pytest

from orders.states import MOVES, OrderState, OrderStateForbids, check_move

LEGAL = {
    (OrderState.DEPOSIT_DUE, OrderState.COMMITTED),
    (OrderState.DEPOSIT_DUE, OrderState.WITHDRAWN),
    (OrderState.DEPOSIT_DUE, OrderState.EXPIRED),
}


@pytest.mark.parametrize(("before", "after"), sorted(LEGAL))
def test_an_unpaid_order_is_paid_withdrawn_or_expires(before: OrderState, after: OrderState) -> None:
    check_move(before, after)


@pytest.mark.parametrize(("before", "after"), sorted(set(product(OrderState, OrderState)) - LEGAL))
def test_every_other_move_is_refused(before: OrderState, after: OrderState) -> None:
    with pytest.raises(OrderStateForbids) as refused:
        check_move(before, after)
    assert refused.value.facts == {"state": before}


def test_every_state_has_its_moves() -> None:
    assert set(MOVES) == set(OrderState)
