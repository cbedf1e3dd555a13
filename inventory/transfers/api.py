"""Doors of transfers between cold stores."""

import uuid
from typing import Any

from sqlalchemy.orm import Session

from inventory import lots
from inventory.models import Transfer
from inventory.stores import cold_stores, rooms
from inventory.transfers import schemas, transfers
from marketplace import context, paging, versions
from marketplace.database import reading
from marketplace.door import Blueprint

blueprint = Blueprint(
    "transfers", __name__, url_prefix="/transfers", description="Over the weighbridge to another store 调拨"
)


@blueprint.get("")
@blueprint.arguments(paging.Query, location="query")
@blueprint.response(200, schemas.TransferPage)
def list_transfers(query: dict[str, Any]) -> dict[str, Any]:
    """Transfers in pages: a member's own, all for staff 调拨单列表"""
    with reading() as session:
        return paging.read(session, transfers.visible(context.current().actor), Transfer.id, **query)


@blueprint.post("")
@blueprint.arguments(schemas.DispatchTransfer)
@blueprint.problems(
    lots.LotNotFound,
    cold_stores.ColdStoreNotFound,
    rooms.RoomNotFound,
    lots.FruitPromised,
    lots.LotStatusForbids,
    transfers.TransferCodeTaken,
)
@blueprint.writes(201, schemas.Transfer, location=lambda transfer: f"/v1/transfers/{transfer.id}")
def dispatch(session: Session, body: dict[str, Any]) -> Transfer:
    """Weigh free fruit out of a lot; safe to send again 过磅出库"""
    return transfers.dispatch(session, context.current(), **body)


@blueprint.get("/<uuid:transfer_id>")
@blueprint.problems(transfers.TransferNotFound)
@blueprint.response(200, schemas.Transfer)
def get_transfer(transfer_id: uuid.UUID) -> Transfer:
    """One transfer 查询调拨单"""
    with reading() as session:
        found = transfers.get(session, context.current(), transfer_id=transfer_id)
        versions.tag(found.version)
        return found


@blueprint.post("/<uuid:transfer_id>/arrival")
@blueprint.arguments(schemas.WeighIn)
@blueprint.problems(
    transfers.TransferNotFound,
    transfers.TransferEnded,
    transfers.GapUnexplained,
    rooms.NoSpace,
    lots.LotCodeTaken,
)
@blueprint.writes(200, schemas.Transfer)
def arrive(session: Session, body: dict[str, Any], transfer_id: uuid.UUID) -> Transfer:
    """Weigh the load in; a wide gap needs a kind and a reason 过磅入库"""
    return transfers.arrive(session, context.current(), transfer_id=transfer_id, **body)


@blueprint.post("/<uuid:transfer_id>/dispute")
@blueprint.arguments(schemas.DisputeTransfer)
@blueprint.problems(transfers.TransferNotFound, transfers.TransferEnded)
@blueprint.writes(200, schemas.Transfer)
def dispute(session: Session, body: dict[str, Any], transfer_id: uuid.UUID) -> Transfer:
    """Disagree with the load, until an operator ends it 提出争议"""
    return transfers.dispute(session, context.current(), transfer_id=transfer_id, **body)


@blueprint.post("/<uuid:transfer_id>/cancellation")
@blueprint.problems(transfers.TransferNotFound, transfers.TransferEnded, rooms.NoSpace, lots.LotCodeTaken)
@blueprint.writes(200, schemas.Transfer)
def cancel(session: Session, transfer_id: uuid.UUID) -> Transfer:
    """The load came back whole: a lot where it left 取消调拨"""
    return transfers.cancel(session, context.current(), transfer_id=transfer_id)
