"""Doors of pledges: put up, invited, offered, answered, raised, taken back; and what stands where."""

import uuid
from typing import Any, Final

from sqlalchemy.orm import Session

from campaigns import planning
from campaigns.pledges import pledging, schemas, showing
from campaigns.pledges.models import Pledge
from campaigns.pledges.rules import PledgeBoxesNeeded
from campaigns.pledges.states import PledgeStateForbids
from campaigns.schemas import CampaignPledge, PledgeBoxes
from campaigns.states import CampaignStateForbids
from inventory import lots, pools
from inventory.capacity import forecasts
from inventory.capacity.pledging import CapacityDoesNotFit
from inventory.capacity.promises import CapacityExceeded
from marketplace import context, errors, paging
from marketplace.catalogue.cooperatives import CooperativeNotFound
from marketplace.database import reading
from marketplace.door import Blueprint

of_campaigns = Blueprint(
    "campaign_pledges", __name__, url_prefix="/campaigns", description="Campaigns' pledges 活动承诺货源"
)
pledges = Blueprint("pledges", __name__, url_prefix="/pledges", description="Cooperatives' pledges 承诺货源")

BEGINNING: Final[tuple[type[errors.Refusal], ...]] = (
    planning.CampaignNotFound,
    planning.ItemNotFound,
    CooperativeNotFound,
    pledging.ForeignPledge,
    CampaignStateForbids,
)
FILLING: Final[tuple[type[errors.Refusal], ...]] = (
    lots.NotEnoughInStore,
    forecasts.CapacityNotFound,
    forecasts.CapacityClosed,
    CapacityExceeded,
    CapacityDoesNotFit,
    pledging.HarvestUnplanned,
)
ANSWERING: Final[tuple[type[errors.Refusal], ...]] = (
    pledging.PledgeNotFound,
    errors.Forbidden,
    PledgeStateForbids,
    CampaignStateForbids,
    pledging.PledgeTooLate,
)


@of_campaigns.get("/<uuid:campaign_id>/pledges")
@of_campaigns.problems(planning.CampaignNotFound)
@of_campaigns.response(200, schemas.CampaignPledges)
def show(campaign_id: uuid.UUID) -> dict[str, Any]:
    """What is pledged, sold and free, item by item; members see their own cooperative's part 货源一览"""
    with reading() as session:
        return {"items": showing.of_campaign(session, context.current(), campaign_id=campaign_id)}


@of_campaigns.post("/<uuid:campaign_id>/pledges")
@of_campaigns.arguments(PledgeBoxes)
@of_campaigns.problems(*BEGINNING, lots.NotEnoughInStore)
@of_campaigns.writes(201, CampaignPledge, location=lambda made: f"/v1/pledges/{made['pledge'].id}")
def put_up(session: Session, body: dict[str, Any], campaign_id: uuid.UUID) -> dict[str, Any]:
    """Put a cooperative's stored boxes up for an item, at once 承诺货源"""
    ctx = context.current()
    pledge, placed = pledging.put_up(session, ctx, campaign_id=campaign_id, **body)
    item = planning.item_of(planning.get(session, ctx, campaign_id=campaign_id), pledge.item_id)
    pool = pools.get(session, pool_id=item.pool_id)
    return {"pledge": pledge, "hold_ids": [each.id for each in placed], "pool": pool}


@of_campaigns.post("/<uuid:campaign_id>/pledge-invitations")
@of_campaigns.arguments(schemas.InvitePledge)
@of_campaigns.problems(*BEGINNING, pledging.PledgeOpen, pledging.AnswerDueInThePast)
@of_campaigns.writes(201, schemas.Pledge, location=lambda made: f"/v1/pledges/{made.id}")
def invite(session: Session, body: dict[str, Any], campaign_id: uuid.UUID) -> Pledge:
    """Ask a cooperative for so many boxes of an item 邀请供货"""
    return pledging.invite(session, context.current(), campaign_id=campaign_id, **body)


