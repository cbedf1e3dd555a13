"""Planning a campaign: drafting it, filling its pools with pledges, moving it through its states."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns import states
from campaigns.models import Campaign, Item, Transition
from campaigns.states import (
    BY_CLOCK,
    PLEDGEABLE,
    PUBLIC,
    SELLING,
    CampaignEvent,
    CampaignKind,
    CampaignState,
    CampaignStateForbids,
    Plan,
    check_ready,
    due_event,
)
from inventory import pools
from inventory.models import Hold
from marketplace import audit, database, errors, events
from marketplace.access import STAFF, Role
from marketplace.catalogue import cooperatives, counties, products
from marketplace.context import Context
from marketplace.language import Text
from marketplace.values import new_id

INSIDERS: Final = STAFF | {Role.COOPERATIVE}
"""Who sees a campaign before it is public: cooperatives pledge to drafts."""


class CampaignNotFound(errors.NotFound):
    title = Text(en="There is no such campaign.", zh="没有该活动。")


class ItemNotFound(errors.NotFound):
    title = Text(en="The campaign does not sell that item.", zh="该活动没有此项目。")


class CampaignCodeTaken(errors.Conflict):
    """Another campaign has this code."""

    title = Text(en="This campaign code is taken.", zh="该活动代码已被使用。")


class WindowNotOrdered(errors.Invalid):
    """A campaign must close after it opens."""

    title = Text(en="The campaign must close after it opens.", zh="活动结束时间须晚于开始时间。")


class PackTwice(errors.Invalid):
    """A campaign sells each pack once."""

    title = Text(en="A pack stands in the list twice.", zh="同一包装重复出现。")


class ForeignPledge(errors.Conflict):
    """The cooperative does not belong to the campaign's county."""

    title = Text(en="That cooperative is of another county.", zh="该合作社属于其他县。")


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignMoved:
    """A campaign is in another state; published in the transaction of the move."""

    campaign_id: uuid.UUID
    before: str
    after: CampaignState


def draft(
    session: Session,
    ctx: Context,
    *,
    code: str,
    county_id: uuid.UUID,
    title_en: str,
    title_zh: str,
    opens_at: datetime,
    closes_at: datetime,
    items: Iterable[Mapping[str, Any]],
) -> Campaign:
    """A new presale with an empty pool for each item ({pack_id, unit_price_minor,
    boxes_per_buyer_max, boxes_per_household_max}).

    Raises CountyNotFound, PackNotFound, CampaignCodeTaken, WindowNotOrdered, PackTwice.
    """
    if closes_at <= opens_at:
        raise WindowNotOrdered
    wanted = list(items)
    if len({each["pack_id"] for each in wanted}) < len(wanted):
        raise PackTwice
    counties.get(session, county_id=county_id)
    campaign = Campaign(
        id=new_id(),
        code=code,
        kind=CampaignKind.PRESALE,
        state=CampaignState.DRAFT,
        county_id=county_id,
        title_en=title_en,
        title_zh=title_zh,
        opens_at=opens_at,
        closes_at=closes_at,
        created_at=ctx.now,
        version=1,
    )
    session.add(campaign)
    with database.refusing({"uq_campaign_code": CampaignCodeTaken()}):
        session.flush()
    campaign.items = [_item(session, ctx, campaign, **each) for each in wanted]
    _note(session, ctx, campaign, before=None, after=CampaignState.DRAFT, reason="drafted", number=1)
    session.flush()
    audit.record(session, ctx, "campaign.draft", subject=("campaign", campaign.id), after={"code": code})
    return campaign


