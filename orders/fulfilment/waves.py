"""A wave: orders whose boxes get their lots together, and of each lot a parcel for each order.

Who knows what is sold says which orders are ready (`campaigns.fulfilment`). Rows are taken in the order order, pledge,
pool, lot.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from inventory import binding
from inventory.binding_rules import Served, Wish
from inventory.models import Hold
from marketplace import audit, database, errors
from marketplace.context import Context
from marketplace.language import Text
from marketplace.values import new_id
from orders import balances
from orders.bulk import DeliveryInThePast
from orders.fulfilment.models import Parcel, Wave
from orders.fulfilment.states import ParcelState
from orders.models import Order
from orders.states import OrderState

READY: Final = frozenset({OrderState.COMMITTED, OrderState.BALANCE_PAID})
"""States of an order of which nothing is open any more: with a deposit the balance is paid, else all was."""


class WaveRunning(errors.Conflict):
    """A wave of the campaign is being planned: the next may be released when it is."""

    title = Text(en="A wave of this campaign is still being planned.", zh="该活动有发货批次正在编排。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """An order that may leave: how long its boxes must keep after delivery, and who was meant to supply how many."""

    order_id: uuid.UUID
    shelf_days: int
    suppliers: Mapping[uuid.UUID, int]


def release(
    session: Session, ctx: Context, *, campaign_id: uuid.UUID, delivered_on: date, orders_max: int | None
) -> Wave:
    """A new wave, with nothing in it yet. Raises DeliveryInThePast, WaveRunning."""
    if delivered_on < ctx.today:
        raise DeliveryInThePast
    number = session.scalar(select(func.count()).where(Wave.campaign_id == campaign_id)) or 0
    wave = Wave(
        id=new_id(),
        campaign_id=campaign_id,
        number=number + 1,
        delivered_on=delivered_on,
        orders_max=orders_max,
        orders=0,
        boxes=0,
        orders_left=0,
        released_at=ctx.now,
    )
    session.add(wave)
    with database.refusing({"uq_wave_planning": WaveRunning(), "uq_wave_campaign_id_number": WaveRunning()}):
        session.flush()
    after = {"campaign_id": str(campaign_id), "delivered_on": delivered_on.isoformat()}
    audit.record(session, ctx, "wave.release", subject=("wave", wave.id), after=after)
    return wave


def plan(session: Session, ctx: Context, wave: Wave, ready: Sequence[Ready]) -> int:
    """Take these orders into the locked wave, as far as there is fruit for them; how many."""
    wanted = {each.order_id: each for each in ready}
    rows = session.execute(
        select(Order, Hold.pool_id, Hold.consumed_boxes)
        .join(Hold, Hold.id == Order.hold_id)
        .where(Order.id.in_(wanted), Order.state.in_(READY))
        .order_by(Order.id)
        .with_for_update(of=Order)
        .execution_options(populate_existing=True)
    ).all()
    orders: dict[uuid.UUID, Order] = {row[0].id: row[0] for row in rows}
    wishes: dict[uuid.UUID, list[Wish]] = {}
    for order, pool_id, boxes in rows:
        asked = wanted[order.id]
        assert pool_id is not None, "a buyer's hold is of a pool"
        wishes.setdefault(pool_id, []).append(
            Wish(id=order.id, boxes=boxes, suppliers=asked.suppliers, shelf_days=asked.shelf_days)
        )
    planned = 0
    for pool_id in sorted(wishes):
        served = binding.serve(
            session, ctx, pool_id=pool_id, wishes=wishes[pool_id], delivered_on=wave.delivered_on
        )
        _pack_list(session, ctx, wave, orders, served)
        planned += len(served.parts)
        wave.orders_left += len(served.left)
    session.flush()
    return planned


def end(session: Session, ctx: Context, wave: Wave) -> None:
    """All that was ready has been looked at."""
    wave.planned_at = ctx.now
    session.flush()
    after = {"orders": wave.orders, "boxes": wave.boxes, "orders_left": wave.orders_left}
    audit.record(session, ctx, "wave.plan", subject=("wave", wave.id), after=after)


def _pack_list(
    session: Session, ctx: Context, wave: Wave, orders: Mapping[uuid.UUID, Order], served: Served
) -> None:
    """A parcel of each lot for each order that is served, and the orders move on."""
    if not served.parts:
        return
    rows: list[dict[str, Any]] = [
        {
            "id": new_id(),
            "wave_id": wave.id,
            "order_id": order_id,
            "cooperative_id": each.cooperative_id,
            "lot_id": each.lot_id,
            "hold_id": each.hold_id,
            "boxes": each.boxes,
            "pack_grams": orders[order_id].pack_grams,
            "state": ParcelState.PLANNED,
            "version": 1,
        }
        for order_id, parts in sorted(served.parts.items())
        for each in parts
    ]
    session.execute(insert(Parcel), rows)
    wave.orders += len(served.parts)
    wave.boxes += sum(row["boxes"] for row in rows)
    moves = [(orders[order_id], [OrderState.PACKING]) for order_id in sorted(served.parts)]
    balances.write(session, ctx, moves)
