"""Windows of a shortage end by the clock, or an operator ends the asking of neighbours."""

import uuid
from typing import Final

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from campaigns.models import Campaign
from campaigns.shortage import cases, offering, settling
from campaigns.shortage.models import Shortage
from campaigns.shortage.states import DECIDED, ShortageState, ShortageStateForbids
from campaigns.states import SHORT_IN
from marketplace import errors, jobs
from marketplace.context import Context
from marketplace.language import Text
from marketplace.module import Job

ADVANCE: Final = "campaigns.advance_shortage"


class ElectionRuns(errors.Conflict):
    """Buyers may choose until `elections_due_at`; nobody ends that sooner."""

    title = Text(en="Buyers may still choose.", zh="买家选择期限尚未结束。")


def close(session: Session, ctx: Context, *, shortage_id: uuid.UUID) -> Shortage:
    """End the window that runs: the asking of neighbours at any time, the election when its time is over.

    Raises ShortageNotFound, CampaignStateForbids, ShortageStateForbids, ElectionRuns.
    """
    shortage = cases.going_on(session, shortage_id)
    if shortage.state in DECIDED:
        raise ShortageStateForbids(state=shortage.state)
    if shortage.state == ShortageState.OFFERING:
        offering.close(session, ctx, shortage)
        return shortage
    due_at = shortage.elections_due_at
    if due_at is not None and ctx.now < due_at:
        raise ElectionRuns(elections_due_at=due_at)
    settling.settle(session, ctx, shortage)
    return shortage


def advance(session: Session, ctx: Context, *, shortage_id: uuid.UUID) -> bool:
    """End the window of a shortage if its time is over and its campaign is not given up; whether it was."""
    shortage = cases.locked(session, shortage_id)
    due_at = {
        ShortageState.OFFERING: shortage.answers_due_at,
        ShortageState.ELECTING: shortage.elections_due_at,
    }.get(ShortageState(shortage.state))
    campaign = session.get_one(Campaign, shortage.campaign_id)
    if due_at is None or ctx.now < due_at or campaign.state not in SHORT_IN:
        return False
    close(session, ctx, shortage_id=shortage_id)
    return True


def due(session: Session, ctx: Context) -> list[uuid.UUID]:
    """The shortages with a window whose time is over."""
    offers = and_(Shortage.state == ShortageState.OFFERING, Shortage.answers_due_at <= ctx.now)
    elections = and_(Shortage.state == ShortageState.ELECTING, Shortage.elections_due_at <= ctx.now)
    statement = (
        select(Shortage.id).join(Campaign).where(or_(offers, elections), Campaign.state.in_(sorted(SHORT_IN)))
    )
    return list(session.scalars(statement.order_by(Shortage.id)))


def advance_due(session: Session, ctx: Context) -> int:
    """All that is due, in this unit of work; how many."""
    return sum(advance(session, ctx, shortage_id=each) for each in due(session, ctx))


def enqueue_due(session: Session, ctx: Context) -> None:
    """Each shortage is a job of its own: none waits for another's fault."""
    for shortage_id in due(session, ctx):
        jobs.enqueue(
            session,
            ADVANCE,
            arguments={"shortage_id": str(shortage_id)},
            key=f"{ADVANCE}:{shortage_id}",
        )


def run_advance(session: Session, ctx: Context, *, shortage_id: str) -> None:
    advance(session, ctx, shortage_id=uuid.UUID(shortage_id))


JOBS: Final = (
    Job(name="campaigns.advance_shortages", run=enqueue_due, cron="* * * * *"),
    Job(name=ADVANCE, run=run_advance),
)
