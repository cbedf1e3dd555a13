"""What becomes of a group: its members pay or go, it is full and everybody gets something back, or its time is over.

Money goes back in a job of its own, because it needs the payments of all: these are locked before orders and promotion,
as everywhere. A group that has lapsed, or is settled, has nothing reserved any more.
"""

import uuid
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Select, or_, select, update
from sqlalchemy.orm import Session

from campaigns.models import Campaign
from campaigns.promotions import budgets, promoting
from campaigns.promotions.groups import grouping, rules
from campaigns.promotions.groups.models import GroupMember, PromotionGroup
from campaigns.promotions.groups.states import BELONGING, RUNNING, GroupState, MemberState
from campaigns.promotions.models import PromotionTerms, PromotionUse
from campaigns.promotions.rules import Basket, PromotionKind, wanted
from campaigns.promotions.spending import OVER
from campaigns.promotions.states import UseMove, UseState
from inventory import holds
from inventory.models import Hold
from marketplace import audit, jobs
from marketplace.context import Context
from marketplace.events import Subscription
from marketplace.language import Text
from marketplace.module import Job
from marketplace.notifications import Message, notify_all
from marketplace.notifications.kinds import About, GroupFull, GroupLapsed
from marketplace.payments import part_refunds
from marketplace.payments.states import PartRefundKind
from marketplace.values import Money
from orders import cutting
from orders.cutting import Bought
from orders.events import OrderMoved
from orders.models import Order
from orders.states import BOUGHT, OrderState

SETTLE: Final = "campaigns.settle_group"
REASON: Final = "group_buy"
GONE: Final = OVER - {OrderState.PAYMENT_FAILED}
"""Ends of an order that end a place too. Boxes whose payment failed are in the cart again, for what is left of their
time; when that is over, so is the place."""


def on_order_moved(session: Session, ctx: Context, event: OrderMoved) -> None:
    """A member's order is paid, or over."""
    if event.after not in BOUGHT and event.after not in GONE:
        return
    order = session.get_one(Order, event.order_id)
    if order.hold_id is None:
        return
    if event.after in BOUGHT:
        _pay(session, ctx, order.hold_id)
    else:
        order_over(session, ctx, hold_ids=[order.hold_id])


def order_over(session: Session, ctx: Context, *, hold_ids: Iterable[uuid.UUID]) -> int:
    """These orders came to nothing: their places are free, or what was given back of the budget's is there again.

    How many members that were; done twice, it changes nothing.
    """
    of_holds = (GroupMember.hold_id.in_(list(hold_ids)), GroupMember.state.in_(BELONGING))
    known = budgets.locked(session, set(session.scalars(select(GroupMember.promotion_id).where(*of_holds))))
    members = _members(session, *of_holds)
    for member in members:
        row, group = known[member.promotion_id], _group(session, member.group_id)
        if group.state == GroupState.OPEN:
            grouping.take_out(session, ctx, row, group, member)
            continue
        state = session.get_one(PromotionUse, member.use_id, populate_existing=True).state
        move = {UseState.RESERVED: UseMove.RELEASED, UseState.CONSUMED: UseMove.RETURNED}.get(UseState(state))
        given = member.given_minor or 0
        grouping.move_member(session, ctx, row, member, MemberState.UNDONE, use=move, given_minor=given)
    return len(members)


def carry_over(session: Session, *, hold_id: uuid.UUID, to_hold_id: uuid.UUID) -> None:
    """An order, locked by the caller, has its boxes by another hold now: discounts and places in groups go along."""
    budgets.carry_over(session, hold_id=hold_id, to_hold_id=to_hold_id)
    session.execute(
        update(GroupMember)
        .where(GroupMember.hold_id == hold_id, GroupMember.state.in_(BELONGING))
        .values(hold_id=to_hold_id)
    )


