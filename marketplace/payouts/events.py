"""What payouts tell the packages above, in the transaction of the move. Pure."""

import uuid
from dataclasses import dataclass

from marketplace.payouts.states import PayoutPurpose, PayoutState


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutMoved:
    """A payout has gone from one state to another; for what and for whom it is."""

    payout_id: uuid.UUID
    purpose: PayoutPurpose
    purpose_id: uuid.UUID
    cooperative_id: uuid.UUID
    amount_minor: int
    currency: str
    was: PayoutState
    state: PayoutState
