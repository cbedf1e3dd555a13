"""When a campaign's boxes are all there, when the time for claims is over, and when its cooperatives are paid.

Asked every minute, batch by batch.
"""

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from campaigns import planning
from campaigns.fulfilment import sending
from campaigns.models import Campaign, Item
from campaigns.states import CampaignEvent, CampaignState
from inventory.models import Hold
from marketplace.context import Context
from orders import balances
from orders.claims import claiming
from orders.claims.models import Claim
from orders.claims.states import WAITING as WAITING_CLAIMS
from orders.fulfilment.models import Parcel
from orders.models import Order
from orders.settlements import standing
from orders.settlements.models import Settlement
from orders.settlements.states import SettlementState
from orders.states import BOUGHT, OrderState

BATCH: Final = 500
WAITING: Final = frozenset({CampaignState.BALANCE_CLOSED, CampaignState.FULFILLING, CampaignState.COMPLETED})
ARRIVED: Final = frozenset({OrderState.DELIVERED, OrderState.CLOSED})
EARNED: Final = frozenset({OrderState.CLOSED, OrderState.BALANCE_DEFAULTED})
"""Of these orders a cooperative has something: their price, or the deposit."""


def go_on(session: Session, ctx: Context, campaign: Campaign) -> None:
    """The next step of a locked campaign whose balance is closed, if its orders are as far."""
    if campaign.state == CampaignState.BALANCE_CLOSED and not _left(session, campaign, BOUGHT):
        _move(session, ctx, campaign, CampaignEvent.FULFIL, "there is nothing to send")
    if campaign.state == CampaignState.FULFILLING and not _left(session, campaign, BOUGHT - ARRIVED):
        _move(session, ctx, campaign, CampaignEvent.COMPLETE, "every box is delivered")
    sending.go_on(session, campaign)
    close_claims(session, ctx, campaign)
    if campaign.state == CampaignState.COMPLETED and is_settled(session, campaign):
        _move(session, ctx, campaign, CampaignEvent.SETTLE, "every cooperative is paid")


def is_settled(session: Session, campaign: Campaign) -> bool:
    """Nothing can be claimed any more, and every cooperative has what it earned; of a campaign that sold nothing, none
    has earned anything.
    """
    if _left(session, campaign, frozenset({OrderState.DELIVERED})):
        return False
    there = standing.of(session, campaign.id)
    return there.all_paid if there.count else not _left(session, campaign, EARNED)


def to_go_on_with(session: Session) -> Sequence[uuid.UUID]:
    """Completed campaigns of which a buyer may still claim something, or whose cooperatives are all paid: the others
    wait for a person.
    """
    delivered = (
        select(Order.id)
        .join(Hold, Hold.id == Order.hold_id)
        .join(Item, (Hold.purpose_kind == "campaign_item") & (Hold.purpose_id == Item.id))
        .where(Item.campaign_id == Campaign.id, Order.state == OrderState.DELIVERED)
    )
    settlements = select(Settlement.id).where(Settlement.campaign_id == Campaign.id)
    unpaid = settlements.where(Settlement.state != SettlementState.PAID)
    return session.scalars(
        select(Campaign.id).where(
            Campaign.state == CampaignState.COMPLETED,
            delivered.exists() | (settlements.exists() & ~unpaid.exists()),
        )
    ).all()


def close_claims(session: Session, ctx: Context, campaign: Campaign) -> int:
    """Delivered orders whose time for claims is over and of which nothing is claimed are closed, a batch; how many."""
    over_at = func.max(func.coalesce(Parcel.delivered_at, Parcel.lost_at, Parcel.unfilled_at))
    last = select(over_at).where(Parcel.order_id == Order.id).scalar_subquery()
    claimed = select(Claim.id).where(Claim.order_id == Order.id, Claim.state.in_(sorted(WAITING_CLAIMS)))
    rows = session.scalars(
        _orders(campaign, Order.state == OrderState.DELIVERED)
        .where(last <= ctx.now - timedelta(days=campaign.claims_days), ~claimed.exists())
        .order_by(Order.id)
        .limit(BATCH)
        .with_for_update(of=Order)
        .execution_options(populate_existing=True)
    ).all()
    waiting = claiming.waiting(session, [order.id for order in rows])  # made while we waited for their orders
    closing = [order for order in rows if order.id not in waiting]
    if closing:
        balances.write(session, ctx, [(order, [OrderState.CLOSED]) for order in closing])
    return len(closing)


def _left(session: Session, campaign: Campaign, among: frozenset[OrderState]) -> bool:
    return bool(session.scalar(select(_orders(campaign, Order.state.in_(sorted(among))).exists())))


def _orders(campaign: Campaign, condition: ColumnElement[bool]) -> Select[Order]:
    return select(Order).join(Hold, Hold.id == Order.hold_id).where(*sending.of_campaign(campaign), condition)


def _move(session: Session, ctx: Context, campaign: Campaign, event: CampaignEvent, reason: str) -> None:
    planning.move(session, ctx, campaign_id=campaign.id, event=event, reason=reason)
