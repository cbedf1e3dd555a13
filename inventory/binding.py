"""Late binding: sold boxes of a pool get their lots when they are about to leave, by the rule of `binding_rules`.

From then on the lot owes them: the pledge's boxes are committed, then packed (`owing`) and shipped (`holds.consume`).
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from inventory import binding_rules, holds, on_lots, owing, room
from inventory.binding_rules import Bound, Pledged, Served, Wish
from inventory.hold_policy import end_of
from inventory.models import Hold, Lot
from inventory.on_lots import Purpose
from inventory.refusals import HoldNotFound, NotSoldYet, TooFewGoodBoxes
from inventory.states import PLEDGES, HoldKind, HoldState, LotStatus
from inventory.stock_rules import Destination, good_until
from marketplace import audit
from marketplace.context import Context


def bind(
    session: Session,
    ctx: Context,
    *,
    pool_id: uuid.UUID,
    boxes: int,
    delivered_on: date,
    destination: Destination | None = None,
    ranks: Mapping[uuid.UUID, int],
) -> list[Bound]:
    """Choose the pledged lots that sold boxes of a pool come from: each pledge is committed to what its lot gives.

    Pledges are locked before the pool and the lots. Raises PoolNotFound, NotSoldYet, TooFewGoodBoxes.
    """
    rows, committed = _locked_pledges(session, pool_id)
    unbound = _unbound(session, pool_id, committed)
    if boxes > unbound:
        raise NotSoldYet(requested_boxes=boxes, unbound_boxes=unbound)
    try:
        chosen = binding_rules.choose(
            [_pledged(hold, lot, committed.get(hold.id, 0)) for hold, lot in rows],
            boxes=boxes,
            delivered_on=delivered_on,
            destination=destination,
            ranks=ranks,
        )
    except binding_rules.TooFewPledged as short:
        raise TooFewGoodBoxes(
            requested_boxes=boxes,
            available_boxes=short.available_boxes,
            good_until=good_until(delivered_on, destination),
        ) from short
    _commit(session, ctx, pool_id, chosen, action="pool.bind")
    return chosen


def serve(
    session: Session,
    ctx: Context,
    *,
    pool_id: uuid.UUID,
    wishes: Sequence[Wish],
    delivered_on: date,
    but_lots: Collection[uuid.UUID] = (),
) -> Served:
    """Bind what each order needs to pledged lots; an order that cannot have all of it is left as it is.

    `but_lots`: from these nothing is taken. Raises PoolNotFound, NotSoldYet.
    """
    rows, committed = _locked_pledges(session, pool_id)
    unbound = _unbound(session, pool_id, committed)
    wanted = sum(each.boxes for each in wishes)
    if wanted > unbound:
        raise NotSoldYet(requested_boxes=wanted, unbound_boxes=unbound)
    served = binding_rules.serve(
        [_pledged(hold, lot, committed.get(hold.id, 0)) for hold, lot in rows if lot.id not in but_lots],
        wishes,
        delivered_on=delivered_on,
    )
    boxes_of: dict[tuple[uuid.UUID, uuid.UUID], int] = {}
    for parts in served.parts.values():
        for each in parts:
            key = each.lot_id, each.hold_id
            boxes_of[key] = boxes_of.get(key, 0) + each.boxes
    for (_, hold_id), boxes in sorted(boxes_of.items()):
        owing.commit(session, ctx, hold_id=hold_id, boxes=boxes)
    if boxes_of:
        after = {"boxes": sum(boxes_of.values()), "orders": len(served.parts)}
        audit.record(session, ctx, "pool.bind", subject=("pool", pool_id), after=after)
    return served


def give_free(
    session: Session,
    ctx: Context,
    *,
    pool_id: uuid.UUID,
    owner_id: uuid.UUID,
    wish: Wish,
    delivered_on: date,
    purpose: Purpose,
) -> Sequence[Bound]:
    """Boxes of a pool that nobody has bought are somebody's for nothing and bound at once: as many of the wish as are
    free and good.

    The pool counts them as sold: so nobody else buys them, and they are bound like what was sold. What is missing or
    stopped is pledged as well: of what is there as much stays as is sold and has no lot yet.
    Raises PoolNotFound, PoolBusy.
    """
    rows, committed = _locked_pledges(session, pool_id)
    pledges = [_pledged(hold, lot, committed.get(hold.id, 0)) for hold, lot in rows]
    pool = room.found(session, ctx, pool_id=pool_id, boxes=wish.boxes) or room.locked(session, pool_id)[0]
    until = delivered_on + timedelta(days=wish.shelf_days)
    good = sum(each.boxes for each in pledges if binding_rules.keeps(each, until))
    there = sum(each.boxes for each in pledges if each.status == LotStatus.AVAILABLE)
    spare = there - _unbound(session, pool_id, committed)
    boxes = min(wish.boxes, pool.available_boxes, good, spare)
    if boxes <= 0:
        return ()
    served = binding_rules.serve(pledges, [replace(wish, boxes=boxes)], delivered_on=delivered_on)
    now = holds.clock(session)
    ends_at, _ = end_of(HoldKind.REPLACEMENT, now=now, until=None)
    assert ends_at is not None, "its kind lives for a time"
    hold = room.put(
        session,
        ctx,
        pool,
        kind=HoldKind.REPLACEMENT,
        owner_id=owner_id,
        boxes=boxes,
        ends=(ends_at, None),
        now=now,
        purpose=purpose,
    )
    holds.consume(session, ctx, hold_id=hold.id)
    bound = served.parts[wish.id]
    _commit(session, ctx, pool_id, bound, action="pool.give_free")
    return bound


def take_free_back(
    session: Session,
    ctx: Context,
    *,
    owner_id: uuid.UUID,
    purpose: Purpose,
    pledge: Hold,
    boxes: int,
    packed: int,
) -> None:
    """Boxes of a pledge that were given for nothing and have not left are the pool's again, and the lot owes them no
    more; `packed` of them stood ready.

    The holds are locked (`lock_given`). Raises HoldNotFound, HoldNotActive, BoxesNotReady.
    """
    given = session.scalar(
        select(Hold).where(_is_given(owner_id=owner_id, purpose=purpose), Hold.pool_id == pledge.pool_id)
    )
    if given is None:
        raise HoldNotFound
    holds.come_back(session, ctx, given, boxes=boxes, reason="the replacement is given up")
    owing.uncommit(session, ctx, hold_id=pledge.id, boxes=boxes, packed=packed)


def lock_given(
    session: Session, *, owner_id: uuid.UUID, purpose: Purpose, hold_ids: Collection[uuid.UUID]
) -> None:
    """What was given for something, and these holds of which it was bound, all by id and before any pool."""
    is_wanted = Hold.id.in_(hold_ids) | _is_given(owner_id=owner_id, purpose=purpose)
    wanted = select(Hold).where(is_wanted).order_by(Hold.id).with_for_update(key_share=True)
    session.scalars(wanted.execution_options(populate_existing=True)).all()


def _is_given(*, owner_id: uuid.UUID, purpose: Purpose) -> ColumnElement[bool]:
    return and_(
        Hold.owner_id == owner_id,
        Hold.kind == HoldKind.REPLACEMENT,
        Hold.purpose_kind == purpose[0],
        Hold.purpose_id == purpose[1],
    )


def keeping(session: Session, *, pool_id: uuid.UUID) -> list[tuple[date, int]]:
    """The pool's pledged boxes in lots that may leave, by the day until which they keep; nothing is locked."""
    open_boxes = func.sum(Hold.boxes - Hold.consumed_boxes - Hold.released_boxes)
    rows = session.execute(
        select(Lot.best_before_on, open_boxes)
        .join(Lot, Lot.id == Hold.lot_id)
        .where(
            Hold.pool_id == pool_id,
            Hold.kind == HoldKind.PLEDGE,
            Hold.state == HoldState.ACTIVE,
            Lot.status == LotStatus.AVAILABLE,
        )
        .group_by(Lot.best_before_on)
        .order_by(Lot.best_before_on)
    )
    return [(day, int(boxes)) for day, boxes in rows]


