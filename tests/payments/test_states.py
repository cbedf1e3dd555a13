"""Every move of a payment: the legal ones, and that all others are refused."""

from itertools import product

import pytest

from marketplace.payments.states import MOVES, PaymentNotAwaited, PaymentState, check_move

LEGAL = {
    (PaymentState.REQUIRES_CONFIRMATION, PaymentState.PROCESSING),
    (PaymentState.REQUIRES_CONFIRMATION, PaymentState.CANCELED),
    (PaymentState.PROCESSING, PaymentState.SUCCEEDED),
    (PaymentState.PROCESSING, PaymentState.CANCELED),
}


@pytest.mark.parametrize(("before", "after"), sorted(LEGAL))
def test_a_payment_is_confirmed_then_received_or_canceled(before: PaymentState, after: PaymentState) -> None:
    check_move(before, after)


@pytest.mark.parametrize(("before", "after"), sorted(set(product(PaymentState, PaymentState)) - LEGAL))
def test_every_other_move_is_refused(before: PaymentState, after: PaymentState) -> None:
    with pytest.raises(PaymentNotAwaited) as refused:
        check_move(before, after)
    assert refused.value.facts == {"state": before}


def test_every_state_has_its_moves() -> None:
    assert set(MOVES) == set(PaymentState)
