"""The door of label sheets."""

import uuid
from typing import Any, Final

from flask import Response
from marshmallow import Schema, fields, validate

from inventory.labels import sheets
from inventory.labels.printing import LabelBatchNotFound
from inventory.labels.sheets import faces, pdf, zpl
from inventory.labels.sheets.faces import Paper
from inventory.labels.sheets.zpl import Dots
from marketplace import context, database, errors
from marketplace.door import Blueprint
from marketplace.fields import Code, Whole
from marketplace.files import attached
from marketplace.limits import limited

blueprint = Blueprint(
    "label_sheets", __name__, url_prefix="/label-batches", description="Sheets of labels 标签打印"
)

PRINTERS: Final = {"zpl-203": Dots.DPI_203, "zpl-300": Dots.DPI_300}
TYPES: Final = {"pdf": "application/pdf", "zpl": "application/zpl"}


class TakeSheet(Schema):
    """Which of the labels that are on no box yet, and for what they are drawn."""

    paper = fields.String(
        load_default=Paper.A4_21.value,
        validate=validate.OneOf([*(each.value for each in Paper), *PRINTERS]),
    )
    after = Code(load_default=None, allow_none=True, high=20)
    count = Whole(load_default=sheets.SHEET_LABELS_MAX, low=1, high=sheets.SHEET_LABELS_MAX)


@blueprint.post("/<uuid:batch_id>/sheets")
@blueprint.arguments(TakeSheet)
@blueprint.problems(LabelBatchNotFound, sheets.NothingToPrint, errors.TooMany)
@blueprint.response(200, content_type="application/octet-stream")
@limited("60 per minute", per="actor")
def take_sheet(body: dict[str, Any], batch_id: uuid.UUID) -> Response:
    """Labels to be printed, as PDF or for a label printer (ZPL); that they were taken is written down 打印标签文件"""
    ctx = context.current()
    which = {"after": body["after"], "count": body["count"]}
    found = database.transact(lambda session: sheets.taken(session, ctx, batch_id=batch_id, **which))
    paper = body["paper"]
    if paper in PRINTERS:
        data, kind = zpl.zpl_of(found.face, found.serials, PRINTERS[paper]).encode(), "zpl"
    else:
        grid = faces.GRIDS[Paper(paper)]
        data, kind = pdf.pdf_of(found.face, found.serials, grid, day=ctx.now.date()), "pdf"
    response = attached(data, TYPES[kind], f"labels-{found.face.gtin}-{found.serials[0]}.{kind}")
    response.headers["Labels-Left"] = str(found.left)
    response.headers["Labels-Last"] = found.serials[-1]
    return response
