"""The life of a settlement and of a payout, and who may let money out. Pure: tables and guards.

A settlement becomes final only after the cooperative could object; money leaves only with a second person's approval,
to a destination that has stood unchanged for 48 hours. A payout that comes back makes its settlement payable again.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from marketplace import errors
from marketplace.language import Text
from marketplace.values import instant_text

WAIT: Final = timedelta(hours=48)
"""So long nothing is paid to a destination after it was named or changed."""


class SettlementState(StrEnum):
    DRAFT = "draft"
    """Computed; only operators see it."""
    PROPOSED = "proposed"
    """The cooperative reads it, and may object for some days."""
    OBJECTED = "objected"
    FINAL = "final"
    """Nobody changes it any more; it is to be paid."""
    PAID = "paid"


class SettlementEvent(StrEnum):
    PROPOSE = "propose"
    WITHDRAW = "withdraw"
    """An operator has found a mistake: it is computed anew."""
    OBJECT = "object"
    ACCEPT = "accept"
    """By the cooperative, before its days are over."""
    LAPSE = "lapse"
    """Its days to object are over."""
    REVISE = "revise"
    """The objection is right: computed anew, and proposed again with all its days."""
    DISMISS = "dismiss"
    """The objection is answered with a reason, and changes nothing."""
    PAY = "pay"
    """Its payout has arrived, or there is nothing to pay."""
    RETURN = "return"
    """Its payout came back."""


class PayoutState(StrEnum):
    DRAFTED = "drafted"
    APPROVED = "approved"
    """By a second person."""
    SENT = "sent"
    PAID = "paid"
    RETURNED = "returned"
    """The money is back and payable again, by another payout."""
    CANCELLED = "cancelled"
    """Before it was sent."""


class SettlementStateForbids(errors.Conflict):
    """The settlement's state does not allow this step."""

    title = Text(en="The settlement's state does not allow this.", zh="结算单当前状态不允许此操作。")
    code = "settlement_state"


class PayoutStateForbids(errors.Conflict):
    """The payout's state does not allow this step."""

    title = Text(en="The payout's state does not allow this.", zh="付款单当前状态不允许此操作。")
    code = "payout_state"


class SamePerson(errors.Forbidden):
    """Money goes out by two people: whoever drafted a payout does not approve it."""

    title = Text(en="Somebody else must approve this.", zh="须由另一人批准。")


class DestinationTooNew(errors.Conflict):
    """The destination was named or changed less than 48 hours ago; `payable_from` says when it may be paid to."""

    title = Text(en="This destination may not be paid to yet.", zh="该收款账户尚在等待期内。")


class DestinationChanged(errors.Conflict):
    """The cooperative's destination is not the one that was approved: the payout is drafted anew."""

    title = Text(en="The destination has changed since.", zh="收款账户已变更。")


_S, _E = SettlementState, SettlementEvent

MOVES: Final[dict[SettlementState, dict[SettlementEvent, SettlementState]]] = {
    _S.DRAFT: {_E.PROPOSE: _S.PROPOSED},
    _S.PROPOSED: {
        _E.WITHDRAW: _S.DRAFT,
        _E.OBJECT: _S.OBJECTED,
        _E.ACCEPT: _S.FINAL,
        _E.LAPSE: _S.FINAL,
    },
    _S.OBJECTED: {_E.REVISE: _S.DRAFT, _E.DISMISS: _S.FINAL},
    _S.FINAL: {_E.PAY: _S.PAID},
    _S.PAID: {_E.RETURN: _S.FINAL},
}

PAYOUT_MOVES: Final[dict[PayoutState, frozenset[PayoutState]]] = {
    PayoutState.DRAFTED: frozenset({PayoutState.APPROVED, PayoutState.CANCELLED}),
    PayoutState.APPROVED: frozenset({PayoutState.SENT, PayoutState.CANCELLED}),
    PayoutState.SENT: frozenset({PayoutState.PAID, PayoutState.RETURNED}),
    PayoutState.PAID: frozenset({PayoutState.RETURNED}),
    PayoutState.RETURNED: frozenset(),
    PayoutState.CANCELLED: frozenset(),
}
"""A bank may send money back even after it said that it was paid."""

PAYING: Final = frozenset({PayoutState.DRAFTED, PayoutState.APPROVED, PayoutState.SENT, PayoutState.PAID})
"""A settlement has at most one payout in these states."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where a cooperative is paid to, and since when exactly this stands."""

    id: str
    changed_at: datetime

    @property
    def payable_from(self) -> datetime:
        return self.changed_at + WAIT


def after(before: str, event: SettlementEvent) -> SettlementState:
    """Raises SettlementStateForbids unless the event may happen now."""
    found = MOVES[SettlementState(before)].get(event)
    if found is None:
        raise SettlementStateForbids(state=before)
    return found


def check_payout_move(before: str, then: PayoutState) -> None:
    """Raises PayoutStateForbids unless `before → then` is a legal move."""
    if then not in PAYOUT_MOVES[PayoutState(before)]:
        raise PayoutStateForbids(state=before)


def check_approval(*, drafted_by: str, approved_by: str) -> None:
    """Raises SamePerson."""
    if drafted_by == approved_by:
        raise SamePerson


def check_destination(approved_id: str, now_is: Destination, *, now: datetime) -> None:
    """Asked when a payout is approved, and once more when it is sent. Raises DestinationChanged, DestinationTooNew."""
    if now_is.id != approved_id:
        raise DestinationChanged
    if now < now_is.payable_from:
        raise DestinationTooNew(payable_from=instant_text(now_is.payable_from))
