"""Cooperatives are told what a campaign asks of them: by one job for each run, while it still is asked."""

import uuid
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.allotting.models import Commitment
from campaigns.allotting.rules import CommitmentState
from campaigns.models import Campaign
from marketplace import jobs
from marketplace.catalogue.models import Cooperative
from marketplace.context import Context
from marketplace.language import Text
from marketplace.module import Job
from marketplace.notifications import ToMembers, notify_cooperatives
from marketplace.notifications.kinds import CommitmentAsked

TELL_ASKED: Final = "campaigns.tell_asked"


def on_split(session: Session, run_id: uuid.UUID) -> None:
    """Put in the job that tells whom this run asks."""
    jobs.enqueue(session, TELL_ASKED, arguments={"run_id": str(run_id)})


def tell_asked(session: Session, ctx: Context, *, run_id: str) -> int:
    """Everybody who acts for a cooperative that has not answered yet; how many had not been told."""
    rows = session.execute(
        select(Commitment, Cooperative, Campaign)
        .join(Cooperative, Cooperative.id == Commitment.cooperative_id)
        .join(Campaign, Campaign.id == Commitment.campaign_id)
        .where(Commitment.run_id == uuid.UUID(run_id), Commitment.state == CommitmentState.OFFERED)
        .order_by(Commitment.id)
    ).all()
    return notify_cooperatives(session, ctx, [_told(*row) for row in rows])


def _told(commitment: Commitment, cooperative: Cooperative, campaign: Campaign) -> ToMembers:
    assert commitment.answer_due_at is not None, "what is offered is to be answered"
    about = CommitmentAsked(
        commitment_id=commitment.id,
        campaign=Text(en=campaign.title_en, zh=campaign.title_zh),
        cooperative=Text(en=cooperative.name_en, zh=cooperative.name_zh),
        boxes=commitment.boxes_kept,
        answer_until=commitment.answer_due_at,
    )
    return ToMembers(cooperative_id=cooperative.id, cause=f"commitment:{commitment.id}", about=about)


JOBS: Final = (Job(name=TELL_ASKED, run=tell_asked),)
