"""A forecast that falls below what is promised of it: boxes that nobody has bought yet are no longer sold.

Each pledge is a job of its own, for a campaign is locked before the forecasts that it draws on. What is sold stays
sold: if the fruit does not come after all it is a shortage.
"""

import uuid
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns import planning
from campaigns.pledges import moves, pledging, rules
from campaigns.pledges.models import Pledge
from campaigns.pledges.rules import LOWERABLE
from campaigns.pledges.states import PledgeState
from inventory import pools
from inventory.capacity.models import Capacity
from inventory.events import ForecastFell
from marketplace import jobs
from marketplace.context import Context
from marketplace.events import Subscription
from marketplace.module import Job

FOLLOW: Final = "campaigns.follow_forecast"


def on_forecast_fell(session: Session, _ctx: Context, event: ForecastFell) -> None:
    """The last to have pledged is the first to be lowered."""
    drawing = select(Pledge.id).where(
        Pledge.capacity_id == event.capacity_id, Pledge.state == PledgeState.ACCEPTED
    )
    for pledge_id in session.scalars(drawing.order_by(Pledge.id.desc())):
        jobs.enqueue(session, FOLLOW, arguments={"pledge_id": str(pledge_id)}, key=f"{FOLLOW}:{pledge_id}")


def follow(session: Session, ctx: Context, *, pledge_id: str) -> int:
    """Let go of the pledge's free forecast boxes that its forecast does not bear; how many."""
    seen = session.get_one(Pledge, uuid.UUID(pledge_id))
    campaign = planning.locked(session, seen.campaign_id)
    planning.follow_clock(session, ctx, campaign)
    pledge = session.get_one(Pledge, seen.id, populate_existing=True)
    if pledge.state != PledgeState.ACCEPTED or campaign.state not in LOWERABLE:
        return 0
    item = planning.item_of(campaign, pledge.item_id)
    held, standing = pledging.locked_standing(session, item, pledge)
    forecast = [each for each in held if each.capacity_id is not None]
    if not forecast:
        return 0
    capacity = session.get_one(Capacity, pledge.capacity_id, populate_existing=True)
    boxes = rules.unfounded(
        missing_grams=capacity.short_grams,
        pack_grams=forecast[0].pack_grams,
        forecast_boxes=sum(each.open_boxes for each in forecast),
        withdrawable=standing.withdrawable,
    )
    if boxes:
        pools.give_back(session, ctx, forecast, boxes=boxes, reason="the forecast fell")
        moves.follow_stock(session, ctx, campaign, item_ids=[item.id], reason="the forecast fell")
    return boxes


SUBSCRIPTIONS: Final[tuple[Subscription, ...]] = ((ForecastFell, on_forecast_fell),)
JOBS: Final = (Job(name=FOLLOW, run=follow),)
