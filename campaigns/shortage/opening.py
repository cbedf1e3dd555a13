"""A shortage is opened when a harvested campaign has sold more than is there."""

import secrets
import uuid
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy.orm import Session

from campaigns import planning
from campaigns.models import Campaign, Item
from campaigns.policy import policies
from campaigns.policy.rules import Policy
from campaigns.shortage import cases, later_lot_rules, offering
from campaigns.shortage.models import Shortage, ShortageStanding
from campaigns.shortage.rules import Cause
from campaigns.shortage.states import DECIDED, ShortageState, ShortageStateForbids
from campaigns.states import CampaignEvent, CampaignState, CampaignStateForbids
from inventory.capacity import pledging
from marketplace import audit, errors
from marketplace.catalogue import cooperatives
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
    """Open a shortage for each item of a harvested campaign that lacks boxes, and move the campaign; whether any does.

    By the policy and with the seed whose digests the campaign published before it opened. Raises CampaignStateForbids,
    EvidenceMissing, LaterLotDay.
    """
    _check_evidence(terms.cause, terms.evidence)
    later_lot_rules.check_day(terms.later_lot_on, today=ctx.today)
    campaign = planning.locked(session, campaign.id)
    if campaign.state != CampaignState.HARVESTED or campaign.is_price_fixed:
        raise CampaignStateForbids(state=campaign.state)
    short = short_items(session, campaign)
    drawn = campaign.seed or secrets.token_urlsafe(32)  # campaigns that are older than seeds have none
    policy = policies.frozen(session, campaign)
    opened = [
        _open(session, ctx, campaign, item, stock, terms=terms, policy=policy, seed=drawn)
        for item, stock in short
    ]
    if not opened:
        return False
    planning.move(
        session,
        ctx,
        campaign_id=campaign.id,
        event=CampaignEvent.FALL_SHORT,
        reason="less fruit is there than was sold",
    )
    for shortage in opened:
        offering.go_on(session, ctx, shortage)
    return True


def short_items(session: Session, campaign: Campaign) -> list[tuple[Item, cases.Stock]]:
    """The items that lack boxes, and what is there of them; locks the forecasts and the pools of all."""
    pledging.lock(session, pool_ids=[item.pool_id for item in campaign.items])
    stocks = [(item, cases.stock_of(session, item)) for item in campaign.items_by_pool]
    return [(item, stock) for item, stock in stocks if stock.gap]


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
    codes = {each.id: each.code for each in cooperatives.of_county(session, county_id=campaign.county_id)}
    shortage.standings = [
        ShortageStanding(
            id=new_id(),
            shortage_id=shortage.id,
            cooperative_id=each.cooperative_id,
            code=codes[each.cooperative_id],
            pledged_boxes=each.pledged,
            there_boxes=each.there,
        )
        for each in stock.pledged
    ]
    session.flush()
    after = {
        "campaign_id": str(campaign.id),
        "item_id": str(item.id),
        "committed_boxes": stock.sold,
        "supply_boxes": stock.supply,
        "seed_hash": shortage.seed_hash,
    }
    audit.record(session, ctx, "shortage.open", subject=("shortage", shortage.id), after=after)
    return shortage
