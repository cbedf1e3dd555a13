"""Who is told what of a shortage: buyers that they may choose, that their time runs out, and what came of it, each with
the written reason; cooperatives what they are asked for, and what they carry.

Buyers may be many, so they are told by jobs, two hundred in a unit of work that puts in the next. Nobody is told
twice of one cause, so a batch that was undone is told whole when it is run again.
"""

import uuid
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.models import Campaign
from campaigns.shortage import cases, schemas, words
from campaigns.shortage.applying import ShortageSettled
from campaigns.shortage.growing import ShortageGrew
from campaigns.shortage.models import (
    Shortage,
    ShortageCut,
    ShortageElection,
    ShortageOffer,
    ShortageStanding,
    ShortageWait,
)
from campaigns.shortage.offering import ElectionsOpened, NeighbourAsked
from campaigns.shortage.states import ShortageState, WaitState
from campaigns.states import SHORT_IN
from inventory.models import Hold
from marketplace import jobs
from marketplace.catalogue.models import Cooperative
from marketplace.context import Context
from marketplace.events import Subscription
from marketplace.language import Text
from marketplace.module import Job
from marketplace.notifications import Message, kinds, notify_all, notify_members
from marketplace.notifications.kinds import About
from marketplace.values import Money
from orders.models import Order
from orders.states import PROMISED

BATCH: Final = 200
REMIND_HOURS: Final = 12
"""So long before the end of an election those who have said nothing are reminded, or after half of a short one."""
TELL_CHOICE: Final = "campaigns.tell_shortage_choice"
TELL_OUTCOME: Final = "campaigns.tell_shortage_outcome"


def on_elections_opened(session: Session, _ctx: Context, event: ElectionsOpened) -> None:
    """One job tells all of them, another comes back to those who have not chosen."""
    _tell_choice(session, session.get_one(Shortage, event.shortage_id))


def on_shortage_grew(session: Session, _ctx: Context, event: ShortageGrew) -> None:
    """All of them once more: less is there than they were told, and they have longer to choose."""
    _tell_choice(session, session.get_one(Shortage, event.shortage_id), grown=event.version)


