"""Planning a campaign: drafting it, moving it through its states."""

import secrets
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns import item_terms, states, terms
from campaigns.events import CampaignMoved
from campaigns.models import Campaign, Item, Transition
from campaigns.policy import policies
from campaigns.policy import rules as policy_rules
from campaigns.policy.rules import Policy
from campaigns.states import (
    BY_CLOCK,
    PUBLIC,
    SELLING,
    CampaignEvent,
    CampaignKind,
    CampaignState,
    CutRule,
    Plan,
    check_ready,
    due_event,
)
from campaigns.terms import BalanceWindow, ItemTerms
from inventory import bell, pools
from inventory.models import Pool
from inventory.stock_rules import REMAINING_DAYS, Destination
from marketplace import audit, database, errors, events
from marketplace.access import STAFF, Role
from marketplace.catalogue import counties, products
from marketplace.context import Context
from marketplace.language import Text
from marketplace.values import new_id
from orders.allocation.commitment import seed_commitment

CLAIMS_DAYS: Final = 7
SHELF_DAYS: Final = REMAINING_DAYS[Destination.COUNTRY]
SHELF_DAYS_MAX: Final = 365

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


class HarvestNotOrdered(errors.Invalid):
    """The harvest of a campaign ends after its sale, and before its balance opens."""

    title = Text(
        en="The harvest must end after the sale and before the balance opens.",
        zh="采收截止须在活动结束之后、尾款开始之前。",
    )


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
    goal_boxes: int | None = None,
    goal_grams: int | None = None,
    cut_rule: str = CutRule.EQUAL_AWARDS,
    policy: Policy | None = None,
    claims_days: int = CLAIMS_DAYS,
    cloned_from_id: uuid.UUID | None = None,
    balance: Mapping[str, Any] | None = None,
    harvest_ends_at: datetime | None = None,
) -> Campaign:
    """A new presale with an empty pool for each item ({pack_id, unit_price_minor, boxes_per_buyer_max,
    boxes_per_household_max, shelf_days, ladder, waterfall, deposit}); `balance`: when what a deposit leaves is due;
    `harvest_ends_at`: until when fruit that is only forecast is waited for.
    `policy`: another than the house's.

    Raises CountyNotFound, PackNotFound, CampaignCodeTaken, WindowNotOrdered, HarvestNotOrdered, PackTwice,
    TermsNotAllowed.
    """
    if closes_at <= opens_at:
        raise WindowNotOrdered
    _check_harvest(harvest_ends_at, closes_at=closes_at, balance=balance)
    wanted = list(items)
    if len({each["pack_id"] for each in wanted}) < len(wanted):
        raise PackTwice
    due = dict(balance or {})
    free_hours = due.pop("free_withdrawal_hours", 0)
    agreed = [item_terms.asked(each, free_hours=free_hours) for each in wanted]
    terms.check(agreed, closes_at=closes_at, balance=BalanceWindow(**due) if due else None)
    counties.get(session, county_id=county_id)
    agreed_on = policy or replace(policy_rules.default_of(closes_at.date()), cut_rule=CutRule(cut_rule))
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
        goal_boxes=goal_boxes,
        goal_grams=goal_grams,
        cut_rule=agreed_on.cut_rule,
        claims_days=claims_days,
        cloned_from_id=cloned_from_id,
        harvest_ends_at=harvest_ends_at,
        **{f"balance_{name}": value for name, value in due.items()},
        created_at=ctx.now,
        version=1,
    )
    session.add(campaign)
    with database.refusing({"uq_campaign_code": CampaignCodeTaken()}):
        session.flush()
    campaign.items = [
        _item(session, ctx, campaign, each, its) for each, its in zip(wanted, agreed, strict=True)
    ]
    policies.write(session, ctx, campaign, agreed_on, number=1)
    _note(session, ctx, campaign, before=None, after=CampaignState.DRAFT, reason="drafted", number=1)
    session.flush()
    audit.record(session, ctx, "campaign.draft", subject=("campaign", campaign.id), after={"code": code})
    return campaign


def _check_harvest(
    ends_at: datetime | None, *, closes_at: datetime, balance: Mapping[str, Any] | None
) -> None:
    if ends_at is not None and (ends_at < closes_at or (balance and ends_at > balance["opens_at"])):
        raise HarvestNotOrdered(errors=[{"pointer": "/harvest_ends_at", "detail": HarvestNotOrdered.title}])


