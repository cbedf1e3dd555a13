"""Many parcels given to a carrier at once, on pallets or one by one: all of them ship, or none.

Each ships as it would by itself (`parcels.ship`), so that holds, labels, events and messages follow. Rows are taken in
the order pallet, payment, order, parcel, pledge, lot, each kind by id, before the first of them ships: two hand-overs
at once wait for each other and never in a circle.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from inventory import lots
from inventory.models import Hold
from marketplace import audit, errors
from marketplace.access import STAFF
from marketplace.catalogue import cooperatives
from marketplace.context import Context
from marketplace.language import Text
from marketplace.payments import payments
from marketplace.values import new_id
from orders.fulfilment import parcels, tracking
from orders.fulfilment.hand_overs.models import HandOver, HandOverParcel
from orders.fulfilment.models import Parcel
from orders.fulfilment.pallets import building, lying, states
from orders.fulfilment.pallets.building import PalletNotFound
from orders.fulfilment.pallets.models import Pallet
from orders.fulfilment.pallets.states import PARCELS_MAX, PalletState


class HandOverNotFound(errors.NotFound):
    title = Text(en="There is no such hand-over.", zh="没有该交接单。")


class NothingToHandOver(errors.Invalid):
    title = Text(en="Name parcels or pallets.", zh="请指明包裹或托盘。")


class HandOverTooLarge(errors.Conflict):
    """`parcels`, `parcels_max`: part it in several."""

    title = Text(en="So many parcels are not handed over at once.", zh="单次交接的包裹过多，请分次交接。")


class HandOverRefused(errors.Conflict):
    """Nothing was handed over; `refused` counts, `errors` says why: each `parcel_id`, `code` and `detail`."""

    title = Text(en="Some of the parcels cannot be handed over.", zh="部分包裹无法交接，均未交接。")


def hand_over(
    session: Session,
    ctx: Context,
    *,
    cooperative_id: uuid.UUID,
    carrier: str,
    reference: str,
    parcel_ids: Sequence[uuid.UUID],
    pallet_ids: Sequence[uuid.UUID],
    tracking_numbers: Mapping[uuid.UUID, str],
) -> HandOver:
    """A carrier has these parcels, and all that lies on these pallets.

    Of a parcel without a number of its own that is told here the one counts that the carrier announced. Raises
    CooperativeNotFound (also for a foreign one), NothingToHandOver, PalletNotFound, PalletStateForbids,
    HandOverTooLarge, HandOverRefused.
    """
    if not lots.may_work_on(ctx.actor, cooperative_id):
        raise cooperatives.CooperativeNotFound
    cooperatives.get(session, cooperative_id=cooperative_id)
    pallets = [_closed(session, ctx, each, cooperative_id) for each in sorted(set(pallet_ids))]
    on: dict[uuid.UUID, uuid.UUID | None] = dict.fromkeys(parcel_ids)
    for pallet_id, found in lying.on_pallets(session, [each.id for each in pallets]).items():
        on |= {each.id: pallet_id for each in found}
    if not on:
        raise NothingToHandOver
    if len(on) > PARCELS_MAX:
        raise HandOverTooLarge(parcels=len(on), parcels_max=PARCELS_MAX)
    known = _lock(session, ctx, cooperative_id, on)
    numbers = {**tracking.announced(session, known), **tracking_numbers}
    refused: dict[uuid.UUID, errors.Refusal] = {
        each: parcels.ParcelNotFound() for each in {*on, *tracking_numbers} - known.keys()
    }
    refused |= _ship(session, ctx, known, on, carrier=carrier, numbers=numbers)
    if refused:
        raise HandOverRefused(refused=len(refused), errors=[_told(*each) for each in sorted(refused.items())])
    return _written(
        session,
        ctx,
        HandOver(
            id=new_id(),
            cooperative_id=cooperative_id,
            carrier=carrier,
            reference=reference,
            pallets=len(pallets),
            parcels=len(known),
            boxes=sum(each.boxes for each in known.values()),
            quantity_grams=sum(each.quantity_grams for each in known.values()),
            handed_over_at=ctx.now,
        ),
        pallets,
        on,
    )


def get(session: Session, ctx: Context, *, hand_over_id: uuid.UUID) -> HandOver:
    """Raises HandOverNotFound."""
    found = session.scalar(visible(ctx).where(HandOver.id == hand_over_id))
    if found is None:
        raise HandOverNotFound
    return found


def visible(ctx: Context) -> Select[HandOver]:
    """One's cooperatives' hand-overs, all for staff."""
    statement = select(HandOver)
    if ctx.actor.has(*STAFF):
        return statement
    return statement.where(HandOver.cooperative_id.in_(ctx.actor.cooperative_ids))


def _closed(session: Session, ctx: Context, pallet_id: uuid.UUID, cooperative_id: uuid.UUID) -> Pallet:
    pallet = building.locked(session, ctx, pallet_id)
    if pallet.cooperative_id != cooperative_id:
        raise PalletNotFound
    states.check_move(pallet.state, PalletState.SHIPPED)
    return pallet


def _lock(
    session: Session, ctx: Context, cooperative_id: uuid.UUID, on: Mapping[uuid.UUID, Any]
) -> dict[uuid.UUID, Parcel]:
    """Those of the parcels that are there, with all rows that shipping them takes."""
    own = parcels.visible(ctx).where(Parcel.id.in_(on), Parcel.cooperative_id == cooperative_id)
    weighed = own.where(Parcel.weighed_grams.is_not(None))
    payments.lock_of_orders(session, {each.order_id for each in session.scalars(weighed)})
    found = parcels.locked_with_orders(session, own)
    hold_ids, lot_ids = ({getattr(each, name) for each in found.values()} for name in ("hold_id", "lot_id"))
    wanted = select(Hold.id).where(Hold.id.in_(hold_ids)).order_by(Hold.id)
    session.scalars(wanted.with_for_update(key_share=True)).all()
    lots.locked(session, ctx, lot_ids=lot_ids)
    return found


def _ship(
    session: Session,
    ctx: Context,
    known: Mapping[uuid.UUID, Parcel],
    on: Mapping[uuid.UUID, uuid.UUID | None],
    *,
    carrier: str,
    numbers: Mapping[uuid.UUID, str],
) -> dict[uuid.UUID, errors.Refusal]:
    """Why which of them cannot; then whoever calls raises, and what the others did is undone."""
    refused: dict[uuid.UUID, errors.Refusal] = {}
    for parcel_id in known:
        try:
            parcels.ship(
                session,
                ctx,
                parcel_id=parcel_id,
                carrier=carrier,
                tracking_number=numbers.get(parcel_id),
                pallet_id=on[parcel_id],
            )
        except errors.Refusal as refusal:
            refused[parcel_id] = refusal
    return refused


def _written(
    session: Session,
    ctx: Context,
    found: HandOver,
    pallets: Sequence[Pallet],
    on: Mapping[uuid.UUID, uuid.UUID | None],
) -> HandOver:
    session.add(found)
    session.flush()
    rows = [
        HandOverParcel(parcel_id=parcel_id, hand_over_id=found.id, pallet_id=pallet_id)
        for parcel_id, pallet_id in sorted(on.items())
    ]
    session.add_all(rows)
    for pallet in pallets:
        building.ship(session, ctx, pallet, hand_over_id=found.id)
    after = {
        "carrier": found.carrier,
        "reference": found.reference,
        "pallets": found.pallets,
        "parcels": found.parcels,
        "boxes": found.boxes,
    }
    audit.record(session, ctx, "hand_over.record", subject=("hand_over", found.id), after=after)
    return found


def _told(parcel_id: uuid.UUID, refusal: errors.Refusal) -> dict[str, Any]:
    detail = refusal.detail or refusal.title
    return {"parcel_id": str(parcel_id), "code": refusal.code, "detail": detail}
