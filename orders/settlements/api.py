"""Doors of settlements: read, proposed, objected to, accepted, answered, paid; as page, table and paper."""

import uuid
from typing import Any, Final

from flask import Response
from sqlalchemy.orm import Session

from marketplace import context, errors, paging
from marketplace.catalogue.cooperatives import CooperativeNotFound
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.ledger.ledger import FloorBroken
from marketplace.limits import limited
from marketplace.payouts.models import Payout
from marketplace.payouts.schemas import Payout as PayoutShape
from marketplace.payouts.states import NothingToPayOut, PayoutRunning
from orders.schemas import Because
from orders.settlements import (
    journal,
    json_form,
    late_refunds,
    pay_sheet,
    paying,
    releasing,
    schemas,
    settling,
    shown,
)
from orders.settlements.drafting import RetentionInThePast
from orders.settlements.facts import Delivery
from orders.settlements.journal import StatementNotProved
from orders.settlements.kept import AccountInUse
from orders.settlements.models import LateRefund, Settlement
from orders.settlements.pay_sheet import Grower, GrowersDoNotMatch, GrowersNotAllowed, Sheet
from orders.settlements.settling import NothingToRelease, SettlementNotFound
from orders.settlements.states import SettlementStateForbids

blueprint = Blueprint(
    "settlements",
    __name__,
    url_prefix="/settlements",
    description="What cooperatives earned and are paid 合作社结算",
    template_folder="templates",
)

MOVING: Final[tuple[type[errors.Refusal], ...]] = (SettlementNotFound, SettlementStateForbids)


@blueprint.get("")
@blueprint.arguments(schemas.SettlementQuery, location="query")
@blueprint.response(200, schemas.SettlementPage)
def list_settlements(query: dict[str, Any]) -> dict[str, Any]:
    """Those of one's cooperatives from the proposal on, all for staff 结算单列表"""
    columns = (
        Settlement.kind,
        Settlement.campaign_id,
        Settlement.cooperative_id,
        Settlement.currency,
        Settlement.state,
    )
    statement = paging.only(settling.visible(context.current()), query, *columns)
    with reading() as session:
        return paging.read(session, statement, Settlement.id, **query)


@blueprint.post("/releases")
@blueprint.arguments(schemas.ReleaseRetention)
@blueprint.problems(CooperativeNotFound, AccountInUse, NothingToRelease, StatementNotProved)
@blueprint.writes(201, schemas.Settlement, location=lambda made: f"/v1/settlements/{made.id}")
def draft_release(session: Session, body: dict[str, Any]) -> Settlement:
    """Compute what of a cooperative's retention is released; it is proposed next (operators) 生成质保金释放单"""
    return releasing.draft(session, context.current(), **body)


@blueprint.get("/<uuid:settlement_id>")
@blueprint.problems(SettlementNotFound)
@blueprint.response(200, schemas.Settlement)
def get_settlement(settlement_id: uuid.UUID) -> Settlement:
    """One settlement 查询结算单"""
    with reading() as session:
        return _own(session, settlement_id)


@blueprint.get("/<uuid:settlement_id>/statement")
@blueprint.problems(SettlementNotFound)
@blueprint.response(200, schemas.SettlementStatement)
def get_statement(settlement_id: uuid.UUID) -> dict[str, Any]:
    """All that it is made of, every line with its sum 结算明细"""
    with reading() as session:
        return json_form.statement_to_json(journal.statement_of(_own(session, settlement_id)))


@blueprint.get("/<uuid:settlement_id>/statement.html")
@blueprint.problems(SettlementNotFound)
@blueprint.response(200, content_type="text/html")
def show_statement(settlement_id: uuid.UUID) -> Response:
    """The same as a page, for a phone and for paper 结算单（网页）"""
    ctx = context.current()
    with reading() as session:
        settlement = _own(session, settlement_id)
        return shown.page(settlement, shown.heading_of(session, settlement), ctx.language)


