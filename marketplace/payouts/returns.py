"""Payouts that came back, as the bank's statement tells: proposed where reference, amount and currency agree, and
booked when a person says so.

An open entry that brings money in and names one payout by bank, in its amount, is that payout coming back; a name
alone, two names or another sum is no proposal. Locks: the payout, then the entry.
"""

import uuid
from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from marketplace import errors
from marketplace.context import Context
from marketplace.language import Text
from marketplace.payments.statements import by_hand, references
from marketplace.payments.statements.models import BankEntry
from marketplace.payments.statements.rules import receipt_reference
from marketplace.payments.statements.states import ClosedReason, Direction, EntryState
from marketplace.payouts import ending, payouts, sending
from marketplace.payouts.models import Payout
from marketplace.payouts.states import Method, PayoutState, check_payout_move

SHOWN_MAX: Final = 100
LOOKED_AT_MAX: Final = 5_000
"""So many pairs of an entry and a payout of its amount are read at most, the oldest entries first."""


class NoSuchReturn(errors.Conflict):
    """The entry does not bring back this payout: another name, sum or currency, or money that went out."""

    title = Text(en="This entry does not bring the payout back.", zh="该流水与付款单不符。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """An open entry and the payout that it brings back."""

    entry: BankEntry
    payout: Payout

    @property
    def words(self) -> Text:
        return Text(en=f"returned payout {self.payout.reference}", zh=f"付款单 {self.payout.reference} 退回")


def proposed(session: Session) -> list[Return]:
    """The oldest first, at most SHOWN_MAX."""
    pairs = session.execute(
        select(BankEntry, Payout)
        .join(
            Payout,
            and_(Payout.amount_minor == BankEntry.amount_minor, Payout.currency == BankEntry.currency),
        )
        .where(
            BankEntry.state == EntryState.OPEN,
            BankEntry.direction == Direction.CREDIT,
            Payout.method == Method.BANK,
            Payout.state.in_((PayoutState.SENT, PayoutState.PAID)),
        )
        .order_by(BankEntry.id, Payout.id)
        .limit(LOOKED_AT_MAX)
    )
    found: defaultdict[uuid.UUID, list[Return]] = defaultdict(list)
    for entry, payout in pairs:
        if _brings_back(entry, payout):
            found[entry.id].append(Return(entry=entry, payout=payout))
    return [named[0] for named in found.values() if len(named) == 1][:SHOWN_MAX]


def confirm(session: Session, ctx: Context, *, bank_entry_id: uuid.UUID, payout_id: uuid.UUID) -> Payout:
    """A person has looked at both: the payout came back, and the entry is accounted for.

    Raises PayoutNotFound, PayoutStateForbids, SentByProvider, EntryNotFound, EntryNotOpen, NoSuchReturn.
    """
    payout = sending.of_bank(session, ctx, payout_id)
    check_payout_move(payout.state, PayoutState.RETURNED)
    entry = by_hand.get(session, entry_id=bank_entry_id)
    if not _brings_back(entry, payout):
        raise NoSuchReturn
    found = Return(entry=entry, payout=payout)
    note = f"{found.words.en} {found.words.zh}"
    by_hand.close(session, ctx, entry_id=entry.id, reason=ClosedReason.PAYOUT_RETURNED, note=note)
    reason = f"came back by {receipt_reference(entry.account, entry.entry_key)}"
    ending.bring_back(session, ctx, payout, reason=reason)
    return payouts.get(session, ctx, payout_id=payout.id)


def _brings_back(entry: BankEntry, payout: Payout) -> bool:
    is_same = (entry.amount_minor, entry.currency) == (payout.amount_minor, payout.currency)
    is_named = payout.reference in references.named(entry.remittance)
    return is_same and is_named and entry.direction == Direction.CREDIT
