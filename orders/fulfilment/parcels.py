"""A parcel's way: packed, handed to a carrier, delivered or lost; its order is as far as the last of its parcels.

Rows are taken in the order order, parcel, hold, pool, lot, label, label account.
"""

import uuid
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from inventory import holds, owing
from inventory.provenance import recording as provenance
from marketplace import audit, errors, events
from marketplace.access import STAFF
from marketplace.context import Context
from marketplace.language import Text
from marketplace.payments import payments
from orders import addressing, moving
from orders.events import OrdersMoved, ParcelShipped, ReplacementDelivered
from orders.fulfilment import labelling, states, weight_rules
from orders.fulfilment.models import Parcel, Wave
from orders.fulfilment.pallets import lying
from orders.fulfilment.states import GONE, ParcelState
from orders.models import Order
from orders.states import OrderState, check_move

OPEN: Final = frozenset(ParcelState) - states.OVER


class ParcelNotFound(errors.NotFound):
    title = Text(en="There is no such parcel.", zh="没有该包裹。")


def label(session: Session, ctx: Context, *, parcel_id: uuid.UUID, found: Sequence[str]) -> Parcel:
    """Put labels on its boxes, all at once or some after others; also another on a box whose label was void.

    Safe to send again. Raises ParcelNotFound, ParcelStateForbids when it has left or is not filled, and what
    labelling.put_on does.
    """
    _, parcel = locked(session, ctx, parcel_id)
    if parcel.state not in states.HERE:
        raise states.ParcelStateForbids(state=parcel.state)
    new = labelling.put_on(session, ctx, parcel, found)
    if new and parcel.state == ParcelState.PACKED:
        provenance.parcel_filled(
            session,
            ctx,
            parcel_id=parcel.id,
            lot_id=parcel.lot_id,
            labels=[(each.gtin, each.serial) for each in new],
        )
    return parcel


def pack(session: Session, ctx: Context, *, parcel_id: uuid.UUID, weighed_grams: int | None = None) -> Parcel:
    """Its boxes stand ready, each with a label or none; `weighed_grams`: of all of them together, if it was weighed.

    Raises ParcelNotFound, ParcelStateForbids, LotStatusForbids, HoldNotActive, ParcelLabelsDiffer, WeightUnlikely.
    """
    order, parcel = locked(session, ctx, parcel_id)
    states.check_move(parcel.state, ParcelState.PACKED)
    if weighed_grams is not None:
        weight_rules.check_weight(weighed_grams, nominal_grams=parcel.quantity_grams)
    labels = labelling.complete(session, parcel)
    owing.pack(session, ctx, hold_id=parcel.hold_id, boxes=parcel.boxes)
    parcel.packed_at, parcel.weighed_grams = ctx.now, weighed_grams
    _go(session, ctx, order, parcel, ParcelState.PACKED)
    provenance.parcel_packed(
        session,
        ctx,
        parcel_id=parcel.id,
        lot_id=parcel.lot_id,
        boxes=parcel.boxes,
        grams=parcel.quantity_grams,
        campaign_id=session.get_one(Wave, parcel.wave_id).campaign_id,
        labels=[(each.gtin, each.serial) for each in labels],
    )
    return parcel


def ship(
    session: Session,
    ctx: Context,
    *,
    parcel_id: uuid.UUID,
    carrier: str,
    tracking_number: str | None,
    pallet_id: uuid.UUID | None = None,
) -> Parcel:
    """A carrier has it: the fruit has left the store. `pallet_id`: the pallet that leaves with it.

    What was weighed may be refunded (`claims.weighing`): then the order's payments are locked before it.
    Raises ParcelNotFound, ParcelStateForbids, ParcelOnPallet, LotStatusForbids, HoldNotActive, ParcelLabelsDiffer,
    LabelStateForbids.
    """
    seen = get(session, ctx, parcel_id=parcel_id)
    if seen.weighed_grams is not None:
        payments.lock_of_orders(session, [seen.order_id])
    order, parcel = locked(session, ctx, parcel_id)
    states.check_move(parcel.state, ParcelState.SHIPPED)
    lying.check_leaves(session, parcel_id=parcel.id, pallet_id=pallet_id)
    holds.consume(session, ctx, hold_id=parcel.hold_id, boxes=parcel.boxes)
    labelling.ship(session, ctx, parcel)
    parcel.carrier, parcel.tracking_number = carrier, tracking_number
    parcel.shipped_at = ctx.now
    _go(session, ctx, order, parcel, ParcelState.SHIPPED)
    provenance.parcel_shipped(session, ctx, parcel_id=parcel.id, lot_id=parcel.lot_id)
    told = ParcelShipped(
        parcel_id=parcel.id,
        order_id=order.id,
        boxes=parcel.boxes,
        carrier=carrier,
        tracking_number=tracking_number,
        version=parcel.version,
    )
    events.publish(session, ctx, told)
    return parcel


