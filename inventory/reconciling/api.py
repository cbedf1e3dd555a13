"""Doors of reconciliations: staff reads them, an operator repairs what they found."""

import uuid
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.reconciling import reconciliations, repairs, schemas
from inventory.reconciling.models import Reconciliation, ReconciliationFinding
from marketplace import context, paging
from marketplace.database import reading
from marketplace.door import Blueprint

blueprint = Blueprint(
    "reconciliations", __name__, url_prefix="/reconciliations", description="Nightly comparisons 夜间对账"
)


@blueprint.get("")
@blueprint.arguments(paging.Query, location="query")
@blueprint.response(200, schemas.ReconciliationPage)
def list_reconciliations(query: dict[str, Any]) -> dict[str, Any]:
    """Every comparison of counters with journals, in pages 对账列表"""
    with reading() as session:
        return paging.read(session, select(Reconciliation), Reconciliation.id, **query)


@blueprint.get("/<uuid:reconciliation_id>")
@blueprint.problems(reconciliations.ReconciliationNotFound)
@blueprint.response(200, schemas.Reconciliation)
def get_reconciliation(reconciliation_id: uuid.UUID) -> Reconciliation:
    """One comparison: how much was looked at, how much differs 查询对账"""
    with reading() as session:
        return reconciliations.get(session, reconciliation_id=reconciliation_id)


@blueprint.get("/<uuid:reconciliation_id>/findings")
@blueprint.arguments(paging.Query, location="query")
@blueprint.problems(reconciliations.ReconciliationNotFound)
@blueprint.response(200, schemas.ReconciliationFindingPage)
def list_findings(query: dict[str, Any], reconciliation_id: uuid.UUID) -> dict[str, Any]:
    """The lots and pools whose counters differ 对账差异"""
    with reading() as session:
        reconciliations.get(session, reconciliation_id=reconciliation_id)
        statement = reconciliations.findings(reconciliation_id)
        return paging.read(session, statement, ReconciliationFinding.id, **query)


@blueprint.post("/<uuid:reconciliation_id>/findings/<int:number>/repair")
@blueprint.arguments(schemas.RepairFinding)
@blueprint.problems(reconciliations.FindingNotFound, repairs.NothingToRepair, repairs.SourcesDisagree)
@blueprint.writes(200, schemas.ReconciliationFinding)
def repair(
    session: Session, body: dict[str, Any], reconciliation_id: uuid.UUID, number: int
) -> ReconciliationFinding:
    """Set drifted counters to what their journal says, by a line of it (operators) 修复差异"""
    return repairs.repair(
        session, context.current(), reconciliation_id=reconciliation_id, number=number, **body
    )
