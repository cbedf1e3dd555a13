"""What cooperatives are told of their pledges, and partners of boxes that were put up."""

from typing import Final

from sqlalchemy.orm import Session

from campaigns.models import Campaign
from campaigns.pledges.events import PledgeMoved
from campaigns.pledges.models import Pledge
from campaigns.pledges.states import PledgeEvent, PledgeState
from marketplace.catalogue import cooperatives
from marketplace.context import Context
from marketplace.events import Subscription
from marketplace.language import Text
from marketplace.notifications import notify_members
from marketplace.notifications.kinds import About, PledgeAccepted, PledgeInvited, PledgeLapsed
from marketplace.webhooks import outbox


def on_pledge_moved(session: Session, ctx: Context, event: PledgeMoved) -> None:
    """Members are told what somebody else did, or the clock: not what they did themselves."""
    pledge = session.get_one(Pledge, event.pledge_id)
    if event.boxes_added:
        outbox.tell(
            session,
            ctx,
            "campaign.pledged",
            data={
                "campaign_id": pledge.campaign_id,
                "item_id": pledge.item_id,
                "cooperative_id": pledge.cooperative_id,
                "boxes": event.boxes_added,
            },
            cooperative_ids=[pledge.cooperative_id],
        )
    about = _about(session, pledge, event)
    if about is not None:
        notify_members(
            session, ctx, cooperative_id=pledge.cooperative_id, cause=f"pledge:{pledge.id}", about=about
        )


def _about(session: Session, pledge: Pledge, event: PledgeMoved) -> About | None:
    campaign = session.get_one(Campaign, pledge.campaign_id)
    seller = cooperatives.get(session, cooperative_id=pledge.cooperative_id)
    title = Text(en=campaign.title_en, zh=campaign.title_zh)
    name = Text(en=seller.name_en, zh=seller.name_zh)
    if event.event == PledgeEvent.INVITE:
        assert pledge.answer_due_at is not None
        return PledgeInvited(
            campaign_id=campaign.id, campaign=title, cooperative=name, answer_until=pledge.answer_due_at
        )
    if event.event == PledgeEvent.ACCEPT and event.before == PledgeState.OFFERED:
        return PledgeAccepted(pledge_id=pledge.id, campaign=title, cooperative=name, boxes=pledge.boxes)
    if event.event == PledgeEvent.LAPSE:
        return PledgeLapsed(pledge_id=pledge.id, campaign=title, cooperative=name, boxes=pledge.wanted_boxes)
    return None


SUBSCRIPTIONS: Final[tuple[Subscription, ...]] = ((PledgeMoved, on_pledge_moved),)
