"""What becomes of a group: its members pay or go, it is full and everybody gets something back, or its time is over.

Money goes back in a job of its own, because it needs the payments of all: these are locked before orders and promotion,
as everywhere. A group that has lapsed, or is settled, has nothing reserved any more.
"""

import uuid
from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, Select, or_, select, update
from sqlalchemy.orm import Session

from campaigns.models import Campaign
from campaigns.promotions import baskets, budgets, promoting
from campaigns.promotions.groups import grouping, rules
from campaigns.promotions.groups.models import GroupMember, PromotionGroup
from campaigns.promotions.groups.states import BELONGING, RUNNING, GroupState, MemberState
from campaigns.promotions.models import PromotionTerms, PromotionUse
from campaigns.promotions.rules import Basket, Funder, PromotionKind, wanted
from campaigns.promotions.spending import OVER
from campaigns.promotions.states import UseMove, UseState
from campaigns.states import SALE_RUNNING
from inventory import holds
from inventory.models import Hold
from marketplace import audit
from marketplace.context import Context
from marketplace.events import Subscription
from marketplace.language import Text
from marketplace.module import Job
from marketplace.notifications import Message, notify_all
from marketplace.notifications.kinds import About, GroupFull, GroupLapsed
from marketplace.payments import part_refunds
from marketplace.payments.states import PartRefundKind
from marketplace.values import Money
from orders import cutting, discount_rules
from orders.cutting import Bought
from orders.events import OrderMoved
from orders.models import Order
from orders.states import BOUGHT, OrderState

SETTLE: Final = grouping.SETTLE
REASON: Final = "group_buy"
GONE: Final = OVER - {OrderState.PAYMENT_FAILED}
"""Ends of an order that end a place too. Boxes whose payment failed are in the cart again, for what is left of their
time; when that is over, so is the place."""


GOES_BACK: Final = Text(en="goes back to you", zh="将退还给您")
COMES_OFF: Final = Text(en="comes off your balance", zh="将从您的尾款中扣减")


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


def undo_all(session: Session, ctx: Context, *, order_ids: Collection[uuid.UUID]) -> None:
    """These orders, locked by the caller, came to nothing at once: their discounts and places are given up, each once.

    Called when their boxes have left the pools; all promotions are locked together after these, by id.
    """
    if not order_ids:
        return
    found = session.scalars(select(Order.hold_id).where(Order.id.in_(order_ids)).order_by(Order.id)).all()
    hold_ids = [each for each in found if each is not None]
    live = select(PromotionUse.promotion_id).where(
        PromotionUse.hold_id.in_(hold_ids), PromotionUse.state != UseState.GIVEN_BACK
    )
    budgets.locked(session, set(session.scalars(live)))
    budgets.give_back_all(session, ctx, hold_ids=hold_ids)
    order_over(session, ctx, hold_ids=hold_ids)


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
    title = Text(en=campaign.title_en, zh=campaign.title_zh)
    told: dict[GroupMember, About] = {}
    for each in members:
        found = bought.get(each.hold_id)
        told[each] = GroupFull(
            group=group.code,
            campaign=title,
            people=group.people_needed,
            amount=Money(each.given_minor or 0, row.currency),
            how=GOES_BACK if found is None or found.terms is None else COMES_OFF,
        )
    _tell(session, ctx, told)
    return len(members)


def settle_next(session: Session, ctx: Context, campaign_id: uuid.UUID) -> bool:
    """One group of the campaign that is full and not settled yet, if any is: before a balance is asked, what comes back
    to its people is known.
    """
    group_id = session.scalar(
        select(PromotionGroup.id)
        .join(PromotionTerms, PromotionTerms.id == PromotionGroup.promotion_id)
        .where(PromotionTerms.campaign_id == campaign_id, PromotionGroup.state == GroupState.FULL)
        .order_by(PromotionGroup.id)
        .limit(1)
    )
    if group_id is None:
        return False
    settle(session, ctx, group_id=str(group_id))
    return True


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
    group = _group(session, member.group_id)
    campaign = session.get_one(Campaign, row.campaign_id)
    if grouping.facts(group).is_over(holds.clock(session)) or campaign.state not in SALE_RUNNING:
        _lapse(session, ctx, row, group)
        return
    grouping.count_payment(session, ctx, row, group, member)


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
    if bought is None or payment is None:
        _spend(session, ctx, row, member, minor=0)
        grouping.move_member(session, ctx, row, member, MemberState.REWARDED, given_minor=0)
        return
    if bought.terms is not None:
        due = _owed(
            session, row, member, bought, boxes=bought.order.boxes, most_minor=_room(session, row, bought)
        )
        _spend(session, ctx, row, member, minor=_take_off(session, ctx, row, bought, due))
    else:
        due = _owed(session, row, member, bought, boxes=bought.boxes, most_minor=payment.kept_minor)
        _spend(session, ctx, row, member, minor=due)
    grouping.move_member(session, ctx, row, member, MemberState.REWARDED, given_minor=due)
    if due and bought.terms is None:
        parts = [(payment, PartRefundKind.REFUND, due)]
        part_refunds.owe_parts(session, ctx, parts, reason=REASON, source_id=member.id, is_told=True)


