"""Door of batches of lots."""

from typing import Any

from sqlalchemy.orm import Session

from inventory.batch import intake, schemas
from marketplace import context
from marketplace.door import Blueprint

blueprint = Blueprint(
    "lot_batches", __name__, url_prefix="/lot-batches", description="Lots from a phone 手机批量入库"
)


@blueprint.post("")
@blueprint.arguments(schemas.ReceiveBatch)
@blueprint.writes(200, schemas.BatchReport)
def receive_rows(session: Session, body: dict[str, Any]) -> intake.Report:
    """Take many lots in, row by row; good rows stay, every row may be sent again 手机批量入库"""
    return intake.receive_rows(session, context.current(), **body)
