"""Doors to what is exchanged with carriers: files of parcels to be fetched, and what became of them."""

import uuid
from typing import Any, Final

from flask import Response
from sqlalchemy.orm import Session

from marketplace import context, database, errors
from marketplace.catalogue import csv_api
from marketplace.catalogue.csv_table import CsvRefused
from marketplace.door import Blueprint
from marketplace.files import attached
from marketplace.limits import limited
from marketplace.problems import UnsupportedMediaType
from orders.addressing import AddressNotChosen
from orders.fulfilment.carriers import consigning, reporting, schemas, tables, ways
from orders.fulfilment.carriers.interface import CarrierHasNoFiles
from orders.fulfilment.carriers.ways import CarrierNotFound
from orders.fulfilment.picking import WaveNotFound

blueprint = Blueprint("carriers", __name__, url_prefix="/carriers", description="Carriers 承运方式")
files = Blueprint("carrier_files", __name__, url_prefix="/waves", description="Carriers 承运方式")
reports = Blueprint(
    "carrier_reports", __name__, url_prefix="/carrier-reports", description="Carriers 承运方式"
)

REPORTS_FILE: Final[dict[str, Any]] = {
    "required": True,
    "description": f"UTF-8, at most {tables.ROWS_MAX} rows and 1 MB; a heading with the columns "
    + ", ".join(f"`{each.name}`{' (optional)' if each.optional else ''}" for each in tables.COLUMNS)
    + ".",
    "content": {csv_api.MEDIA_TYPE: {"schema": {"type": "string"}}},
}


@blueprint.get("")
@blueprint.response(200, schemas.Carriers)
def list_carriers() -> dict[str, Any]:
    """Ways to speak with carriers 承运方式列表"""
    return {"items": list(ways.WAYS.values())}


@files.post("/<uuid:wave_id>/carrier-files")
@files.arguments(schemas.TakeCarrierFile)
@files.problems(WaveNotFound, CarrierNotFound, CarrierHasNoFiles, AddressNotChosen, errors.TooMany)
@files.response(200, content_type=csv_api.MEDIA_TYPE)
@limited("60 per minute", per="actor")
def take_file(body: dict[str, Any], wave_id: uuid.UUID) -> Response:
    """A wave's packed parcels with where they go; that each was asked is written down 导出待取件（含收件人，留痕）"""
    ctx = context.current()
    found = database.transact(lambda session: consigning.file_of_wave(session, ctx, wave_id=wave_id, **body))
    response = attached(found.data, "text/csv; charset=utf-8", f"carrier-{wave_id}.csv")
    response.headers["Parcels-Left"] = str(found.left)
    if found.last is not None:
        response.headers["Parcels-Last"] = str(found.last)
    return response


@reports.post("")
@reports.arguments(schemas.ReportQuery, location="query")
@reports.doc(requestBody=REPORTS_FILE)
@reports.problems(UnsupportedMediaType, CarrierNotFound, CarrierHasNoFiles, CsvRefused)
@reports.writes(200, schemas.ReportOutcome)
def report(session: Session, query: dict[str, Any]) -> dict[str, Any]:
    """What became of parcels, line by line; safe to send again 导入承运回执"""
    ctx = context.current()
    found = reporting.take_in(session, ctx, text=csv_api.body_text(), **query)
    refused = [
        {"line": each.line, "value": each.value, "code": each.code, "detail": each.detail.pick(ctx.language)}
        for each in found.refused
    ]
    return {"rows": found.rows, "taken": found.taken, "known": found.known, "refused": refused}
