"""A wrong dispatch is undone: a parcel that was written down as shipped has not left, or was fetched back at once.

What a carrier has spoken of has left, and comes back as a lot of its own (inventory/families). Rows are taken in the
order order, parcel, cold store, pledge, lot, label, label account.
"""

import uuid
from datetime import timedelta
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory import owing
from inventory.provenance import recording as provenance
from marketplace import errors, events
from marketplace.access import Role
from marketplace.context import Context
from marketplace.language import Text
from orders.claims.models import Claim
from orders.claims.states import COUNTED
from orders.events import ShipmentVoided
from orders.fulfilment import labelling, parcels, states
from orders.fulfilment.hand_overs.models import HandOverParcel
from orders.fulfilment.models import Parcel, ParcelTracking
from orders.fulfilment.pallets.states import ParcelOnPallet
from orders.fulfilment.states import ParcelState, TrackingStatus

UNDONE_WITHIN: Final = timedelta(hours=24)
"""By its cooperative; later staff decides."""


class ShipmentTooOld(errors.Conflict):
    """Its cooperative could undo it until `undone_until`; by now an operator does."""

    title = Text(
        en="It left too long ago; ask an operator.", zh="发货已超过可自行撤销的时限，请联系运营人员。"
    )


class CarrierHasIt(errors.Conflict):
    """Its carrier has said that it is on its way; `tracking_status`."""

    title = Text(en="Its carrier has told of it: it has left.", zh="承运人已有回执，包裹确已发出。")


class ParcelClaimed(errors.Conflict):
    """Its buyer claims boxes of it, or was refunded for some."""

    title = Text(en="Boxes of this parcel are claimed.", zh="该包裹已有售后申请。")


def void(session: Session, ctx: Context, *, parcel_id: uuid.UUID, reason: str) -> Parcel:
    """It stands packed in its store again, and its order follows; it can be shipped once more.

    What was refunded of light boxes stays refunded, once. Raises ParcelNotFound, ParcelStateForbids, ShipmentTooOld,
    CarrierHasIt, ParcelClaimed, ParcelOnPallet when it left with a pallet, LabelStateForbids when a buyer has one of
    its labels, NotShipped when its fruit came back already, NoSpace.
    """
    order, parcel = parcels.locked(session, ctx, parcel_id)
    if parcel.state != ParcelState.SHIPPED:
        raise states.ParcelStateForbids(state=parcel.state)
    _check_time(ctx, parcel)
    _check_carrier(session, parcel)
    _check_claims(session, parcel)
    _undo_hand_over(session, ctx, parcel)
    owing.void_shipment(session, ctx, hold_id=parcel.hold_id, boxes=parcel.boxes, reason=reason)
    labelling.come_back(session, ctx, parcel)
    parcels.unship(session, ctx, order, parcel)
    provenance.parcel_unshipped(session, ctx, parcel_id=parcel.id, lot_id=parcel.lot_id)
    told = ShipmentVoided(parcel_id=parcel.id, order_id=order.id, boxes=parcel.boxes, version=parcel.version)
    events.publish(session, ctx, told)
    return parcel


def _check_time(ctx: Context, parcel: Parcel) -> None:
    assert parcel.shipped_at is not None, "it is on its way"
    until = parcel.shipped_at + UNDONE_WITHIN
    if ctx.now > until and not ctx.actor.has(Role.OPERATOR):
        raise ShipmentTooOld(undone_until=until.isoformat())


def _check_carrier(session: Session, parcel: Parcel) -> None:
    """A number may be announced before it leaves; all else is said of what is with its carrier."""
    said = session.scalar(
        select(ParcelTracking.status)
        .where(ParcelTracking.parcel_id == parcel.id, ParcelTracking.status != TrackingStatus.ANNOUNCED)
        .order_by(ParcelTracking.at.desc(), ParcelTracking.id.desc())
        .limit(1)
    )
    if said is not None:
        raise CarrierHasIt(tracking_status=said)


def _check_claims(session: Session, parcel: Parcel) -> None:
    claimed = select(Claim.id).where(
        Claim.parcel_id == parcel.id, ~Claim.is_automatic, Claim.state.in_(sorted(COUNTED))
    )
    if session.scalar(claimed.limit(1)) is not None:
        raise ParcelClaimed


def _undo_hand_over(session: Session, ctx: Context, parcel: Parcel) -> None:
    """It was not among what the carrier took along, if it had been handed over by itself."""
    row = session.scalar(
        select(HandOverParcel).where(
            HandOverParcel.parcel_id == parcel.id, HandOverParcel.undone_at.is_(None)
        )
    )
    if row is None:
        return
    if row.pallet_id is not None:
        raise ParcelOnPallet(pallet_id=str(row.pallet_id))
    row.undone_at = ctx.now


REFUSALS: Final[tuple[type[errors.Refusal], ...]] = (
    ShipmentTooOld,
    CarrierHasIt,
    ParcelClaimed,
    ParcelOnPallet,
)
