"""Doors of refunds: what goes back, how far its paying is, and where somebody books that it is paid."""

import uuid
from typing import Any

from sqlalchemy.orm import Session

from marketplace import context, paging
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.payments import repayments, schemas
from marketplace.payments.models import PartRefund, Repayment
from marketplace.payments.repayments import Refund, RefundNotDue, RefundNotFound, RepaymentBooked

blueprint = Blueprint("refunds", __name__, url_prefix="/refunds", description="Refunds 退款")


@blueprint.get("")
@blueprint.arguments(schemas.RefundQuery, location="query")
@blueprint.response(200, schemas.RefundPage)
def list_refunds(query: dict[str, Any]) -> dict[str, Any]:
    """Refunds in pages; those that are `due` wait for somebody to pay them 退款列表"""
    state = query.pop("state")
    with reading() as session:
        statement = paging.only(repayments.visible(context.current()), query, PartRefund.payment_id)
        if state is not None:
            statement = statement.where(Repayment.state == state)
        page = paging.read(session, statement, PartRefund.id, **query)
        return {**page, "items": repayments.all_shown(session, page["items"])}


@blueprint.get("/<uuid:refund_id>")
@blueprint.problems(RefundNotFound)
@blueprint.response(200, schemas.Refund)
def get_refund(refund_id: uuid.UUID) -> Refund:
    """One refund 查询退款"""
    with reading() as session:
        return repayments.get(session, context.current(), refund_id=refund_id)


@blueprint.post("/<uuid:refund_id>/payments")
@blueprint.arguments(schemas.BookRepayment)
@blueprint.problems(RefundNotFound, RefundNotDue, RepaymentBooked)
@blueprint.writes(200, schemas.Refund)
def book_payment(session: Session, body: dict[str, Any], refund_id: uuid.UUID) -> Refund:
    """Book that a refund has been paid by other means than its gateway (operators) 登记退款支付"""
    return repayments.book(session, context.current(), refund_id=refund_id, **body)
