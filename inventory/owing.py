"""Fruit on its way out: what was held for somebody is committed, then packed; `holds.consume` ships it.

What is committed is owed and does not lapse; `holds.release` alone makes it free again. Each step is one line of the
lot's journal under the locks of hold and lot, and a lot that is stopped lets none of them happen.
"""

import uuid
from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory import holds, on_lots, promise_parts
from inventory.models import Hold
from inventory.on_lots import Purpose
from inventory.promise_parts import Parts
from inventory.refusals import BoxesNotReady, HoldNotActive
from inventory.states import OWED, HoldState, MovementKind
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


def unbind(session: Session, ctx: Context, *, hold_id: uuid.UUID, boxes: int, packed: int) -> Hold:
    """Owed boxes are only held again, `packed` of them out of their boxes; a stopped lot lets it happen.

    Raises HoldNotFound, HoldNotActive, BoxesNotReady.
    """
    hold = holds.locked(session, hold_id)
    _step(
        session,
        ctx,
        hold,
        MovementKind.UNBOUND,
        _parts(session, hold),
        boxes,
        lambda was, wanted: promise_parts.unbind(was, wanted, packed),
    )
    return hold


def pack(session: Session, ctx: Context, *, hold_id: uuid.UUID, boxes: int | None = None) -> Hold:
    """Committed boxes, all unless told, stand ready to leave.

    Raises HoldNotFound, HoldNotActive, BoxesNotReady, LotStatusForbids.
    """
    hold = holds.locked(session, hold_id)
    was = _parts(session, hold)
    wanted = was.unpacked if boxes is None else boxes
    _step(session, ctx, hold, MovementKind.PACKED, was, wanted, promise_parts.pack)
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


_VERBS = {MovementKind.COMMITTED: "commit", MovementKind.UNBOUND: "unbind", MovementKind.PACKED: "pack"}