def deliver(session: Session, ctx: Context, *, parcel_id: uuid.UUID) -> Parcel:
    """Its buyer has it. Raises ParcelNotFound, ParcelStateForbids."""
    order, parcel = locked(session, ctx, parcel_id)
    states.check_move(parcel.state, ParcelState.DELIVERED)
    labelling.deliver(session, ctx, parcel)
    parcel.delivered_at = ctx.now
    _go(session, ctx, order, parcel, ParcelState.DELIVERED)
    provenance.parcel_delivered(
        session, ctx, parcel_id=parcel.id, lot_id=parcel.lot_id, order_id=parcel.order_id
    )
    if parcel.claim_id is not None:
        events.publish(session, ctx, ReplacementDelivered(claim_id=parcel.claim_id))
    return parcel


def lose(session: Session, ctx: Context, order: Order, parcel: Parcel) -> None:
    """The locked parcel of a locked order does not arrive: all of it is refunded. Raises ParcelStateForbids."""
    states.check_move(parcel.state, ParcelState.LOST)
    parcel.lost_at = ctx.now
    _go(session, ctx, order, parcel, ParcelState.LOST)


def unship(session: Session, ctx: Context, order: Order, parcel: Parcel) -> None:
    """The locked parcel of a locked order stands packed in its store again. Whoever calls has moved all else.

    Raises ParcelStateForbids.
    """
    if parcel.state != ParcelState.SHIPPED:
        raise states.ParcelStateForbids(state=parcel.state)
    parcel.shipped_at = parcel.carrier = parcel.tracking_number = None
    _go(session, ctx, order, parcel, ParcelState.PACKED, verb="unship")


def leave_unfilled(session: Session, ctx: Context, order: Order, parcel: Parcel, after: ParcelState) -> None:
    """The boxes of a locked planned parcel of a locked order are not there: it is `short`, or `withdrawn`.

    Raises ParcelStateForbids.
    """
    states.check_move(parcel.state, after)
    parcel.unfilled_at = ctx.now
    _go(session, ctx, order, parcel, after)


def cancel(session: Session, ctx: Context, order: Order, parcel: Parcel) -> None:
    """A locked replacement of a locked order is not sent; whoever calls sees to its boxes.

    Raises ParcelStateForbids, ParcelOnPallet, ParcelLabelsDiffer while its boxes bear labels: those are voided before.
    """
    states.check_move(parcel.state, ParcelState.CANCELLED)
    assert parcel.claim_id is not None, "the first parcels of an order are sent"
    lying.check_leaves(session, parcel_id=parcel.id, pallet_id=None)
    if labels := len(labelling.on_boxes(session, parcel)):
        raise labelling.ParcelLabelsDiffer(boxes=0, labels=labels)
    was_packed = parcel.state == ParcelState.PACKED
    parcel.cancelled_at = ctx.now
    _go(session, ctx, order, parcel, ParcelState.CANCELLED)
    if was_packed:
        provenance.parcel_unpacked(session, ctx, parcel_id=parcel.id, lot_id=parcel.lot_id)


def recipient(session: Session, ctx: Context, *, parcel_id: uuid.UUID) -> dict[str, Any]:
    """Where it goes, for whoever packs it, as long as it has not arrived; that it was asked is written down.

    Raises ParcelNotFound, ParcelStateForbids, AddressNotChosen.
    """
    parcel = get(session, ctx, parcel_id=parcel_id)
    if parcel.state not in OPEN:
        raise states.ParcelStateForbids(state=parcel.state)
    audit.record(session, ctx, "parcel.read_recipient", subject=("parcel", parcel.id))
    return addressing.of_order(session, order_id=parcel.order_id)


