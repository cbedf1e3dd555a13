"""How far a lot's fruit has gone, and who must be told when it is recalled.

Its way is followed through the county's events: to the lots that came out of it, to boxes with labels, to parcels. What
waits in the store for a parcel has no event yet, and is found by its lot.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from inventory import lots
from inventory.epcis.identifiers import Key, key_in
from inventory.models import Lot
from inventory.provenance import numbering, things
from inventory.states import LotStatus
from inventory.traces import walking
from inventory.traces.walk_rules import Direction
from marketplace import audit
from marketplace.context import Context
from marketplace.language import Text
from marketplace.notifications import Message, kinds, notify_all
from orders.fulfilment.models import Parcel
from orders.fulfilment.states import GONE, NOT_SENT
from orders.models import Order

LABELS_SHOWN_MAX: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LotReached:
    lot: Lot
    steps: int
    """So many events away from where the way began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParcelReached:
    parcel: Parcel
    buyer_id: uuid.UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    lot_id: uuid.UUID
    lots: Sequence[LotReached]
    labels: Sequence[str]
    """Serials of boxes, the first of them."""
    labels_count: int
    parcels: Sequence[ParcelReached]
    is_cut: bool
    """There is more than is followed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noticed:
    buyers: int
    told: int
    """Of these now; the others had been told before, or their accounts are not in use."""


def reach(session: Session, ctx: Context, *, lot_id: uuid.UUID) -> Reach:
    """Where the lot's fruit is by now, for staff. Raises LotNotFound."""
    lot = lots.get(session, ctx, lot_id=lot_id)
    found = walking.walk(session, [numbering.lot_class(session, lot)], Direction.FORWARD)
    named = {key: depth for text, depth in found.depths.items() if (key := key_in(text)) is not None}
    reached = {lot.id: LotReached(lot=lot, steps=0)}
    for key, steps in named.items():
        other = things.lot(session, key["01"], key["10"]) if "10" in key and "21" not in key else None
        if other is not None:
            reached.setdefault(other.id, LotReached(lot=other, steps=steps))
    serials = sorted(key["21"] for key in named if "21" in key)
    return Reach(
        lot_id=lot_id,
        lots=sorted(reached.values(), key=lambda each: (each.steps, each.lot.code)),
        labels=serials[:LABELS_SHOWN_MAX],
        labels_count=len(serials),
        parcels=_parcels(session, list(reached), named),
        is_cut=found.is_cut,
    )


def notice(session: Session, ctx: Context, *, lot_id: uuid.UUID, reason: Text) -> Noticed:
    """Tell every buyer whose boxes of a recalled lot have left the store; safe to send again.

    Raises LotNotFound, LotStatusForbids unless it is recalled.
    """
    found = reach(session, ctx, lot_id=lot_id)
    lot = found.lots[0].lot
    if lot.status != LotStatus.RECALLED:
        raise lots.LotStatusForbids(lot_status=str(lot.status), lot_code=lot.code)
    boxes: dict[tuple[uuid.UUID, uuid.UUID], int] = {}
    for each in found.parcels:
        if each.parcel.state in GONE:
            order = (each.buyer_id, each.parcel.order_id)
            boxes[order] = boxes.get(order, 0) + each.parcel.boxes
    messages = [
        Message(
            account_id=buyer_id,
            cause=f"recall:{lot_id}:{order_id}",
            about=kinds.FruitRecalled(order_id=order_id, boxes=count, reason=reason),
        )
        for (buyer_id, order_id), count in sorted(boxes.items())
    ]
    told = notify_all(session, ctx, messages)
    after = {"orders": len(messages), "told": told, "reason": reason.en}
    audit.record(session, ctx, "lot.tell_recall", subject=("lot", lot_id), after=after)
    return Noticed(buyers=len({buyer_id for buyer_id, _ in boxes}), told=told)


def _parcels(session: Session, lot_ids: Sequence[uuid.UUID], named: dict[Key, int]) -> list[ParcelReached]:
    packed = things.parcel_ids(session, [key["00"] for key in named if "00" in key])
    rows = session.execute(
        select(Parcel, Order.buyer_id)
        .join(Order, Order.id == Parcel.order_id)
        .where(or_(Parcel.id.in_(packed), Parcel.lot_id.in_(lot_ids)), Parcel.state.not_in(sorted(NOT_SENT)))
        .order_by(Parcel.id)
    )
    return [ParcelReached(parcel=parcel, buyer_id=buyer_id) for parcel, buyer_id in rows]
