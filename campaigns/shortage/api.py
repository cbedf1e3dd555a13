"""Doors of shortages: operators start, read and close, cooperatives answer offers, buyers choose."""

import uuid
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns.planning import CampaignNotFound
from campaigns.pledges.pledging import ForeignPledge
from campaigns.shortage import (
    cases,
    closing,
    electing,
    later_lot_rules,
    offering,
    opening,
    schemas,
    waiting,
)
from campaigns.shortage.models import Shortage, ShortageCut, ShortageOffer, ShortageStanding, ShortageWait
from campaigns.shortage.rules import Cause
from campaigns.shortage.states import OfferAnswered, ShortageStateForbids
from campaigns.states import CampaignStateForbids
from inventory.lots import NotEnoughInStore
from marketplace import context, paging
from marketplace.catalogue.cooperatives import CooperativeNotFound
from marketplace.database import reading
from marketplace.door import Blueprint
from orders.bulk import OrderNotFound

starts = Blueprint("campaign_shortages", __name__, url_prefix="/campaigns", description="Shortages 缺货处理")
blueprint = Blueprint("shortages", __name__, url_prefix="/shortages", description="Shortages 缺货处理")
offers = Blueprint(
    "shortage_offers", __name__, url_prefix="/shortage-offers", description="Offers to neighbours 补货邀约"
)
standings = Blueprint(
    "shortage_standings",
    __name__,
    url_prefix="/shortage-standings",
    description="Who lacks how much 各社缺货情况",
)
elections = Blueprint("elections", __name__, url_prefix="/orders", description="Buyers' choices 买家选择")


@starts.post("/<uuid:campaign_id>/shortages")
@starts.arguments(schemas.StartShortage)
@starts.problems(
    CampaignNotFound,
    CampaignStateForbids,
    opening.EvidenceMissing,
    later_lot_rules.LaterLotDay,
    opening.NotShort,
)
@starts.writes(201, schemas.Shortages)
def start(session: Session, body: dict[str, Any], campaign_id: uuid.UUID) -> dict[str, Any]:
    """Open a shortage for each item that lacks boxes, from the harvest on; open ones grow 启动缺货处理"""
    terms = opening.Terms(cause=Cause(body.pop("cause")), **body)
    return {"items": opening.start(session, context.current(), campaign_id=campaign_id, terms=terms)}


@blueprint.get("")
@blueprint.arguments(schemas.ShortageQuery, location="query")
@blueprint.response(200, schemas.ShortagePage)
def list_shortages(query: dict[str, Any]) -> dict[str, Any]:
    """Shortages in pages 缺货处理列表"""
    statement = paging.only(select(Shortage), query, Shortage.state, Shortage.campaign_id)
    with reading() as session:
        return paging.read(session, statement, Shortage.id, **query)


@blueprint.get("/<uuid:shortage_id>")
@blueprint.problems(cases.ShortageNotFound)
@blueprint.response(200, schemas.ShownShortage)
def get_shortage(shortage_id: uuid.UUID) -> dict[str, Any]:
    """One shortage: who lacks what and carries what, the offers, and the run to be replayed 查询缺货处理"""
    with reading() as session:
        shortage = cases.get(session, shortage_id=shortage_id)
        return {
            "shortage": shortage,
            "standings": [schemas.told(shortage, each) for each in shortage.standings],
            "offers": list(shortage.offers),
            "run": {"problem": shortage.problem, "result": shortage.result},
        }


@blueprint.get("/<uuid:shortage_id>/cuts")
@blueprint.arguments(paging.Query, location="query")
@blueprint.problems(cases.ShortageNotFound)
@blueprint.response(200, schemas.CutPage)
def list_cuts(query: dict[str, Any], shortage_id: uuid.UUID) -> dict[str, Any]:
    """What became of each order, with its reason and what goes back 各订单结果"""
    statement = select(ShortageCut).where(ShortageCut.shortage_id == shortage_id)
    with reading() as session:
        cases.get(session, shortage_id=shortage_id)
        return paging.read(session, statement, ShortageCut.id, **query)


@blueprint.put("/<uuid:shortage_id>/cause")
@blueprint.arguments(schemas.SetCause)
@blueprint.problems(
    cases.ShortageNotFound, CampaignStateForbids, ShortageStateForbids, opening.EvidenceMissing
)
@blueprint.writes(200, schemas.Shortage)
def set_cause(session: Session, body: dict[str, Any], shortage_id: uuid.UUID) -> Shortage:
    """Say why the fruit is missing, before the cut 登记缺货原因"""
    return opening.set_cause(session, context.current(), shortage_id=shortage_id, **body)


@blueprint.put("/<uuid:shortage_id>/later-lot")
@blueprint.arguments(schemas.SetLaterLot)
@blueprint.problems(
    cases.ShortageNotFound,
    CampaignStateForbids,
    ShortageStateForbids,
    waiting.LaterLotTold,
    later_lot_rules.LaterLotDay,
)
@blueprint.writes(200, schemas.Shortage)
def set_later_lot(session: Session, body: dict[str, Any], shortage_id: uuid.UUID) -> Shortage:
    """Say by when a later lot comes: from then on buyers may wait for it 登记后续批次日期"""
    return waiting.set_later_lot(session, context.current(), shortage_id=shortage_id, **body)