@of_campaigns.post("/<uuid:campaign_id>/pledge-offers")
@of_campaigns.arguments(schemas.OfferPledge)
@of_campaigns.problems(*BEGINNING, pledging.PledgeOpen, forecasts.CapacityNotFound, pledging.HarvestUnplanned)
@of_campaigns.writes(201, schemas.Pledge, location=lambda made: f"/v1/pledges/{made.id}")
def offer(session: Session, body: dict[str, Any], campaign_id: uuid.UUID) -> Pledge:
    """Offer boxes in store or of a forecast; an operator answers 提供货源"""
    return pledging.offer(session, context.current(), campaign_id=campaign_id, **body)


@pledges.get("")
@pledges.arguments(schemas.PledgeQuery, location="query")
@pledges.response(200, schemas.PledgePage)
def list_pledges(query: dict[str, Any]) -> dict[str, Any]:
    """One's cooperatives' pledges; staff see everybody's 承诺货源列表"""
    every = pledging.visible(context.current().actor)
    statement = paging.only(every, query, Pledge.campaign_id, Pledge.state)
    with reading() as session:
        return paging.read(session, statement, Pledge.id, **query)


@pledges.get("/<uuid:pledge_id>")
@pledges.problems(pledging.PledgeNotFound)
@pledges.response(200, schemas.Pledge)
def get_pledge(pledge_id: uuid.UUID) -> Pledge:
    """One pledge 查询承诺货源"""
    with reading() as session:
        return pledging.get(session, context.current(), pledge_id=pledge_id)


@pledges.get("/<uuid:pledge_id>/moves")
@pledges.problems(pledging.PledgeNotFound)
@pledges.response(200, schemas.PledgeMoves)
def list_moves(pledge_id: uuid.UUID) -> dict[str, Any]:
    """Everything that happened to it, with who and why 承诺货源变更记录"""
    with reading() as session:
        return {"items": showing.moves_of(session, context.current(), pledge_id=pledge_id)}


@pledges.post("/<uuid:pledge_id>/acceptance")
@pledges.arguments(schemas.AcceptPledge)
@pledges.problems(*ANSWERING, *FILLING, pledging.MoreThanWanted)
@pledges.writes(200, schemas.Pledge)
def accept(session: Session, body: dict[str, Any], pledge_id: uuid.UUID) -> Pledge:
    """Say yes to all or some: the cooperative to an invitation, an operator to an offer 接受"""
    return pledging.accept(session, context.current(), pledge_id=pledge_id, **body)


@pledges.post("/<uuid:pledge_id>/refusal")
@pledges.arguments(schemas.DeclinePledge)
@pledges.problems(*ANSWERING)
@pledges.writes(200, schemas.Pledge)
def decline(session: Session, body: dict[str, Any], pledge_id: uuid.UUID) -> Pledge:
    """Say no: the cooperative to an invitation, an operator to an offer 拒绝"""
    return pledging.decline(session, context.current(), pledge_id=pledge_id, **body)


@pledges.post("/<uuid:pledge_id>/raise")
@pledges.arguments(schemas.RaisePledge)
@pledges.problems(pledging.PledgeNotFound, PledgeStateForbids, CampaignStateForbids, *FILLING)
@pledges.writes(200, schemas.Pledge)
def add(session: Session, body: dict[str, Any], pledge_id: uuid.UUID) -> Pledge:
    """Put up more boxes of the same lots or forecast 追加"""
    return pledging.add(session, context.current(), pledge_id=pledge_id, **body)


@pledges.post("/<uuid:pledge_id>/withdrawal")
@pledges.arguments(schemas.WithdrawPledge)
@pledges.problems(pledging.PledgeNotFound, PledgeStateForbids, CampaignStateForbids, PledgeBoxesNeeded)
@pledges.writes(200, schemas.Pledge)
def withdraw(session: Session, body: dict[str, Any], pledge_id: uuid.UUID) -> Pledge:
    """Take boxes back that nobody holds, bought or was promised 撤回"""
    return pledging.withdraw(session, context.current(), pledge_id=pledge_id, **body)
