"""Who has something in a campaign is told when its sale stands still, goes on, and is over: buyers whose boxes are held
or sold, and everybody who acts for a cooperative that pledged to it.

They may be a hundred thousand, so jobs tell them, two hundred in a unit of work that puts in the next. Each move is a
cause of its own, so that nobody is told twice of one and everybody of each. What is over already when its job comes is
not told any more; and only who was told of a pause is told of its end.
"""

import uuid
from collections.abc import Collection
from typing import Final

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from campaigns import planning
from campaigns.events import CampaignMoved
from campaigns.models import Campaign, Transition
from campaigns.pledges.models import Pledge
from campaigns.pledges.states import PledgeState
from campaigns.states import ENDED, CampaignState
from inventory.models import Hold
from inventory.states import HoldState
from marketplace import jobs
from marketplace.context import Context
from marketplace.events import Subscription
from marketplace.identity import accounts
from marketplace.language import Text
from marketplace.module import Job
from marketplace.notifications import Message, already_told, notify_all
from marketplace.notifications.kinds import About, CampaignClosed, CampaignPaused, CampaignResumed, Kind

BATCH: Final = 200
TELL_BUYERS: Final = "campaigns.tell_buyers"
TELL_PLEDGED: Final = "campaigns.tell_pledged"

_PAUSED: Final = (CampaignState.DEPOSIT_OPEN, CampaignState.PAUSED)
_RESUMED: Final = (CampaignState.PAUSED, CampaignState.DEPOSIT_OPEN)
_CLOSED: Final = (CampaignState.DEPOSIT_OPEN, CampaignState.DEPOSIT_CLOSED)

FOR_BUYERS: Final = {
    _PAUSED: Text(
        en="What you have ordered stands, and what is in your cart may be paid until its time there is over.",
        zh="您已下的订单仍然有效，购物车中的货品在保留时间内仍可付款。",
    ),
    _RESUMED: Text(en="Your orders stand as before.", zh="您的订单照常有效。"),
    _CLOSED: Text(en="Your orders go on as agreed.", zh="您的订单将按约定继续履行。"),
}
TO_A_GOAL: Final = Text(
    en="Whether it has reached its goal is decided next; if it has not, you are told, and paid back.",
    zh="接下来将判定是否达到成团目标；如未达到，将另行通知并退款。",
)
"""To buyers, when what has a goal is closed and it is not decided yet whether that is reached."""
FOR_PLEDGED: Final = {
    _PAUSED: Text(en="What you have pledged stays in it.", zh="您的承诺货源继续保留。"),
    _RESUMED: Text(en="What you have pledged is sold again.", zh="您的承诺货源恢复销售。"),
    _CLOSED: Text(
        en="What it has sold is split over those that pledged; you are asked for your part.",
        zh="已售货品将在承诺供货的合作社之间分配，届时将征询您的份额。",
    ),
}


def on_campaign_moved(session: Session, _ctx: Context, event: CampaignMoved) -> None:
    if (event.before, event.after) in FOR_BUYERS:
        for name in (TELL_BUYERS, TELL_PLEDGED):
            _put_in(session, name, str(event.campaign_id), event.number)


def tell_buyers(
    session: Session, ctx: Context, *, campaign_id: str, number: int, told_until: str | None
) -> int:
    """A batch of those with boxes that are held or sold, in the order of their holds; how many had not been told."""
    campaign, move = _still(session, campaign_id, number)
    if move is None:
        return 0
    is_live = or_(
        Hold.consumed_boxes > 0,
        Hold.state == HoldState.CONVERTING,
        and_(Hold.state == HoldState.ACTIVE, Hold.expires_at > ctx.now),
    )
    rows = session.execute(
        select(Hold.id, Hold.owner_id)
        .where(
            Hold.pool_id.in_([item.pool_id for item in campaign.items]),
            Hold.owner_id.is_not(None),
            is_live,
            *([] if told_until is None else [Hold.id > uuid.UUID(told_until)]),
        )
        .order_by(Hold.id)
        .limit(BATCH)
    ).all()
    effect = TO_A_GOAL if _has_open_goal(campaign) else FOR_BUYERS[_way(move)]
    about = _about(campaign, move, effect)
    told = _tell(session, ctx, {row.owner_id for row in rows}, move, about)
    if len(rows) == BATCH:
        _put_in(session, TELL_BUYERS, campaign_id, number, told_until=rows[-1].id)
    return told