def schedule(session: Session, ctx: Context, *, campaign_id: uuid.UUID, seed: str | None = None) -> Campaign:
    """Make a draft public; it opens by the clock. From now on its policy is fixed, and the policy's digest and the
    hash of the seed that may break ties are known.

    The seed is drawn; only a season that is played again says which it was.
    Raises CampaignNotReady, CampaignStateForbids.
    """
    campaign = locked(session, campaign_id)
    states.after(campaign.state, CampaignEvent.SCHEDULE)
    filled = pools_of(session, campaign)
    policy = policies.latest(session, campaign_id=campaign.id)
    plan = Plan(
        opens_at=campaign.opens_at,
        closes_at=campaign.closes_at,
        pledged_boxes=tuple(pool.boxes_pledged for pool in filled),
        pledged_grams=sum(pool.boxes_pledged * pool.pack_grams for pool in filled),
        goal_boxes=campaign.goal_boxes,
        goal_grams=campaign.goal_grams,
        is_policy_signed=policies.may_be_scheduled(session, campaign, policy),
    )
    check_ready(plan, now=ctx.now)
    campaign.seed = seed or secrets.token_hex(32)
    campaign.seed_hash = seed_commitment(campaign.seed)
    policies.freeze(session, ctx, campaign, policy)
    _move(session, ctx, campaign, CampaignEvent.SCHEDULE, reason="scheduled")
    follow_clock(session, ctx, campaign)
    return campaign


def move(
    session: Session, ctx: Context, *, campaign_id: uuid.UUID, event: CampaignEvent, reason: str
) -> Campaign:
    """What an operator asks for, from where the clock has brought the campaign, with its reason.

    Raises CampaignNotFound, CampaignStateForbids.
    """
    campaign = locked(session, campaign_id)
    follow_clock(session, ctx, campaign)
    _move(session, ctx, campaign, event, reason=reason)
    return campaign


def resume(session: Session, ctx: Context, *, campaign_id: uuid.UUID, reason: str) -> Campaign:
    """Open a paused campaign again; only a paused one. Raises CampaignNotFound, CampaignStateForbids."""
    campaign = locked(session, campaign_id)
    _move(session, ctx, campaign, CampaignEvent.RESUME, reason=reason)
    follow_clock(session, ctx, campaign)
    return campaign


def follow_clock(session: Session, ctx: Context, campaign: Campaign) -> None:
    """Make the moves that are due at `ctx.now`; the campaign is locked before the first of them."""
    due = _due(campaign, ctx.now)
    if due is None:
        return
    campaign = locked(session, campaign.id)
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
    _tell_who_waits_in_vain(session, ctx)
    return moved


def _tell_who_waits_in_vain(session: Session, ctx: Context) -> None:
    """A pause lets the window pass without a move: the sale is over for who waits in line all the same."""
    pool_ids = session.scalars(
        select(Item.pool_id)
        .join(Campaign, Campaign.id == Item.campaign_id)
        .where(Campaign.state == CampaignState.PAUSED, Campaign.closes_at <= ctx.now)
        .order_by(Item.pool_id)
    )
    for pool_id in pool_ids:
        bell.ring(session, pool_id)


def get(session: Session, ctx: Context, *, campaign_id: uuid.UUID) -> Campaign:
    """The campaign; what is not public yet only for staff and cooperatives. Raises CampaignNotFound."""
    campaign = session.get(Campaign, campaign_id)
    if campaign is None or not (campaign.state in PUBLIC or ctx.actor.has(*INSIDERS, Role.SYSTEM)):
        raise CampaignNotFound
    return campaign


def pools_of(session: Session, campaign: Campaign) -> list[Pool]:
    """What each of its items is sold from, as last read: not locked."""
    return [pools.get(session, pool_id=item.pool_id) for item in campaign.items_by_pool]


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
    wanted: Mapping[str, Any],
    agreed: ItemTerms,
) -> Item:
    pack = products.get_pack(session, pack_id=wanted["pack_id"])
    limits = {
        "boxes_per_buyer_max": wanted["boxes_per_buyer_max"],
        "boxes_per_household_max": wanted.get("boxes_per_household_max"),
    }
    unit_price_minor = wanted["unit_price_minor"]
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
            deposit=agreed.deposit,
            **limits,
        ),
    )
    return Item(
        id=item_id,
        campaign_id=campaign.id,
        pack_id=pack.id,
        pool_id=pool.id,
        unit_price_minor=unit_price_minor,
        currency=pack.currency,
        shelf_days=wanted.get("shelf_days", SHELF_DAYS),
        steps=item_terms.rows(item_id, agreed.steps),
        **limits,
    )


def locked(session: Session, campaign_id: uuid.UUID) -> Campaign:
    """Raises CampaignNotFound."""
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
    number = (taken or 0) + 1
    _note(session, ctx, campaign, before=before, after=after, reason=reason, number=number)
    session.flush()
    audit.record(
        session,
        ctx,
        f"campaign.{after}",
        subject=("campaign", campaign.id),
        before={"state": before},
        after={"state": str(after), "reason": reason},
    )
    told = CampaignMoved(campaign_id=campaign.id, before=before, after=after, number=number)
    events.publish(session, ctx, told)


def _set_windows(session: Session, ctx: Context, campaign: Campaign) -> None:
    """Pools sell by the clock alone from the moment a campaign is scheduled, so that no opening is late.

    A pause ends when the campaign would have; what is over ends now at the latest, and nobody waits for its boxes.
    """
    sells = campaign.state in SELLING
    ends_at = (
        campaign.closes_at if campaign.state == CampaignState.PAUSED else min(campaign.closes_at, ctx.now)
    )
    for item in campaign.items_by_pool:
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
