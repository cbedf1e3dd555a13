"""Doors of hand-overs: all parcels at once to a carrier, and the manifest to sign."""

import uuid
from typing import Any
from zoneinfo import ZoneInfo

from flask import Response, current_app
from sqlalchemy.orm import Session

from marketplace import context, paging
from marketplace.catalogue.cooperatives import CooperativeNotFound
from marketplace.catalogue.models import Cooperative
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.files import attached
from marketplace.language import Text
from marketplace.settings import Settings
from orders.fulfilment.hand_overs import handing, manifest_pdf, manifests, schemas
from orders.fulfilment.hand_overs.handing import HandOverNotFound
from orders.fulfilment.hand_overs.manifests import Manifest
from orders.fulfilment.hand_overs.models import HandOver
from orders.fulfilment.pallets.building import PalletNotFound
from orders.fulfilment.pallets.states import PalletStateForbids

blueprint = Blueprint("hand_overs", __name__, url_prefix="/hand-overs", description="Hand-overs 交接")


@blueprint.get("")
@blueprint.arguments(schemas.HandOverQuery, location="query")
@blueprint.response(200, schemas.HandOverPage)
def list_hand_overs(query: dict[str, Any]) -> dict[str, Any]:
    """One's cooperatives' hand-overs, all for staff 交接单列表"""
    statement = paging.only(handing.visible(context.current()), query, HandOver.cooperative_id)
    with reading() as session:
        return paging.read(session, statement, HandOver.id, **query)


@blueprint.post("")
@blueprint.arguments(schemas.RecordHandOver)
@blueprint.problems(
    CooperativeNotFound,
    PalletNotFound,
    PalletStateForbids,
    handing.NothingToHandOver,
    handing.HandOverTooLarge,
    handing.HandOverRefused,
)
@blueprint.writes(201, schemas.HandOver, location=lambda found: f"/v1/hand-overs/{found.id}")
def record(session: Session, body: dict[str, Any]) -> HandOver:
    """A carrier takes parcels and pallets along: all of them, or none 批量交接承运"""
    numbers = {each["parcel_id"]: each["tracking_number"] for each in body.pop("tracking_numbers")}
    return handing.hand_over(session, context.current(), tracking_numbers=numbers, **body)


@blueprint.get("/<uuid:hand_over_id>")
@blueprint.problems(HandOverNotFound)
@blueprint.response(200, schemas.HandOver)
def get_hand_over(hand_over_id: uuid.UUID) -> HandOver:
    """One hand-over 查询交接单"""
    with reading() as session:
        return handing.get(session, context.current(), hand_over_id=hand_over_id)


@blueprint.get("/<uuid:hand_over_id>/manifest")
@blueprint.problems(HandOverNotFound)
@blueprint.response(200, schemas.Manifest)
def show_manifest(hand_over_id: uuid.UUID) -> Manifest:
    """Parcel by parcel what a carrier took along 交接清单"""
    with reading() as session:
        return manifests.of_hand_over(session, context.current(), hand_over_id=hand_over_id)


@blueprint.get("/<uuid:hand_over_id>/manifest.csv")
@blueprint.problems(HandOverNotFound)
@blueprint.response(200, content_type="text/csv")
def download_manifest(hand_over_id: uuid.UUID) -> Response:
    """The same as a table to sign 交接清单（CSV）"""
    with reading() as session:
        found = manifests.of_hand_over(session, context.current(), hand_over_id=hand_over_id)
        data = manifests.csv_of(found)
    return attached(data, "text/csv; charset=utf-8", f"hand-over-{hand_over_id}.csv")


@blueprint.get("/<uuid:hand_over_id>/manifest.pdf")
@blueprint.problems(HandOverNotFound)
@blueprint.response(200, content_type="application/pdf")
def print_manifest(hand_over_id: uuid.UUID) -> Response:
    """The same on paper, with lines to sign 交接清单（PDF，可签字）"""
    with reading() as session:
        found = manifests.of_hand_over(session, context.current(), hand_over_id=hand_over_id)
        own = session.get_one(Cooperative, found.hand_over.cooperative_id)
        name = Text(en=f"{own.code} {own.name_en}", zh=f"{own.code} {own.name_zh}")
    settings: Settings = current_app.config["SETTINGS"]
    data = manifest_pdf.pdf_of(found, name, ZoneInfo(settings.notify_zone))
    return attached(data, "application/pdf", f"hand-over-{hand_over_id}.pdf")