def tend(session: Session, ctx: Context) -> int:
    """The job of every minute: groups whose time is over lapse, and places without boxes are free; how many."""
    now = holds.clock(session)
    due = {row.id: row.promotion_id for row in session.execute(_due(now))}
    idle = session.scalars(
        select(GroupMember.promotion_id)
        .join(Hold, Hold.id == GroupMember.hold_id)
        .where(GroupMember.state == MemberState.JOINED, budgets.hold_is_over())
        .distinct()
    )
    known = budgets.locked(session, {*idle, *due.values()})
    tended = 0
    for row in known.values():
        for group in session.scalars(
            select(PromotionGroup)
            .where(PromotionGroup.id.in_(list(due)), PromotionGroup.promotion_id == row.id)
            .order_by(PromotionGroup.id)
            .execution_options(populate_existing=True)
        ).all():
            if group.state == GroupState.OPEN:
                _lapse(session, ctx, row, group)
                tended += 1
        tended += grouping.leave_lapsed(session, ctx, row)
    return tended


def settle(session: Session, ctx: Context, *, group_id: str) -> int:
    """Everybody in a full group gets the difference back, each once; how many did."""
    group_key = uuid.UUID(group_id)
    hold_ids = session.scalars(select(GroupMember.hold_id).where(GroupMember.group_id == group_key)).all()
    order_ids = session.scalars(
        select(Order.id).where(Order.hold_id.in_(hold_ids), Order.state.in_(sorted(BOUGHT)))
    ).all()
    bought = {each.order.hold_id: each for each in cutting.lock(session, order_ids).values()}
    row = promoting.locked(session, session.get_one(PromotionGroup, group_key).promotion_id)
    group = _group(session, group_key)
    if group.state != GroupState.FULL:
        return 0
    members = _members(session, GroupMember.group_id == group.id, GroupMember.state == MemberState.PAID)
    for member in members:
        _give_back(session, ctx, row, member, bought.get(member.hold_id))
    grouping.put(group, grouping.facts(group).moved(GroupState.SETTLED))
    session.flush()
    audit.record(session, ctx, "group.settle", subject=("promotion_group", group.id))
    campaign = session.get_one(Campaign, row.campaign_id)
    _tell(
        session,
        ctx,
        {
            each: GroupFull(
                group=group.code,
                campaign=Text(en=campaign.title_en, zh=campaign.title_zh),
                people=group.people_needed,
                amount=Money(each.given_minor or 0, row.currency),
            )
            for each in members
        },
    )
    return len(members)


def _pay(session: Session, ctx: Context, hold_id: uuid.UUID) -> None:
    """The place counts from now on; if it was the last one, the group is full. Too late, and the group lapses."""
    waiting = (GroupMember.hold_id == hold_id, GroupMember.state == MemberState.JOINED)
    found = session.scalar(select(GroupMember.promotion_id).where(*waiting))
    if found is None:
        return
    row = promoting.locked(session, found)
    members = _members(session, *waiting)
    if not members:
        return
    [member] = members
    group, now = _group(session, member.group_id), holds.clock(session)
    campaign = session.get_one(Campaign, row.campaign_id)
    if grouping.facts(group).is_over(now) or campaign.state not in grouping.SELLING:
        _lapse(session, ctx, row, group)
        return
    after = grouping.facts(group).paid(now)
    member.paid_at = now
    grouping.move_member(session, ctx, row, member, MemberState.PAID)
    grouping.put(group, after)
    if after.state == GroupState.FULL:
        group.ended_at = now
        audit.record(session, ctx, "group.full", subject=("promotion_group", group.id))
        jobs.enqueue(session, SETTLE, arguments={"group_id": str(group.id)}, key=f"{SETTLE}:{group.id}")
    session.flush()


def _lapse(session: Session, ctx: Context, row: PromotionTerms, group: PromotionGroup) -> None:
    """Its time is over: what was reserved is there for others, and everybody keeps the normal price."""
    members = _members(session, GroupMember.group_id == group.id, GroupMember.state.in_(RUNNING))
    for member in members:
        grouping.move_member(session, ctx, row, member, MemberState.LAPSED, use=UseMove.RELEASED)
    over_at = holds.clock(session)
    grouping.put(group, grouping.facts(group).moved(GroupState.LAPSED))
    group.ended_at = over_at
    session.flush()
    audit.record(session, ctx, "group.lapse", subject=("promotion_group", group.id))
    campaign = session.get_one(Campaign, row.campaign_id)
    title = Text(en=campaign.title_en, zh=campaign.title_zh)
    about = GroupLapsed(group=group.code, campaign=title, paid=group.places_paid, people=group.people_needed)
    _tell(session, ctx, dict.fromkeys(members, about))