def pledge(
    session: Session,
    ctx: Context,
    *,
    campaign_id: uuid.UUID,
    item_id: uuid.UUID,
    cooperative_id: uuid.UUID,
    boxes: int,
) -> list[Hold]:
    """A cooperative puts boxes up for an item: its lots are held, the item's pool grows.

    Raises CampaignNotFound, ItemNotFound, CooperativeNotFound, ForeignPledge, CampaignStateForbids and
    whatever the pool refuses (not enough in store).
    """
    if not ctx.actor.has(Role.OPERATOR, Role.SYSTEM) and not ctx.actor.belongs_to(cooperative_id):
        raise cooperatives.CooperativeNotFound
    campaign = _locked(session, campaign_id)
    follow_clock(session, ctx, campaign)
    if campaign.state not in PLEDGEABLE:
        raise CampaignStateForbids(state=campaign.state)
    item = item_of(campaign, item_id)
    if cooperatives.get(session, cooperative_id=cooperative_id).county_id != campaign.county_id:
        raise ForeignPledge
    placed = pools.pledge(session, ctx, pool_id=item.pool_id, cooperative_id=cooperative_id, boxes=boxes)
    audit.record(
        session,
        ctx,
        "campaign.pledge",
        subject=("campaign", campaign.id),
        after={"cooperative_id": str(cooperative_id), "item_id": str(item.id), "boxes": boxes},
    )
    return placed


def schedule(session: Session, ctx: Context, *, campaign_id: uuid.UUID) -> Campaign:
    """Make a draft public; it opens by the clock. Raises CampaignNotReady, CampaignStateForbids."""
    campaign = _locked(session, campaign_id)
    states.after(campaign.state, CampaignEvent.SCHEDULE)
    pledged = tuple(pools.get(session, pool_id=item.pool_id).boxes_pledged for item in campaign.items)
    check_ready(
        Plan(opens_at=campaign.opens_at, closes_at=campaign.closes_at, pledged_boxes=pledged), now=ctx.now
    )
    _move(session, ctx, campaign, CampaignEvent.SCHEDULE, reason="scheduled")
    follow_clock(session, ctx, campaign)
    return campaign


def move(
    session: Session, ctx: Context, *, campaign_id: uuid.UUID, event: CampaignEvent, reason: str
) -> Campaign:
    """What an operator asks for, from where the clock has brought the campaign, with its reason.

    Raises CampaignNotFound, CampaignStateForbids.
    """
    campaign = _locked(session, campaign_id)
    follow_clock(session, ctx, campaign)
    _move(session, ctx, campaign, event, reason=reason)
    return campaign


def resume(session: Session, ctx: Context, *, campaign_id: uuid.UUID, reason: str) -> Campaign:
    """Open a paused campaign again; only a paused one. Raises CampaignNotFound, CampaignStateForbids."""
    campaign = _locked(session, campaign_id)
    _move(session, ctx, campaign, CampaignEvent.RESUME, reason=reason)
    follow_clock(session, ctx, campaign)
    return campaign


def cancel(session: Session, ctx: Context, *, campaign_id: uuid.UUID, reason: str) -> Campaign:
    """Give up what has not opened: nothing is sold yet, and its pledges are free again.

    Raises CampaignNotFound, CampaignStateForbids.
    """
    campaign = move(session, ctx, campaign_id=campaign_id, event=CampaignEvent.CANCEL, reason=reason)
    for item in campaign.items:
        pools.release_pledges(session, ctx, pool_id=item.pool_id)
    return campaign


def follow_clock(session: Session, ctx: Context, campaign: Campaign) -> None:
    """Make the moves that are due at `ctx.now`; the campaign is locked before the first of them."""
    due = _due(campaign, ctx.now)
    if due is None:
        return
    campaign = _locked(session, campaign.id)
    while (due := _due(campaign, ctx.now)) is not None:
        _move(session, ctx, campaign, due, reason="the clock")


def follow_clock_everywhere(session: Session, ctx: Context) -> int:
    """The job of every minute: open what is due to open, close what is due to close; how many moved."""
    candidates = session.scalars(select(Campaign).where(Campaign.state.in_(BY_CLOCK)).order_by(Campaign.id))
    moved = 0
    for campaign in candidates:
        before = campaign.version
        follow_clock(session, ctx, campaign)
        moved += campaign.version > before
    return moved


def get(session: Session, ctx: Context, *, campaign_id: uuid.UUID) -> Campaign:
    """The campaign; what is not public yet only for staff and cooperatives. Raises CampaignNotFound."""
    campaign = session.get(Campaign, campaign_id)
    if campaign is None or not (campaign.state in PUBLIC or ctx.actor.has(*INSIDERS)):
        raise CampaignNotFound
    return campaign


