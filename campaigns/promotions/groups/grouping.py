"""Opening, joining and leaving a group. A place is taken with held boxes, and their discount is reserved with it.

Rows are locked in the order hold, promotion; the promotion's row is the lock of its groups and of their members.
"""

import uuid
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from campaigns.models import Campaign
from campaigns.promotions import baskets, budgets, code_rules, promoting
from campaigns.promotions.groups import rules
from campaigns.promotions.groups.models import GroupMember, PromotionGroup
from campaigns.promotions.groups.states import BELONGING, RUNNING, GroupState, MemberState, check_member_move
from campaigns.promotions.models import PromotionTerms, PromotionUse
from campaigns.promotions.rules import PromotionKind, boxes_taken, quote
from campaigns.promotions.states import PromotionState, UseMove
from campaigns.states import SALE_RUNNING
from inventory import holds
from inventory.models import Hold
from inventory.states import HoldState
from marketplace import audit, errors, jobs, letters
from marketplace.context import Context
from marketplace.identity.models import Account
from marketplace.language import Text
from marketplace.values import new_id
from orders.models import Order
from orders.states import BOUGHT

CODE_LENGTH: Final = 8
"""40 bits: short enough to be read out."""
SETTLE: Final = "campaigns.settle_group"
NOT_OF_IT: Final = "not_of_promotion"


class GroupNotFound(errors.NotFound):
    title = Text(en="There is no such group.", zh="没有该拼团。")


class NotAGroupBuy(errors.Conflict):
    """The promotion is of another kind: it has no groups."""

    title = Text(en="This promotion has no groups.", zh="该优惠不是拼团。")


class GroupTakesNothing(errors.Conflict):
    """`reason` says why nothing would come back for these boxes."""

    title = Text(en="The group buy takes nothing off these boxes.", zh="拼团优惠不适用于所选商品。")


class InAGroup(errors.Conflict):
    """The person, or these boxes, are in a group of this kind already; `group` is its code."""

    title = Text(en="You are in a group already.", zh="您已在拼团中。")


class SameHousehold(errors.Conflict):
    """Somebody of the same household is in the group: each household counts once."""

    title = Text(en="Your household is in this group already.", zh="同一住户已有成员参加该拼团。")


class NotInGroup(errors.Conflict):
    """The actor is not in this group, or not any more."""

    title = Text(en="You are not in this group.", zh="您不在该拼团中。")


