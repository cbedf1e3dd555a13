"""Work that allocations do by themselves."""

import uuid
from typing import Final

from sqlalchemy.orm import Session

from campaigns.allotting import allotting, telling
from marketplace import jobs
from marketplace.context import Context
from marketplace.module import Job

GO_ON: Final = "campaigns.go_on_allotting"


def lapse_due(session: Session, ctx: Context) -> None:
    """Each campaign is a job of its own: locks of two never meet, and none waits for another's fault."""
    for campaign_id in allotting.due(session, ctx):
        arguments = {"campaign_id": str(campaign_id)}
        jobs.enqueue(session, GO_ON, arguments=arguments, key=f"{GO_ON}:{campaign_id}")


def go_on(session: Session, ctx: Context, *, campaign_id: str) -> None:
    allotting.go_on(session, ctx, campaign_id=uuid.UUID(campaign_id))


JOBS: Final = (
    Job(name="campaigns.lapse_commitments", run=lapse_due, cron="* * * * *"),
    Job(name=GO_ON, run=go_on),
    *telling.JOBS,
)
