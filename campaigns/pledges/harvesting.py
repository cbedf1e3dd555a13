"""When a campaign's fruit counts as harvested: stored fruit at once, forecast fruit when it is weighed in, or when the
time of the harvest is over. What is missing then is a shortage.
"""

from sqlalchemy.orm import Session

from campaigns import planning
from campaigns.models import Campaign
from campaigns.pledges import rules
from campaigns.states import CampaignEvent
from inventory.capacity import pledging as forecast
from marketplace.context import Context


def harvest_if_in(session: Session, ctx: Context, campaign: Campaign) -> bool:
    """Move an allocated campaign, locked, to `harvested` if nothing more is waited for; whether it moved."""
    awaited = forecast.awaited_boxes(session, pool_ids=[item.pool_id for item in campaign.items])
    said = rules.harvest(awaited_boxes=awaited, ends_at=campaign.harvest_ends_at, now=ctx.now)
    if said is None:
        return False
    planning.move(session, ctx, campaign_id=campaign.id, event=CampaignEvent.HARVEST, reason=said)
    return True
