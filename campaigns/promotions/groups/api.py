"""Doors of group buys: shoppers open and join groups, anybody sees one by its code, staff sees who is in them."""

import uuid
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.promotions import codes
from campaigns.promotions.groups import grouping, schemas, showing
from campaigns.promotions.groups.models import PromotionGroup
from campaigns.promotions.groups.rules import GroupOver, GroupStateForbids, NoPlaceLeft
from campaigns.promotions.models import PromotionTerms
from campaigns.promotions.promoting import PromotionNotFound, PromotionStateForbids
from inventory.refusals import HoldExpired, HoldNotActive, HoldNotFound
from marketplace import context, paging
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.errors import TooMany

of_promotions = Blueprint(
    "promotion_groups", __name__, url_prefix="/promotions", description="Groups of group buys 拼团"
)
groups = Blueprint("groups", __name__, url_prefix="/groups", description="Groups of group buys 拼团")
mine = Blueprint("my_groups", __name__, url_prefix="/me/groups", description="Places in groups 我的拼团")
BLUEPRINTS: Final = (of_promotions, groups, mine)


@of_promotions.post("/<uuid:promotion_id>/groups")
@of_promotions.arguments(schemas.TakePlace)
@of_promotions.problems(
    PromotionNotFound,
    PromotionStateForbids,
    HoldNotFound,
    HoldExpired,
    HoldNotActive,
    grouping.NotAGroupBuy,
    grouping.GroupTakesNothing,
    grouping.InAGroup,
)
@of_promotions.writes(201, schemas.GroupPlace, location=lambda made: f"/v1/groups/{made['group']['code']}")
def open_group(session: Session, body: dict[str, Any], promotion_id: uuid.UUID) -> dict[str, Any]:
    """Open a group with held boxes; its code is for friends 发起拼团"""
    ctx = context.current()
    return showing.place(grouping.open_group(session, ctx, promotion_id=promotion_id, **body))


@of_promotions.get("/<uuid:promotion_id>/groups")
@of_promotions.arguments(paging.Query, location="query")
@of_promotions.problems(PromotionNotFound)
@of_promotions.response(200, paging.page_of(schemas.GroupWithPeople))
def list_groups(query: dict[str, Any], promotion_id: uuid.UUID) -> dict[str, Any]:
    """The groups of a promotion and who is in them (staff) 拼团列表"""
    with reading() as session:
        row = session.get(PromotionTerms, promotion_id)
        if row is None:
            raise PromotionNotFound
        of_it = select(PromotionGroup).where(PromotionGroup.promotion_id == row.id)
        page = paging.read(session, of_it, PromotionGroup.id, **query)
        return {**page, "items": showing.with_people(session, row, page["items"])}


@groups.get("/<string:code>")
@groups.problems(grouping.GroupNotFound)
@groups.response(200, schemas.Group)
def get_group(code: str) -> dict[str, Any]:
    """How far a group is, for whoever has its code; it names nobody 查询拼团"""
    with reading() as session:
        found = grouping.find(session, code=code)
        return showing.group(session.get_one(PromotionTerms, found.promotion_id), found)


@groups.post("/<string:code>/places")
@groups.arguments(schemas.TakePlace)
@groups.problems(
    grouping.GroupNotFound,
    HoldNotFound,
    HoldExpired,
    HoldNotActive,
    GroupStateForbids,
    GroupOver,
    NoPlaceLeft,
    grouping.GroupTakesNothing,
    grouping.InAGroup,
    grouping.SameHousehold,
    TooMany,
)
@groups.writes(201, schemas.GroupPlace)
def join(session: Session, body: dict[str, Any], code: str) -> dict[str, Any]:
    """Take a place with held boxes; again, for as many as are held now 参加拼团"""
    ctx = context.current()
    codes.count_tries(ctx, 1)
    return showing.place(grouping.join(session, ctx, code=code, **body))


@groups.post("/<string:code>/withdrawal")
@groups.problems(grouping.GroupNotFound, GroupStateForbids, grouping.NotInGroup, grouping.PlaceIsPaid)
@groups.writes(200, schemas.Group)
def leave(session: Session, code: str) -> dict[str, Any]:
    """Give a place up before paying; boxes and order stay, at the normal price 退出拼团"""
    left = grouping.leave(session, context.current(), code=code)
    return showing.group(session.get_one(PromotionTerms, left.promotion_id), left)


@mine.get("")
@mine.response(200, schemas.GroupPlaces)
def list_mine() -> dict[str, Any]:
    """One's own places in groups, the newest first 我的拼团"""
    with reading() as session:
        return {"items": showing.mine(session, context.current())}