def tell_pledged(
    session: Session, ctx: Context, *, campaign_id: str, number: int, told_until: str | None
) -> int:
    """A batch of those who act for a cooperative whose boxes stand in it; how many had not been told."""
    campaign, move = _still(session, campaign_id, number)
    if move is None:
        return 0
    pledged = session.scalars(
        select(Pledge.cooperative_id)
        .where(Pledge.campaign_id == campaign.id, Pledge.state == PledgeState.ACCEPTED)
        .distinct()
    ).all()
    after = None if told_until is None else uuid.UUID(told_until)
    members = accounts.members_of_any(session, cooperative_ids=pledged, after=after, size=BATCH)
    about = _about(campaign, move, FOR_PLEDGED[_way(move)])
    told = _tell(session, ctx, members, move, about, whose=":pledged")
    if len(members) == BATCH:
        _put_in(session, TELL_PLEDGED, campaign_id, number, told_until=members[-1])
    return told


def _still(session: Session, campaign_id: str, number: int) -> tuple[Campaign, Transition | None]:
    """The campaign, and its move while that is true: under a lock that lets it not move before this batch is told."""
    campaign = session.get_one(
        Campaign,
        uuid.UUID(campaign_id),
        with_for_update={"read": True, "of": Campaign},
        populate_existing=True,
    )
    move = session.get_one(Transition, (campaign.id, number))
    if move.after == CampaignState.DEPOSIT_CLOSED:
        return campaign, None if campaign.state in ENDED else move
    newest = planning.transitions_of(session, campaign_id=campaign.id)[-1]
    return campaign, move if newest.number == number else None


def _way(move: Transition) -> tuple[CampaignState, CampaignState]:
    assert move.before is not None, "a campaign that stands has stood before"
    return CampaignState(move.before), CampaignState(move.after)


def _has_open_goal(campaign: Campaign) -> bool:
    """It is closed, and not decided yet whether it has sold enough."""
    return campaign.state == CampaignState.DEPOSIT_CLOSED and bool(campaign.goal_boxes or campaign.goal_grams)


def _about(campaign: Campaign, move: Transition, effect: Text) -> About:
    title = Text(en=campaign.title_en, zh=campaign.title_zh)
    if move.after == CampaignState.PAUSED:
        reason = Text(en=move.reason, zh=move.reason)
        return CampaignPaused(campaign_id=campaign.id, campaign=title, reason=reason, effect=effect)
    if move.after == CampaignState.DEPOSIT_OPEN:
        return CampaignResumed(
            campaign_id=campaign.id, campaign=title, closes_at=campaign.closes_at, effect=effect
        )
    return CampaignClosed(campaign_id=campaign.id, campaign=title, effect=effect)


def _tell(
    session: Session,
    ctx: Context,
    people: Collection[uuid.UUID],
    move: Transition,
    about: About,
    *,
    whose: str = "",
) -> int:
    """`whose`: the end of the cause; cooperatives are told beside the buyers, and who is both is told both."""

    def cause(number: int) -> str:
        return f"campaign:{move.campaign_id}:{number}{whose}"

    if move.after == CampaignState.DEPOSIT_OPEN:
        paused = cause(move.number - 1)
        people = already_told(session, people, kind=Kind.CAMPAIGN_PAUSED, cause=paused)
    told = cause(move.number)
    return notify_all(
        session, ctx, [Message(account_id=each, cause=told, about=about) for each in sorted(people)]
    )


def _put_in(
    session: Session, name: str, campaign_id: str, number: int, *, told_until: uuid.UUID | None = None
) -> None:
    arguments = {
        "campaign_id": campaign_id,
        "number": number,
        "told_until": None if told_until is None else str(told_until),
    }
    jobs.enqueue(session, name, arguments=arguments)


SUBSCRIPTIONS: Final[tuple[Subscription, ...]] = ((CampaignMoved, on_campaign_moved),)
JOBS: Final = (Job(name=TELL_BUYERS, run=tell_buyers), Job(name=TELL_PLEDGED, run=tell_pledged))
