"""Doors of cases: staff and the cooperative concerned read and note; an operator settles."""

import uuid
from typing import Any

from sqlalchemy.orm import Session

from inventory.cases import casework, schemas
from inventory.cases.models import Case, CaseNote
from marketplace import context, paging, versions
from marketplace.database import reading
from marketplace.door import Blueprint

blueprint = Blueprint("cases", __name__, url_prefix="/cases", description="Open questions 待办事项")


@blueprint.get("")
@blueprint.arguments(schemas.CaseQuery, location="query")
@blueprint.response(200, schemas.CasePage)
def list_cases(query: dict[str, Any]) -> dict[str, Any]:
    """Cases in pages: a member's own cooperative's, all for staff 待办事项列表"""
    every = casework.visible(context.current().actor)
    statement = paging.only(every, query, Case.state, Case.kind, Case.cooperative_id)
    with reading() as session:
        return paging.read(session, statement, Case.id, **query)


@blueprint.get("/<uuid:case_id>")
@blueprint.problems(casework.CaseNotFound)
@blueprint.response(200, schemas.Case)
def get_case(case_id: uuid.UUID) -> Case:
    """One case 查询待办事项"""
    with reading() as session:
        case = casework.get(session, context.current(), case_id=case_id)
        versions.tag(case.version)
        return case


@blueprint.get("/<uuid:case_id>/notes")
@blueprint.arguments(paging.Query, location="query")
@blueprint.problems(casework.CaseNotFound)
@blueprint.response(200, schemas.CaseNotePage)
def list_notes(query: dict[str, Any], case_id: uuid.UUID) -> dict[str, Any]:
    """How the case went on, note by note 事项记录"""
    with reading() as session:
        casework.get(session, context.current(), case_id=case_id)
        return paging.read(session, casework.notes(case_id), CaseNote.id, **query)


@blueprint.post("/<uuid:case_id>/notes")
@blueprint.arguments(schemas.AddCaseNote)
@blueprint.problems(casework.CaseNotFound, casework.CaseSettled)
@blueprint.writes(201, schemas.Case)
def add_note(session: Session, body: dict[str, Any], case_id: uuid.UUID) -> Case:
    """Say what is known about an open case 补充说明"""
    return casework.add_note(session, context.current(), case_id=case_id, **body)


@blueprint.post("/<uuid:case_id>/settlement")
@blueprint.arguments(schemas.SettleCase)
@blueprint.problems(casework.CaseNotFound, casework.CaseSettled)
@blueprint.writes(200, schemas.Case)
def settle(session: Session, body: dict[str, Any], case_id: uuid.UUID) -> Case:
    """Close the question with a decision (operators) 处理完毕"""
    return casework.settle(session, context.current(), case_id=case_id, **body)
