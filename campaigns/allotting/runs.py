"""Runs: an item's open boxes split over the free pledges, proved, and stored for ever with their commitments."""

import uuid
from datetime import timedelta
from typing import cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.allotting.models import AllotmentRun, CampaignAllocation, Commitment
from campaigns.allotting.rules import CommitmentState
from campaigns.allotting.standing import Facts
from campaigns.models import Campaign
from marketplace import audit
from marketplace.catalogue import cooperatives, products
from marketplace.context import Context
from marketplace.values import new_id
from orders import allocation, season, splitting
from orders.allocation import json_form
from orders.allocation.problem import Rule
from orders.allocation.season_policy import catch_up_bound


def split(
    session: Session, ctx: Context, campaign: Campaign, terms: CampaignAllocation, facts: Facts
) -> AllotmentRun:
    """Split the item's open boxes over its free pledges and ask their cooperatives.

    Weight = member households, cap = free boxes of the pledge, history = the season so far, with what earlier runs
    gave. Whoever gave boxes back is not asked again.
    """
    earlier = select(func.count()).select_from(AllotmentRun).where(AllotmentRun.item_id == facts.item.id)
    number = 1 + session.execute(earlier).scalar_one()
    proposal = _propose(session, campaign, terms, facts, number=number)
    run = AllotmentRun(
        id=new_id(),
        item_id=facts.item.id,
        number=number,
        problem=json_form.problem_to_json(proposal.problem),
        result=json_form.allocation_to_json(proposal.result),
        digest=proposal.result.digest,
        created_at=ctx.now,
    )
    due_at = ctx.now + timedelta(hours=terms.answer_hours)
    run.commitments = [
        Commitment(
            id=new_id(),
            run_id=run.id,
            item_id=facts.item.id,
            campaign_id=campaign.id,
            cooperative_id=each.id,
            code=each.code,
            boxes=share.packs,
            boxes_given_back=0,
            pack_grams=facts.pool.pack_grams,
            limited_by=share.limited_by,
            state=CommitmentState.OFFERED if share.packs else CommitmentState.EMPTY,
            answer_due_at=due_at if share.packs else None,
            version=1,
        )
        for each, share in zip(proposal.facts.cooperatives, proposal.result.sellers, strict=True)
    ]
    session.add(run)
    for each in run.commitments:
        if each.boxes:
            book(session, ctx, terms, each, boxes=each.boxes)
    session.flush()
    audit.record(
        session,
        ctx,
        "campaign.split",
        subject=("campaign", campaign.id),
        after={"run_id": str(run.id), "boxes": facts.standing.open, "digest": run.digest},
    )
    return run


def book(
    session: Session, ctx: Context, terms: CampaignAllocation, commitment: Commitment, *, boxes: int
) -> None:
    """So many boxes more, or less, of the commitment count in the cooperative's season."""
    season.book_purpose(
        session,
        ctx,
        purpose_id=commitment.id,
        season=terms.season,
        cooperative_id=commitment.cooperative_id,
        grams=boxes * commitment.pack_grams,
    )


def stored(run: AllotmentRun) -> tuple[allocation.Problem, allocation.Allocation]:
    """The run's problem and result as the split's own values."""
    return splitting.read(run.problem, run.result)


def fault_of(run: AllotmentRun) -> str | None:
    """What is wrong with a stored run, if anything."""
    given = {each.code: each.boxes for each in run.commitments}
    return splitting.fault_in(run.problem, run.result, digest=run.digest, given=given)


def _propose(
    session: Session, campaign: Campaign, terms: CampaignAllocation, facts: Facts, *, number: int
) -> splitting.Proposal:
    boxes, pack_grams = facts.standing.open, facts.pool.pack_grams
    free = facts.free
    asked = splitting.Facts(
        cooperatives=tuple(
            each for each in cooperatives.of_county(session, county_id=campaign.county_id) if each.id in free
        ),
        free_boxes=free,
        history_grams=season.history_grams(session, season=terms.season),
    )
    earlier = season.order_grams(session, county_id=campaign.county_id, season=terms.season)
    pack = products.get_pack(session, pack_id=facts.item.pack_id)
    policy = allocation.Policy(
        rule=cast(Rule, terms.rule),
        strict=terms.strict,
        tie_seed=f"{terms.season}/{campaign.code}/{pack.code}/{number}",
        catch_up_grams_per_weight=catch_up_bound([*earlier, boxes * pack_grams], asked.total_weight),
    )
    return splitting.propose(asked, boxes=boxes, pack_grams=pack_grams, policy=policy)


def of_item(session: Session, *, item_id: uuid.UUID) -> list[AllotmentRun]:
    return list(
        session.scalars(
            select(AllotmentRun).where(AllotmentRun.item_id == item_id).order_by(AllotmentRun.number)
        )
    )
