"""Forecast fruit in a pool: promised by its capacity, held for the pool until it is weighed.

A capacity is locked before the holds that draw on it, these before the pool, and lots last.
"""

import uuid
from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory import buckets
from inventory.buckets import CountersBroken, PoolStep
from inventory.capacity import forecasts, promises
from inventory.capacity.models import Capacity
from inventory.capacity.promises import Purpose
from inventory.capacity.rules import CapacityState
from inventory.models import Hold, Pool
from inventory.states import HoldKind, HoldState, MovementKind, PoolMovementKind
from marketplace import audit, errors
from marketplace.context import Context
from marketplace.language import Text
from marketplace.values import new_id


class CapacityDoesNotFit(errors.Conflict):
    """The forecast is of another variety or grade than the pool sells."""

    title = Text(en="The forecast is not of this variety and grade.", zh="该预估产量的品种或等级不符。")


def lock(session: Session, *, pool_ids: Collection[uuid.UUID]) -> None:
    """Lock the capacities of which these pools have forecast fruit, by id."""
    drawn_on = select(Hold.capacity_id).where(
        Hold.pool_id.in_(pool_ids), Hold.kind == HoldKind.FORECAST, Hold.state == HoldState.ACTIVE
    )
    session.execute(
        select(Capacity.id)
        .where(Capacity.id.in_(drawn_on))
        .order_by(Capacity.id)
        .with_for_update(key_share=True)
    ).all()


def put_in(
    session: Session, ctx: Context, *, pool: Pool, capacity_id: uuid.UUID, boxes: int, purpose: Purpose
) -> Hold:
    """Promise boxes of the prudent part to the pool's purpose, and let the pool grow by them.

    Raises CapacityNotFound, CapacityClosed, CapacityExceeded, CapacityDoesNotFit.
    """
    capacity = forecasts.locked(session, capacity_id=capacity_id)
    if (capacity.variety, capacity.grade) != (pool.variety, pool.grade):
        raise CapacityDoesNotFit(variety=capacity.variety, grade=capacity.grade)
    grams = boxes * pool.pack_grams
    promises.promise(session, ctx, capacity_id=capacity_id, grams=grams, purpose=purpose)
    hold = _add(
        session,
        ctx,
        Hold(
            kind=HoldKind.FORECAST,
            cooperative_id=capacity.cooperative_id,
            capacity_id=capacity.id,
            pool_id=pool.id,
            boxes=boxes,
            pack_grams=pool.pack_grams,
            quantity_grams=grams,
            purpose_kind=purpose[0],
            purpose_id=purpose[1],
        ),
    )
    step = PoolStep(kind=PoolMovementKind.PLEDGED, hold_id=hold.id, pledged=boxes)
    if buckets.move_pool(session, ctx, pool.id, step) is None:
        raise CountersBroken(hold.id)
    return hold


def give_back(session: Session, ctx: Context, hold: Hold, *, boxes: int) -> None:
    """So many of the hold's boxes have left the pool: the forecast is free of them."""
    assert hold.capacity_id is not None
    promises.give_back(
        session,
        ctx,
        capacity_id=hold.capacity_id,
        grams=boxes * hold.pack_grams,
        purpose=(hold.purpose_kind, hold.purpose_id),
    )


def held_of(session: Session, *, capacity_id: uuid.UUID) -> dict[Purpose, list[Hold]]:
    """What stands in pools of a locked capacity, by purpose, the first put in first; locked."""
    statement = (
        select(Hold)
        .where(
            Hold.capacity_id == capacity_id, Hold.kind == HoldKind.FORECAST, Hold.state == HoldState.ACTIVE
        )
        .order_by(Hold.id)
        .with_for_update(of=Hold, key_share=True)
    )
    found: dict[Purpose, list[Hold]] = {}
    for hold in session.scalars(statement.execution_options(populate_existing=True)):
        found.setdefault((hold.purpose_kind, hold.purpose_id), []).append(hold)
    return found


def exchange(session: Session, ctx: Context, forecast: Hold, *, lot_id: uuid.UUID, boxes: int) -> Hold:
    """Weighed: a pledge on the lot takes the place of so many boxes of a locked forecast. The pool does not notice."""
    assert forecast.pool_id is not None
    pledge = _add(
        session,
        ctx,
        Hold(
            kind=HoldKind.PLEDGE,
            cooperative_id=forecast.cooperative_id,
            lot_id=lot_id,
            pool_id=forecast.pool_id,
            boxes=boxes,
            pack_grams=forecast.pack_grams,
            quantity_grams=boxes * forecast.pack_grams,
            purpose_kind=forecast.purpose_kind,
            purpose_id=forecast.purpose_id,
        ),
    )
    before = {"state": str(forecast.state), "open_boxes": forecast.open_boxes}
    forecast.released_boxes += boxes
    forecast.version += 1
    if not forecast.open_boxes:
        forecast.state, forecast.resolved_at, forecast.reason = HoldState.RELEASED, ctx.now, "weighed"
    session.flush()
    after = {"state": str(forecast.state), "open_boxes": forecast.open_boxes, "hold_id": str(pledge.id)}
    audit.record(session, ctx, "hold.weigh", subject=("hold", forecast.id), before=before, after=after)
    steps = (
        PoolStep(kind=PoolMovementKind.PLEDGED, hold_id=pledge.id, pledged=boxes),
        PoolStep(kind=PoolMovementKind.WITHDRAWN, hold_id=forecast.id, pledged=-boxes),
    )
    if buckets.move_pool(session, ctx, forecast.pool_id, *steps) is None:
        raise CountersBroken(forecast.id)
    grams = pledge.quantity_grams
    moved = buckets.move_lot(session, ctx, lot_id, MovementKind.HELD, held_grams=grams, hold_id=pledge.id)
    if moved is None:
        raise CountersBroken(pledge.id)
    return pledge


def awaited_boxes(session: Session, *, pool_ids: Collection[uuid.UUID]) -> int:
    """What of these pools is still to be weighed: of forecasts whose week is not closed."""
    statement = (
        select(Hold)
        .join(Capacity, Capacity.id == Hold.capacity_id)
        .where(
            Hold.pool_id.in_(pool_ids),
            Hold.kind == HoldKind.FORECAST,
            Hold.state == HoldState.ACTIVE,
            Capacity.state == CapacityState.OPEN,
        )
    )
    return sum(hold.open_boxes for hold in session.scalars(statement))


def _add(session: Session, ctx: Context, hold: Hold) -> Hold:
    hold.id, hold.state, hold.created_at, hold.version = new_id(), HoldState.ACTIVE, ctx.now, 1
    session.add(hold)
    session.flush()
    after = {"kind": str(hold.kind), "boxes": hold.boxes, "purpose": f"{hold.purpose_kind}:{hold.purpose_id}"}
    audit.record(session, ctx, "hold.place", subject=("hold", hold.id), after=after)
    return hold