def _give_back(
    session: Session, ctx: Context, row: PromotionTerms, member: GroupMember, bought: Bought | None
) -> None:
    """What is owed is spent of the budget, and no more: what was reserved beyond it is there for others."""
    payment = next(iter(bought.payments), None) if bought is not None else None
    due = 0
    if bought is not None and payment is not None:
        due = rules.due_back(
            reserved_minor=member.reserved_minor,
            wanted_minor=_worth(session, row, member, bought),
            other_minor=bought.order.discount_minor,
            goes_together=_goes_together(session, row, bought.order),
            kept_minor=payment.kept_minor,
        )
    use = session.get_one(PromotionUse, member.use_id, populate_existing=True)
    if due != use.minor:
        budgets.move_use(session, ctx, row, use, UseMove.RELEASED)
    if due and due != use.minor:
        hold = session.get_one(Hold, member.hold_id)
        use = budgets.keep(session, ctx, row, hold=hold, minor=due, boxes=use.boxes, group_id=member.group_id)
        member.use_id = use.id
    if due:
        budgets.move_use(session, ctx, row, use, UseMove.CONSUMED)
    grouping.move_member(session, ctx, row, member, MemberState.REWARDED, given_minor=due)
    if due and payment is not None:
        parts = [(payment, PartRefundKind.REFUND, due)]
        part_refunds.owe_parts(session, ctx, parts, reason=REASON, source_id=member.id, is_told=True)


def _worth(session: Session, row: PromotionTerms, member: GroupMember, bought: Bought) -> int:
    """The discount of the boxes that the order still has, and that it was reserved for."""
    boxes = min(member.boxes, bought.boxes)
    if boxes < 1:
        return 0
    basket = Basket(
        boxes=boxes, unit_price_minor=bought.order.unit_price_minor, freight_minor=0, now=member.joined_at
    )
    return wanted(basket, replace(budgets.facts(session, row, None), boxes_left=None))


def _goes_together(session: Session, row: PromotionTerms, order: Order) -> bool:
    others = session.scalars(
        select(PromotionTerms).where(
            PromotionTerms.id.in_([uuid.UUID(each["promotion_id"]) for each in order.discounts])
        )
    )
    named = [
        (PromotionKind(each.kind), [PromotionKind(kind) for kind in each.stacks_with]) for each in others
    ]
    return rules.go_together([PromotionKind(kind) for kind in row.stacks_with], named)


def _due(now: datetime) -> Select[uuid.UUID, uuid.UUID]:
    """Open groups whose time, or whose sale, is over, and what they are groups of."""
    return (
        select(PromotionGroup.id, PromotionGroup.promotion_id)
        .join(PromotionTerms, PromotionTerms.id == PromotionGroup.promotion_id)
        .join(Campaign, Campaign.id == PromotionTerms.campaign_id)
        .where(
            PromotionGroup.state == GroupState.OPEN,
            or_(PromotionGroup.closes_at <= now, Campaign.state.not_in(grouping.SELLING)),
        )
        .order_by(PromotionGroup.id)
    )


def _group(session: Session, group_id: uuid.UUID) -> PromotionGroup:
    return session.get_one(PromotionGroup, group_id, populate_existing=True)


def _members(session: Session, *conditions: ColumnElement[bool]) -> list[GroupMember]:
    """By id, to be asked under the promotion's lock."""
    return list(
        session.scalars(
            select(GroupMember)
            .where(*conditions)
            .order_by(GroupMember.id)
            .execution_options(populate_existing=True)
        )
    )


def _tell(session: Session, ctx: Context, told: dict[GroupMember, About]) -> None:
    notify_all(
        session,
        ctx,
        [
            Message(account_id=member.account_id, cause=f"group:{member.group_id}", about=about)
            for member, about in told.items()
        ],
    )


JOBS: Final = (
    Job(name="campaigns.tend_groups", run=tend, cron="* * * * *"),
    Job(name=SETTLE, run=settle),
)
SUBSCRIPTIONS: Final[tuple[Subscription, ...]] = ((OrderMoved, on_order_moved),)
