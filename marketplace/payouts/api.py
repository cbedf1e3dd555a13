"""Doors of payouts: how each is seen, approved, cancelled, sent, and how it is told what became of it."""

import uuid
from typing import Any

from sqlalchemy.orm import Session

from marketplace import context, paging
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.payments.gateways import GatewayNotOffered
from marketplace.payouts import calls, ending, payouts, schemas, sending
from marketplace.payouts.models import Payout, PayoutCall, PayoutMove
from marketplace.payouts.states import (
    DestinationChanged,
    DestinationMissing,
    DestinationTooNew,
    PayoutNotFound,
    PayoutStateForbids,
    SamePerson,
)

blueprint = Blueprint(
    "payouts", __name__, url_prefix="/payouts", description="Payouts to cooperatives 付款单"
)


@blueprint.get("")
@blueprint.arguments(schemas.PayoutQuery, location="query")
@blueprint.response(200, schemas.PayoutPage)
def list_payouts(query: dict[str, Any]) -> dict[str, Any]:
    """Payouts in pages; a member sees those to its cooperatives 付款单列表"""
    named = (
        Payout.state,
        Payout.purpose,
        Payout.method,
        Payout.currency,
        Payout.purpose_id,
        Payout.cooperative_id,
        Payout.batch_id,
    )
    with reading() as session:
        wanted = paging.only(payouts.visible(context.current()), query, *named)
        return paging.read(session, wanted, Payout.id, **query)


@blueprint.get("/<uuid:payout_id>")
@blueprint.problems(PayoutNotFound)
@blueprint.response(200, schemas.Payout)
def get_payout(payout_id: uuid.UUID) -> Payout:
    """One payout 查询付款单"""
    with reading() as session:
        return payouts.get(session, context.current(), payout_id=payout_id)


@blueprint.get("/<uuid:payout_id>/moves")
@blueprint.problems(PayoutNotFound)
@blueprint.response(200, schemas.PayoutMoves)
def list_moves(payout_id: uuid.UUID) -> dict[str, list[PayoutMove]]:
    """Its steps, each with who took it and why 付款单流转记录"""
    with reading() as session:
        payouts.get(session, context.current(), payout_id=payout_id)
        return {"items": payouts.moves_of(session, payout_id)}


@blueprint.post("/<uuid:payout_id>/approval")
@blueprint.arguments(schemas.ApprovePayout)
@blueprint.problems(
    PayoutNotFound,
    PayoutStateForbids,
    SamePerson,
    payouts.DrafterGone,
    DestinationMissing,
    DestinationChanged,
    DestinationTooNew,
)
@blueprint.writes(200, schemas.Payout)
def approve(session: Session, body: dict[str, Any], payout_id: uuid.UUID) -> Payout:
    """Approve what somebody else drafted, to the destination that you have seen (operators) 批准付款单"""
    return payouts.approve(session, context.current(), payout_id=payout_id, **body)


@blueprint.post("/<uuid:payout_id>/cancellation")
@blueprint.arguments(schemas.GiveReason)
@blueprint.problems(PayoutNotFound, PayoutStateForbids)
@blueprint.writes(200, schemas.Payout)
def cancel(session: Session, body: dict[str, Any], payout_id: uuid.UUID) -> Payout:
    """Cancel a payout that has not been sent (operators) 取消付款单"""
    return payouts.cancel(session, context.current(), payout_id=payout_id, **body)


@blueprint.post("/<uuid:payout_id>/sending")
@blueprint.problems(
    PayoutNotFound,
    PayoutStateForbids,
    sending.SentInBatch,
    DestinationMissing,
    DestinationChanged,
    DestinationTooNew,
    GatewayNotOffered,
)
@blueprint.writes(200, schemas.Payout)
def send(session: Session, payout_id: uuid.UUID) -> Payout:
    """Send an approved payout to the account at the provider (operators) 发起转账"""
    return sending.send(session, context.current(), payout_id=payout_id)


@blueprint.post("/<uuid:payout_id>/reversal")
@blueprint.problems(
    PayoutNotFound, PayoutStateForbids, sending.SentInBatch, sending.ProviderAsked, GatewayNotOffered
)
@blueprint.writes(200, schemas.Payout)
def take_back(session: Session, payout_id: uuid.UUID) -> Payout:
    """Ask a paid transfer back from the provider; it is returned when that is done (operators) 撤回转账"""
    return sending.take_back(session, context.current(), payout_id=payout_id)


@blueprint.post("/<uuid:payout_id>/receipt")
@blueprint.arguments(schemas.MarkPaid)
@blueprint.problems(PayoutNotFound, PayoutStateForbids, sending.SentByProvider, ending.PayoutReceiptBooked)
@blueprint.writes(200, schemas.Payout)
def mark_paid(session: Session, body: dict[str, Any], payout_id: uuid.UUID) -> Payout:
    """Book that the bank has paid it (operators) 登记付款成功"""
    return sending.mark_paid(session, context.current(), payout_id=payout_id, **body)


@blueprint.post("/<uuid:payout_id>/return")
@blueprint.arguments(schemas.GiveReason)
@blueprint.problems(PayoutNotFound, PayoutStateForbids, sending.SentByProvider)
@blueprint.writes(200, schemas.Payout)
def mark_returned(session: Session, body: dict[str, Any], payout_id: uuid.UUID) -> Payout:
    """Book that the bank did not pay it, or that it came back (operators) 登记退回"""
    return sending.mark_returned(session, context.current(), payout_id=payout_id, **body)


@blueprint.get("/<uuid:payout_id>/calls")
@blueprint.problems(PayoutNotFound)
@blueprint.response(200, schemas.PayoutCalls)
def list_calls(payout_id: uuid.UUID) -> dict[str, list[PayoutCall]]:
    """What the provider was asked of it, and how that went (staff) 支付机构请求记录"""
    with reading() as session:
        payouts.get(session, context.current(), payout_id=payout_id)
        return {"items": calls.of_payout(session, payout_id)}
