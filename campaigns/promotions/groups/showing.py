"""Groups as anybody sees them, places as their owners do, and people for staff."""

import uuid
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.promotions.groups import grouping
from campaigns.promotions.groups.grouping import Membership
from campaigns.promotions.groups.models import GroupMember, PromotionGroup
from campaigns.promotions.models import PromotionTerms
from inventory.models import Hold
from marketplace.context import Context

PLACES_MAX: Final = 100
_OF_TERMS: Final = (
    "campaign_id",
    "title_en",
    "title_zh",
    "currency",
    "amount_minor",
    "permille",
    "boxes_min",
    "item_ids",
)


def group(row: PromotionTerms, found: PromotionGroup) -> dict[str, Any]:
    """In the form of `schemas.Group`: nobody's name, no boxes of anybody."""
    columns = {column.key: getattr(found, column.key) for column in PromotionGroup.__table__.columns}
    terms = {name: getattr(row, name) for name in _OF_TERMS}
    return {**columns, **terms, "places_left": grouping.facts(found).places_left}


def place(membership: Membership) -> dict[str, Any]:
    """In the form of `schemas.GroupPlace`."""
    member, hold = membership.member, membership.hold
    price_minor = hold.boxes * (hold.unit_price_minor or 0)
    return {
        "group": group(membership.promotion, membership.group),
        "state": member.state,
        "hold_id": member.hold_id,
        "boxes": member.boxes,
        "price_minor": price_minor,
        "back_minor": member.reserved_minor,
        "if_full_minor": max(0, price_minor - member.reserved_minor),
        "given_minor": member.given_minor,
        "joined_at": member.joined_at,
        "paid_at": member.paid_at,
    }


def mine(session: Session, ctx: Context) -> list[dict[str, Any]]:
    """The actor's places, the newest first; at most a hundred."""
    rows = session.execute(
        select(GroupMember, PromotionGroup, PromotionTerms, Hold)
        .join(PromotionGroup, PromotionGroup.id == GroupMember.group_id)
        .join(PromotionTerms, PromotionTerms.id == GroupMember.promotion_id)
        .join(Hold, Hold.id == GroupMember.hold_id)
        .where(GroupMember.account_id == ctx.actor.id)
        .order_by(GroupMember.id.desc())
        .limit(PLACES_MAX)
    )
    return [
        place(Membership(member=member, group=found, promotion=row, hold=hold))
        for member, found, row, hold in rows
    ]


def with_people(
    session: Session, row: PromotionTerms, groups: Sequence[PromotionGroup]
) -> list[dict[str, Any]]:
    """In the form of `schemas.GroupWithPeople`."""
    people: dict[uuid.UUID, list[GroupMember]] = {each.id: [] for each in groups}
    for member in session.scalars(
        select(GroupMember).where(GroupMember.group_id.in_(people)).order_by(GroupMember.id)
    ):
        people[member.group_id].append(member)
    return [{**group(row, each), "people": people[each.id]} for each in groups]
