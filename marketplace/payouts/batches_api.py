"""Doors of batches: approved payouts go to the bank in one file, which is the same whenever it is asked for."""

import uuid
from typing import Any, Final

from flask import Response
from sqlalchemy.orm import Session

from marketplace import context, paging
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.payouts import batching, schemas
from marketplace.payouts.batches import BatchRefused
from marketplace.payouts.models import PayoutBatch
from marketplace.payouts.states import (
    BatchFormat,
    DestinationChanged,
    DestinationMissing,
    DestinationTooNew,
    PayoutNotFound,
    PayoutStateForbids,
)

blueprint = Blueprint(
    "payout_batches", __name__, url_prefix="/payout-batches", description="Batches for the bank 付款批次"
)

FILES: Final = {
    BatchFormat.CSV: ("text/csv; charset=utf-8", "csv"),
    BatchFormat.CSV_GB18030: ("text/csv; charset=gb18030", "csv"),
    BatchFormat.PAIN_001: ("application/xml", "xml"),
}
"""Media type and how the name ends."""


@blueprint.post("")
@blueprint.arguments(schemas.MakeBatch)
@blueprint.problems(
    batching.PayerMissing,
    batching.NothingToBatch,
    batching.NotForThisBatch,
    PayoutNotFound,
    PayoutStateForbids,
    DestinationMissing,
    DestinationChanged,
    DestinationTooNew,
    BatchRefused,
)
@blueprint.writes(201, schemas.PayoutBatch, location=lambda made: f"/v1/payout-batches/{made.id}")
def make_batch(session: Session, body: dict[str, Any]) -> PayoutBatch:
    """Send approved payouts of one currency to the bank in one file (operators) 生成付款批次"""
    return batching.make(session, context.current(), **body)


@blueprint.get("")
@blueprint.arguments(paging.Query, location="query")
@blueprint.response(200, schemas.BatchPage)
def list_batches(query: dict[str, Any]) -> dict[str, Any]:
    """Batches in pages (staff) 付款批次列表"""
    with reading() as session:
        return paging.read(session, batching.listed(), PayoutBatch.id, **query)


@blueprint.get("/<uuid:batch_id>")
@blueprint.problems(batching.PayoutBatchNotFound)
@blueprint.response(200, schemas.PayoutBatch)
def get_batch(batch_id: uuid.UUID) -> PayoutBatch:
    """One batch; its payouts are those with its `batch_id` (staff) 查询付款批次"""
    with reading() as session:
        return batching.get(session, batch_id=batch_id)


@blueprint.get("/<uuid:batch_id>/file")
@blueprint.problems(batching.PayoutBatchNotFound)
@blueprint.response(200, content_type="application/octet-stream")
def download_file(batch_id: uuid.UUID) -> Response:
    """The file for the bank, byte for byte as it was made (operators) 下载付款文件"""
    with reading() as session:
        batch, file = batching.file_of(session, batch_id=batch_id)
    media_type, ending = FILES[BatchFormat(batch.format)]
    response = Response(file, content_type=media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{batch.reference}.{ending}"'
    response.headers["Cache-Control"] = "no-store"
    return response
