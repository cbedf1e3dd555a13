"""A campaign that fails or is given up: everybody's money goes back, and the fruit is free again.

It may have a hundred thousand orders, so they end batch by batch in jobs, each a unit of work that calls for the next.
When none is left the pledges are released and the campaign is closed. Progress is what is counted, not what is noted:
whoever runs the job again, after a crash as well, goes on where it stopped.
"""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns import planning
from campaigns.events import CampaignMoved
from campaigns.models import Campaign, Transition
from campaigns.pledges import moves
from campaigns.states import ENDING, CampaignEvent, CampaignState
from inventory import holds, pools
from inventory.models import Hold
from marketplace import jobs
from marketplace.context import Context
from marketplace.language import Text
from marketplace.module import Job
from marketplace.notifications import Message, kinds, notify_all
from orders import releasing
from orders.models import Order
from orders.settlements.advance_models import Advance
from orders.settlements.advance_states import AdvanceState
from orders.states import OrderState

END_ORDERS: Final = "campaigns.end_orders"
WHY: Final = {
    "the goal is missed": Text(en="its goal was missed", zh="未达到成团目标"),
    "nobody is left to supply what is sold": Text(
        en="nobody is left to supply what was sold", zh="已无合作社可供应已售货品"
    ),
    "nothing is sold": Text(en="nothing was sold", zh="没有成交"),
    "no box is left for anybody": Text(en="no fruit is left for it", zh="已无可供货源"),
}
"""What a move gives as its reason by itself, in words for buyers; a person's reason is told as it was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the end of a campaign is, in orders."""

    released: int
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """A campaign that was given up, as its door shows it: with the advances on its boxes that are out."""

    campaign: Campaign
    advances: Sequence[Advance]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.campaign, name)


def cancel(session: Session, ctx: Context, *, campaign_id: uuid.UUID, reason: str) -> Campaign:
    """An operator gives the campaign up. Raises CampaignNotFound, CampaignStateForbids."""
    return planning.move(session, ctx, campaign_id=campaign_id, event=CampaignEvent.CANCEL, reason=reason)


def advances_out(session: Session, campaign_id: uuid.UUID) -> Sequence[Advance]:
    """Granted on its boxes and on their way, or paid and not repaid: no settlement of this campaign repays them."""
    wanted = select(Advance).where(
        Advance.purpose_id == campaign_id, Advance.state.in_((AdvanceState.GRANTED, AdvanceState.PAID))
    )
    return session.scalars(wanted.order_by(Advance.id)).all()


def on_campaign_moved(session: Session, ctx: Context, event: CampaignMoved) -> None:
    """What follows the move into `failed` or `cancelled`, whoever made it: fruit that nobody has is free at once, the
    rest by jobs.
    """
    if event.after not in ENDING:
        return
    campaign = planning.locked(session, event.campaign_id)
    campaign.seed_revealed_at = ctx.now if campaign.seed is not None else None
    if not any(pool.boxes_held or pool.boxes_sold for pool in planning.pools_of(session, campaign)):
        _release_pledges(session, ctx, campaign)
    _call_next(session, campaign.id)
    session.flush()


def end_orders(session: Session, ctx: Context, *, campaign_id: str, after: str | None = None) -> int:
    """One batch of a failed or cancelled campaign; how many orders and holds. The last one closes it.

    `after`: the last order of the batch before. Behind the last of all it is looked once more from the beginning:
    only what finds nothing there is the end.
    """
    campaign = planning.locked(session, uuid.UUID(campaign_id))
    if campaign.state not in ENDING:
        return 0
    pool_ids = _pool_ids(campaign)
    ended = sum(
        holds.release_carts(session, ctx, pool_id=pool_id, batch=releasing.BATCH, reason=campaign.state)
        for pool_id in pool_ids
    )
    behind = None if after is None else uuid.UUID(after)
    released = releasing.release(session, ctx, pool_ids=pool_ids, reason=campaign.state, after=behind)
    ended += len(released)
    _tell_buyers(session, ctx, campaign, released)
    if ended or behind is not None:
        _call_next(session, campaign.id, after=released[-1] if released else None)
        return ended
    _release_pledges(session, ctx, campaign)
    planning.move(
        session, ctx, campaign_id=campaign.id, event=CampaignEvent.END, reason="all orders are released"
    )
    return 0


def progress(session: Session, campaign: Campaign) -> Progress:
    """As far as it is written down now."""
    pool_ids = _pool_ids(campaign)
    released = session.scalar(
        select(func.count())
        .select_from(Order)
        .join(Hold, Hold.id == Order.hold_id)
        .where(Hold.pool_id.in_(pool_ids), Order.state == OrderState.RELEASED)
    )
    return Progress(released=released or 0, left=releasing.left(session, pool_ids=pool_ids))


def _tell_buyers(
    session: Session, ctx: Context, campaign: Campaign, order_ids: Collection[uuid.UUID]
) -> None:
    """Each of them once, however many orders: why it will not be. That money goes back is told with each refund."""
    if not order_ids:
        return
    reason = session.scalar(
        select(Transition.reason)
        .where(Transition.campaign_id == campaign.id)
        .order_by(Transition.number.desc())
        .limit(1)
    )
    assert reason is not None, "every move has its reason"
    kind = kinds.CampaignFailed if campaign.state == CampaignState.FAILED else kinds.CampaignCancelled
    about = kind(
        campaign_id=campaign.id,
        campaign=Text(en=campaign.title_en, zh=campaign.title_zh),
        reason=WHY.get(reason, Text(en=reason, zh=reason)),
    )
    buyers = session.scalars(select(Order.buyer_id).where(Order.id.in_(order_ids)).distinct()).all()
    cause = f"campaign:{campaign.id}"
    notify_all(session, ctx, [Message(account_id=each, cause=cause, about=about) for each in buyers])


def _call_next(session: Session, campaign_id: uuid.UUID, *, after: uuid.UUID | None = None) -> None:
    arguments = {"campaign_id": str(campaign_id), **({} if after is None else {"after": str(after)})}
    jobs.enqueue(session, END_ORDERS, arguments=arguments, key=f"{END_ORDERS}:{campaign_id}")


def _pool_ids(campaign: Campaign) -> list[uuid.UUID]:
    return [item.pool_id for item in campaign.items_by_pool]


def _release_pledges(session: Session, ctx: Context, campaign: Campaign) -> None:
    for pool_id in _pool_ids(campaign):
        pools.release_pledges(session, ctx, pool_id=pool_id)
    moves.follow_stock(session, ctx, campaign, reason=f"the campaign is {campaign.state}")


JOBS: Final = (Job(name=END_ORDERS, run=end_orders),)