@blueprint.get("/<uuid:settlement_id>/statement.csv")
@blueprint.problems(SettlementNotFound)
@blueprint.response(200, content_type="text/csv")
def download_statement(settlement_id: uuid.UUID) -> Response:
    """The same as a table 结算单（CSV）"""
    with reading() as session:
        settlement = _own(session, settlement_id)
        return shown.table(settlement, shown.heading_of(session, settlement))


@blueprint.get("/<uuid:settlement_id>/statement.pdf")
@blueprint.problems(SettlementNotFound, errors.TooMany)
@blueprint.response(200, content_type="application/pdf")
@limited("30 per minute", per="actor")
def print_statement(settlement_id: uuid.UUID) -> Response:
    """The same on paper 结算单（PDF）"""
    with reading() as session:
        settlement = _own(session, settlement_id)
        heading = shown.heading_of(session, settlement)
    return shown.paper(settlement, heading)


@blueprint.get("/<uuid:settlement_id>/moves")
@blueprint.problems(SettlementNotFound)
@blueprint.response(200, schemas.SettlementMoves)
def list_moves(settlement_id: uuid.UUID) -> dict[str, Any]:
    """Its life: who moved it on, when and why 状态流转"""
    with reading() as session:
        return {"items": journal.moves_of(session, _own(session, settlement_id).id)}


@blueprint.post("/<uuid:settlement_id>/proposal")
@blueprint.problems(*MOVING, AccountInUse, RetentionInThePast, NothingToRelease, StatementNotProved)
@blueprint.writes(200, schemas.Settlement)
def propose(session: Session, settlement_id: uuid.UUID) -> Settlement:
    """Show a draft to its cooperative, which may object for some days 提交核对"""
    return settling.propose(session, context.current(), settlement_id=settlement_id)


@blueprint.post("/<uuid:settlement_id>/withdrawal")
@blueprint.arguments(Because)
@blueprint.problems(*MOVING)
@blueprint.writes(200, schemas.Settlement)
def withdraw(session: Session, body: dict[str, Any], settlement_id: uuid.UUID) -> Settlement:
    """Take a proposal back: something in it is wrong 撤回结算单"""
    return settling.withdraw(session, context.current(), settlement_id=settlement_id, **body)


@blueprint.post("/<uuid:settlement_id>/objection")
@blueprint.arguments(schemas.ObjectToSettlement)
@blueprint.problems(*MOVING, settling.StatementChanged, settling.ObjectionsOver)
@blueprint.writes(200, schemas.Settlement)
def object_to(session: Session, body: dict[str, Any], settlement_id: uuid.UUID) -> Settlement:
    """Say what is wrong with it, as its cooperative 提出异议"""
    return settling.object_to(session, context.current(), settlement_id=settlement_id, **body)


@blueprint.post("/<uuid:settlement_id>/acceptance")
@blueprint.arguments(schemas.AcceptSettlement)
@blueprint.problems(*MOVING, settling.StatementChanged)
@blueprint.writes(200, schemas.Settlement)
def accept(session: Session, body: dict[str, Any], settlement_id: uuid.UUID) -> Settlement:
    """Agree to it, as its cooperative: it is final 确认结算单"""
    return settling.accept(session, context.current(), settlement_id=settlement_id, **body)


@blueprint.post("/<uuid:settlement_id>/revision")
@blueprint.arguments(schemas.AnswerObjection)
@blueprint.problems(*MOVING)
@blueprint.writes(200, schemas.Settlement)
def revise(session: Session, body: dict[str, Any], settlement_id: uuid.UUID) -> Settlement:
    """The objection is right: a draft again, to be computed anew 采纳异议"""
    return settling.revise(session, context.current(), settlement_id=settlement_id, **body)


@blueprint.post("/<uuid:settlement_id>/dismissal")
@blueprint.arguments(schemas.AnswerObjection)
@blueprint.problems(*MOVING)
@blueprint.writes(200, schemas.Settlement)
def dismiss(session: Session, body: dict[str, Any], settlement_id: uuid.UUID) -> Settlement:
    """Answer the objection; nothing changes, and it is final 驳回异议"""
    return settling.dismiss(session, context.current(), settlement_id=settlement_id, **body)


