"""Which payment an entry pays, and why none: decided on locked facts. Pure; exact or nothing, no guess is booked."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from marketplace.payments.statements.states import OpenReason
from marketplace.payments.states import LATE, PaymentState


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """What came: an entry, or one that came before and waits for the rest."""

    id: uuid.UUID
    amount_minor: int
    currency: str
    is_reversal: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """The payment that its text names, as it is now."""

    id: uuid.UUID
    state: PaymentState
    amount_minor: int
    currency: str
    is_received: bool
    is_offline: bool
    is_this_receipt: bool = False
    """It was booked by a person under the bank's own number of this entry, and no entry is known for it yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """These entries together are the payment; `is_known`: its receipt is booked already."""

    entry_ids: tuple[uuid.UUID, ...]
    is_known: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    reason: OpenReason


Decision = Book | Stay

_AWAITING: Final = (PaymentState.PROCESSING, LATE)


def decide(came: Money, due: Due, *, parts: Sequence[Money]) -> Decision:
    """`parts`: other open entries that name the same payment, and may be other parts of its amount."""
    if (reason := _why_not(came, due)) is not None:
        return Stay(reason=reason)
    if came.amount_minor == due.amount_minor:
        return Book(entry_ids=(came.id,), is_known=due.is_received)
    return _together(came, due, parts)


def _why_not(came: Money, due: Due) -> OpenReason | None:
    """Why nothing of it can be booked on this payment, whatever else has come."""
    is_known = due.is_this_receipt and came.amount_minor == due.amount_minor
    refusing = (
        (came.is_reversal, OpenReason.REVERSAL),
        (came.currency != due.currency, OpenReason.CURRENCY_DIFFERS),
        (due.is_received and not is_known, OpenReason.PAID_ALREADY),
        (not due.is_received and not due.is_offline, OpenReason.OTHER_GATEWAY),
        (not due.is_received and due.state not in _AWAITING, OpenReason.NOT_CONFIRMED),
        (came.amount_minor > due.amount_minor, OpenReason.TOO_MUCH),
    )
    return next((reason for is_so, reason in refusing if is_so), None)


def _together(came: Money, due: Due, parts: Sequence[Money]) -> Decision:
    alike = [each for each in parts if each.currency == came.currency and not each.is_reversal]
    total = came.amount_minor + sum(each.amount_minor for each in alike)
    if total == due.amount_minor:
        return Book(entry_ids=tuple(sorted((came.id, *(each.id for each in alike)))))
    return Stay(reason=OpenReason.TOO_LITTLE if total < due.amount_minor else OpenReason.TOO_MUCH)


def receipt_reference(account: str, key: str, *, number: int | None = None) -> str:
    """What a payment's receipt is called: our account, the bank's number, and which of several it is."""
    return f"{account}:{key}" if number is None else f"{account}:{key}/{number}"
