"""Every move of a payment: the legal ones, and that all others are refused."""

from itertools import product

import pytest

from marketplace.payments.states import (
    MOVES,
    REPAYMENT_MOVES,
    PaymentNotAwaited,
    PaymentState,
    RepaymentState,
    check_move,
    way,
)

LEGAL = {
    (PaymentState.REQUIRES_CONFIRMATION, PaymentState.PROCESSING),
    (PaymentState.REQUIRES_CONFIRMATION, PaymentState.CANCELED),
    (PaymentState.PROCESSING, PaymentState.SUCCEEDED),
    (PaymentState.PROCESSING, PaymentState.CANCELED),
    (PaymentState.REQUIRES_CONFIRMATION, PaymentState.REQUIRES_ACTION),
    (PaymentState.REQUIRES_ACTION, PaymentState.REQUIRES_CONFIRMATION),
    (PaymentState.REQUIRES_ACTION, PaymentState.PROCESSING),
    (PaymentState.REQUIRES_ACTION, PaymentState.CANCELED),
    (PaymentState.PROCESSING, PaymentState.REQUIRES_CONFIRMATION),
    (PaymentState.PROCESSING, PaymentState.REQUIRES_ACTION),
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


@pytest.mark.parametrize(("before", "after"), sorted(product(PaymentState, PaymentState)))
def test_a_way_is_of_legal_moves_and_stays_within_two(before: PaymentState, after: PaymentState) -> None:
    """What a gateway went through unseen is gone through here; from what is over no way leads on."""
    is_over = not MOVES[before] and before != after
    if is_over:
        with pytest.raises(PaymentNotAwaited):
            way(before, after)
        return
    steps = way(before, after)
    assert len(steps) <= 2
    assert [before, *steps][-1] == after
    for one, other in zip([before, *steps], steps, strict=False):
        check_move(one, other)


def test_a_repayment_that_is_paid_may_come_back_and_nothing_is_asked_again() -> None:
    legal = {(before, after) for before in RepaymentState for after in REPAYMENT_MOVES[before]}
    asked, due, paid = RepaymentState.ASKED, RepaymentState.DUE, RepaymentState.PAID
    assert legal == {(asked, paid), (asked, due), (due, paid), (paid, due)}
