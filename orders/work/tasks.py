"""What is to be done on a shift: its wave's parcels of its cooperative, in the order in which their lots are fetched.

To be packed are those that are planned; to be loaded those that are packed. The order is that of the pick lists
(orders/fulfilment/picking.py): store by store, what keeps for the shortest time first.
"""

import uuid
from typing import Any

from sqlalchemy import Select, false, func, select, tuple_
from sqlalchemy.orm import Session

from inventory.labels.models import LabelSerial
from inventory.labels.states import SerialState
from inventory.models import ColdStore, Lot, Room
from inventory.states import LotStatus
from marketplace import paging
from marketplace.context import Context
from orders.fulfilment.models import Parcel
from orders.fulfilment.states import ParcelState
from orders.work import shifts
from orders.work.models import Shift, ShiftScan
from orders.work.states import ShiftKind

_ORDER = (
    ColdStore.code,
    Lot.best_before_on,
    func.coalesce(Room.code, ""),
    Lot.code,
    Parcel.id,
)


def of_shift(
    session: Session, ctx: Context, *, shift_id: uuid.UUID, limit: int, cursor: uuid.UUID | None
) -> dict[str, Any]:
    """One page. `cursor`: the last parcel of the page before. Raises ShiftNotFound."""
    shift = shifts.get(session, ctx, shift_id=shift_id)
    due = ParcelState.PLANNED if shift.kind == ShiftKind.PACKING else ParcelState.PACKED
    scanned = (
        select(func.coalesce(func.sum(ShiftScan.boxes), 0))
        .where(ShiftScan.parcel_id == Parcel.id, ShiftScan.kind == shift.kind)
        .scalar_subquery()
    )
    labels = (
        select(func.count())
        .where(LabelSerial.parcel_id == Parcel.id, LabelSerial.state != SerialState.VOID)
        .scalar_subquery()
    )
    statement = _laid_out(select(Parcel, Lot, ColdStore.code, Room.code, scanned, labels), shift).where(
        Parcel.state == due
    )
    if cursor is not None:
        last = session.execute(_laid_out(select(*_ORDER), shift).where(Parcel.id == cursor)).one_or_none()
        statement = statement.where(tuple_(*_ORDER) > tuple_(*last)) if last else statement.where(false())
    rows = session.execute(statement.order_by(*_ORDER).limit(limit + 1)).all()
    items = [
        {
            "id": parcel.id,
            "order_id": parcel.order_id,
            "cold_store": store,
            "room": room,
            "lot_id": lot.id,
            "lot_code": lot.code,
            "best_before_on": lot.best_before_on,
            "variety": lot.variety,
            "grade": lot.grade,
            "is_stopped": lot.status != LotStatus.AVAILABLE,
            "boxes": parcel.boxes,
            "boxes_scanned": int(boxes),
            "labels": labelled,
            "state": parcel.state,
        }
        for parcel, lot, store, room, boxes, labelled in rows
    ]
    return paging.cut(items, limit=limit, id_of=lambda item: item["id"])


def _laid_out(statement: Any, shift: Shift) -> Select[Any]:
    laid: Select[Any] = (
        statement.join_from(Parcel, Lot, Lot.id == Parcel.lot_id)
        .join(ColdStore, ColdStore.id == Lot.cold_store_id)
        .outerjoin(Room, Room.id == Lot.room_id)
        .where(Parcel.wave_id == shift.wave_id, Parcel.cooperative_id == shift.cooperative_id)
    )
    return laid
