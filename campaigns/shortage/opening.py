"""A shortage is opened when a campaign has sold more than is there, be it at the harvest or later; one that nobody has
decided on yet grows instead.
"""

import secrets
import uuid
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns import balances, planning
from campaigns.models import Campaign, Item
from campaigns.policy import policies
from campaigns.policy.rules import Policy
from campaigns.shortage import cases, growing, later_lot_rules, offering
from campaigns.shortage.models import Shortage
from campaigns.shortage.rules import Cause
from campaigns.shortage.states import DECIDED, ShortageState, ShortageStateForbids
from campaigns.states import CampaignEvent, CampaignState, CampaignStateForbids
from inventory.capacity import pledging
from marketplace import audit, errors
from marketplace.context import Context
from marketplace.language import Text
from marketplace.values import new_id
from orders.allocation.commitment import seed_commitment


class NotShort(errors.Conflict):
    """Every sold box of the campaign is there."""

    title = Text(en="The campaign is not short of fruit.", zh="该活动并未缺货。")


class EvidenceMissing(errors.Invalid):
    """Force majeure must be evidenced; without evidence a shortage is a fault."""

    title = Text(en="Force majeure needs its evidence.", zh="不可抗力须附证据。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Why fruit is missing; everything else the campaign's policy says. Without evidence it is a fault."""

    cause: Cause = Cause.FAULT
    evidence: str | None = None
    later_lot_on: date | None = None
    """By then a later lot comes: buyers may wait for it."""


DEFAULT = Terms()


def open_if_short(session: Session, ctx: Context, campaign: Campaign, *, terms: Terms = DEFAULT) -> bool:
    """Open a shortage for each item that lacks boxes, and move a campaign that is just harvested; let those grow that
    are open and whose run is not made. Whether anything was found missing that was not known.

    An item whose cut is being followed waits for its end. By the policy and with the seed whose digests the campaign
    published before it opened. Raises CampaignStateForbids, EvidenceMissing, LaterLotDay.
    """
    _check_evidence(terms.cause, terms.evidence)
    later_lot_rules.check_day(terms.later_lot_on, today=ctx.today)
    campaign = planning.locked(session, campaign.id)
    if not may_be_short(session, campaign, ctx.now):
        raise CampaignStateForbids(state=campaign.state)
    running = {each.item_id: each for each in cases.open_of(session, campaign_id=campaign.id, locked=True)}
    stocks = _stocks(session, campaign)
    policy, seed = policies.frozen(session, campaign), _seed_of(session, campaign)
    opened = [
        _open(session, ctx, campaign, item, stock, terms=terms, policy=policy, seed=seed)
        for item, stock in stocks
        if stock.gap and item.id not in running
    ]
    if opened and campaign.state == CampaignState.HARVESTED:
        reason = "less fruit is there than was sold"
        planning.move(session, ctx, campaign_id=campaign.id, event=CampaignEvent.FALL_SHORT, reason=reason)
    for shortage in opened:
        offering.go_on(session, ctx, shortage)
    grown = [
        growing.grow(session, ctx, running[item.id], stock, policy=policy)
        for item, stock in stocks
        if item.id in running
    ]
    return bool(opened) or any(grown)


def may_be_short(session: Session, campaign: Campaign, now: datetime) -> bool:
    """Whether a loss of fruit opens a shortage now: from the harvest on, but neither while balances are being opened,
    for then what is sold is counted, nor while they are being closed. What is lost meanwhile is seen to after that.
    While waves go out it is one of orders that are in none.
    """
    if campaign.state in (CampaignState.HARVESTED, CampaignState.SHORTFALL):
        return not campaign.is_price_fixed
    if campaign.state == CampaignState.BALANCE_OPEN:
        return not balances.is_over(campaign, now) or cases.is_any_open(session, campaign_id=campaign.id)
    return campaign.state in (CampaignState.BALANCE_CLOSED, CampaignState.FULFILLING)


def _stocks(session: Session, campaign: Campaign) -> list[tuple[Item, cases.Stock]]:
    """What is there of each item; locks the forecasts and the pools of all."""
    pledging.lock(session, pool_ids=[item.pool_id for item in campaign.items])
    return [(item, cases.stock_of(session, item)) for item in campaign.items_by_pool]


def _seed_of(session: Session, campaign: Campaign) -> str:
    """The campaign's own, until a cut has told it: who knows it would know the draw before choosing. Then another one,
    whose hash stands in the shortage from its beginning, as it does of campaigns that are older than seeds.
    """
    told = select(Shortage.id).where(
        Shortage.campaign_id == campaign.id,
        Shortage.seed == campaign.seed,
        Shortage.state.in_(sorted(DECIDED)),
    )
    if campaign.seed is None or session.scalar(told.limit(1)) is not None:
        return secrets.token_urlsafe(32)
    return campaign.seed


def start(session: Session, ctx: Context, *, campaign_id: uuid.UUID, terms: Terms) -> list[Shortage]:
    """The same, asked for by an operator. Raises CampaignNotFound, CampaignStateForbids, EvidenceMissing,
    LaterLotDay, NotShort.
    """
    campaign = planning.locked(session, campaign_id)
    if not open_if_short(session, ctx, campaign, terms=terms):
        raise NotShort
    return cases.open_of(session, campaign_id=campaign_id)


def set_cause(
    session: Session, ctx: Context, *, shortage_id: uuid.UUID, cause: str, evidence: str | None = None
) -> Shortage:
    """Say why the fruit is missing, before the cut.

    Raises ShortageNotFound, CampaignStateForbids, ShortageStateForbids, EvidenceMissing.
    """
    _check_evidence(Cause(cause), evidence)
    shortage = cases.going_on(session, shortage_id)
    if shortage.state in DECIDED:
        raise ShortageStateForbids(state=shortage.state)
    before = {"cause": shortage.cause, "evidence": shortage.evidence}
    shortage.cause, shortage.evidence = cause, evidence
    shortage.version += 1
    after = {"cause": cause, "evidence": evidence}
    audit.record(
        session, ctx, "shortage.set_cause", subject=("shortage", shortage.id), before=before, after=after
    )
    return shortage


def _check_evidence(cause: Cause, evidence: str | None) -> None:
    if cause == Cause.FORCE_MAJEURE and evidence is None:
        raise EvidenceMissing


def _open(
    session: Session,
    ctx: Context,
    campaign: Campaign,
    item: Item,
    stock: cases.Stock,
    *,
    terms: Terms,
    policy: Policy,
    seed: str,
) -> Shortage:
    shortage = Shortage(
        id=new_id(),
        campaign_id=campaign.id,
        item_id=item.id,
        state=ShortageState.OFFERING,
        cause=terms.cause,
        evidence=terms.evidence,
        policy=policy.cut_rule,
        policy_digest=campaign.policy_digest,
        earnest_permille=policy.earnest_permille,
        committed_boxes=stock.sold,
        supply_boxes=stock.supply,
        covered_boxes=0,
        later_lot_on=terms.later_lot_on,
        answers_due_at=ctx.now + timedelta(hours=policy.neighbour_hours),
        season=policy.season,
        election_hours=policy.election_hours,
        seed_hash=seed_commitment(seed),
        seed=seed,
        version=1,
        created_at=ctx.now,
    )
    session.add(shortage)
    session.flush()
    cases.note_standings(session, shortage, stock)
    after = {
        "campaign_id": str(campaign.id),
        "item_id": str(item.id),
        "committed_boxes": stock.sold,
        "supply_boxes": stock.supply,
        "seed_hash": shortage.seed_hash,
    }
    audit.record(session, ctx, "shortage.open", subject=("shortage", shortage.id), after=after)
    return shortage
