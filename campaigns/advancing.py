"""What comes next for a campaign whose window is over: the clock or a person asks, the guards decide.

Asked every minute, and whenever an operator wants to know now. Each step is a move of the one table, with what
follows from it in the same transaction.
"""

import uuid
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns import balances, ending, goal_rules, planning, states
from campaigns.allotting import allotting
from campaigns.fulfilment import completing
from campaigns.goal_rules import Goal, Sold, Verdict
from campaigns.models import Campaign
from campaigns.pledges import harvesting
from campaigns.shortage import cases, opening, proceeding
from campaigns.states import CampaignEvent, CampaignState
from marketplace import audit, errors, jobs
from marketplace.context import Context
from marketplace.language import Text
from marketplace.module import Job

ADVANCE: Final = "campaigns.advance"
COMMIT: Final = "campaigns.commit_deposits"
WAITING: Final = (
    CampaignState.DEPOSIT_CLOSED,
    CampaignState.ALLOCATED,
    CampaignState.HARVESTED,
    CampaignState.SHORTFALL,
    CampaignState.BALANCE_OPEN,
    CampaignState.BALANCE_CLOSED,
    CampaignState.FULFILLING,
)
"""States that end by themselves, once their guards let them. Of those after them only a loss of fruit is looked for."""


class GoalUndecided(errors.Conflict):
    """Boxes are still held by those who may pay; `held_boxes` says how many."""

    title = Text(en="Some buyers may still pay: wait a little.", zh="仍有买家可付款，请稍候。")


def evaluate(session: Session, ctx: Context, *, campaign_id: uuid.UUID) -> Campaign:
    """The window is over: with the goal reached deposits are committed, batch by batch, and its boxes split with the
    last of them; else everybody gets the money back.

    That the goal is reached is decided once, with the first batch. Raises CampaignNotFound, CampaignStateForbids,
    GoalUndecided.
    """
    campaign = planning.locked(session, campaign_id)
    planning.follow_clock(session, ctx, campaign)
    states.after(campaign.state, CampaignEvent.ALLOCATE)
    if campaign.goal_met_at is not None:
        return _commit(session, ctx, campaign)
    sold = sold_of(session, campaign)
    said = goal_rules.verdict(Goal(boxes=campaign.goal_boxes, grams=campaign.goal_grams), sold)
    if said == Verdict.WAIT:
        raise GoalUndecided(held_boxes=sold.boxes_held)
    if said == Verdict.REACHED:
        campaign.goal_met_at = ctx.now
        after = {"boxes_sold": sold.boxes, "grams_sold": sold.grams}
        audit.record(session, ctx, "campaign.meet_goal", subject=("campaign", campaign.id), after=after)
        return _commit(session, ctx, campaign)
    return planning.move(
        session, ctx, campaign_id=campaign_id, event=CampaignEvent.FAIL, reason="the goal is missed"
    )


def go_on_committing(session: Session, ctx: Context, *, campaign_id: str) -> str:
    """The job: the next batch, unless somebody gave the campaign up or another was faster; its state then."""
    campaign = planning.locked(session, uuid.UUID(campaign_id))
    if campaign.state == CampaignState.DEPOSIT_CLOSED and campaign.goal_met_at is not None:
        _commit(session, ctx, campaign)
    return campaign.state


def sold_of(session: Session, campaign: Campaign) -> Sold:
    """Over all items, as the pools count now."""
    found = planning.pools_of(session, campaign)
    return Sold(
        boxes=sum(pool.boxes_sold for pool in found),
        grams=sum(pool.boxes_sold * pool.pack_grams for pool in found),
        boxes_held=sum(pool.boxes_held for pool in found),
        grams_held=sum(pool.boxes_held * pool.pack_grams for pool in found),
    )


def call_all(session: Session, _ctx: Context) -> int:
    """The job of every minute: each campaign that waits is a job of its own, so that none waits for another's fault."""
    waiting = session.scalars(select(Campaign.id).where(Campaign.state.in_((*WAITING, *states.ENDING))))
    found = sorted({*waiting, *proceeding.losing(session), *completing.to_go_on_with(session)})
    for campaign_id in found:
        jobs.enqueue(
            session, ADVANCE, arguments={"campaign_id": str(campaign_id)}, key=f"{ADVANCE}:{campaign_id}"
        )
    return len(found)


def advance(session: Session, ctx: Context, *, campaign_id: str) -> str:
    """One step of one campaign, if its guard lets it; the state it is in then."""
    campaign = planning.locked(session, uuid.UUID(campaign_id))
    try:
        if campaign.state == CampaignState.DEPOSIT_CLOSED:
            evaluate(session, ctx, campaign_id=campaign.id)
        elif campaign.state == CampaignState.ALLOCATED:
            harvesting.harvest_if_in(session, ctx, campaign)
        elif campaign.state == CampaignState.HARVESTED:
            _after_harvest(session, ctx, campaign)
        elif campaign.state == CampaignState.SHORTFALL or campaign.state in proceeding.LOSING:
            proceeding.let_campaign_go_on(session, ctx, campaign)
        elif campaign.state == CampaignState.BALANCE_OPEN:
            _while_balance_is_open(session, ctx, campaign)
        elif campaign.state in states.ENDING:
            ending.end_orders(session, ctx, campaign_id=campaign_id)
        if campaign.state in completing.WAITING and not cases.is_any_open(session, campaign_id=campaign.id):
            completing.go_on(session, ctx, campaign)
    except GoalUndecided:
        return campaign.state  # nothing was changed before it was raised; asked again in a minute
    return campaign.state


def _commit(session: Session, ctx: Context, campaign: Campaign) -> Campaign:
    """Deposits of one batch no longer go back, and a job does the next; with the last one the cooperatives are asked.

    A batch finds by itself what is left, so it may be run again, after a crash as well.
    """
    if not balances.commit_some(session, ctx, campaign):
        jobs.enqueue(
            session, COMMIT, arguments={"campaign_id": str(campaign.id)}, key=f"{COMMIT}:{campaign.id}"
        )
        return campaign
    planning.move(
        session, ctx, campaign_id=campaign.id, event=CampaignEvent.ALLOCATE, reason="the goal is reached"
    )
    allotting.start(session, ctx, campaign)
    return campaign


def _while_balance_is_open(session: Session, ctx: Context, campaign: Campaign) -> None:
    """Fruit may still be lost. Once its time is over the balance is closed, when no shortage waits for its orders."""
    if cases.is_any_open(session, campaign_id=campaign.id) or not balances.is_over(campaign, ctx.now):
        proceeding.let_campaign_go_on(session, ctx, campaign)
    else:
        balances.close_balance(session, ctx, campaign_id=campaign.id)


def _after_harvest(session: Session, ctx: Context, campaign: Campaign) -> None:
    """A shortage is seen to first; then the rest of the price is due, when its time has come. Once what is sold is
    counted nothing is short until all balances are opened: what is stopped then is seen to after that.
    """
    if not campaign.is_price_fixed and opening.open_if_short(session, ctx, campaign):
        return
    if balances.may_open(campaign, ctx.now):
        balances.open_balance(session, ctx, campaign_id=campaign.id)


JOBS: Final = (
    Job(name="campaigns.advance_all", run=call_all, cron="* * * * *"),
    Job(name=ADVANCE, run=advance),
    Job(name=COMMIT, run=go_on_committing),
)