@blueprint.post("/<uuid:settlement_id>/payout")
@blueprint.problems(*MOVING, NothingToPayOut, PayoutRunning, FloorBroken)
@blueprint.writes(201, PayoutShape, location=lambda made: f"/v1/payouts/{made.id}")
def draft_payout(session: Session, settlement_id: uuid.UUID) -> Payout:
    """Draft the payout of a final settlement; somebody else approves it 生成付款单"""
    return paying.draft_payout(session, context.current(), settlement_id=settlement_id)


@blueprint.get("/<uuid:settlement_id>/late-refunds")
@blueprint.problems(SettlementNotFound)
@blueprint.response(200, schemas.LateRefunds)
def list_late_refunds(settlement_id: uuid.UUID) -> dict[str, Any]:
    """Refunds that came after it was final, and who pays for them 结算后退款"""
    with reading() as session:
        return {"items": late_refunds.of_settlement(session, _own(session, settlement_id).id)}


@blueprint.post("/<uuid:settlement_id>/late-refunds")
@blueprint.arguments(schemas.TakeLateRefund)
@blueprint.problems(*MOVING, late_refunds.RefundNotOfSettlement, late_refunds.MoreThanRefunded, AccountInUse)
@blueprint.writes(201, schemas.LateRefund)
def take_late_refund(session: Session, body: dict[str, Any], settlement_id: uuid.UUID) -> LateRefund:
    """A refund of its boxes: out of retention, then the next settlement, if it is at fault 登记结算后退款"""
    return late_refunds.take(session, context.current(), settlement_id=settlement_id, **body)


@blueprint.post("/<uuid:settlement_id>/pay-sheet")
@blueprint.arguments(schemas.PayGrowers)
@blueprint.problems(SettlementNotFound, GrowersDoNotMatch, GrowersNotAllowed, errors.TooMany)
@blueprint.response(200, schemas.PaySheet)
@limited("60 per minute", per="actor")
def part_payout(body: dict[str, Any], settlement_id: uuid.UUID) -> dict[str, Any]:
    """The payout over the growers who brought its boxes; nothing is stored 社员发放表（不写入）"""
    return _sheet_to_json(_sheet(body, settlement_id))


@blueprint.post("/<uuid:settlement_id>/pay-sheet.csv")
@blueprint.arguments(schemas.PayGrowers)
@blueprint.problems(SettlementNotFound, GrowersDoNotMatch, GrowersNotAllowed, errors.TooMany)
@blueprint.response(200, content_type="text/csv")
@limited("60 per minute", per="actor")
def download_pay_sheet(body: dict[str, Any], settlement_id: uuid.UUID) -> Response:
    """The same as a table to pay from and to sign 社员发放表（CSV，不写入）"""
    made = _sheet(body, settlement_id)
    response = Response(pay_sheet.csv_of(made), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{made.settlement}-growers.csv"'
    return response


def _sheet(body: dict[str, Any], settlement_id: uuid.UUID) -> Sheet:
    """Raises SettlementNotFound, GrowersDoNotMatch, GrowersNotAllowed."""
    growers = [
        Grower(
            id=each["id"], name=each["name"], brought=tuple(Delivery(**boxes) for boxes in each["brought"])
        )
        for each in body["growers"]
    ]
    with reading() as session:
        statement = journal.statement_of(_own(session, settlement_id))
    return pay_sheet.sheet(statement, growers, kept_minor=body["kept_minor"])


def _sheet_to_json(made: Sheet) -> dict[str, Any]:
    return {
        "settlement": made.settlement,
        "currency": made.currency,
        "payout_minor": made.payout_minor,
        "kept_minor": made.kept_minor,
        "parted_minor": made.parted_minor,
        "pays": [
            {
                "grower": each.grower.id,
                "name": each.grower.name,
                "boxes": each.grower.boxes,
                "value_minor": each.grower.value_minor,
                "amount_minor": each.amount_minor,
                "formula_en": each.formula.text(made.currency).en,
                "formula_zh": each.formula.text(made.currency).zh,
            }
            for each in made.pays
        ],
    }


def _own(session: Session, settlement_id: uuid.UUID) -> Settlement:
    return settling.get(session, context.current(), settlement_id=settlement_id)
