"""From a closed sale to cooperatives that have said yes: split, ask, split again what is given back, until all sold
boxes are confirmed or nobody is left.

Everything here locks one campaign first: two steps of one allocation never run at once.
"""

import uuid
from collections.abc import Mapping

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session

from campaigns import planning
from campaigns.allotting import runs, standing, supplying
from campaigns.allotting.models import AllottedItem, CampaignAllocation, Commitment
from campaigns.allotting.rules import (
    OPEN,
    CommitmentState,
    CommitmentStateForbids,
    Step,
    check_move,
    next_step,
    together,
    too_many,
)
from campaigns.allotting.standing import Facts
from campaigns.models import Campaign
from campaigns.pledges import harvesting
from campaigns.pledges import moves as pledge_moves
from campaigns.policy import policies
from campaigns.states import ENDED, CampaignEvent, CampaignState, CampaignStateForbids
from inventory import holds
from inventory.models import Hold
from marketplace import audit, errors
from marketplace.access import STAFF, Role
from marketplace.context import Context
from marketplace.language import Text
from orders import splitting
from orders.answers import AnswerTooLate
from orders.states import Silence

NOT_NEEDED = "not needed for the campaign"


class AllocationNotFound(errors.NotFound):
    title = Text(en="The campaign is not allocated.", zh="该活动尚未分配。")


class CommitmentNotFound(errors.NotFound):
    title = Text(en="There is no such commitment.", zh="没有该供货承诺。")


class MoreThanItsCommitment(errors.Conflict):
    """More boxes than the cooperative was asked for."""

    title = Text(en="The commitment does not have that many boxes.", zh="超过供货承诺箱数。")


def start(session: Session, ctx: Context, campaign: Campaign) -> CampaignAllocation:
    """Split the sold boxes of a campaign that is `allocating` and ask its cooperatives, as its policy says; what was
    started stays.

    A campaign that sold nothing fails at once. Raises CampaignNotFound, CampaignStateForbids.
    """
    campaign = planning.locked(session, campaign.id)
    if (started := session.get(CampaignAllocation, campaign.id)) is not None:
        return started
    if campaign.state != CampaignState.ALLOCATING:
        raise CampaignStateForbids(state=campaign.state)
    policy = policies.frozen(session, campaign)
    allocation = CampaignAllocation(
        campaign_id=campaign.id,
        season=policy.season,
        rule=policy.rule,
        strict=policy.strict,
        minimum_boxes=policy.minimum_boxes,
        weight=policy.weight,
        silence=policy.silence,
        answer_hours=policy.answer_hours,
        seed=campaign.code,
        policy_digest=campaign.policy_digest,
        created_at=ctx.now,
    )
    session.add(allocation)
    session.flush()
    session.add_all(
        AllottedItem(item_id=item.id, campaign_id=campaign.id, boxes=0) for item in campaign.items
    )
    audit.record(
        session,
        ctx,
        "campaign.allocate",
        subject=("campaign", campaign.id),
        after={"season": allocation.season, "policy": allocation.policy_digest},
    )
    splitting.lock_season(session, season_name=allocation.season)
    _settle(session, ctx, campaign, allocation)
    return allocation


def answer(
    session: Session,
    ctx: Context,
    *,
    commitment_id: uuid.UUID,
    boxes: int | None = None,
    reason: str | None = None,
) -> Commitment:
    """The cooperative will supply its boxes, or so many of them; none of them is a no. The rest is split again.

    Raises CommitmentNotFound, CampaignStateForbids, CommitmentStateForbids, AnswerTooLate, MoreThanItsCommitment.
    """
    commitment, campaign, allocation = _answering(session, ctx, commitment_id)
    given_back = 0 if boxes is None else commitment.boxes_kept - boxes
    if given_back < 0:
        raise MoreThanItsCommitment(commitment_boxes=commitment.boxes_kept, asked_boxes=boxes)
    commitment.reason = reason
    if given_back:
        _give_back(session, ctx, allocation, commitment, boxes=given_back)
    after = CommitmentState.CONFIRMED if commitment.boxes_kept else CommitmentState.DECLINED
    _change(session, ctx, commitment, after)
    # A whole yes leaves everything as it stood, but for the last one of its item.
    if given_back or not standing.is_still_asked(session, campaign, item_id=commitment.item_id):
        _settle(session, ctx, campaign, allocation)
    return commitment


