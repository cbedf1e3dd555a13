"""Whether a hold may go to be paid. Pure."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from inventory.states import HoldKind, HoldState, may_move


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldFacts:
    """A hold as it is under its lock."""

    hold_id: uuid.UUID
    owner_id: uuid.UUID | None
    kind: HoldKind
    state: HoldState
    expires_at: datetime | None
    version: int


class Hindrance(StrEnum):
    """Why a hold is not paid."""

    NOT_FOUND = "not_found"
    """There is none, or it is somebody else's: both look alike."""
    EXPIRED = "expired"
    """Its time is over, whether or not that was written down."""
    NOT_ACTIVE = "not_active"


def hindrance(hold: HoldFacts | None, *, payer_id: uuid.UUID | None, now: datetime) -> Hindrance | None:
    """What keeps this payer from paying for the hold; None: nothing does. `now`: by the database's clock."""
    if hold is None or hold.owner_id is None or hold.owner_id != payer_id:
        return Hindrance.NOT_FOUND
    is_over = hold.expires_at is not None and hold.expires_at <= now
    if hold.state == HoldState.EXPIRED or (hold.state == HoldState.ACTIVE and is_over):
        return Hindrance.EXPIRED
    if not may_move(hold.kind, hold.state, HoldState.CONVERTING):
        return Hindrance.NOT_ACTIVE
    return None
