"""On which pallet a parcel lies, and what lies on a pallet."""

import uuid
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from orders.fulfilment.models import Parcel
from orders.fulfilment.pallets.models import PalletParcel
from orders.fulfilment.pallets.states import ParcelOnPallet


def pallets_of(session: Session, parcel_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, uuid.UUID]:
    """The pallet of each of these parcels that lies on one."""
    rows = session.execute(
        select(PalletParcel.parcel_id, PalletParcel.pallet_id).where(
            PalletParcel.parcel_id.in_(set(parcel_ids)), PalletParcel.off_at.is_(None)
        )
    )
    return {row.parcel_id: row.pallet_id for row in rows}


def on_pallets(session: Session, pallet_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, list[Parcel]]:
    """What lies on each of these pallets, by id."""
    wanted = list(pallet_ids)
    rows = session.execute(
        select(PalletParcel.pallet_id, Parcel)
        .join(Parcel, Parcel.id == PalletParcel.parcel_id)
        .where(PalletParcel.pallet_id.in_(wanted), PalletParcel.off_at.is_(None))
        .order_by(Parcel.id)
    )
    found: dict[uuid.UUID, list[Parcel]] = {each: [] for each in wanted}
    for pallet_id, parcel in rows:
        found[pallet_id].append(parcel)
    return found


def check_leaves(session: Session, *, parcel_id: uuid.UUID, pallet_id: uuid.UUID | None) -> None:
    """That the locked parcel lies on this pallet, or on none. Raises ParcelOnPallet."""
    found = pallets_of(session, [parcel_id]).get(parcel_id)
    if found != pallet_id:
        raise ParcelOnPallet(pallet_id=None if found is None else str(found))
