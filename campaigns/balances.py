"""The balance of a campaign: the step is fixed by what was sold, the rest is paid, and closed after its grace."""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from campaigns import item_terms, planning, terms
from campaigns.models import Campaign
from campaigns.shortage import cases
from campaigns.states import BalanceTooEarly, CampaignEvent
from inventory import pools
from marketplace import audit
from marketplace.context import Context
from orders import balances

Kept = Mapping[uuid.UUID, int]
"""Boxes by cooperative."""


def commit_deposits(session: Session, ctx: Context, *, campaign_id: uuid.UUID) -> int:
    """The goal is met: paid deposits no longer go back; how many orders. Raises CampaignNotFound."""
    campaign = planning.get(session, ctx, campaign_id=campaign_id)
    return sum(balances.commit(session, ctx, pool_id=item.pool_id) for item in campaign.items_by_pool)


def open_balance(
    session: Session, ctx: Context, *, campaign_id: uuid.UUID, reason: str = "the balance is due"
) -> Campaign:
    """Fix each item's final price by what was sold, and let the rest of it be paid, or go back where all was paid.

    What a shortage took was sold as well: the step that all buyers reached together stays. What is due is for the boxes
    that an order still has.
    Raises CampaignNotFound, CampaignStateForbids, BalanceTooEarly, BoxesStillHeld, PaymentNotAwaited.
    """
    campaign = planning.move(
        session, ctx, campaign_id=campaign_id, event=CampaignEvent.OPEN_BALANCE, reason=reason
    )
    due_at = _due_at(campaign, ctx.now)
    campaign.balance_due_at = due_at
    for item in campaign.items_by_pool:
        sold = balances.sold(session, ctx, pool_id=item.pool_id) + cases.taken_boxes(session, item_id=item.id)
        item.final_unit_price_minor = terms.price_at(item_terms.steps_of(item), sold)
        opened = balances.open_balance(
            session,
            ctx,
            pool_id=item.pool_id,
            boxes_sold=sold,
            unit_price_minor=item.final_unit_price_minor,
            due_at=due_at or ctx.now,
        )
        after = {
            "sold_boxes": sold,
            "final_unit_price_minor": item.final_unit_price_minor,
            "due": opened.due,
            "refunded": opened.refunded,
        }
        audit.record(session, ctx, "item.fix_price", subject=("campaign_item", item.id), after=after)
    session.flush()
    return campaign


def close_balance(
    session: Session,
    ctx: Context,
    *,
    campaign_id: uuid.UUID,
    reason: str = "the balance is over",
    kept: Mapping[uuid.UUID, Kept] | None = None,
) -> Campaign:
    """After its grace: who has not paid has not, and their boxes are free again in the same moment.

    `kept` says of an item which cooperatives keep its fruit, and how many boxes; without it, those that pledged.
    Raises CampaignNotFound, CampaignStateForbids, BalanceTooEarly.
    """
    campaign = planning.move(
        session, ctx, campaign_id=campaign_id, event=CampaignEvent.CLOSE_BALANCE, reason=reason
    )
    ends_at = _ends_at(campaign)
    if ends_at is not None:
        _not_before(ends_at, ctx.now)
    for item in campaign.items_by_pool:
        keepers = (kept or {}).get(item.id) or pools.kept_by(session, pool_id=item.pool_id)
        balances.close_balance(session, ctx, pool_id=item.pool_id, kept_boxes=keepers)
    return campaign


def may_open(campaign: Campaign, now: datetime) -> bool:
    """Whether the time that buyers were told has come; there is none where all is paid already."""
    return campaign.balance_opens_at is None or campaign.balance_opens_at <= now


def is_over(campaign: Campaign, now: datetime) -> bool:
    """Whether nobody has any time left to pay, grace included; at once where nothing was due."""
    ends_at = _ends_at(campaign)
    return ends_at is None or ends_at <= now


def _ends_at(campaign: Campaign) -> datetime | None:
    """With its grace; None where nothing was due."""
    if campaign.balance_due_at is None:
        return None
    return campaign.balance_due_at + timedelta(hours=campaign.balance_grace_hours or 0)


def _due_at(campaign: Campaign, now: datetime) -> datetime | None:
    """When the rest must be paid: as told, or later, so that nobody has less time than was shown."""
    opens_at, closes_at = campaign.balance_opens_at, campaign.balance_closes_at
    if opens_at is None or closes_at is None:
        return None
    _not_before(opens_at, now)
    return max(closes_at, now + (closes_at - opens_at))


def _not_before(possible_at: datetime, now: datetime) -> None:
    if now < possible_at:
        raise BalanceTooEarly(possible_at=possible_at)
