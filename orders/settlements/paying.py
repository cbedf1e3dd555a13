"""A final settlement is paid by a payout of two people; when that has arrived it is paid, and when it comes back it is
payable again.
"""

import uuid

from sqlalchemy.orm import Session

from marketplace.context import Context
from marketplace.payouts import payouts
from marketplace.payouts.events import PayoutMoved
from marketplace.payouts.models import Payout
from marketplace.payouts.states import PayoutPurpose, PayoutState
from orders.settlements import settling
from orders.settlements.models import Settlement
from orders.settlements.states import SettlementEvent, SettlementState, after


def draft_payout(session: Session, ctx: Context, *, settlement_id: uuid.UUID) -> Payout:
    """Raises SettlementNotFound, SettlementStateForbids, and what payouts refuse."""
    settlement = settling.locked(session, ctx, settlement_id)
    after(settlement.state, SettlementEvent.PAY)
    return payouts.draft(
        session,
        ctx,
        purpose=PayoutPurpose.SETTLEMENT,
        purpose_id=settlement.id,
        cooperative_id=settlement.cooperative_id,
        amount_minor=settlement.payout_minor,
        currency=settlement.currency,
        memo=settlement.number,
    )


def on_payout_moved(session: Session, ctx: Context, event: PayoutMoved) -> None:
    """The payout has arrived, or came back after it had."""
    if event.purpose != PayoutPurpose.SETTLEMENT:
        return
    if event.state not in (PayoutState.PAID, PayoutState.RETURNED):
        return
    settlement = session.get(Settlement, event.purpose_id, with_for_update=True, populate_existing=True)
    if settlement is None:
        return
    if event.state == PayoutState.PAID:
        after(settlement.state, SettlementEvent.PAY)
        settling.pay(session, ctx, [settlement], reason=f"payout {event.payout_id}")
    elif settlement.state == SettlementState.PAID:
        settling.give_back(session, ctx, settlement, reason=f"payout {event.payout_id} came back")