def go_on(session: Session, ctx: Context, *, campaign_id: uuid.UUID) -> int:
    """End the silence that is over, see whether late payments have come, and release what an ended campaign asked
    for; how many commitments changed. Raises CampaignNotFound, AllocationNotFound.
    """
    campaign = planning.locked(session, campaign_id)
    allocation = of_campaign(session, campaign_id=campaign_id)
    splitting.lock_season(session, season_name=allocation.season)
    if campaign.state in ENDED:
        return _release(session, ctx, campaign, allocation, reason=f"the campaign is {campaign.state}")
    if campaign.state != CampaignState.ALLOCATING:
        return 0
    due = [
        each
        for each in standing.of_campaign(session, campaign)
        if each.state == CommitmentState.OFFERED and each.answer_due_at and each.answer_due_at <= ctx.now
    ]
    for each in due:
        if allocation.silence == Silence.CONFIRMS:
            _change(session, ctx, each, CommitmentState.CONFIRMED)
        else:
            _end(session, ctx, allocation, each, CommitmentState.LAPSED, reason="no answer")
    _settle(session, ctx, campaign, allocation)
    return len(due)


def due(session: Session, ctx: Context) -> list[uuid.UUID]:
    """Campaigns that somebody must look after: silence is over, late payments are waited for, or all is ended."""
    asked = select(Commitment.id).where(
        Commitment.campaign_id == Campaign.id, Commitment.state == CommitmentState.OFFERED
    )
    silent = asked.where(Commitment.answer_due_at <= ctx.now)
    bound = select(Commitment.id).where(
        Commitment.campaign_id == Campaign.id, Commitment.state.in_(sorted(OPEN))
    )
    statement = (
        select(Campaign.id)
        .join(CampaignAllocation, CampaignAllocation.campaign_id == Campaign.id)
        .where(
            or_(
                and_(Campaign.state == CampaignState.ALLOCATING, or_(silent.exists(), ~asked.exists())),
                and_(Campaign.state.in_(sorted(ENDED)), bound.exists()),
            )
        )
    )
    return sorted(session.scalars(statement))


def of_campaign(session: Session, *, campaign_id: uuid.UUID) -> CampaignAllocation:
    """Raises AllocationNotFound."""
    found = session.get(CampaignAllocation, campaign_id)
    if found is None:
        raise AllocationNotFound
    return found


def visible(ctx: Context) -> Select[Commitment]:
    """The commitments that the actor may see: its cooperatives', or everybody's for staff."""
    if ctx.actor.has(*STAFF):
        return select(Commitment)
    return select(Commitment).where(Commitment.cooperative_id.in_(sorted(ctx.actor.cooperative_ids)))


def get(session: Session, ctx: Context, *, commitment_id: uuid.UUID) -> Commitment:
    """Raises CommitmentNotFound."""
    found = session.scalar(visible(ctx).where(Commitment.id == commitment_id))
    if found is None:
        raise CommitmentNotFound
    return found


def _settle(session: Session, ctx: Context, campaign: Campaign, allocation: CampaignAllocation) -> None:
    """Look where all items stand, and do what is next: ask others, wait, confirm the campaign, or let it fail.

    That somebody is waited for is counted; what changes anything is decided on locked facts.
    """
    session.flush()
    counted = standing.counted(session, campaign)
    _note_sold(session, {item_id: each.sold for item_id, each in counted.items()})
    if together([next_step(each) for each in counted.values()]) == Step.WAIT and any(
        each.sold or each.pending for each in counted.values()
    ):
        return
    facts = standing.of_items(session, campaign)
    _note_sold(session, {each.item.id: each.pool.boxes_sold for each in facts})
    steps = [next_step(each.standing) for each in facts]
    step = together(steps)
    if step == Step.FAIL or not any(each.pool.boxes_sold or each.pool.boxes_held for each in facts):
        _fail(session, ctx, campaign, allocation, is_sold=step == Step.FAIL)
    elif step == Step.SPLIT:
        for each, needs in zip(facts, steps, strict=True):
            if needs == Step.SPLIT:
                runs.split(session, ctx, campaign, allocation, each)
    elif step == Step.CONFIRM:
        _confirm(session, ctx, campaign, allocation, facts)


def _note_sold(session: Session, sold: Mapping[uuid.UUID, int]) -> None:
    for item_id, boxes in sold.items():
        session.get_one(AllottedItem, item_id).boxes = boxes
    session.flush()


