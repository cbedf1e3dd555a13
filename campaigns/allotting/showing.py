"""What operators and cooperatives see of an allocation."""

import uuid
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns import planning
from campaigns.allotting import allotting, runs, standing
from campaigns.allotting.models import AllotmentRun, AllottedItem
from campaigns.allotting.rules import CommitmentState
from campaigns.models import Campaign
from campaigns.policy import words
from campaigns.policy.rules import Weight
from marketplace import errors
from marketplace.access import STAFF
from marketplace.catalogue import counties
from marketplace.context import Context
from marketplace.language import Text
from orders import allocation
from orders.allocation import text


class AllotmentRunNotFound(errors.NotFound):
    title = Text(en="There is no such run.", zh="没有该次分配。")


class NotInAllotment(errors.NotFound):
    title = Text(en="That cooperative was not asked in this run.", zh="该合作社不在此次分配中。")


def overview(session: Session, ctx: Context, *, campaign_id: uuid.UUID) -> dict[str, Any]:
    """An allocation with its terms and where each item stands. Raises CampaignNotFound, AllocationNotFound."""
    campaign = planning.get(session, ctx, campaign_id=campaign_id)
    terms = allotting.of_campaign(session, campaign_id=campaign_id)
    commitments = standing.of_campaign(session, campaign)
    names = (
        "campaign_id",
        "season",
        "rule",
        "strict",
        "minimum_boxes",
        "weight",
        "silence",
        "answer_hours",
        "seed",
        "policy_digest",
        "created_at",
    )
    items = session.scalars(
        select(AllottedItem).where(AllottedItem.campaign_id == campaign_id).order_by(AllottedItem.item_id)
    )
    shown = []
    for item in items:
        kept = {
            state: sum(c.boxes_kept for c in commitments if (c.item_id, c.state) == (item.item_id, state))
            for state in (CommitmentState.OFFERED, CommitmentState.CONFIRMED)
        }
        shown.append(
            {
                "item_id": item.item_id,
                "boxes": item.boxes,
                "boxes_offered": kept[CommitmentState.OFFERED],
                "boxes_confirmed": kept[CommitmentState.CONFIRMED],
                "boxes_open": item.boxes - sum(kept.values()),
                "run_ids": [run.id for run in runs.of_item(session, item_id=item.item_id)],
            }
        )
    return {**{name: getattr(terms, name) for name in names}, "state": campaign.state, "items": shown}


def run(session: Session, ctx: Context, *, run_id: uuid.UUID) -> dict[str, Any]:
    """A run's inputs, result and certificate; for staff and members of any cooperative in it.

    Raises AllotmentRunNotFound.
    """
    found, campaign = _run(session, ctx, run_id)
    names = (
        "id",
        "item_id",
        "number",
        "digest",
        "policy_digest",
        "created_at",
        "commitments",
        "problem",
        "result",
    )
    return {
        **{name: getattr(found, name) for name in names},
        "campaign_id": campaign.id,
        "is_demo": counties.get(session, county_id=campaign.county_id).is_demo,
    }


def explanation(session: Session, ctx: Context, *, run_id: uuid.UUID, code: str) -> dict[str, Any]:
    """Why a cooperative got what it got, in both languages. Raises AllotmentRunNotFound, NotInAllotment."""
    found, campaign = _run(session, ctx, run_id)
    problem, result = runs.stored(found)
    if code not in {seller.id for seller in problem.sellers}:
        raise NotInAllotment
    why = allocation.explain(problem, result, code)
    terms = allotting.of_campaign(session, campaign_id=campaign.id)
    weight = Weight(terms.weight)
    spared = words.without_minimum(problem, minimum_boxes=terms.minimum_boxes)
    return {
        "cooperative": code,
        "is_demo": counties.get(session, county_id=campaign.county_id).is_demo,
        "sentences_en": [*text.render(why, "en", counted=weight.value), *(each.en for each in spared)],
        "sentences_zh": [*text.render(why, "zh", counted=weight.value), *(each.zh for each in spared)],
    }


def _run(session: Session, ctx: Context, run_id: uuid.UUID) -> tuple[AllotmentRun, Campaign]:
    found = session.get(AllotmentRun, run_id)
    if found is None or not (
        ctx.actor.has(*STAFF) or any(ctx.actor.belongs_to(each.cooperative_id) for each in found.commitments)
    ):
        raise AllotmentRunNotFound
    item = session.get_one(AllottedItem, found.item_id)
    return found, session.get_one(Campaign, item.campaign_id)
