"""What carriers said of parcels: written down once, in their words and by their clocks, and shown to who bought them.

Whoever calls has locked the order and the parcel.
"""

import uuid
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from inventory.provenance import recording as provenance
from marketplace import audit
from marketplace.context import Context
from marketplace.values import new_id
from orders.fulfilment import parcels
from orders.fulfilment.models import Parcel, ParcelTracking
from orders.fulfilment.states import GONE, ParcelState, TrackingStatus


def announced(session: Session, parcel_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, str]:
    """The tracking numbers that carriers have told of these parcels; of several the last that was told."""
    rows = session.execute(
        select(ParcelTracking.parcel_id, ParcelTracking.tracking_number)
        .where(
            ParcelTracking.parcel_id.in_(list(parcel_ids)),
            ParcelTracking.status == TrackingStatus.ANNOUNCED,
        )
        .order_by(ParcelTracking.at, ParcelTracking.id)
    )
    return {parcel_id: number for parcel_id, number in rows if number is not None}


def followed(session: Session, *, order_id: uuid.UUID) -> list[Parcel]:
    """The parcels of an order, oldest first, with what carriers said of them; none that was only planned."""
    statement = (
        select(Parcel)
        .where(Parcel.order_id == order_id, Parcel.state != ParcelState.WITHDRAWN)
        .order_by(Parcel.id)
    )
    return list(session.scalars(statement.options(selectinload(Parcel.tracking))))


def is_known(session: Session, parcel: Parcel, *, status: TrackingStatus, at: datetime) -> bool:
    """Whether just this was told before."""
    told = select(ParcelTracking.id).where(
        ParcelTracking.parcel_id == parcel.id, ParcelTracking.status == status, ParcelTracking.at == at
    )
    return session.scalar(told) is not None


def note(
    session: Session,
    ctx: Context,
    parcel: Parcel,
    *,
    carrier: str,
    status: TrackingStatus,
    at: datetime,
    tracking_number: str | None,
) -> None:
    """Write it down. `delivered` delivers a parcel that is on its way; a number counts for one that had none."""
    row = ParcelTracking(
        id=new_id(),
        parcel_id=parcel.id,
        status=status,
        at=at,
        tracking_number=tracking_number,
        carrier=carrier,
        reported_at=ctx.now,
    )
    session.add(row)
    if tracking_number is not None and parcel.tracking_number is None and parcel.state in GONE:
        parcel.tracking_number = tracking_number
        parcel.version += 1
        after = {"tracking_number": tracking_number}
        audit.record(session, ctx, "parcel.number", subject=("parcel", parcel.id), after=after)
    session.flush()
    after = {"status": str(status), "at": at.isoformat(), "carrier": carrier}
    audit.record(session, ctx, "parcel.track", subject=("parcel", parcel.id), after=after)
    if status == TrackingStatus.IN_TRANSIT:
        provenance.parcel_on_the_road(session, ctx, parcel_id=parcel.id, lot_id=parcel.lot_id, at=at)
    if status == TrackingStatus.DELIVERED and parcel.state == ParcelState.SHIPPED:
        parcels.deliver(session, ctx, parcel_id=parcel.id)
