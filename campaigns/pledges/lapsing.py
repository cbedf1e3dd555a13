"""Pledges that nobody answered: a job of every minute writes down what is over by the clock."""

import uuid
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from campaigns import planning
from campaigns.models import Campaign
from campaigns.pledges import moves, rules
from campaigns.pledges.models import Pledge
from campaigns.pledges.states import OPEN, PledgeEvent
from campaigns.states import PLEDGEABLE
from marketplace import jobs
from marketplace.context import Context
from marketplace.module import Job

LAPSE: Final = "campaigns.lapse_pledges_of"


def call_all(session: Session, ctx: Context) -> int:
    """Each campaign is a job of its own: none waits for another's fault."""
    over = (
        select(Pledge.campaign_id)
        .join(Campaign, Campaign.id == Pledge.campaign_id)
        .where(
            Pledge.state.in_(sorted(OPEN)),
            or_(Pledge.answer_due_at <= ctx.now, Campaign.state.not_in(sorted(PLEDGEABLE))),
        )
        .distinct()
    )
    found = sorted(session.scalars(over))
    for campaign_id in found:
        arguments = {"campaign_id": str(campaign_id)}
        jobs.enqueue(session, LAPSE, arguments=arguments, key=f"{LAPSE}:{campaign_id}")
    return len(found)


def lapse(session: Session, ctx: Context, *, campaign_id: str) -> int:
    """End what of one campaign is over; how many pledges."""
    campaign = planning.locked(session, uuid.UUID(campaign_id))
    waiting = session.scalars(
        select(Pledge)
        .where(Pledge.campaign_id == campaign.id, Pledge.state.in_(sorted(OPEN)))
        .order_by(Pledge.id)
        .execution_options(populate_existing=True)
    ).all()
    over = [
        each
        for each in waiting
        if rules.is_over(
            each.state, answer_due_at=each.answer_due_at, campaign_state=campaign.state, now=ctx.now
        )
    ]
    for each in over:
        moves.write(session, ctx, each, PledgeEvent.LAPSE, reason="no answer")
    return len(over)


JOBS: Final = (
    Job(name="campaigns.lapse_pledges", run=call_all, cron="* * * * *"),
    Job(name=LAPSE, run=lapse),
)
