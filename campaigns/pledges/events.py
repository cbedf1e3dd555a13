"""What pledges tell."""

import uuid
from dataclasses import dataclass

from campaigns.pledges.states import PledgeEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class PledgeMoved:
    """Something happened to a pledge."""

    pledge_id: uuid.UUID
    event: PledgeEvent
    before: str | None
    boxes_added: int
    """That stand in the pool since."""