def _spend(session: Session, ctx: Context, row: PromotionTerms, member: GroupMember, *, minor: int) -> None:
    """Of what was reserved for a place so much, and nothing else."""
    use = session.get_one(PromotionUse, member.use_id, populate_existing=True)
    if minor != use.minor:
        budgets.move_use(session, ctx, row, use, UseMove.RELEASED)
    if minor and minor != use.minor:
        hold = session.get_one(Hold, member.hold_id)
        use = budgets.keep(
            session, ctx, row, hold=hold, minor=minor, boxes=use.boxes, group_id=member.group_id
        )
        member.use_id = use.id
    if minor:
        budgets.move_use(session, ctx, row, use, UseMove.CONSUMED)


def _owed(
    session: Session,
    row: PromotionTerms,
    member: GroupMember,
    bought: Bought,
    *,
    boxes: int,
    most_minor: int,
) -> int:
    """The discount of so many boxes, as far as it was reserved for them, with what else is taken off."""
    return rules.due_back(
        reserved_minor=member.reserved_minor,
        wanted_minor=_worth(session, row, member, bought.order, boxes=min(member.boxes, boxes)),
        other_minor=bought.order.discount_minor,
        goes_together=_goes_together(session, row, bought.order),
        kept_minor=most_minor,
    )


def _room(session: Session, row: PromotionTerms, bought: Bought) -> int:
    """What of an order's balance, as it was told, may still be taken off; less if cooperatives pay for it."""
    order, terms = bought.order, bought.terms
    assert terms is not None, "only a deposit leaves a balance"
    room = order.total_minor - order.boxes * terms.counts_minor
    item = budgets.item_of(session, session.get_one(Hold, order.hold_id))
    if row.funder == Funder.COOPERATIVE and item is not None:
        most = baskets.of_cooperatives(item, terms.deposit, boxes=order.boxes)
        theirs = sum(line["amount_minor"] for line in order.discounts if line["funder"] == Funder.COOPERATIVE)
        room = room if most is None else min(room, most - theirs)
    return max(0, room)


def _take_off(session: Session, ctx: Context, row: PromotionTerms, bought: Bought, due: int) -> int:
    """A line more of what is taken off a locked order's balance; what of it belongs to the boxes that it still has."""
    order = bought.order
    if not due:
        return 0
    before = order.discount_minor
    line = budgets.line_of(row, amount_minor=due, left_minor=order.total_minor - due)
    order.discounts = [*order.discounts, line]
    order.discount_minor, order.total_minor = before + due, order.total_minor - due
    order.version += 1
    session.flush()
    audit.record(
        session,
        ctx,
        "order.take_off",
        subject=("order", order.id),
        before={"discount_minor": before},
        after={"discount_minor": order.discount_minor, "promotion_id": str(row.id)},
    )
    amounts = [each["amount_minor"] for each in order.discounts]
    return discount_rules.kept(amounts, boxes=bought.boxes, of_boxes=order.boxes)[-1]


def _worth(session: Session, row: PromotionTerms, member: GroupMember, order: Order, *, boxes: int) -> int:
    """The discount of so many boxes of an order."""
    if boxes < 1:
        return 0
    basket = Basket(
        boxes=boxes, unit_price_minor=order.unit_price_minor, freight_minor=0, now=member.joined_at
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
            or_(PromotionGroup.closes_at <= now, Campaign.state.not_in(SALE_RUNNING)),
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
