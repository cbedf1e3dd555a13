"""What follows from a payment as it is here and as it is seen at its gateway. Pure.

What is seen is a fact about the present, whoever brought it (the payer's browser, an event, a look of our own), so the
same thing seen twice, late or in any order leads to the same end.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from marketplace.payments.gateways.interface import Seen
from marketplace.payments.states import PartRefundKind, PaymentState, RepaymentState

REFUND_DAYS: Final = {"alipay": 90, "wechat_pay": 180}
"""Wallets pay back within so many days of the payment; cards without an end."""
REFUND_MARGIN: Final = timedelta(hours=12)
"""So long before the end nobody begins a refund there: it might arrive too late."""

LOOK_SOONEST: Final = timedelta(minutes=2)
LOOK_LATEST: Final = timedelta(hours=6)


class Step(StrEnum):
    """What is to be done with a payment after a look."""

    NOTHING = "nothing"
    MOVE = "move"
    """On to the state that was seen."""
    CAPTURE = "capture"
    """The payer's bank holds what is due, and it is wanted: it is charged now."""
    RECEIVE = "receive"
    """The money is there."""
    RECEIVE_LATE = "receive_late"
    """The money is there, and nobody waited for it any more."""
    END = "end"
    """Its gateway has ended it: no money comes."""
    CANCEL_THERE = "cancel_there"
    """It is over here, and must not be paid there any more."""
    ASK_A_PERSON = "ask_a_person"
    """Other money came than was due, or is held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """A payment as it is here, under its lock."""

    state: PaymentState
    amount_minor: int
    currency: str
    is_booked: bool
    """Its money has been booked, in time or late."""


def decide(ours: Ours, seen: Seen) -> Step:
    if ours.is_booked:
        return Step.NOTHING
    if seen.state == PaymentState.SUCCEEDED:
        if (seen.received_minor, seen.currency) != (ours.amount_minor, ours.currency):
            return Step.ASK_A_PERSON
        return Step.RECEIVE_LATE if ours.state == PaymentState.CANCELED else Step.RECEIVE
    if ours.state == PaymentState.CANCELED:
        return Step.NOTHING if seen.state == PaymentState.CANCELED else Step.CANCEL_THERE
    return _while_awaited(ours, seen)


def _while_awaited(ours: Ours, seen: Seen) -> Step:
    """Here its money is waited for, and there it is not charged yet."""
    if seen.state == PaymentState.CANCELED:
        return Step.END
    if seen.authorised_minor:
        is_due = (seen.authorised_minor, seen.currency) == (ours.amount_minor, ours.currency)
        return Step.CAPTURE if is_due else Step.ASK_A_PERSON
    return Step.NOTHING if seen.state == ours.state else Step.MOVE


def refundable_until(method: str | None, *, paid_at: datetime) -> datetime | None:
    """The end of the time in which the payment's gateway pays back; None: there is none."""
    days = REFUND_DAYS.get(method or "")
    return None if days is None else paid_at + timedelta(days=days)


def repayment_begins(
    kind: PartRefundKind, *, is_remote: bool, until: datetime | None, now: datetime
) -> RepaymentState:
    """Whether the payment's gateway can pay a refund, or somebody has to.

    Compensation is more than was received, which no gateway pays back.
    """
    is_open = until is None or now < until - REFUND_MARGIN
    can = kind == PartRefundKind.REFUND and is_remote and is_open
    return RepaymentState.ASKED if can else RepaymentState.DUE


def next_look(*, since: datetime, now: datetime) -> datetime:
    """When to look again at what is not over there yet: the longer it has lasted, the later."""
    wait = max(LOOK_SOONEST, min(LOOK_LATEST, (now - since) // 2))
    return now + wait


def wait_after(tries: int) -> timedelta:
    """How long to wait after so many attempts that got no answer."""
    return timedelta(minutes=min(1 << min(tries, 10), 60))