def _commit(
    session: Session, ctx: Context, pool_id: uuid.UUID, parts: Sequence[Bound], *, action: str
) -> None:
    """The lots owe these boxes of the pool from now on."""
    for each in sorted(parts, key=lambda part: part.lot_id):
        owing.commit(session, ctx, hold_id=each.hold_id, boxes=each.boxes)
    after = {
        "boxes": sum(each.boxes for each in parts),
        "lots": {str(each.lot_id): each.boxes for each in parts},
    }
    audit.record(session, ctx, action, subject=("pool", pool_id), after=after)


def _locked_pledges(
    session: Session, pool_id: uuid.UUID
) -> tuple[list[tuple[Hold, Lot]], dict[uuid.UUID, int]]:
    """The pool's running pledges with their lots, locked by id, and what of each is committed already."""
    rows = session.execute(
        select(Hold, Lot)
        .join(Lot, Lot.id == Hold.lot_id)
        .where(Hold.pool_id == pool_id, Hold.kind == HoldKind.PLEDGE, Hold.state == HoldState.ACTIVE)
        .order_by(Hold.id)
        .with_for_update(of=Hold, key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    committed = on_lots.committed_boxes(session, [hold.id for hold, _ in rows])
    return [(hold, lot) for hold, lot in rows], committed


def _unbound(session: Session, pool_id: uuid.UUID, committed: Mapping[uuid.UUID, int]) -> int:
    """Sold boxes of the pool, which is locked, that no lot owes yet; those of which the money went back instead are
    not looked for any more.
    """
    pool, _ = room.locked(session, pool_id)
    given = session.scalar(
        select(func.coalesce(func.sum(Hold.consumed_boxes), 0)).where(
            Hold.pool_id == pool_id, Hold.kind.in_(sorted(PLEDGES))
        )
    )
    return pool.boxes_sold - int(given or 0) - sum(committed.values())


def _pledged(hold: Hold, lot: Lot, committed: int) -> Pledged:
    return Pledged(
        hold_id=hold.id,
        lot_id=lot.id,
        cooperative_id=lot.cooperative_id,
        boxes=hold.open_boxes - committed,
        harvested_on=lot.harvested_on,
        best_before_on=lot.best_before_on,
        status=LotStatus(lot.status),
    )