def _tell_choice(session: Session, shortage: Shortage, *, grown: int = 0) -> None:
    assert shortage.elections_due_at is not None, "an election ends"
    lead = timedelta(hours=min(REMIND_HOURS, shortage.election_hours // 2))
    _enqueue_choice(session, shortage.id, is_reminder=False, grown=grown)
    if lead:
        at = shortage.elections_due_at - lead
        _enqueue_choice(session, shortage.id, is_reminder=True, grown=grown, at=at)


def on_settled(session: Session, ctx: Context, event: ShortageSettled) -> None:
    shortage = session.get_one(Shortage, event.shortage_id)
    arguments = {"shortage_id": str(shortage.id), "told_until": None}
    jobs.enqueue(session, TELL_OUTCOME, arguments=arguments)
    for standing in shortage.standings:
        if standing.carried_boxes:
            _tell_standing(session, ctx, shortage, standing)


def on_neighbour_asked(session: Session, ctx: Context, event: NeighbourAsked) -> None:
    offer = session.get_one(ShortageOffer, event.offer_id)
    about = kinds.ShortageOffered(
        offer_id=offer.id,
        cooperative=_name(session, offer.cooperative_id),
        boxes=offer.boxes,
        answer_until=offer.answer_due_at,
        reason=Text(en=offer.reason_en, zh=offer.reason_zh),
    )
    cause = f"shortage_offer:{offer.id}"
    notify_members(session, ctx, cooperative_id=offer.cooperative_id, cause=cause, about=about)


def tell_choice(
    session: Session,
    ctx: Context,
    *,
    shortage_id: str,
    is_reminder: bool,
    told_until: str | None,
    grown: int = 0,
) -> int:
    """A batch of those who may choose, while they may; of a reminder, those who have not. `grown`: the version with
    which the shortage grew, of which they are told once more.
    """
    shortage = cases.get(session, shortage_id=uuid.UUID(shortage_id))
    campaign = session.get_one(Campaign, shortage.campaign_id)
    due_at = shortage.elections_due_at
    if shortage.state != ShortageState.ELECTING or campaign.state not in SHORT_IN:
        return 0
    if due_at is None or ctx.now >= due_at:
        return 0
    chosen = select(ShortageElection.order_id).where(
        ShortageElection.shortage_id == shortage.id, ShortageElection.order_id == Order.id
    )
    waits = select(ShortageWait.id).where(
        ShortageWait.order_id == Order.id, ShortageWait.state == WaitState.WAITING
    )
    concerned = (
        select(Order.id, Order.buyer_id, Hold.consumed_boxes)
        .join(Hold, Hold.id == Order.hold_id)
        .where(
            Hold.purpose_kind == "campaign_item",
            Hold.purpose_id == shortage.item_id,
            Order.state.in_(sorted(PROMISED)),
            ~waits.exists(),
            *([] if told_until is None else [Order.id > uuid.UUID(told_until)]),
            *([~chosen.exists()] if is_reminder else []),
        )
        .order_by(Order.id)
        .limit(BATCH)
    )
    rows = session.execute(concerned).all()
    reason = words.for_choosing(
        committed=shortage.committed_boxes, supply=shortage.supply_boxes, covered=shortage.covered_boxes
    )
    kind = kinds.ShortageReminder if is_reminder else kinds.ShortageElection
    cause = f"shortage:{shortage.id}:{f'{grown}:' if grown else ''}{{}}"
    messages = [
        Message(
            account_id=buyer_id,
            cause=cause.format(order_id),
            about=kind(order_id=order_id, boxes=boxes, answer_until=due_at, reason=reason),
        )
        for order_id, buyer_id, boxes in rows
    ]
    told = notify_all(session, ctx, messages)
    if len(rows) == BATCH:
        _enqueue_choice(session, shortage.id, is_reminder=is_reminder, grown=grown, told_until=rows[-1].id)
    return told


def tell_outcome(session: Session, ctx: Context, *, shortage_id: str, told_until: str | None) -> int:
    """A batch of the cuts of a settled shortage. If neighbours covered all of it, nobody was asked or is told."""
    shortage = cases.get(session, shortage_id=uuid.UUID(shortage_id))
    statement = (
        select(ShortageCut, Order.buyer_id)
        .join(Order, Order.id == ShortageCut.order_id)
        .where(ShortageCut.shortage_id == shortage.id)
        .order_by(ShortageCut.id)
        .limit(BATCH)
    )
    if told_until is not None:
        statement = statement.where(ShortageCut.id > uuid.UUID(told_until))
    rows = session.execute(statement).all()
    messages = [
        Message(account_id=buyer_id, cause=f"shortage_cut:{cut.id}", about=_outcome(cut))
        for cut, buyer_id in rows
        if cut.boxes_after < cut.boxes_before or shortage.elections_due_at is not None
    ]
    told = notify_all(session, ctx, messages)
    if len(rows) == BATCH:
        arguments = {"shortage_id": shortage_id, "told_until": str(rows[-1][0].id)}
        jobs.enqueue(session, TELL_OUTCOME, arguments=arguments)
    return told


def _outcome(cut: ShortageCut) -> About:
    reason = Text(en=cut.reason_en, zh=cut.reason_zh)
    if cut.boxes_after == cut.boxes_before:
        return kinds.ShortageSpared(order_id=cut.order_id, boxes=cut.boxes_after, reason=reason)
    return kinds.ShortageCut(
        order_id=cut.order_id,
        boxes_before=cut.boxes_before,
        boxes_after=cut.boxes_after,
        refund=Money(cut.refund_minor + cut.compensation_minor, cut.currency),
        reason=reason,
    )


def _tell_standing(session: Session, ctx: Context, shortage: Shortage, standing: ShortageStanding) -> None:
    told = schemas.told(shortage, standing)["reason"]
    about = kinds.ShortageCarried(
        shortage_id=shortage.id,
        cooperative=_name(session, standing.cooperative_id),
        boxes=standing.carried_boxes or 0,
        reason=Text(en=told["en"], zh=told["zh"]),
    )
    cause = f"shortage:{shortage.id}"
    notify_members(session, ctx, cooperative_id=standing.cooperative_id, cause=cause, about=about)


def _name(session: Session, cooperative_id: uuid.UUID) -> Text:
    cooperative = session.get_one(Cooperative, cooperative_id)
    return Text(en=cooperative.name_en, zh=cooperative.name_zh)


def _enqueue_choice(
    session: Session,
    shortage_id: uuid.UUID,
    *,
    is_reminder: bool,
    grown: int,
    told_until: uuid.UUID | None = None,
    at: datetime | None = None,
) -> None:
    arguments: dict[str, Any] = {
        "shortage_id": str(shortage_id),
        "is_reminder": is_reminder,
        "told_until": None if told_until is None else str(told_until),
        "grown": grown,
    }
    jobs.enqueue(session, TELL_CHOICE, arguments=arguments, at=at)


SUBSCRIPTIONS: Final[tuple[Subscription, ...]] = (
    (ElectionsOpened, on_elections_opened),
    (ShortageGrew, on_shortage_grew),
    (NeighbourAsked, on_neighbour_asked),
    (ShortageSettled, on_settled),
)
JOBS: Final = (Job(name=TELL_CHOICE, run=tell_choice), Job(name=TELL_OUTCOME, run=tell_outcome))
