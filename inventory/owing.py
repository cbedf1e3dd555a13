"""Fruit on its way out: what was held for somebody is committed, then packed; `holds.consume` ships it.

What is committed is owed and does not lapse; `uncommit` gives it back to those who hold it, `holds.release` makes it
free again. Each step is one line of the
lot's journal under the locks of hold and lot; a lot that is stopped lets fruit go back, and nothing go forward.
"""

import uuid
from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory import holds, lots, on_lots, promise_parts
from inventory.families import parentage
from inventory.models import Hold, Lot
from inventory.on_lots import Purpose
from inventory.promise_parts import Parts
from inventory.refusals import BoxesNotReady, HoldNotActive
from inventory.states import OWED, HoldState, MovementKind
from inventory.stores import rooms
from marketplace import audit
from marketplace.context import Context


def commit(session: Session, ctx: Context, *, hold_id: uuid.UUID, boxes: int | None = None) -> Hold:
    """Held boxes, all unless told, are owed from now on: they do not expire.

    Raises HoldNotFound, HoldExpired, HoldNotActive, BoxesNotReady, LotStatusForbids.
    """
    return _commit(session, ctx, holds.locked(session, hold_id), boxes)


def commit_purpose(session: Session, ctx: Context, *, purpose: Purpose) -> int:
    """All boxes that lots hold for something are owed; of how many holds. None of them, if a lot is stopped.

    Raises HoldExpired, LotStatusForbids.
    """
    found = session.scalars(
        select(Hold)
        .where(
            Hold.purpose_kind == purpose[0],
            Hold.purpose_id == purpose[1],
            Hold.state == HoldState.ACTIVE,
            Hold.kind.in_(sorted(OWED)),
        )
        .order_by(Hold.lot_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    due = [hold for hold in found if on_lots.parts_of(session, hold).held]
    for hold in due:
        on_lots.check_lets(session, hold, MovementKind.COMMITTED)
    for hold in due:
        _commit(session, ctx, hold, None)
    return len(due)


def pack(session: Session, ctx: Context, *, hold_id: uuid.UUID, boxes: int | None = None) -> Hold:
    """Committed boxes, all unless told, stand ready to leave.

    Raises HoldNotFound, HoldNotActive, BoxesNotReady, LotStatusForbids.
    """
    hold = holds.locked(session, hold_id)
    was = _parts(session, hold)
    wanted = was.unpacked if boxes is None else boxes
    _step(session, ctx, hold, MovementKind.PACKED, was, wanted, promise_parts.pack)
    return hold


def void_shipment(session: Session, ctx: Context, *, hold_id: uuid.UUID, boxes: int, reason: str) -> Hold:
    """Shipped boxes have not left after all, or are back unopened: packed and owed as before, whatever stops the lot.

    The lot's cold store is locked before the hold, as by whoever brings fruit in. Raises HoldNotFound, HoldNotActive,
    BoxesNotReady for more than have left, NotShipped if they have come back as a lot of their own, NoSpace.
    """
    store_id, room_id = session.execute(
        select(Lot.cold_store_id, Lot.room_id).join(Hold, Hold.lot_id == Lot.id).where(Hold.id == hold_id)
    ).one()
    rooms.lock(session, [store_id])
    hold = holds.locked(session, hold_id)
    if hold.state not in (HoldState.ACTIVE, HoldState.CONSUMED):
        raise HoldNotActive(state=hold.state)
    if hold.kind not in OWED or hold.lot_id is None or boxes > hold.consumed_boxes:
        raise BoxesNotReady(ready_boxes=hold.consumed_boxes)
    lots.locked(session, ctx, lot_ids=[hold.lot_id])
    grams = boxes * hold.pack_grams
    parentage.check_shipped(session, lot_id=hold.lot_id, grams=grams)
    was, before = on_lots.parts_of(session, hold), str(hold.state)
    now = promise_parts.come_back(was, boxes)
    hold.consumed_boxes -= boxes
    hold.state, hold.resolved_at = HoldState.ACTIVE, None
    hold.version += 1
    if not now.held:
        hold.expires_at = None
    session.flush()
    on_lots.move(session, ctx, hold, MovementKind.SHIPMENT_VOIDED, was, now, reason=reason)
    rooms.check(session, {(store_id, room_id): grams})
    audit.record(
        session,
        ctx,
        "hold.void_shipment",
        subject=("hold", hold.id),
        before={"state": before, "open_boxes": was.open_boxes},
        after={"state": str(hold.state), "open_boxes": now.open_boxes, "reason": reason},
    )
    return hold


def uncommit(session: Session, ctx: Context, *, hold_id: uuid.UUID, boxes: int, packed: int = 0) -> Hold:
    """Committed boxes are only held again, for what the hold is for, `packed` of them out of their boxes; a stopped lot
    lets it happen.

    Raises HoldNotFound, HoldNotActive, BoxesNotReady.
    """
    hold = holds.locked(session, hold_id)
    _step(
        session,
        ctx,
        hold,
        MovementKind.UNCOMMITTED,
        _parts(session, hold),
        boxes,
        lambda was, wanted: promise_parts.uncommit(was, wanted, packed),
    )
    return hold


def _commit(session: Session, ctx: Context, hold: Hold, boxes: int | None) -> Hold:
    holds.check_lives(session, hold)
    was = _parts(session, hold)
    now = _step(
        session,
        ctx,
        hold,
        MovementKind.COMMITTED,
        was,
        was.held if boxes is None else boxes,
        promise_parts.commit,
    )
    if not now.held:
        hold.expires_at = None
    return hold


def _parts(session: Session, hold: Hold) -> Parts:
    if hold.state != HoldState.ACTIVE:
        raise HoldNotActive(state=hold.state)
    if hold.kind not in OWED:
        raise BoxesNotReady(ready_boxes=0)
    return on_lots.parts_of(session, hold)


def _step(
    session: Session,
    ctx: Context,
    hold: Hold,
    kind: MovementKind,
    was: Parts,
    boxes: int,
    rule: Callable[[Parts, int], Parts],
) -> Parts:
    on_lots.check_lets(session, hold, kind)
    try:
        now = rule(was, boxes)
    except promise_parts.TooFew as few:
        raise BoxesNotReady(ready_boxes=few.ready) from few
    on_lots.move(session, ctx, hold, kind, was, now)
    hold.version += 1
    audit.record(
        session,
        ctx,
        f"hold.{_VERBS[kind]}",
        subject=("hold", hold.id),
        before={"committed_boxes": was.committed, "packed_boxes": was.packed},
        after={"committed_boxes": now.committed, "packed_boxes": now.packed},
    )
    return now


_VERBS = {
    MovementKind.COMMITTED: "commit",
    MovementKind.UNCOMMITTED: "uncommit",
    MovementKind.PACKED: "pack",
}
