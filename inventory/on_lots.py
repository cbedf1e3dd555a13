"""Holds of lots: placed, and how far their boxes have come on the way to whoever they are promised to.

What of a hold is committed and packed is told by the lot's journal, whose lines name their hold: so the two cannot
differ. The steps of the way are rules of `promise_parts`.
"""

import uuid
from collections.abc import Collection
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from inventory import buckets, lots, safety, stock_rules
from inventory.buckets import CountersBroken
from inventory.models import Hold, Lot, Movement
from inventory.promise_parts import Parts
from inventory.states import HoldKind, HoldState, MovementKind, lets
from inventory.stock_rules import Destination
from marketplace import audit
from marketplace.context import Context
from marketplace.values import new_id

Purpose = tuple[str, uuid.UUID]
"""What a hold is for: the kind of thing and its id, in the package above."""

_GOING: frozenset[MovementKind] = frozenset(
    {MovementKind.SHIPPED, MovementKind.CULLED, MovementKind.SHIPMENT_VOIDED}
)
"""With these the fruit itself leaves the store, or is there again."""


def place_on_lots(
    session: Session,
    ctx: Context,
    *,
    kind: str,
    cooperative_id: uuid.UUID,
    boxes: int,
    pack_grams: int,
    variety: str,
    grade: str,
    purpose: Purpose,
    delivered_on: date | None = None,
    destination: Destination | None = None,
    pool_id: uuid.UUID | None = None,
    until: datetime | None = None,
) -> list[Hold]:
    """Hold whole boxes of a cooperative's lots, first expired first out: one hold for each lot.

    A pledge names its `pool_id`; without `until` a hold does not expire. Raises NotEnoughInStore.
    """
    stocks = lots.offered(session, variety=variety, grade=grade, cooperative_id=cooperative_id, locked=True)
    asked: dict[str, Any] = {
        "pack_grams": pack_grams,
        "on": delivered_on or ctx.today,
        "destination": destination,
        "safety": safety.kept(session, variety=variety, grade=grade),
    }
    try:
        takes = stock_rules.take(stocks, boxes=boxes, **asked)
    except stock_rules.TooFewBoxes as short:
        raise lots.NotEnoughInStore(
            cooperative_id=cooperative_id,
            requested_boxes=boxes,
            available_boxes=short.available_boxes,
            **asdict(stock_rules.withheld_boxes(stocks, **asked)),
        ) from short
    placed = []
    for take in takes:
        hold = Hold(
            id=new_id(),
            kind=HoldKind(kind),
            state=HoldState.ACTIVE,
            cooperative_id=cooperative_id,
            lot_id=take.lot_id,
            pool_id=pool_id,
            boxes=take.boxes,
            pack_grams=pack_grams,
            quantity_grams=take.boxes * pack_grams,
            purpose_kind=purpose[0],
            purpose_id=purpose[1],
            created_at=ctx.now,
            expires_at=until,
            version=1,
        )
        _add(session, ctx, hold)
        move(session, ctx, hold, MovementKind.HELD, Parts(open_boxes=0), Parts(open_boxes=hold.boxes))
        placed.append(hold)
    return placed


def parts_of(session: Session, hold: Hold) -> Parts:
    """How far the open boxes of a locked hold have come; one of a pool has no parts."""
    if hold.lot_id is None:
        return Parts(open_boxes=hold.open_boxes)
    committed, packed = session.execute(
        select(
            func.coalesce(func.sum(Movement.committed_delta_grams), 0),
            func.coalesce(func.sum(Movement.packed_delta_grams), 0),
        ).where(Movement.hold_id == hold.id)
    ).one()
    return Parts(
        open_boxes=hold.open_boxes,
        committed=int(committed) // hold.pack_grams,
        packed=int(packed) // hold.pack_grams,
    )


def committed_boxes(session: Session, hold_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, int]:
    """What of each hold is committed and has not left; those with nothing are left out."""
    rows = session.execute(
        select(Hold.id, func.sum(Movement.committed_delta_grams) / Hold.pack_grams)
        .join(Movement, Movement.hold_id == Hold.id)
        .where(Hold.id.in_(hold_ids))
        .group_by(Hold.id)
    )
    return {hold_id: int(boxes) for hold_id, boxes in rows if boxes}


def move(
    session: Session,
    ctx: Context,
    hold: Hold,
    kind: MovementKind,
    was: Parts,
    now: Parts,
    *,
    reason: str | None = None,
) -> Lot:
    """One line of the journal: a hold's boxes have come from there to here."""
    assert hold.lot_id is not None
    gone = now.open_boxes - was.open_boxes if kind in _GOING else 0
    lot = buckets.move_lot(
        session,
        ctx,
        hold.lot_id,
        kind,
        on_hand_grams=gone * hold.pack_grams,
        held_grams=(now.held - was.held) * hold.pack_grams,
        committed_grams=(now.committed - was.committed) * hold.pack_grams,
        packed_grams=(now.packed - was.packed) * hold.pack_grams,
        hold_id=hold.id,
        reason=reason,
    )
    if lot is None:
        raise CountersBroken(hold.id)
    return lot


def check_lets(session: Session, hold: Hold, kind: MovementKind) -> None:
    """Locks the lot: nobody stops it between this look and the move. Raises LotStatusForbids."""
    status = _status(session, hold)
    if not lets(status, kind):
        raise lots.LotStatusForbids(lot_status=status)


def may(session: Session, hold: Hold, kind: MovementKind) -> bool:
    """The same as an answer."""
    return lets(_status(session, hold), kind)


def pledge_again(session: Session, ctx: Context, hold: Hold, *, boxes: int, pool_id: uuid.UUID) -> Hold:
    """Boxes that this hold has just let go of are pledged to a pool, in the same lot and for the same purpose."""
    pledged = Hold(
        id=new_id(),
        kind=HoldKind.PLEDGE,
        state=HoldState.ACTIVE,
        cooperative_id=hold.cooperative_id,
        lot_id=hold.lot_id,
        pool_id=pool_id,
        boxes=boxes,
        pack_grams=hold.pack_grams,
        quantity_grams=boxes * hold.pack_grams,
        purpose_kind=hold.purpose_kind,
        purpose_id=hold.purpose_id,
        created_at=ctx.now,
        version=1,
    )
    _add(session, ctx, pledged)
    move(session, ctx, pledged, MovementKind.HELD, Parts(open_boxes=0), Parts(open_boxes=boxes))
    return pledged


def _status(session: Session, hold: Hold) -> str:
    statement = select(Lot.status).where(Lot.id == hold.lot_id).with_for_update(key_share=True)
    return session.execute(statement).scalar_one()


def _add(session: Session, ctx: Context, hold: Hold) -> None:
    session.add(hold)
    session.flush()
    after = {"kind": str(hold.kind), "boxes": hold.boxes, "purpose": f"{hold.purpose_kind}:{hold.purpose_id}"}
    audit.record(session, ctx, "hold.place", subject=("hold", hold.id), after=after)
