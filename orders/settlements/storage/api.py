"""Doors of storage bills: recorded, parted, withdrawn, seen; and what each cooperative pays of them."""

import uuid
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.stores.cold_stores import ColdStoreNotFound
from marketplace import context, paging
from marketplace.database import reading
from marketplace.door import Blueprint
from orders.schemas import Because
from orders.settlements.models import Settlement
from orders.settlements.standing import FINAL
from orders.settlements.storage import bills, schemas
from orders.settlements.storage.bills import Parting, StorageBillNotFound, Told
from orders.settlements.storage.models import StorageBill, StoragePart
from orders.settlements.storage.states import PartState, StorageBillStateForbids, StorageDaysOpen

blueprint = Blueprint(
    "storage_bills", __name__, url_prefix="/storage-bills", description="What cold stores ask for 仓储账单"
)
parts = Blueprint(
    "storage_parts", __name__, url_prefix="/storage-parts", description="Who pays it 仓储费分摊"
)


@blueprint.get("")
@blueprint.arguments(schemas.StorageBillQuery, location="query")
@blueprint.response(200, schemas.StorageBillPage)
def list_bills(query: dict[str, Any]) -> dict[str, Any]:
    """Storage bills in pages (staff) 仓储账单列表"""
    columns = (StorageBill.cold_store_id, StorageBill.currency, StorageBill.state)
    statement = paging.only(select(StorageBill), query, *columns)
    with reading() as session:
        return paging.read(session, statement, StorageBill.id, **query)


@blueprint.post("")
@blueprint.arguments(schemas.RecordStorageBill)
@blueprint.problems(ColdStoreNotFound, bills.StorageBillKnown)
@blueprint.writes(201, schemas.StorageBill, location=lambda made: f"/v1/storage-bills/{made.id}")
def record(session: Session, body: dict[str, Any]) -> StorageBill:
    """Record a cold store's invoice; told again it is the same (operators) 登记仓储账单"""
    return bills.record(session, context.current(), Told(**body))


@blueprint.get("/<uuid:bill_id>")
@blueprint.problems(StorageBillNotFound)
@blueprint.response(200, schemas.StorageParting)
def get_bill(bill_id: uuid.UUID) -> dict[str, Any]:
    """One bill and who pays how much of it, or would pay now (staff) 仓储账单与分摊"""
    with reading() as session:
        return _told(session, bills.parting_of(session, bill_id=bill_id))


@blueprint.post("/<uuid:bill_id>/parting")
@blueprint.problems(StorageBillNotFound, StorageBillStateForbids, StorageDaysOpen, bills.NothingStored)
@blueprint.writes(200, schemas.StorageBill)
def part(session: Session, bill_id: uuid.UUID) -> StorageBill:
    """Fix what each cooperative pays: its next settlement takes it (operators) 分摊仓储账单"""
    return bills.part(session, context.current(), bill_id=bill_id)


@blueprint.post("/<uuid:bill_id>/withdrawal")
@blueprint.arguments(Because)
@blueprint.problems(StorageBillNotFound, StorageBillStateForbids, bills.StorageBillUsed)
@blueprint.writes(200, schemas.StorageBill)
def withdraw(session: Session, body: dict[str, Any], bill_id: uuid.UUID) -> StorageBill:
    """Withdraw a bill that no settlement has used (operators) 撤回仓储账单"""
    return bills.withdraw(session, context.current(), bill_id=bill_id, **body)


@parts.get("")
@parts.arguments(schemas.StoragePartQuery, location="query")
@parts.response(200, schemas.StoragePartPage)
def list_parts(query: dict[str, Any]) -> dict[str, Any]:
    """What one's cooperatives pay of storage bills, all for staff 仓储费分摊列表"""
    columns = (
        StoragePart.cooperative_id,
        StoragePart.bill_id,
        StoragePart.settlement_id,
        StoragePart.currency,
        StoragePart.state,
    )
    statement = paging.only(bills.visible_parts(context.current()), query, *columns)
    with reading() as session:
        page = paging.read(session, statement, StoragePart.id, **query)
        known = bills.of_parts(session, page["items"])
        rows = [
            {**{name: getattr(each, name) for name in PART}, "bill": known[each.bill_id]}
            for each in page["items"]
        ]
        return {**page, "items": rows}


PART = ("id", "bill_id", "cooperative_id", "currency", "gram_days", "amount_minor", "state", "settlement_id")


def _told(session: Session, parting: Parting) -> dict[str, Any]:
    taken_by = [each.settlement_id for each in parting.parts if each.settlement_id is not None]
    final = set(
        session.scalars(select(Settlement.id).where(Settlement.id.in_(taken_by), Settlement.state.in_(FINAL)))
    )
    return {
        "bill": parting.bill,
        "is_fixed": parting.is_fixed,
        "gram_days": sum(each.gram_days for each in parting.parts),
        "open_minor": sum(each.amount_minor for each in parting.parts if each.state == PartState.OPEN),
        "taken_minor": sum(each.amount_minor for each in parting.parts if each.state == PartState.TAKEN),
        "final_minor": sum(each.amount_minor for each in parting.parts if each.settlement_id in final),
        "parts": parting.parts,
    }
