"""The life of a payout, and who may let money out when. Pure: tables and guards.

Money leaves only by two people: whoever drafts a payout does not approve it. It goes to the destination that was
approved, which must have stood unchanged for 48 hours. A payout that comes back leaves room for another one.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from marketplace import errors
from marketplace.language import Text
from marketplace.values import instant_text

WAIT: Final = timedelta(hours=48)
"""So long nothing is paid to a destination after it was named or changed."""


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


class PayoutPurpose(StrEnum):
    """What a cooperative is paid for; the packages above know more of it by its id."""

    SETTLEMENT = "settlement"
    ADVANCE = "advance"
    TRANCHE = "tranche"


class Method(StrEnum):
    """How money gets to a cooperative."""

    BANK = "bank"
    """By a file that its bank takes."""
    STRIPE = "stripe"
    """By a transfer to its account at Stripe."""


class CallKind(StrEnum):
    """What a provider outside is asked."""

    TRANSFER = "transfer"
    REVERSE = "reverse"


class BatchFormat(StrEnum):
    """The file of a batch."""

    CSV = "csv"
    CSV_GB18030 = "csv_gb18030"
    PAIN_001 = "pain_001"


class PayoutNotFound(errors.NotFound):
    title = Text(en="There is no such payout.", zh="没有该付款单。")


class PayoutStateForbids(errors.Conflict):
    """The payout's state does not allow this step; `state` names it."""

    title = Text(en="The payout's state does not allow this.", zh="付款单当前状态不允许此操作。")
    code = "payout_state"


class PayoutRunning(errors.Conflict):
    """What is to be paid has a payout already that is not cancelled and did not come back."""

    title = Text(en="A payout for this is under way or paid.", zh="该款项已有进行中或已支付的付款单。")


class NothingToPayOut(errors.Conflict):
    """A payout is of more than nothing, and of no more than a payout may be."""

    title = Text(en="There is nothing to pay out.", zh="没有可支付的款项。")


class SamePerson(errors.Forbidden):
    """Money goes out by two people: whoever drafted a payout, or named its destination, does not approve it."""

    title = Text(en="Somebody else must approve this.", zh="须由另一人批准。")


class DestinationMissing(errors.Conflict):
    """The cooperative has not named where it wants to be paid."""

    title = Text(en="The cooperative has not named where it is paid.", zh="合作社尚未登记收款账户。")


class DestinationTooNew(errors.Conflict):
    """The destination was named or changed less than 48 hours ago; `payable_from` says when it may be paid to."""

    title = Text(en="This destination may not be paid to yet.", zh="该收款账户尚在等待期内。")


class DestinationChanged(errors.Conflict):
    """The cooperative's destination is not the one that was approved: the payout is drafted anew."""

    title = Text(en="The destination has changed since.", zh="收款账户已变更。")


_S = PayoutState

PAYOUT_MOVES: Final[dict[PayoutState, frozenset[PayoutState]]] = {
    _S.DRAFTED: frozenset({_S.APPROVED, _S.CANCELLED}),
    _S.APPROVED: frozenset({_S.SENT, _S.CANCELLED}),
    _S.SENT: frozenset({_S.PAID, _S.RETURNED}),
    _S.PAID: frozenset({_S.RETURNED}),
    _S.RETURNED: frozenset(),
    _S.CANCELLED: frozenset(),
}
"""A bank may send money back even after it said that it was paid."""

PAYING: Final = frozenset({_S.DRAFTED, _S.APPROVED, _S.SENT, _S.PAID})
"""What is to be paid has at most one payout in these states."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where a cooperative is paid to, and since when exactly this stands."""

    id: str
    changed_at: datetime

    @property
    def payable_from(self) -> datetime:
        return self.changed_at + WAIT


def check_payout_move(before: str, then: PayoutState) -> None:
    """Raises PayoutStateForbids unless `before → then` is a legal move."""
    if then not in PAYOUT_MOVES[PayoutState(before)]:
        raise PayoutStateForbids(state=before)


def check_approval(*, drafted_by: str | uuid.UUID, approved_by: str | uuid.UUID) -> None:
    """Raises SamePerson."""
    if drafted_by == approved_by:
        raise SamePerson


def check_destination(approved_id: str, now_is: Destination, *, now: datetime) -> None:
    """Asked when a payout is approved, and once more when it is sent. Raises DestinationChanged, DestinationTooNew."""
    if now_is.id != approved_id:
        raise DestinationChanged
    if now < now_is.payable_from:
        raise DestinationTooNew(payable_from=instant_text(now_is.payable_from))