class PlaceIsPaid(errors.Conflict):
    """Who has paid stays until the group is full or its time is over."""

    title = Text(en="Your place is paid for: it stays yours.", zh="您已付款，名额保留至拼团结束。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """A member with its group and its promotion."""

    member: GroupMember
    group: PromotionGroup
    promotion: PromotionTerms
    hold: Hold


def open_group(session: Session, ctx: Context, *, promotion_id: uuid.UUID, hold_id: uuid.UUID) -> Membership:
    """The actor opens a group with a hold of its own, or with what it paid for in a group that has lapsed, and has the
    first place in it.

    Raises HoldNotFound, HoldExpired, HoldNotActive, PromotionNotFound, NotAGroupBuy, PromotionStateForbids,
    GroupTakesNothing, InAGroup.
    """
    hold = _own_hold(session, ctx, hold_id=hold_id, promotion_id=promotion_id)
    row = promoting.locked(session, promotion_id)
    if row.kind != PromotionKind.GROUP_BUY:
        raise NotAGroupBuy
    if row.state != PromotionState.ACTIVE:
        raise promoting.PromotionStateForbids(state=row.state)
    assert row.people_needed is not None
    assert row.group_hours is not None
    leave_lapsed(session, ctx, row)
    now, campaign = holds.clock(session), session.get_one(Campaign, row.campaign_id)
    closes_at = rules.closing(now, hours=row.group_hours, ends=(row.ends_at, campaign.closes_at))
    if closes_at <= now or campaign.state not in SALE_RUNNING:
        raise GroupTakesNothing(reason="ended")
    group = PromotionGroup(
        id=new_id(),
        promotion_id=row.id,
        code=_new_code(session),
        state=GroupState.OPEN,
        people_needed=row.people_needed,
        places_taken=0,
        places_paid=0,
        opened_at=now,
        closes_at=closes_at,
        version=1,
    )
    session.add(group)
    session.flush()
    audit.record(
        session,
        ctx,
        "group.open",
        subject=("promotion_group", group.id),
        after={"promotion_id": str(row.id), "closes_at": closes_at.isoformat()},
    )
    return _add(session, ctx, row, group, hold)


def join(session: Session, ctx: Context, *, code: str, hold_id: uuid.UUID) -> Membership:
    """The actor takes a place with a hold of its own; with the same hold again, for as many boxes as it has now.

    Whose group of the same promotion has lapsed may join another one with the order that was paid for it: its place
    counts at once. Who opened the group was told that it can be filled: it can, when no new ones are opened any more.
    Raises HoldNotFound, HoldExpired, HoldNotActive, GroupNotFound, GroupStateForbids, GroupOver, NoPlaceLeft,
    GroupTakesNothing, InAGroup, SameHousehold.
    """
    hold = _own_hold(session, ctx, hold_id=hold_id, promotion_id=find(session, code=code).promotion_id)
    row, group = locked(session, code=code)
    leave_lapsed(session, ctx, row)
    campaign = session.get_one(Campaign, row.campaign_id)
    facts(group).check_open(holds.clock(session))
    if campaign.state not in SALE_RUNNING:
        raise GroupTakesNothing(reason="ended")
    return _add(session, ctx, row, group, hold)


def leave(session: Session, ctx: Context, *, code: str) -> PromotionGroup:
    """The actor gives its place up before paying; boxes and order stay, at the normal price.

    Raises GroupNotFound, GroupStateForbids, NotInGroup, PlaceIsPaid.
    """
    row, group = locked(session, code=code)
    member = _running_of(session, group, ctx.actor.id)
    if member is None:
        raise NotInGroup
    if member.state != MemberState.JOINED:
        raise PlaceIsPaid
    take_out(session, ctx, row, group, member)
    return group


def count_payment(
    session: Session, ctx: Context, row: PromotionTerms, group: PromotionGroup, member: GroupMember
) -> None:
    """A place of an open group is paid for; with the last one the group is full. The promotion is locked.

    Raises GroupStateForbids, GroupOver.
    """
    now = holds.clock(session)
    after = facts(group).paid(now)
    member.paid_at = now
    move_member(session, ctx, row, member, MemberState.PAID)
    put(group, after)
    if after.state == GroupState.FULL:
        group.ended_at = now
        audit.record(session, ctx, "group.full", subject=("promotion_group", group.id))
        jobs.enqueue(session, SETTLE, arguments={"group_id": str(group.id)}, key=f"{SETTLE}:{group.id}")
    session.flush()


def take_out(
    session: Session, ctx: Context, row: PromotionTerms, group: PromotionGroup, member: GroupMember
) -> None:
    """A member of an open group is gone; the promotion is locked. What was reserved is there for others."""
    put(group, facts(group).left(has_paid=member.state == MemberState.PAID))
    move_member(session, ctx, row, member, MemberState.LEFT, use=UseMove.RELEASED)


def leave_lapsed(session: Session, ctx: Context, row: PromotionTerms) -> int:
    """Whose boxes are neither held nor paid any more is in no group of this locked promotion; how many.

    A hold that somebody has locked is left alone: its owner may be ordering.
    """
    over = session.scalars(
        select(GroupMember)
        .join(Hold, Hold.id == GroupMember.hold_id)
        .where(
            GroupMember.promotion_id == row.id,
            GroupMember.state == MemberState.JOINED,
            budgets.hold_is_over(),
        )
        .order_by(GroupMember.id)
        .with_for_update(of=Hold, skip_locked=True)
        .execution_options(populate_existing=True)
    ).all()
    for member in over:
        group = session.get_one(PromotionGroup, member.group_id, populate_existing=True)
        if group.state == GroupState.OPEN:
            take_out(session, ctx, row, group, member)
    return len(over)


def locked(session: Session, *, code: str) -> tuple[PromotionTerms, PromotionGroup]:
    """The group as it is under its promotion's lock. Raises GroupNotFound."""
    found = find(session, code=code)
    row = promoting.locked(session, found.promotion_id)
    return row, session.get_one(PromotionGroup, found.id, populate_existing=True)


def find(session: Session, *, code: str) -> PromotionGroup:
    """However its code is typed. Raises GroupNotFound."""
    found = session.scalar(select(PromotionGroup).where(PromotionGroup.code == code_rules.normal(code)))
    if found is None:
        raise GroupNotFound
    return found


def facts(group: PromotionGroup) -> rules.Group:
    return rules.Group(
        state=GroupState(group.state),
        people_needed=group.people_needed,
        closes_at=group.closes_at,
        places_taken=group.places_taken,
        places_paid=group.places_paid,
    )


def put(group: PromotionGroup, now: rules.Group) -> None:
    """Write down what the rule says of a locked group."""
    group.state, group.places_taken, group.places_paid = now.state, now.places_taken, now.places_paid
    group.version += 1


def move_member(
    session: Session,
    ctx: Context,
    row: PromotionTerms,
    member: GroupMember,
    after: MemberState,
    *,
    use: UseMove | None = None,
    given_minor: int | None = None,
) -> None:
    """Move a member of a locked promotion, and its use with it."""
    check_member_move(member.state, after)
    if use is not None:
        budgets.move_use(session, ctx, row, session.get_one(PromotionUse, member.use_id), use)
    before, member.state = member.state, after
    if given_minor is not None:
        member.given_minor = given_minor
    member.version += 1
    session.flush()
    audit.record(
        session,
        ctx,
        f"group_member.{after}",
        subject=("promotion_group_member", member.id),
        before={"state": str(before)},
        after={"state": str(after), **({} if given_minor is None else {"given_minor": given_minor})},
    )


def _add(
    session: Session, ctx: Context, row: PromotionTerms, group: PromotionGroup, hold: Hold
) -> Membership:
    """The hold's owner has a place, and the discount of its boxes is reserved; what is paid already counts as paid."""
    again = _again(session, row, group, hold)
    if again is None:
        _check_household(session, group, hold)
        put(group, facts(group).joined(holds.clock(session)))
    else:
        budgets.move_use(session, ctx, row, session.get_one(PromotionUse, again.use_id), UseMove.RELEASED)
    minor, boxes = _discount(session, ctx, row, hold)
    use = budgets.keep(session, ctx, row, hold=hold, minor=minor, boxes=boxes, group_id=group.id)
    if again is None:
        member = GroupMember(
            id=new_id(),
            group_id=group.id,
            promotion_id=row.id,
            account_id=hold.owner_id,
            hold_id=hold.id,
            state=MemberState.JOINED,
            joined_at=ctx.now,
            version=0,
        )
        session.add(member)
    else:
        member = again
    member.use_id, member.boxes, member.reserved_minor = use.id, boxes, minor
    member.version += 1
    session.flush()
    audit.record(
        session,
        ctx,
        "group_member.joined",
        subject=("promotion_group_member", member.id),
        after={"group_id": str(group.id), "boxes": boxes, "reserved_minor": minor},
    )
    if hold.state == HoldState.CONSUMED:
        count_payment(session, ctx, row, group, member)
    return Membership(member=member, group=group, promotion=row, hold=hold)


def _own_hold(session: Session, ctx: Context, *, hold_id: uuid.UUID, promotion_id: uuid.UUID) -> Hold:
    """The actor's live hold, or that of an order that is paid and whose group of this promotion has lapsed; locked.

    Raises HoldNotFound, HoldExpired, HoldNotActive.
    """
    order = session.scalar(
        select(Order)
        .join(GroupMember, GroupMember.hold_id == Order.hold_id)
        .where(
            Order.hold_id == hold_id,
            Order.buyer_id == ctx.actor.id,
            Order.state.in_(BOUGHT),
            GroupMember.promotion_id == promotion_id,
            GroupMember.state == MemberState.LAPSED,
        )
        .limit(1)
        .with_for_update(of=Order)
        .execution_options(populate_existing=True)
    )
    if order is None or order.state not in BOUGHT:
        return budgets.live_hold(session, ctx, hold_id=hold_id)
    return session.get_one(Hold, hold_id, with_for_update=True, populate_existing=True)


def _again(session: Session, row: PromotionTerms, group: PromotionGroup, hold: Hold) -> GroupMember | None:
    """The place that the hold has in this group already. Raises InAGroup when it is paid for, when its owner has
    another one, or when these boxes had their discount by a group.
    """
    found = session.scalars(
        select(GroupMember)
        .where(
            or_(
                GroupMember.state.in_(BELONGING) & (GroupMember.hold_id == hold.id),
                GroupMember.state.in_(RUNNING)
                & (GroupMember.promotion_id == row.id)
                & (GroupMember.account_id == hold.owner_id),
            ),
        )
        .execution_options(populate_existing=True)
    ).all()
    for each in found:
        if each.hold_id != hold.id or each.group_id != group.id or each.state != MemberState.JOINED:
            raise InAGroup(group=session.get_one(PromotionGroup, each.group_id).code)
    return found[0] if found else None


def _check_household(session: Session, group: PromotionGroup, hold: Hold) -> None:
    """Raises SameHousehold. Who has not said where it lives is of no household: its pool may ask for one."""
    own = select(Account.household).where(Account.id == hold.owner_id).scalar_subquery()
    same = session.scalar(
        select(GroupMember.id)
        .join(Account, Account.id == GroupMember.account_id)
        .where(GroupMember.group_id == group.id, GroupMember.state.in_(RUNNING), Account.household == own)
        .limit(1)
    )
    if same is not None:
        raise SameHousehold


def _discount(session: Session, ctx: Context, row: PromotionTerms, hold: Hold) -> tuple[int, int]:
    """What a full group gives back for these boxes, and for how many of them. Raises GroupTakesNothing."""
    item, basket = baskets.of_hold(session, hold, now=ctx.now)
    if not budgets.sells(row, hold, item):
        raise GroupTakesNothing(reason=NOT_OF_IT)
    promotion = replace(budgets.facts(session, row, hold.owner_id), group_is_full=True)
    told = quote(basket, [promotion])
    if not told.discounts:
        [(_, reason)] = told.unmet
        raise GroupTakesNothing(reason=str(reason))
    return told.discount_minor, boxes_taken(hold.boxes, promotion.boxes_left)


def _running_of(session: Session, group: PromotionGroup, account_id: uuid.UUID | None) -> GroupMember | None:
    return session.scalar(
        select(GroupMember)
        .where(
            GroupMember.group_id == group.id,
            GroupMember.account_id == account_id,
            GroupMember.state.in_(RUNNING),
        )
        .execution_options(populate_existing=True)
    )


def _new_code(session: Session) -> str:
    """One that no group has."""
    while True:
        code = letters.drawn(CODE_LENGTH)
        if session.scalar(select(PromotionGroup.id).where(PromotionGroup.code == code)) is None:
            return code
