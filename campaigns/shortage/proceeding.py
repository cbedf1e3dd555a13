"""A campaign goes on when its shortages are settled, and what gets lost meanwhile is looked for.

Fruit may be stopped at any time until it is shipped. While the balance is not opened the campaign waits in `shortfall`
for every shortage; once balances are due, when they are closed, and while waves go out, a further one runs beside the
campaign's state.
"""

import uuid
from typing import Final

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from campaigns import balances, planning
from campaigns.models import Campaign, Item
from campaigns.shortage import cases, opening
from campaigns.shortage.applying import ShortageSettled
from campaigns.states import SHORT_IN, CampaignEvent, CampaignState
from inventory.models import Hold, Lot
from inventory.states import HoldKind, HoldState, LotStatus
from marketplace.context import Context
from marketplace.events import Subscription
from orders.models import Order
from orders.states import BOUGHT

LOSING: Final = frozenset({CampaignState.BALANCE_CLOSED, CampaignState.FULFILLING})
"""In these a box is short only because of a stopped lot, or because it was not there: nothing else is looked for."""


def on_settled(session: Session, ctx: Context, event: ShortageSettled) -> None:
    """The next shortage, if more was lost meanwhile; else the campaign goes on, or fails when no box is left."""
    campaign = planning.locked(session, event.campaign_id)
    let_campaign_go_on(session, ctx, campaign)
    is_after = campaign.state in (CampaignState.BALANCE_OPEN, CampaignState.BALANCE_CLOSED)
    if is_after and not cases.is_any_open(session, campaign_id=campaign.id):
        _fail_if_lost(session, ctx, campaign)


def let_campaign_go_on(session: Session, ctx: Context, campaign: Campaign) -> None:
    """A locked campaign: what it lacks is seen to first. With its last shortage settled it opens the balance when its
    time has come, or fails when nobody has a box left.
    """
    is_safe = campaign.state in LOSING and not losing(session, campaign_id=campaign.id)
    if campaign.state not in SHORT_IN or is_safe or look(session, ctx, campaign):
        return
    if campaign.state != CampaignState.SHORTFALL or cases.is_any_open(session, campaign_id=campaign.id):
        return
    if not campaign.is_price_fixed and _fail_if_lost(session, ctx, campaign):
        return
    if balances.may_open(campaign, ctx.now):
        balances.open_balance(session, ctx, campaign_id=campaign.id, reason="the shortage is settled")


def look(session: Session, ctx: Context, campaign: Campaign) -> bool:
    """Whether fruit was lost of a locked campaign that nobody had seen: a shortage opens, or an open one grows."""
    return opening.may_be_short(session, campaign, ctx.now) and opening.open_if_short(session, ctx, campaign)


def losing(session: Session, *, campaign_id: uuid.UUID | None = None) -> list[uuid.UUID]:
    """Campaigns with closed balances, or with waves, that have pledges in stopped lots or missing ones: nothing else
    brings anybody to look at them. `campaign_id`: only whether this one is among them.
    """
    stopped = (
        select(Item.campaign_id)
        .join(Hold, Hold.pool_id == Item.pool_id)
        .outerjoin(Lot, Lot.id == Hold.lot_id)
        .join(Campaign, Campaign.id == Item.campaign_id)
        .where(
            Hold.state == HoldState.ACTIVE,
            or_(
                and_(Hold.kind == HoldKind.PLEDGE, Lot.status != LotStatus.AVAILABLE),
                Hold.kind == HoldKind.MISSING,
            ),
            Campaign.state.in_(sorted(LOSING)),
        )
        .distinct()
    )
    if campaign_id is not None:
        stopped = stopped.where(Campaign.id == campaign_id)
    return list(session.scalars(stopped.order_by(Item.campaign_id)))


def _fail_if_lost(session: Session, ctx: Context, campaign: Campaign) -> bool:
    if _orders_left(session, campaign):
        return False
    reason = "no box is left for anybody"
    planning.move(session, ctx, campaign_id=campaign.id, event=CampaignEvent.FAIL, reason=reason)
    return True


def _orders_left(session: Session, campaign: Campaign) -> int:
    left = session.scalar(
        select(func.count())
        .select_from(Order)
        .join(Hold, Hold.id == Order.hold_id)
        .where(
            Hold.purpose_kind == "campaign_item",
            Hold.purpose_id.in_([item.id for item in campaign.items]),
            Order.state.in_(sorted(BOUGHT)),
        )
    )
    return left or 0


SUBSCRIPTIONS: Final[tuple[Subscription, ...]] = ((ShortageSettled, on_settled),)
