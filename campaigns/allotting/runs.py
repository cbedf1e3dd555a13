"""Runs: an item's open boxes split over the free pledges, proved, and stored for ever with their commitments."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from campaigns.allotting import telling
from campaigns.allotting.asking_rules import Pledger, answered, problem_of, tie_seed_of
from campaigns.allotting.models import AllotmentRun, CampaignAllocation, Commitment
from campaigns.allotting.rules import CommitmentState
from campaigns.allotting.standing import Facts
from campaigns.models import Campaign
from campaigns.policy.rules import Weight
from marketplace import audit
from marketplace.catalogue import cooperatives, products
from marketplace.catalogue.models import Cooperative
from marketplace.context import Context
from marketplace.values import new_id
from orders import allocation, season, splitting
from orders.allocation import json_form
from orders.allocation.problem import Rule


def split(
    session: Session, ctx: Context, campaign: Campaign, terms: CampaignAllocation, facts: Facts
) -> AllotmentRun:
    """Split the item's open boxes over its free pledges and ask their cooperatives.

    Weight = what the policy counts, cap = free boxes of the pledge, history = the season so far, with what earlier
    runs gave. Whoever gave boxes back is not asked again.
    """
    earlier = select(func.count()).select_from(AllotmentRun).where(AllotmentRun.item_id == facts.item.id)
    number = 1 + session.execute(earlier).scalar_one()
    pledging = pledging_of(session, county_id=campaign.county_id, free=facts.free)
    asked = _problem(session, campaign, terms, facts, pledging, number=number)
    problem, result = answered(asked, splitting.proved)
    run = AllotmentRun(
        id=new_id(),
        item_id=facts.item.id,
        number=number,
        problem=json_form.problem_to_json(problem),
        result=json_form.allocation_to_json(result),
        digest=result.digest,
        policy_digest=terms.policy_digest,
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
        for each, share in zip(pledging, result.sellers, strict=True)
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
    telling.on_split(session, run.id)
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


def pledging_of(
    session: Session, *, county_id: uuid.UUID, free: Mapping[uuid.UUID, int]
) -> tuple[Cooperative, ...]:
    """The cooperatives with boxes that may be asked for, in the order in which a run has them."""
    return tuple(each for each in cooperatives.of_county(session, county_id=county_id) if each.id in free)


def pledger(cooperative: Cooperative, *, history_grams: int, free_boxes: int, kept_boxes: int = 0) -> Pledger:
    """What a run looks at of a cooperative."""
    return Pledger(
        code=cooperative.code,
        households=cooperative.member_households,
        members=cooperative.members,
        history_grams=history_grams,
        free_boxes=free_boxes,
        kept_boxes=kept_boxes,
    )


def _problem(
    session: Session,
    campaign: Campaign,
    terms: CampaignAllocation,
    facts: Facts,
    pledging: Sequence[Cooperative],
    *,
    number: int,
) -> allocation.Problem:
    history = season.history_grams(session, season=terms.season)
    pack = products.get_pack(session, pack_id=facts.item.pack_id)
    free, kept = facts.free, facts.kept
    return problem_of(
        [
            pledger(
                each,
                history_grams=history.get(each.id, 0),
                free_boxes=free[each.id],
                kept_boxes=kept.get(each.id, 0),
            )
            for each in pledging
        ],
        boxes=facts.standing.open,
        pack_grams=facts.pool.pack_grams,
        weight=Weight(terms.weight),
        rule=cast(Rule, terms.rule),
        strict=terms.strict,
        minimum_boxes=terms.minimum_boxes,
        tie_seed=tie_seed_of(
            season=terms.season, campaign_code=campaign.code, pack_code=pack.code, number=number
        ),
        earlier_grams=season.order_grams(session, county_id=campaign.county_id, season=terms.season),
    )


def of_item(session: Session, *, item_id: uuid.UUID) -> list[AllotmentRun]:
    return list(
        session.scalars(
            select(AllotmentRun).where(AllotmentRun.item_id == item_id).order_by(AllotmentRun.number)
        )
    )