def _confirm(
    session: Session, ctx: Context, campaign: Campaign, allocation: CampaignAllocation, facts: list[Facts]
) -> None:
    """Every sold box has its cooperative: orders get their suppliers, the pledges above are free again, and fruit
    that lies in store counts as harvested; what is only forecast is waited for.
    """
    for each in facts:
        supplying.assign(
            session, item_id=each.item.id, pool_id=each.pool.id, seed=f"{allocation.seed}/{each.item.id}"
        )
    excess = [found for each in facts for found in _excess(each)]
    for hold, boxes in sorted(excess, key=lambda pair: str(pair[0].lot_id)):
        holds.release(session, ctx, hold_id=hold.id, boxes=boxes, reason=NOT_NEEDED)
    pledge_moves.follow_stock(session, ctx, campaign, reason=NOT_NEEDED)
    planning.move(
        session,
        ctx,
        campaign_id=campaign.id,
        event=CampaignEvent.CONFIRM,
        reason="every sold box has its cooperative",
    )
    harvesting.harvest_if_in(session, ctx, campaign)


def _excess(facts: Facts) -> list[tuple[Hold, int]]:
    """What of each pledge no commitment needs; fruit that keeps longest is given back first."""
    kept = facts.kept
    found = []
    for cooperative_id in facts.pledged:
        own = [(each, each.open_boxes) for each in facts.pledges if each.cooperative_id == cooperative_id]
        found.extend(too_many(own, kept=kept.get(cooperative_id, 0)))
    return found


def _fail(
    session: Session, ctx: Context, campaign: Campaign, allocation: CampaignAllocation, *, is_sold: bool
) -> None:
    reason = "nobody is left to supply what is sold" if is_sold else "nothing is sold"
    _release(session, ctx, campaign, allocation, reason=reason)
    planning.move(session, ctx, campaign_id=campaign.id, event=CampaignEvent.FAIL, reason=reason)


def _release(
    session: Session, ctx: Context, campaign: Campaign, allocation: CampaignAllocation, *, reason: str
) -> int:
    bound = [each for each in standing.of_campaign(session, campaign) if each.state in OPEN]
    for each in bound:
        _end(session, ctx, allocation, each, CommitmentState.RELEASED, reason=reason)
    return len(bound)


def _end(
    session: Session,
    ctx: Context,
    allocation: CampaignAllocation,
    commitment: Commitment,
    after: CommitmentState,
    *,
    reason: str,
) -> None:
    """The cooperative supplies nothing of this commitment."""
    commitment.reason = reason
    _give_back(session, ctx, allocation, commitment, boxes=commitment.boxes_kept)
    _change(session, ctx, commitment, after)


def _give_back(
    session: Session, ctx: Context, allocation: CampaignAllocation, commitment: Commitment, *, boxes: int
) -> None:
    commitment.boxes_given_back += boxes
    runs.book(session, ctx, allocation, commitment, boxes=-boxes)


def _change(session: Session, ctx: Context, commitment: Commitment, after: CommitmentState) -> None:
    check_move(commitment.state, after)
    before = commitment.state
    commitment.state = after
    commitment.answered_at = ctx.now
    commitment.answered_by = ctx.actor.label
    commitment.version += 1
    session.flush()
    audit.record(
        session,
        ctx,
        f"commitment.{after}",
        subject=("commitment", commitment.id),
        before={"state": before},
        after={"state": str(after), "boxes": commitment.boxes_kept},
    )


def _answering(
    session: Session, ctx: Context, commitment_id: uuid.UUID
) -> tuple[Commitment, Campaign, CampaignAllocation]:
    """An offered commitment under its campaign's lock, for members of its cooperative and operators."""
    seen = session.get(Commitment, commitment_id)
    if seen is None or not (
        ctx.actor.has(Role.OPERATOR, Role.SYSTEM) or ctx.actor.belongs_to(seen.cooperative_id)
    ):
        raise CommitmentNotFound
    campaign = planning.locked(session, seen.campaign_id)
    allocation = of_campaign(session, campaign_id=campaign.id)
    splitting.lock_season(session, season_name=allocation.season)
    commitment = session.get_one(Commitment, commitment_id, populate_existing=True)
    if commitment.state != CommitmentState.OFFERED:
        raise CommitmentStateForbids(state=commitment.state)
    if campaign.state != CampaignState.ALLOCATING:
        raise CampaignStateForbids(state=campaign.state)
    if commitment.answer_due_at is not None and commitment.answer_due_at <= ctx.now:
        raise AnswerTooLate(answer_due_at=commitment.answer_due_at)
    return commitment, campaign, allocation
