"""Late binding: sold boxes of a pool get their lots when they are about to leave, by the rule of `binding_rules`.

From then on the lot owes them: the pledge's boxes are committed, then packed (`owing`) and shipped (`holds.consume`).
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from inventory import binding_rules, on_lots, owing, room
from inventory.binding_rules import Bound, Pledged, Served, Wish
from inventory.models import Hold, Lot
from inventory.refusals import NotSoldYet, TooFewGoodBoxes
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
    for each in sorted(chosen, key=lambda part: part.lot_id):
        owing.commit(session, ctx, hold_id=each.hold_id, boxes=each.boxes)
    after = {"boxes": boxes, "lots": {str(each.lot_id): each.boxes for each in chosen}}
    audit.record(session, ctx, "pool.bind", subject=("pool", pool_id), after=after)
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
