"""What campaigns tell partners: each move to the marketplace and to whoever pledged (each pledge: `pledges.telling`).

Holds of shoppers are not told, for they are the rush and lapse by the minute.
"""

from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.events import CampaignMoved
from campaigns.models import Campaign
from inventory.models import Hold
from inventory.states import PLEDGES
from marketplace.context import Context
from marketplace.events import Subscription
from marketplace.webhooks import outbox


def on_campaign_moved(session: Session, ctx: Context, event: CampaignMoved) -> None:
    campaign = session.get_one(Campaign, event.campaign_id)
    pledging = select(Hold.cooperative_id).where(
        Hold.kind.in_(sorted(PLEDGES)), Hold.pool_id.in_([item.pool_id for item in campaign.items])
    )
    outbox.tell(
        session,
        ctx,
        "campaign.state_changed",
        data={
            "campaign_id": campaign.id,
            "code": campaign.code,
            "before": str(event.before),
            "after": str(event.after),
            "number": event.number,
            "opens_at": campaign.opens_at,
            "closes_at": campaign.closes_at,
        },
        cooperative_ids=session.scalars(pledging.distinct()).all(),
    )


SUBSCRIPTIONS: Final[tuple[Subscription, ...]] = ((CampaignMoved, on_campaign_moved),)
