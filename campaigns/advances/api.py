"""Doors of advances: what may be advanced now, asked, granted, refused; their terms; the exposure of cooperatives."""

import uuid
from typing import Any, Final

from sqlalchemy.orm import Session

from campaigns import planning
from campaigns.advances import asking, exposing, gathering, schemas
from campaigns.planning import CampaignNotFound
from campaigns.states import CampaignStateForbids
from marketplace import context, paging
from marketplace.catalogue.cooperatives import CooperativeNotFound
from marketplace.catalogue.models import Cooperative
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.limits import limited
from marketplace.payouts.states import SamePerson
from orders.settlements.advance_models import Advance
from orders.settlements.advance_states import AdvanceStateForbids
from orders.settlements.advances import AdvanceTooHigh
from orders.settlements.advances_kept import AdvanceNotFound

of_campaigns = Blueprint(
    "campaign_advances", __name__, url_prefix="/campaigns", description="Advances on campaigns 活动预付款"
)
advances = Blueprint("advances", __name__, url_prefix="/advances", description="Advances 预付款")
exposures = Blueprint(
    "advance_exposures", __name__, url_prefix="/advance-exposures", description="Exposure 预付款敞口"
)
BLUEPRINTS: Final = (of_campaigns, advances, exposures)

OFFERED_PER_MINUTE: Final = "60 per minute"
"""All orders of a campaign are looked through for an offer."""


@of_campaigns.get("/<uuid:campaign_id>/advance-offers")
@limited(OFFERED_PER_MINUTE, per="actor")
@of_campaigns.arguments(schemas.OfferQuery, location="query")
@of_campaigns.problems(CampaignNotFound)
@of_campaigns.response(200, schemas.AdvanceOffers)
def list_offers(query: dict[str, Any], campaign_id: uuid.UUID) -> dict[str, Any]:
    """What may be advanced now, what decides, and the sum to check it; members see their own 可预付额度"""
    with reading() as session:
        return {"items": asking.offers(session, context.current(), campaign_id=campaign_id, **query)}


@of_campaigns.post("/<uuid:campaign_id>/advances")
@of_campaigns.arguments(schemas.AskAdvance)
@of_campaigns.problems(
    CampaignNotFound,
    CooperativeNotFound,
    CampaignStateForbids,
    asking.NothingSold,
    AdvanceTooHigh,
    asking.AdvanceOpen,
)
@of_campaigns.writes(201, schemas.Advance, location=lambda made: f"/v1/advances/{made.id}")
def ask(session: Session, body: dict[str, Any], campaign_id: uuid.UUID) -> Advance:
    """Ask for money on boxes of one's cooperative before they are settled 申请预付款"""
    return asking.ask(session, context.current(), campaign_id=campaign_id, **body)


@of_campaigns.get("/<uuid:campaign_id>/advance-terms")
@of_campaigns.problems(CampaignNotFound)
@of_campaigns.response(200, schemas.AdvanceTerms)
def get_terms(campaign_id: uuid.UUID) -> gathering.Terms:
    """On which terms its boxes are advanced 预付款条件"""
    with reading() as session:
        planning.get(session, context.current(), campaign_id=campaign_id)
        return gathering.terms_of(session, [campaign_id])[campaign_id]


@of_campaigns.put("/<uuid:campaign_id>/advance-terms")
@of_campaigns.arguments(schemas.SetAdvanceTerms)
@of_campaigns.problems(CampaignNotFound, asking.TermsNotWhole)
@of_campaigns.writes(200, schemas.AdvanceTerms)
def set_terms(session: Session, body: dict[str, Any], campaign_id: uuid.UUID) -> gathering.Terms:
    """Set which part each step makes due, and which part of the fruit's price is trusted 设置预付款条件"""
    steps = {name: body[f"{name}_permille"] for name in ("confirmation", "intake", "delivery", "factor")}
    return asking.set_terms(
        session,
        context.current(),
        campaign_id=campaign_id,
        clearing_days=body["clearing_days"],
        **steps,
    )


@advances.get("")
@advances.arguments(schemas.AdvanceQuery, location="query")
@advances.response(200, schemas.AdvancePage)
def list_advances(query: dict[str, Any]) -> dict[str, Any]:
    """One's cooperatives' advances, all for staff 预付款列表"""
    campaign_id = query.pop("campaign_id")
    statement = paging.only(asking.visible(context.current()), query, Advance.cooperative_id, Advance.state)
    if campaign_id is not None:
        statement = statement.where(Advance.purpose_id == campaign_id)
    with reading() as session:
        return paging.read(session, statement, Advance.id, **query)


@advances.get("/<uuid:advance_id>")
@advances.problems(AdvanceNotFound)
@advances.response(200, schemas.Advance)
def get_advance(advance_id: uuid.UUID) -> Advance:
    """One advance 查询预付款"""
    with reading() as session:
        return asking.get(session, context.current(), advance_id=advance_id)


@advances.get("/<uuid:advance_id>/lines")
@advances.problems(AdvanceNotFound)
@advances.response(200, schemas.AdvanceLines)
def list_lines(advance_id: uuid.UUID) -> dict[str, Any]:
    """What was paid of it and repaid, line by line 预付款明细"""
    with reading() as session:
        return {"items": asking.lines_of(session, context.current(), advance_id=advance_id)}


@advances.post("/<uuid:advance_id>/grant")
@advances.arguments(schemas.GrantAdvance)
@advances.problems(
    AdvanceNotFound,
    AdvanceStateForbids,
    SamePerson,
    CampaignStateForbids,
    asking.NothingSold,
    AdvanceTooHigh,
)
@advances.writes(200, schemas.Advance)
def grant(session: Session, body: dict[str, Any], advance_id: uuid.UUID) -> Advance:
    """Grant all of it or less; its payout is drafted and waits for a second person 批准预付款"""
    return asking.grant(session, context.current(), advance_id=advance_id, **body)


@advances.post("/<uuid:advance_id>/refusal")
@advances.arguments(schemas.RefuseAdvance)
@advances.problems(AdvanceNotFound, AdvanceStateForbids)
@advances.writes(200, schemas.Advance)
def refuse(session: Session, body: dict[str, Any], advance_id: uuid.UUID) -> Advance:
    """Refuse it, with a reason in both languages 拒绝预付款"""
    return asking.refuse(session, context.current(), advance_id=advance_id, **body)


@advances.post("/<uuid:advance_id>/cancellation")
@advances.problems(AdvanceNotFound, AdvanceStateForbids)
@advances.writes(200, schemas.Advance)
def cancel(session: Session, advance_id: uuid.UUID) -> Advance:
    """Take back what was asked for, before it is granted 撤回申请"""
    return asking.cancel(session, context.current(), advance_id=advance_id)


@exposures.get("")
@exposures.arguments(schemas.ExposureQuery, location="query")
@exposures.response(200, schemas.ExposurePage)
def list_exposures(query: dict[str, Any]) -> dict[str, Any]:
    """What each cooperative has outstanding and owes, less what is held; one's own, all for staff 预付款敞口"""
    statement = paging.only(exposing.visible(context.current()), query, Cooperative.county_id)
    with reading() as session:
        page = paging.read(session, statement, Cooperative.id, **query)
        return {**page, "items": exposing.of(session, page["items"])}
