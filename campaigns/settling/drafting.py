"""The settlements of a completed campaign: its items, its title, what claims were granted, and what shortages at a
cooperative's fault cost.
"""

import uuid
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns import planning
from campaigns.models import Campaign, Item
from campaigns.shortage.models import Shortage, ShortageStanding
from campaigns.shortage.rules import Cause
from campaigns.shortage.states import ShortageState
from campaigns.states import CampaignState, CampaignStateForbids
from inventory.models import Hold
from marketplace import audit, errors
from marketplace.catalogue.models import Pack
from marketplace.context import Context
from marketplace.language import Text
from orders.claims import charges
from orders.models import Order
from orders.settlements import drafting, settling
from orders.settlements.drafting import Agreed, Drafted
from orders.settlements.facts import Remedy
from orders.settlements.gathering import Charge, Sale, SoldItem
from orders.settlements.settling import Proposed
from orders.states import OrderState

SOLD_FOR: Final = "campaign_item"


class ClaimsOpen(errors.Conflict):
    """Buyers of `orders` orders may still claim something: what is settled now would not be true."""

    title = Text(en="Claims may still come.", zh="售后期尚未结束。")


def draft(session: Session, ctx: Context, *, campaign_id: uuid.UUID, agreed: Agreed) -> Drafted:
    """One settlement for each cooperative and currency, on the same terms; those that are drafts are computed anew.

    Raises CampaignNotFound, CampaignStateForbids, ClaimsOpen, TermsTakeTooMuch, RetentionInThePast, StatementNotProved.
    """
    campaign = planning.locked(session, campaign_id)
    _check_over(session, campaign)
    sale = _sale(session, campaign)
    granted = charges.of_items(session, sold_for=SOLD_FOR, item_ids=sale.item_ids)
    every = [*_charges(session, campaign), *granted]
    done = drafting.draft(session, ctx, sale=sale, agreed=agreed, charges=every)
    told = {"settlements": len(done.settlements), "drafted": done.drafted}
    audit.record(session, ctx, "campaign.draft_settlements", subject=("campaign", campaign.id), after=told)
    return done


def propose_all(session: Session, ctx: Context, *, campaign_id: uuid.UUID) -> Proposed:
    """Raises CampaignNotFound, CampaignStateForbids, ClaimsOpen, RetentionInThePast, StatementNotProved."""
    campaign = planning.locked(session, campaign_id)
    _check_over(session, campaign)
    done = settling.propose_all(session, ctx, campaign_id=campaign.id)
    told = {"proposed": done.proposed, "waiting": len(done.waiting)}
    audit.record(session, ctx, "campaign.propose_settlements", subject=("campaign", campaign.id), after=told)
    return done


def _check_over(session: Session, campaign: Campaign) -> None:
    """Raises CampaignStateForbids, ClaimsOpen."""
    if campaign.state != CampaignState.COMPLETED:
        raise CampaignStateForbids(state=campaign.state)
    claimable = session.scalar(
        select(func.count())
        .select_from(Order)
        .join(Hold, Hold.id == Order.hold_id)
        .join(Item, (Hold.purpose_kind == SOLD_FOR) & (Hold.purpose_id == Item.id))
        .where(Item.campaign_id == campaign.id, Order.state == OrderState.DELIVERED)
    )
    if claimable:
        raise ClaimsOpen(orders=claimable)


def _sale(session: Session, campaign: Campaign) -> Sale:
    packs = {
        each.id: each
        for each in session.scalars(
            select(Pack).where(Pack.id.in_([item.pack_id for item in campaign.items]))
        )
    }
    return Sale(
        campaign_id=campaign.id,
        code=campaign.code,
        title=Text(en=campaign.title_en, zh=campaign.title_zh),
        sold_for=SOLD_FOR,
        items=tuple(
            SoldItem(
                id=item.id,
                name=packs[item.pack_id].code,
                grade=packs[item.pack_id].product.grade,
            )
            for item in campaign.items
        ),
    )


def _charges(session: Session, campaign: Campaign) -> list[Charge]:
    """Deposits that came back double, over those whose fruit was missing; at no fault of theirs there is none."""
    rows = session.execute(
        select(Shortage, ShortageStanding, Item.currency, Pack.code)
        .join(ShortageStanding, ShortageStanding.shortage_id == Shortage.id)
        .join(Item, Item.id == Shortage.item_id)
        .join(Pack, Pack.id == Item.pack_id)
        .where(
            Shortage.campaign_id == campaign.id,
            Shortage.state == ShortageState.SETTLED,
            Shortage.cause == Cause.FAULT,
            ShortageStanding.carried_minor > 0,
        )
        .order_by(Shortage.id, ShortageStanding.code)
    )
    return [
        Charge(
            cooperative_id=standing.cooperative_id,
            currency=currency,
            item_id=shortage.item_id,
            reference=f"{code} 缺货 shortage {shortage.created_at:%Y-%m-%d} {str(shortage.id)[-6:]}",
            remedy=Remedy.COMPENSATION,
            amount_minor=standing.carried_minor or 0,
            at_fault=True,
        )
        for shortage, standing, currency, code in rows
    ]
