"""States of a payment, the same for every gateway, and the moves between them. Pure.

The words are those of Stripe's PaymentIntent, so that the card gateway adds no second vocabulary.
"""

from enum import StrEnum
from typing import Final

from marketplace import errors
from marketplace.language import Text


class PaymentState(StrEnum):
    REQUIRES_CONFIRMATION = "requires_confirmation"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"


class PaymentPurpose(StrEnum):
    ORDER = "order"
    """What is due when something is ordered: all of it, or a deposit."""
    BALANCE = "balance"
    """The rest of the price, when the boxes are there."""
    ESCROW = "escrow"
    """A sponsor's money, kept until cooperatives have earned it; what it is for is a sponsorship, not an order."""


class PartRefundKind(StrEnum):
    REFUND = "refund"
    """Of what was received."""
    COMPENSATION = "compensation"
    """On top of it."""


class PaymentNotFound(errors.NotFound):
    title = Text(en="There is no such payment.", zh="没有该笔付款。")


class PaymentNotAwaited(errors.Conflict):
    """The payment is in a state in which this step is not awaited."""

    title = Text(en="This payment does not await that step.", zh="该付款当前不接受此操作。")


MOVES: Final[dict[PaymentState, frozenset[PaymentState]]] = {
    PaymentState.REQUIRES_CONFIRMATION: frozenset({PaymentState.PROCESSING, PaymentState.CANCELED}),
    PaymentState.PROCESSING: frozenset({PaymentState.SUCCEEDED, PaymentState.CANCELED}),
    PaymentState.SUCCEEDED: frozenset(),
    PaymentState.CANCELED: frozenset(),
}


LATE: Final = PaymentState.CANCELED
"""Money for a payment in this state has come late: it is accepted if its order can still have it, or owed back."""


def check_move(before: str, after: PaymentState) -> None:
    """Raises PaymentNotAwaited unless `before → after` is a legal move."""
    if after not in MOVES[PaymentState(before)]:
        raise PaymentNotAwaited(state=before)
