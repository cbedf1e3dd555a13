"""Doors of what is drawn on sponsors' pools: by players, by whoever has a gift's code."""

import uuid
from typing import Any

from sqlalchemy.orm import Session

from inventory.holds import SoldOut
from marketplace import context, paging
from marketplace.addresses.addresses import AddressNotFound
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.identity.accounts import AccountNotFound
from marketplace.limits import limited
from marketplace.payments import payments
from orders.models import Order
from orders.sponsoring import drawing, gifting, schemas
from orders.sponsoring.models import SponsorDraw
from orders.sponsoring.sponsorships import SponsorshipNotFound
from orders.sponsoring.states import DrawStateForbids, SponsorshipStateForbids

pools = Blueprint(
    "sponsor_pools", __name__, url_prefix="/sponsorships", description="Sponsors' pools 赞助货源"
)
draws = Blueprint("draws", __name__, url_prefix="/draws", description="Draws on sponsors' pools 赞助货源提取")
gifts = Blueprint("gifts", __name__, url_prefix="/gift-claims", description="Gifts 礼品")

OPEN_POOL = (SponsorshipNotFound, SponsorshipStateForbids, drawing.DrawsOver, drawing.DrawTooLong, SoldOut)


@pools.post("/<uuid:sponsorship_id>/draws")
@pools.arguments(schemas.DrawBoxes)
@pools.problems(*OPEN_POOL, AccountNotFound)
@pools.writes(201, schemas.Draw, location=lambda made: f"/v1/draws/{made.id}")
def reserve(session: Session, body: dict[str, Any], sponsorship_id: uuid.UUID) -> SponsorDraw:
    """Hold boxes of the pool for a player 为用户保留箱数"""
    return drawing.reserve(session, context.current(), sponsorship_id=sponsorship_id, **body)


@pools.post("/<uuid:sponsorship_id>/gifts")
@pools.arguments(schemas.GiveBoxes)
@pools.problems(*OPEN_POOL)
@pools.writes(201, schemas.GivenDraw, key=False, location=lambda made: f"/v1/draws/{made['draw'].id}")
def give(session: Session, body: dict[str, Any], sponsorship_id: uuid.UUID) -> dict[str, Any]:
    """Make a gift of boxes; its code is shown this once, so the answer is stored nowhere 生成礼品码"""
    gift, code = gifting.give(session, context.current(), sponsorship_id=sponsorship_id, **body)
    return {"draw": gift, "code": code}


@draws.get("")
@draws.arguments(schemas.DrawQuery, location="query")
@draws.response(200, schemas.DrawPage)
def list_draws(query: dict[str, Any]) -> dict[str, Any]:
    """One's own draws, a sponsor's of its pools, all for staff 提取列表"""
    columns = (SponsorDraw.state, SponsorDraw.kind, SponsorDraw.sponsorship_id)
    statement = paging.only(drawing.visible(context.current()), query, *columns)
    with reading() as session:
        return paging.read(session, statement, SponsorDraw.id, **query)


@draws.get("/<uuid:draw_id>")
@draws.problems(drawing.DrawNotFound)
@draws.response(200, schemas.Draw)
def get_draw(draw_id: uuid.UUID) -> SponsorDraw:
    """One draw 查询提取"""
    with reading() as session:
        return drawing.get(session, context.current(), draw_id=draw_id)


@draws.post("/<uuid:draw_id>/redemption")
@draws.arguments(schemas.RedeemDraw)
@draws.problems(drawing.DrawNotFound, DrawStateForbids, drawing.DrawExpired, AddressNotFound)
@draws.writes(200, schemas.OrderedDraw)
def redeem(session: Session, body: dict[str, Any], draw_id: uuid.UUID) -> dict[str, Any]:
    """Order one's boxes to an address; a token amount may be due 兑换并选择地址"""
    return _ordered(session, drawing.redeem(session, context.current(), draw_id=draw_id, **body))


@draws.post("/<uuid:draw_id>/release")
@draws.problems(drawing.DrawNotFound, DrawStateForbids)
@draws.writes(200, schemas.Draw)
def release(session: Session, draw_id: uuid.UUID) -> SponsorDraw:
    """Give the boxes back to the pool 退回货源"""
    return drawing.release(session, context.current(), draw_id=draw_id)


@gifts.post("")
@limited("10 per minute", per="actor")
@gifts.arguments(schemas.ClaimGift)
@gifts.problems(gifting.GiftNotFound, drawing.DrawExpired, AddressNotFound)
@gifts.writes(200, schemas.OrderedDraw)
def claim(session: Session, body: dict[str, Any]) -> dict[str, Any]:
    """Claim a gift by its code, to an address of one's own 凭码领取礼品"""
    return _ordered(session, gifting.claim(session, context.current(), **body))


def _ordered(session: Session, draw: SponsorDraw) -> dict[str, Any]:
    assert draw.order_id is not None, "it was ordered a moment ago"
    order = session.get_one(Order, draw.order_id)
    payment = payments.find_by_order(session, draw.order_id)
    return {
        "draw": draw,
        "total_minor": order.total_minor,
        "payment_id": None if payment is None else payment.id,
        "version": draw.version,
    }


BLUEPRINTS = (pools, draws, gifts)