def item_of(campaign: Campaign, item_id: uuid.UUID) -> Item:
    found = next((item for item in campaign.items if item.id == item_id), None)
    if found is None:
        raise ItemNotFound
    return found


def transitions_of(session: Session, *, campaign_id: uuid.UUID) -> list[Transition]:
    return list(
        session.scalars(
            select(Transition).where(Transition.campaign_id == campaign_id).order_by(Transition.number)
        )
    )


def _item(
    session: Session,
    ctx: Context,
    campaign: Campaign,
    *,
    pack_id: uuid.UUID,
    unit_price_minor: int,
    boxes_per_buyer_max: int,
    boxes_per_household_max: int | None = None,
) -> Item:
    pack = products.get_pack(session, pack_id=pack_id)
    item_id = new_id()
    pool = pools.open_pool(
        session,
        ctx,
        pack_id=pack.id,
        pack_grams=pack.net_grams,
        variety=pack.variety,
        grade=pack.grade,
        purpose=("campaign_item", item_id),
        terms=pools.Terms(
            unit_price_minor=unit_price_minor,
            currency=pack.currency,
            boxes_per_buyer_max=boxes_per_buyer_max,
            boxes_per_household_max=boxes_per_household_max,
        ),
    )
    return Item(
        id=item_id,
        campaign_id=campaign.id,
        pack_id=pack.id,
        pool_id=pool.id,
        unit_price_minor=unit_price_minor,
        currency=pack.currency,
        boxes_per_buyer_max=boxes_per_buyer_max,
        boxes_per_household_max=boxes_per_household_max,
    )


def _locked(session: Session, campaign_id: uuid.UUID) -> Campaign:
    campaign = session.get(Campaign, campaign_id, with_for_update={"of": Campaign}, populate_existing=True)
    if campaign is None:
        raise CampaignNotFound
    return campaign


def _due(campaign: Campaign, now: datetime) -> CampaignEvent | None:
    return due_event(campaign.state, opens_at=campaign.opens_at, closes_at=campaign.closes_at, now=now)


def _move(session: Session, ctx: Context, campaign: Campaign, event: CampaignEvent, *, reason: str) -> None:
    """Raises CampaignStateForbids."""
    before = campaign.state
    after = states.after(before, event)
    campaign.state = after
    campaign.version += 1
    _set_windows(session, ctx, campaign)
    taken = session.scalar(
        select(func.coalesce(func.max(Transition.number), 0)).where(Transition.campaign_id == campaign.id)
    )
    _note(session, ctx, campaign, before=before, after=after, reason=reason, number=(taken or 0) + 1)
    session.flush()
    audit.record(
        session,
        ctx,
        f"campaign.{after}",
        subject=("campaign", campaign.id),
        before={"state": before},
        after={"state": str(after), "reason": reason},
    )
    events.publish(session, ctx, CampaignMoved(campaign_id=campaign.id, before=before, after=after))


def _set_windows(session: Session, ctx: Context, campaign: Campaign) -> None:
    """Pools sell by the clock alone from the moment a campaign is scheduled, so that no opening is late.

    A pause ends when the campaign would have; what is over ends now at the latest, and nobody waits for its boxes.
    """
    sells = campaign.state in SELLING
    ends_at = (
        campaign.closes_at if campaign.state == CampaignState.PAUSED else min(campaign.closes_at, ctx.now)
    )
    for item in sorted(campaign.items, key=lambda each: each.pool_id):
        pools.set_window(
            session,
            ctx,
            pool_id=item.pool_id,
            window=(campaign.opens_at, campaign.closes_at) if sells else None,
            ends_at=ends_at,
        )


def _note(
    session: Session,
    ctx: Context,
    campaign: Campaign,
    *,
    before: str | None,
    after: CampaignState,
    reason: str,
    number: int,
) -> None:
    session.add(
        Transition(
            campaign_id=campaign.id,
            number=number,
            before=before,
            after=after,
            reason=reason,
            actor=ctx.actor.label,
            request_id=ctx.request_id,
            at=ctx.now,
        )
    )
