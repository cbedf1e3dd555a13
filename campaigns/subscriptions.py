"""Who asks to be told when a campaign opens, and telling them: once, in batches, out of the way of the opening.

Subscribing shares the campaign's lock with others who do, and excludes the move out of `scheduled`: so whoever is
in the table when the campaign opens is told, and whoever comes later learns that it is open.
"""

import uuid
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from campaigns import planning
from campaigns.events import CampaignMoved
from campaigns.models import Campaign, Subscription
from campaigns.states import PUBLIC, CampaignState, state_at
from marketplace import audit, errors, jobs
from marketplace.context import Context
from marketplace.language import Text
from marketplace.notifications import Message, notify_all
from marketplace.notifications.kinds import About, CampaignCancelled, CampaignOpened

BATCH: Final = 200
TELL: Final = "campaigns.tell_subscribers"

_CANCELLED: Final = Text(en="it will not open", zh="活动不再开售")


class OpenAlready(errors.Conflict):
    """Only what is announced and not yet open can be waited for; `state` says what it is."""

    title = Text(en="This campaign does not wait to be opened.", zh="该活动不在待开售状态。")


def subscribe(session: Session, ctx: Context, *, campaign_id: uuid.UUID) -> Subscription:
    """Have the actor told when it opens; asking again changes nothing. Raises CampaignNotFound, OpenAlready."""
    account_id = _own(ctx)
    campaign = session.get(
        Campaign, campaign_id, with_for_update={"read": True, "of": Campaign}, populate_existing=True
    )
    if campaign is None or campaign.state not in PUBLIC:
        raise planning.CampaignNotFound
    seen = state_at(campaign.state, opens_at=campaign.opens_at, closes_at=campaign.closes_at, now=ctx.now)
    if seen != CampaignState.SCHEDULED:
        raise OpenAlready(state=seen, opens_at=campaign.opens_at)
    row = {"campaign_id": campaign.id, "account_id": account_id, "created_at": ctx.now}
    session.execute(insert(Subscription).values(row).on_conflict_do_nothing())
    audit.record(session, ctx, "campaign.subscribe", subject=("campaign", campaign.id))
    return session.get_one(Subscription, (campaign.id, account_id))


def unsubscribe(session: Session, ctx: Context, *, campaign_id: uuid.UUID) -> None:
    """Ask no more to be told; nothing is wrong if the actor did not. Raises CampaignNotFound."""
    planning.get(session, ctx, campaign_id=campaign_id)
    session.execute(
        delete(Subscription).where(
            Subscription.campaign_id == campaign_id, Subscription.account_id == _own(ctx)
        )
    )
    audit.record(session, ctx, "campaign.unsubscribe", subject=("campaign", campaign_id))


def on_campaign_moved(session: Session, _ctx: Context, event: CampaignMoved) -> None:
    """It has opened, or will not: a job tells who waits for it."""
    if event.before == CampaignState.SCHEDULED and event.after in _WORTH_TELLING:
        arguments = {"campaign_id": str(event.campaign_id), "after": str(event.after), "told_until": None}
        jobs.enqueue(session, TELL, arguments=arguments)


def tell(session: Session, ctx: Context, *, campaign_id: str, after: str, told_until: str | None) -> int:
    """Tell one batch, and put in a job for the next: a batch that is undone is told whole when it is run again."""
    campaign = session.get_one(Campaign, uuid.UUID(campaign_id))
    waiting = select(Subscription.account_id).where(Subscription.campaign_id == campaign.id)
    if told_until is not None:
        waiting = waiting.where(Subscription.account_id > uuid.UUID(told_until))
    batch = session.scalars(waiting.order_by(Subscription.account_id).limit(BATCH)).all()
    about = _about(campaign, CampaignState(after))
    cause = f"campaign:{campaign.id}"
    told = notify_all(
        session, ctx, [Message(account_id=account_id, cause=cause, about=about) for account_id in batch]
    )
    if len(batch) == BATCH:
        arguments = {"campaign_id": campaign_id, "after": after, "told_until": str(batch[-1])}
        jobs.enqueue(session, TELL, arguments=arguments)
    return told


_WORTH_TELLING: Final = frozenset({CampaignState.DEPOSIT_OPEN, CampaignState.CANCELLED})


def _about(campaign: Campaign, after: CampaignState) -> About:
    title = Text(en=campaign.title_en, zh=campaign.title_zh)
    if after == CampaignState.CANCELLED:
        return CampaignCancelled(campaign_id=campaign.id, campaign=title, reason=_CANCELLED)
    return CampaignOpened(campaign_id=campaign.id, campaign=title, closes_at=campaign.closes_at)


def _own(ctx: Context) -> uuid.UUID:
    if ctx.actor.id is None:
        raise errors.Forbidden
    return ctx.actor.id
