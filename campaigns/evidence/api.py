"""Doors of evidence: a member drafts, signs and withdraws a consent; its lender reads by the code."""

import uuid
from typing import Any, Final

from flask import Response
from sqlalchemy.orm import Session

from campaigns.evidence import consenting, files, reading, schemas
from campaigns.evidence.consenting import ConsentNotFound, ConsentStateForbids
from campaigns.evidence.models import EvidenceConsent
from campaigns.evidence.reading import ConsentOver, EvidenceNotFound, Form
from campaigns.evidence.rules import Evidence
from marketplace import context, database, paging
from marketplace.catalogue.cooperatives import CooperativeNotFound
from marketplace.door import Blueprint
from marketplace.limits import limited

consents = Blueprint(
    "evidence_consents",
    __name__,
    url_prefix="/evidence-consents",
    description="Consents to evidence 经营材料授权",
)
readings = Blueprint(
    "evidence_readings",
    __name__,
    url_prefix="/evidence-readings",
    description="Evidence for lenders 经营材料",
)
BLUEPRINTS: Final = (consents, readings)

READ_PER_MINUTE: Final = "10 per minute"


@consents.post("")
@consents.arguments(schemas.DraftConsent)
@consents.problems(CooperativeNotFound, consenting.ConsentTooLong, consenting.SinceTomorrow)
@consents.writes(201, schemas.Consent, location=lambda made: f"/v1/evidence-consents/{made.id}")
def draft(session: Session, body: dict[str, Any]) -> EvidenceConsent:
    """Write down who may read what until when, in words to be signed 起草授权"""
    return consenting.draft(session, context.current(), **body)


@consents.get("")
@consents.arguments(schemas.ConsentQuery, location="query")
@consents.response(200, schemas.ConsentPage)
def list_consents(query: dict[str, Any]) -> dict[str, Any]:
    """One's cooperatives' consents, all for staff 授权列表"""
    statement = paging.only(consenting.visible(context.current()), query, EvidenceConsent.cooperative_id)
    with database.reading() as session:
        return paging.read(session, statement, EvidenceConsent.id, **query)


@consents.get("/<uuid:consent_id>")
@consents.problems(ConsentNotFound)
@consents.response(200, schemas.Consent)
def get_consent(consent_id: uuid.UUID) -> EvidenceConsent:
    """One consent with its words and their digest 查询授权"""
    with database.reading() as session:
        return consenting.get(session, context.current(), consent_id=consent_id)


@consents.post("/<uuid:consent_id>/signature")
@consents.arguments(schemas.SignConsent)
@consents.problems(ConsentNotFound, ConsentStateForbids, consenting.ConsentTextDiffers)
@consents.writes(200, schemas.SignedConsent, key=False)
def sign(session: Session, body: dict[str, Any], consent_id: uuid.UUID) -> dict[str, Any]:
    """Sign its words; the lender's code is shown this once, so the answer is stored nowhere 签署授权"""
    consent, code = consenting.sign(session, context.current(), consent_id=consent_id, **body)
    return {"consent": consent, "code": code}


@consents.post("/<uuid:consent_id>/withdrawal")
@consents.problems(ConsentNotFound, ConsentStateForbids)
@consents.writes(200, schemas.Consent)
def withdraw(session: Session, consent_id: uuid.UUID) -> EvidenceConsent:
    """Withdraw it: nothing is read by it from now on 撤回授权"""
    return consenting.withdraw(session, context.current(), consent_id=consent_id)


@consents.get("/<uuid:consent_id>/readings")
@consents.problems(ConsentNotFound)
@consents.response(200, schemas.Readings)
def list_readings(consent_id: uuid.UUID) -> dict[str, Any]:
    """Every reading under it, the newest first 查阅记录"""
    with database.reading() as session:
        return {"items": consenting.readings_of(session, context.current(), consent_id=consent_id)}


@consents.get("/<uuid:consent_id>/evidence")
@consents.problems(ConsentNotFound, ConsentStateForbids)
@consents.response(200, schemas.Evidence)
def preview(consent_id: uuid.UUID) -> dict[str, Any]:
    """What its lender would see now, for the cooperative alone 预览材料"""
    with database.reading() as session:
        return reading.preview(session, context.current(), consent_id=consent_id).to_json()


@readings.post("")
@limited(READ_PER_MINUTE)
@readings.arguments(schemas.ReadEvidence)
@readings.problems(EvidenceNotFound, ConsentOver)
@readings.writes(200, schemas.Evidence, key=False)
def read(session: Session, body: dict[str, Any]) -> dict[str, Any]:
    """Read evidence by the code of its consent; that it was read is written down 查阅材料"""
    return reading.read(session, context.current(), form="json", **body).to_json()


@readings.post("/csv")
@limited(READ_PER_MINUTE)
@readings.arguments(schemas.ReadEvidence)
@readings.problems(EvidenceNotFound, ConsentOver)
@readings.response(200, content_type="text/csv")
def read_csv(body: dict[str, Any]) -> Response:
    """The same as a table 查阅材料（CSV）"""
    evidence = _read("csv", body)
    return _file(evidence, files.csv_of(evidence), "text/csv; charset=utf-8", "csv")


@readings.post("/pdf")
@limited(READ_PER_MINUTE)
@readings.arguments(schemas.ReadEvidence)
@readings.problems(EvidenceNotFound, ConsentOver)
@readings.response(200, content_type="application/pdf")
def read_pdf(body: dict[str, Any]) -> Response:
    """The same, to be printed 查阅材料（PDF）"""
    evidence = _read("pdf", body)
    return _file(evidence, files.pdf_of(evidence), "application/pdf", "pdf")


def _read(form: Form, body: dict[str, Any]) -> Evidence:
    """It is written down before the file is made: the consent waits for no drawing of pages."""
    ctx = context.current()
    return database.transact(lambda session: reading.read(session, ctx, form=form, **body))


def _file(evidence: Evidence, data: bytes, content_type: str, ending: str) -> Response:
    response = Response(data, content_type=content_type)
    name = f"evidence-{evidence.consent_id}.{ending}"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
