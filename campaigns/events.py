"""What campaigns tell, to partners for instance."""

import uuid
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignMoved:
    """A campaign came into another state."""

    campaign_id: uuid.UUID
    before: str
    after: str
    number: int
    """Of the move, in this campaign."""
