"""Doors of allocations: what cooperatives are asked for, their answers, the runs and why they came out so."""

import uuid
from typing import Any, Final

from sqlalchemy.orm import Session

from campaigns import planning
from campaigns.allotting import allotting, schemas, showing, supplying
from campaigns.allotting.models import Commitment
from campaigns.allotting.rules import CommitmentStateForbids
from campaigns.states import CampaignStateForbids
from marketplace import context, errors, paging
from marketplace.database import reading
from marketplace.door import Blueprint
from orders.answers import AnswerTooLate
from orders.schemas import Explanation

commitments = Blueprint(
    "commitments", __name__, url_prefix="/commitments", description="Cooperatives' commitments 供货承诺"
)
allocations = Blueprint(
    "campaign_allocations", __name__, url_prefix="/campaigns", description="Campaigns' allocation 活动分配"
)
runs = Blueprint("allotment_runs", __name__, url_prefix="/allotment-runs", description="Runs 活动分配记录")

REFUSED_ANSWERS: Final[tuple[type[errors.Refusal], ...]] = (
    allotting.CommitmentNotFound,
    CommitmentStateForbids,
    CampaignStateForbids,
    AnswerTooLate,
)


@commitments.get("")
@commitments.arguments(schemas.CommitmentQuery, location="query")
@commitments.response(200, schemas.CommitmentPage)
def list_commitments(query: dict[str, Any]) -> dict[str, Any]:
    """One's cooperatives' commitments; staff see everybody's 供货承诺列表"""
    statement = paging.only(allotting.visible(context.current()), query, Commitment.campaign_id)
    with reading() as session:
        return paging.read(session, statement, Commitment.id, **query)


@commitments.get("/<uuid:commitment_id>")
@commitments.problems(allotting.CommitmentNotFound)
@commitments.response(200, schemas.Commitment)
def get_commitment(commitment_id: uuid.UUID) -> Commitment:
    """One commitment 查询供货承诺"""
    with reading() as session:
        return allotting.get(session, context.current(), commitment_id=commitment_id)


@commitments.post("/<uuid:commitment_id>/confirmation")
@commitments.arguments(schemas.ConfirmCommitment)
@commitments.problems(*REFUSED_ANSWERS, allotting.MoreThanItsCommitment)
@commitments.writes(200, schemas.Commitment)
def confirm(session: Session, body: dict[str, Any], commitment_id: uuid.UUID) -> Commitment:
    """Promise to supply the boxes, or so many of them; others are asked for the rest 确认供货"""
    return allotting.answer(session, context.current(), commitment_id=commitment_id, **body)


@commitments.post("/<uuid:commitment_id>/refusal")
@commitments.arguments(schemas.DeclineCommitment)
@commitments.problems(*REFUSED_ANSWERS)
@commitments.writes(200, schemas.Commitment)
def decline(session: Session, body: dict[str, Any], commitment_id: uuid.UUID) -> Commitment:
    """Refuse; others are asked for the boxes 拒绝供货"""
    return allotting.answer(session, context.current(), commitment_id=commitment_id, boxes=0, **body)


@commitments.get("/<uuid:commitment_id>/supplies")
@commitments.arguments(paging.Query, location="query")
@commitments.problems(allotting.CommitmentNotFound)
@commitments.response(200, schemas.SupplyPage)
def list_supplies(query: dict[str, Any], commitment_id: uuid.UUID) -> dict[str, Any]:
    """Which orders the cooperative supplies of the commitment's item, once all are confirmed 供货订单明细"""
    with reading() as session:
        return supplying.page(session, context.current(), commitment_id=commitment_id, **query)


@allocations.get("/<uuid:campaign_id>/allocation")
@allocations.problems(planning.CampaignNotFound, allotting.AllocationNotFound)
@allocations.response(200, schemas.CampaignAllocation)
def get_allocation(campaign_id: uuid.UUID) -> dict[str, Any]:
    """How a campaign's sold boxes are split, and where each item stands 活动分配"""
    with reading() as session:
        return showing.overview(session, context.current(), campaign_id=campaign_id)


@runs.get("/<uuid:run_id>")
@runs.problems(showing.AllotmentRunNotFound)
@runs.response(200, schemas.AllotmentRun)
def get_run(run_id: uuid.UUID) -> dict[str, Any]:
    """A run's inputs, result, digest and certificate 查询分配"""
    with reading() as session:
        return showing.run(session, context.current(), run_id=run_id)


@runs.get("/<uuid:run_id>/explanations/<string:code>")
@runs.problems(showing.AllotmentRunNotFound, showing.NotInAllotment)
@runs.response(200, Explanation)
def explain(run_id: uuid.UUID, code: str) -> dict[str, Any]:
    """Why a cooperative is asked for so many boxes, with the sum to redo on paper 份额说明"""
    with reading() as session:
        return showing.explanation(session, context.current(), run_id=run_id, code=code)
