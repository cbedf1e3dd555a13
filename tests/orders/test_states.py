"""Every move of an order: the legal ones, and that all others are refused."""

from itertools import product

import pytest

from orders.states import MOVES, OrderState, OrderStateForbids, check_move

LEGAL = {
    (OrderState.DEPOSIT_DUE, OrderState.COMMITTED),
    (OrderState.DEPOSIT_DUE, OrderState.WITHDRAWN),
    (OrderState.DEPOSIT_DUE, OrderState.EXPIRED),
    (OrderState.DEPOSIT_DUE, OrderState.PAYMENT_FAILED),
    (OrderState.PROPOSED, OrderState.APPROVED),
    (OrderState.PROPOSED, OrderState.DEPOSIT_DUE),
    (OrderState.PROPOSED, OrderState.CANCELLED),
    (OrderState.APPROVED, OrderState.COMMITTED),
    (OrderState.APPROVED, OrderState.SHORT),
    (OrderState.APPROVED, OrderState.CANCELLED),
    (OrderState.SHORT, OrderState.APPROVED),
    (OrderState.SHORT, OrderState.COMMITTED),
    (OrderState.SHORT, OrderState.CANCELLED),
    (OrderState.COMMITTED, OrderState.APPROVED),
    (OrderState.COMMITTED, OrderState.SHORT),
    (OrderState.DEPOSIT_DUE, OrderState.DEPOSIT_PAID),
    (OrderState.DEPOSIT_PAID, OrderState.COMMITTED),
    (OrderState.DEPOSIT_PAID, OrderState.WITHDRAWN),
    (OrderState.COMMITTED, OrderState.BALANCE_DUE),
    (OrderState.COMMITTED, OrderState.BALANCE_PAID),
    (OrderState.BALANCE_DUE, OrderState.BALANCE_PAID),
    (OrderState.BALANCE_DUE, OrderState.BALANCE_DEFAULTED),
    (OrderState.COMMITTED, OrderState.CUT),
    (OrderState.BALANCE_DUE, OrderState.CUT),  # it waited for a later lot, which did not come
    (OrderState.BALANCE_PAID, OrderState.CUT),
    (OrderState.COMMITTED, OrderState.CANCELLED),
    (OrderState.COMMITTED, OrderState.PACKING),
    (OrderState.BALANCE_PAID, OrderState.PACKING),
    (OrderState.PACKING, OrderState.SHIPPED),
    (OrderState.SHIPPED, OrderState.DELIVERED),
    (OrderState.SHIPPED, OrderState.PACKING),
    (OrderState.PACKING, OrderState.COMMITTED),
    (OrderState.PACKING, OrderState.BALANCE_PAID),
    (OrderState.PACKING, OrderState.DELIVERED),
    (OrderState.DELIVERED, OrderState.CLOSED),
    *(
        (before, OrderState.RELEASED)
        for before in (
            OrderState.DEPOSIT_DUE,
            OrderState.DEPOSIT_PAID,
            OrderState.COMMITTED,
            OrderState.BALANCE_DUE,
            OrderState.BALANCE_PAID,
        )
    ),
}


@pytest.mark.parametrize(("before", "after"), sorted(LEGAL))
def test_the_legal_moves_are_made(before: OrderState, after: OrderState) -> None:
    check_move(before, after)


@pytest.mark.parametrize(("before", "after"), sorted(set(product(OrderState, OrderState)) - LEGAL))
def test_every_other_move_is_refused(before: OrderState, after: OrderState) -> None:
    with pytest.raises(OrderStateForbids) as refused:
        check_move(before, after)
    assert refused.value.facts == {"state": before}


def test_every_state_has_its_moves() -> None:
    assert set(MOVES) == set(OrderState)