@blueprint.get("/<uuid:shortage_id>/waits")
@blueprint.arguments(paging.Query, location="query")
@blueprint.problems(cases.ShortageNotFound)
@blueprint.response(200, schemas.WaitPage)
def list_waits(query: dict[str, Any], shortage_id: uuid.UUID) -> dict[str, Any]:
    """Who waits for a later lot, in which place, and until when 等待后续批次的订单"""
    statement = select(ShortageWait).where(ShortageWait.shortage_id == shortage_id)
    with reading() as session:
        cases.get(session, shortage_id=shortage_id)
        return paging.read(session, statement, ShortageWait.id, **query)


@blueprint.post("/<uuid:shortage_id>/servings")
@blueprint.arguments(schemas.ServeWaits)
@blueprint.problems(
    cases.ShortageNotFound,
    CampaignStateForbids,
    CooperativeNotFound,
    ForeignPledge,
    waiting.NobodyServed,
    NotEnoughInStore,
)
@blueprint.writes(201, schemas.ShortageWaits)
def serve(session: Session, body: dict[str, Any], shortage_id: uuid.UUID) -> dict[str, Any]:
    """The later lot is there: whoever is first in line is served 后续批次到货"""
    return {"items": waiting.serve(session, context.current(), shortage_id=shortage_id, **body)}


@blueprint.post("/<uuid:shortage_id>/close")
@blueprint.problems(cases.ShortageNotFound, CampaignStateForbids, ShortageStateForbids, closing.ElectionRuns)
@blueprint.writes(200, schemas.Shortage)
def close(session: Session, shortage_id: uuid.UUID) -> Shortage:
    """End the asking of neighbours; or cut, once the buyers' time is over 结束当前阶段"""
    return closing.close(session, context.current(), shortage_id=shortage_id)


@offers.get("")
@offers.arguments(schemas.OfferQuery, location="query")
@offers.response(200, schemas.OfferPage)
def list_offers(query: dict[str, Any]) -> dict[str, Any]:
    """Offers in pages: a member's own cooperative's, all for staff 补货邀约列表"""
    statement = paging.only(cases.visible_offers(context.current().actor), query, ShortageOffer.state)
    with reading() as session:
        return paging.read(session, statement, ShortageOffer.id, **query)


@offers.post("/<uuid:offer_id>/accept")
@offers.arguments(schemas.AcceptOffer)
@offers.problems(
    cases.OfferNotFound,
    CampaignStateForbids,
    OfferAnswered,
    offering.OfferTooLate,
    offering.MoreThanOffered,
    NotEnoughInStore,
)
@offers.writes(200, schemas.ShortageOffer)
def accept(session: Session, body: dict[str, Any], offer_id: uuid.UUID) -> ShortageOffer:
    """Give what was asked for, or some of it 接受补货"""
    return offering.accept(session, context.current(), offer_id=offer_id, **body)


@offers.post("/<uuid:offer_id>/decline")
@offers.problems(cases.OfferNotFound, CampaignStateForbids, OfferAnswered, offering.OfferTooLate)
@offers.writes(200, schemas.ShortageOffer)
def decline(session: Session, offer_id: uuid.UUID) -> ShortageOffer:
    """Give nothing 谢绝补货"""
    return offering.decline(session, context.current(), offer_id=offer_id)


@standings.get("")
@standings.arguments(paging.Query, location="query")
@standings.response(200, schemas.StandingPage)
def list_standings(query: dict[str, Any]) -> dict[str, Any]:
    """What a cooperative pledged, has and carries, with the reason: one's own, all for staff 缺货承担"""
    statement = cases.visible_standings(context.current().actor)
    with reading() as session:
        page = paging.read(session, statement, ShortageStanding.id, **query)
        shown = [schemas.told(session.get_one(Shortage, each.shortage_id), each) for each in page["items"]]
        return {**page, "items": shown}


@elections.get("/<uuid:order_id>/election")
@elections.problems(OrderNotFound, electing.NoElection)
@elections.response(200, schemas.Election)
def get_election(order_id: uuid.UUID) -> electing.Election:
    """What may be chosen for an order, what was, and what came of it 查询选择"""
    with reading() as session:
        return electing.get(session, context.current(), order_id=order_id)


@elections.post("/<uuid:order_id>/election")
@elections.arguments(schemas.ChooseElection)
@elections.problems(
    OrderNotFound,
    electing.NoElection,
    electing.ElectionClosed,
    electing.ChoiceNotOffered,
    electing.NotFewer,
    electing.OtherItemMissing,
    electing.OtherItemGone,
)
@elections.writes(200, schemas.Election)
def elect(session: Session, body: dict[str, Any], order_id: uuid.UUID) -> electing.Election:
    """Choose: fewer boxes, the money back, a later lot, another grade; the last choice counts 提交选择"""
    return electing.elect(session, context.current(), order_id=order_id, choosing=electing.Choosing(**body))


BLUEPRINTS = (starts, blueprint, offers, standings, elections)