def get(session: Session, ctx: Context, *, parcel_id: uuid.UUID) -> Parcel:
    """A parcel of the actor's cooperatives, or any for staff. Raises ParcelNotFound."""
    found = session.scalar(visible(ctx).where(Parcel.id == parcel_id))
    if found is None:
        raise ParcelNotFound
    return found


def visible(ctx: Context) -> Select[Parcel]:
    statement = select(Parcel)
    if ctx.actor.has(*STAFF):
        return statement
    return statement.where(Parcel.cooperative_id.in_(ctx.actor.cooperative_ids))


def of_order(session: Session, *, order_id: uuid.UUID) -> list[Parcel]:
    """Oldest first."""
    return list(session.scalars(select(Parcel).where(Parcel.order_id == order_id).order_by(Parcel.id)))


def counts(session: Session, *, campaign_waves: Select[uuid.UUID]) -> dict[str, dict[str, int]]:
    """Parcels and boxes of these waves, by state."""
    rows = session.execute(
        select(Parcel.state, func.count(), func.sum(Parcel.boxes))
        .where(Parcel.wave_id.in_(campaign_waves))
        .group_by(Parcel.state)
    )
    found = {state: {"parcels": count, "boxes": int(boxes)} for state, count, boxes in rows}
    return {str(each): found.get(each, {"parcels": 0, "boxes": 0}) for each in ParcelState}


def locked_with_orders(session: Session, wanted: Select[Parcel]) -> dict[uuid.UUID, Parcel]:
    """The parcels that are wanted and their orders, all orders first, each kind by id."""
    order_ids = {each.order_id for each in session.scalars(wanted)}
    session.scalars(
        select(Order.id).where(Order.id.in_(order_ids)).order_by(Order.id).with_for_update()
    ).all()
    statement = wanted.order_by(Parcel.id).with_for_update().execution_options(populate_existing=True)
    return {each.id: each for each in session.scalars(statement)}


def locked(session: Session, ctx: Context, parcel_id: uuid.UUID) -> tuple[Order, Parcel]:
    """A parcel that the actor works on, after its order. Raises ParcelNotFound."""
    order = moving.locked(session, get(session, ctx, parcel_id=parcel_id).order_id)
    parcel = session.get_one(Parcel, parcel_id, with_for_update=True, populate_existing=True)
    return order, parcel


def _go(
    session: Session,
    ctx: Context,
    order: Order,
    parcel: Parcel,
    after: ParcelState,
    *,
    verb: str | None = None,
) -> Parcel:
    before = parcel.state
    parcel.state = after
    parcel.version += 1
    session.flush()
    audit.record(
        session,
        ctx,
        f"parcel.{verb or _VERBS[after]}",
        subject=("parcel", parcel.id),
        before={"state": before},
        after={"state": str(after), "carrier": parcel.carrier, "tracking_number": parcel.tracking_number},
    )
    if GONE & {before, after} or after == ParcelState.SHORT:
        _follow(session, ctx, order)
    return parcel


def _follow(session: Session, ctx: Context, order: Order) -> None:
    """The locked order is as far as the last of its first parcels. That all has arrived is told only if all has."""
    found = [each.state for each in of_order(session, order_id=order.id) if each.claim_id is None]
    due = states.order_state(found)
    if due == order.state:
        return
    check_move(order.state, due)
    is_quiet = due == OrderState.DELIVERED and not {ParcelState.LOST, ParcelState.SHORT}.isdisjoint(found)
    moving.move(session, ctx, order, due, is_one_of_many=is_quiet)
    if is_quiet:
        events.publish(session, ctx, OrdersMoved(order_ids=(order.id,), after=due))


_VERBS: Final = {
    ParcelState.PACKED: "pack",
    ParcelState.SHIPPED: "ship",
    ParcelState.DELIVERED: "deliver",
    ParcelState.LOST: "lose",
    ParcelState.SHORT: "refund_short",
    ParcelState.WITHDRAWN: "withdraw",
    ParcelState.CANCELLED: "cancel",
}
