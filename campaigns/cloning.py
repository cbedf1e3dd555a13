"""Last season's campaign as the draft of this one, and what became of the plan."""

import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from campaigns import item_terms, planning
from campaigns.models import Campaign, Item
from campaigns.policy import policies, rules
from campaigns.policy.rules import Policy
from inventory.models import Pool
from marketplace import errors
from marketplace.context import Context
from marketplace.language import Text


class NotCloned(errors.Conflict):
    """The campaign was drafted afresh: there is no season to compare it with."""

    title = Text(en="This campaign was not made from another.", zh="该活动并非由其他活动复制。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One pack in both seasons; None where it is not sold."""

    pack_id: uuid.UUID
    then: Pool | None
    now: Pool | None


def clone(
    session: Session, ctx: Context, *, campaign_id: uuid.UUID, code: str, opens_at: datetime
) -> Campaign:
    """A draft with the same items, prices, goal, policy and lengths of time, opening at another moment.

    Raises CampaignNotFound, CampaignCodeTaken, and what a draft refuses.
    """
    old = planning.get(session, ctx, campaign_id=campaign_id)
    shift = opens_at - old.opens_at
    sold = _by_pack(session, old)
    return planning.draft(
        session,
        ctx,
        code=code,
        county_id=old.county_id,
        title_en=old.title_en,
        title_zh=old.title_zh,
        opens_at=opens_at,
        closes_at=old.closes_at + shift,
        goal_boxes=old.goal_boxes,
        goal_grams=old.goal_grams,
        policy=_policy(session, old, old.closes_at + shift),
        claims_days=old.claims_days,
        cloned_from_id=old.id,
        harvest_ends_at=old.harvest_ends_at and old.harvest_ends_at + shift,
        items=[_item(item, sold[item.pack_id]) for item in old.items],
        balance=_balance(old, sold.values(), shift),
    )


def compare(session: Session, ctx: Context, *, campaign_id: uuid.UUID) -> tuple[Campaign, list[Compared]]:
    """The campaign it was cloned from, and pack by pack what was pledged and sold then and is now.

    Raises CampaignNotFound, NotCloned.
    """
    campaign = planning.get(session, ctx, campaign_id=campaign_id)
    if campaign.cloned_from_id is None:
        raise NotCloned
    old = planning.get(session, ctx, campaign_id=campaign.cloned_from_id)
    then, now = _by_pack(session, old), _by_pack(session, campaign)
    packs = sorted({*then, *now})
    return old, [Compared(pack_id=each, then=then.get(each), now=now.get(each)) for each in packs]


def _policy(session: Session, old: Campaign, closes_at: datetime) -> Policy:
    """The same, in the season in which the new campaign ends. Nobody has signed it yet."""
    policy = policies.latest(session, campaign_id=old.id).agreed
    return replace(policy, season=rules.default_of(closes_at.date()).season)


def _item(item: Item, pool: Pool) -> dict[str, Any]:
    """As it was asked for when it was drafted."""
    first, *following = item_terms.steps_of(item)
    deposit = pool.deposit
    return {
        "pack_id": item.pack_id,
        "unit_price_minor": item.unit_price_minor,
        "boxes_per_buyer_max": item.boxes_per_buyer_max,
        "boxes_per_household_max": item.boxes_per_household_max,
        "shelf_days": item.shelf_days,
        "waterfall": first.waterfall and asdict(first.waterfall),
        "ladder": [asdict(step) for step in following],
        "deposit": None if deposit is None else asdict(deposit),
    }


def _balance(old: Campaign, sold: Iterable[Pool], shift: timedelta) -> dict[str, Any] | None:
    if old.balance_opens_at is None or old.balance_closes_at is None:
        return None
    free = [pool.deposit_free_hours for pool in sold if pool.deposit_free_hours is not None]
    return {
        "opens_at": old.balance_opens_at + shift,
        "closes_at": old.balance_closes_at + shift,
        "grace_hours": old.balance_grace_hours,
        "free_withdrawal_hours": max(free, default=0),
    }


def _by_pack(session: Session, campaign: Campaign) -> dict[uuid.UUID, Pool]:
    return {pool.pack_id: pool for pool in planning.pools_of(session, campaign)}
