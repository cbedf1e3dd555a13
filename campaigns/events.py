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


@dataclass(frozen=True, slots=True, kw_only=True)
class Pledged:
    """A cooperative put boxes up for an item."""

    campaign_id: uuid.UUID
    item_id: uuid.UUID
    cooperative_id: uuid.UUID
    boxes: int
