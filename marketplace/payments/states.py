"""States of a payment, the same for every gateway, and the moves between them. Pure.

The words are those of Stripe's PaymentIntent, so that the card gateway adds no second vocabulary.
"""

from enum import StrEnum
from typing import Final

from marketplace import errors
from marketplace.language import Text


class PaymentState(StrEnum):
    REQUIRES_CONFIRMATION = "requires_confirmation"
    """It waits for its payer's word; of a gateway outside also after an attempt that failed."""
    REQUIRES_ACTION = "requires_action"
    """Its payer has something to do at the bank or in a wallet."""
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"


WAITS_FOR_PAYER: Final = (PaymentState.REQUIRES_CONFIRMATION, PaymentState.REQUIRES_ACTION)
"""The payer has something to do: to say how it is paid, or what the bank or wallet asks for."""
AWAITED: Final = (*WAITS_FOR_PAYER, PaymentState.PROCESSING)
"""Its money may still come."""


class PaymentPurpose(StrEnum):
    ORDER = "order"
    """What is due when something is ordered: all of it, or a deposit."""
    BALANCE = "balance"
    """The rest of the price, when the boxes are there."""
    ESCROW = "escrow"
    """A sponsor's money, kept until cooperatives have earned it; what it is for is a sponsorship, not an order."""


class RefundStanding(StrEnum):
    """How a refund stands at the gateway that pays it."""

    PENDING = "pending"
    PAID = "paid"
    FAILED = "failed"


class RepaymentState(StrEnum):
    """How far the paying of a refund is."""

    ASKED = "asked"
    """The payment's gateway pays it."""
    DUE = "due"
    """Somebody has to pay it by other means, and to book that it is done."""
    PAID = "paid"


class RepaymentMeans(StrEnum):
    """How a refund was paid."""

    GATEWAY = "gateway"
    BANK_TRANSFER = "bank_transfer"
    CASH = "cash"
    CREDIT = "credit"
    """The payer took goods or a voucher for it."""


class CallKind(StrEnum):
    """What a gateway outside is asked."""

    OPEN = "open"
    PREPARE = "prepare"
    """Say whether the card that will pay is kept."""
    CONFIRM = "confirm"
    CHARGE = "charge"
    """By a card that was kept."""
    CAPTURE = "capture"
    """Take what the payer's bank holds for us."""
    CANCEL = "cancel"
    REFUND = "refund"
    FORGET = "forget"
    """Keep a card no longer."""


class CallState(StrEnum):
    ASKED = "asked"
    """Written down before it is asked; how it went is not known yet."""
    DONE = "done"
    REFUSED = "refused"
    DROPPED = "dropped"
    """It never got there, and is not asked again."""


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
    PaymentState.REQUIRES_CONFIRMATION: frozenset(
        {PaymentState.REQUIRES_ACTION, PaymentState.PROCESSING, PaymentState.CANCELED}
    ),
    PaymentState.REQUIRES_ACTION: frozenset(
        {PaymentState.REQUIRES_CONFIRMATION, PaymentState.PROCESSING, PaymentState.CANCELED}
    ),
    PaymentState.PROCESSING: frozenset(
        {
            PaymentState.REQUIRES_CONFIRMATION,
            PaymentState.REQUIRES_ACTION,
            PaymentState.SUCCEEDED,
            PaymentState.CANCELED,
        }
    ),
    PaymentState.SUCCEEDED: frozenset(),
    PaymentState.CANCELED: frozenset(),
}
"""A failed attempt leads back: `failed` is nothing final at a gateway outside. Offline payments go forward only."""

REPAYMENT_MOVES: Final[dict[RepaymentState, frozenset[RepaymentState]]] = {
    RepaymentState.ASKED: frozenset({RepaymentState.PAID, RepaymentState.DUE}),
    RepaymentState.DUE: frozenset({RepaymentState.PAID}),
    RepaymentState.PAID: frozenset({RepaymentState.DUE}),
}
"""What a gateway has paid may come back from the bank: then it is due again."""


LATE: Final = PaymentState.CANCELED
"""Money for a payment in this state has come late: it is accepted if its order can still have it, or owed back."""


def check_move(before: str, after: PaymentState) -> None:
    """Raises PaymentNotAwaited unless `before → after` is a legal move."""
    if after not in MOVES[PaymentState(before)]:
        raise PaymentNotAwaited(state=before)


def way(before: PaymentState, after: PaymentState) -> tuple[PaymentState, ...]:
    """The moves from one state to another that was seen at a gateway: it may have gone through states unseen.

    Raises PaymentNotAwaited where no way leads there.
    """
    if before == after:
        return ()
    if after in MOVES[before]:
        return (after,)
    if PaymentState.PROCESSING in MOVES[before] and after in MOVES[PaymentState.PROCESSING]:
        return (PaymentState.PROCESSING, after)
    raise PaymentNotAwaited(state=before)
