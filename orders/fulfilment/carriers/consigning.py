"""Parcels to be fetched, with where they go: for who packs them, and that it was asked is written down for each."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.orm import Session

from inventory.provenance import numbering
from marketplace import audit
from marketplace.access import STAFF
from marketplace.context import Context
from orders import addressing
from orders.fulfilment import parcels
from orders.fulfilment.carriers import ways
from orders.fulfilment.carriers.interface import Consignment
from orders.fulfilment.models import Parcel, Wave
from orders.fulfilment.picking import WaveNotFound
from orders.fulfilment.states import ParcelState

FILE_PARCELS_MAX: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Consigned:
    """A file for a carrier's system."""

    data: bytes
    last: uuid.UUID | None
    """The last parcel in it: whoever wants the next file goes on behind it."""
    left: int
    """Parcels behind it that are to be fetched as well."""


def file_of_wave(
    session: Session,
    ctx: Context,
    *,
    wave_id: uuid.UUID,
    carrier: str,
    cooperative_id: uuid.UUID | None,
    after: uuid.UUID | None,
) -> Consigned:
    """The wave's packed parcels that are still here: those that the actor packs, by id.

    Raises WaveNotFound (also where nothing is the actor's), CarrierNotFound, CarrierHasNoFiles, AddressNotChosen.
    """
    wave = session.get(Wave, wave_id)
    own = parcels.visible(ctx).where(Parcel.wave_id == wave_id)
    if wave is None or not (ctx.actor.has(*STAFF) or session.scalar(own.limit(1))):
        raise WaveNotFound
    way = ways.get(carrier)
    statement = own.where(Parcel.state == ParcelState.PACKED)
    if cooperative_id is not None:
        statement = statement.where(Parcel.cooperative_id == cooperative_id)
    if after is not None:
        statement = statement.where(Parcel.id > after)
    found = session.scalars(statement.order_by(Parcel.id)).all()
    some = found[:FILE_PARCELS_MAX]
    data = way.file_of(_consignments(session, wave, some))
    for each in some:
        audit.record(
            session, ctx, "parcel.read_recipient", subject=("parcel", each.id), after={"carrier": way.code}
        )
    told = {"carrier": way.code, "parcels": len(some)}
    audit.record(session, ctx, "wave.take_carrier_file", subject=("wave", wave.id), after=told)
    return Consigned(data=data, last=some[-1].id if some else None, left=len(found) - len(some))


def _consignments(session: Session, wave: Wave, some: Sequence[Parcel]) -> list[Consignment]:
    to = addressing.of_orders(session, order_ids={each.order_id for each in some})
    return [
        Consignment(
            parcel_id=each.id,
            link=numbering.parcel(session, each.id),
            boxes=each.boxes,
            grams=each.quantity_grams,
            delivered_on=wave.delivered_on,
            address=to[each.order_id],
        )
        for each in some
    ]
