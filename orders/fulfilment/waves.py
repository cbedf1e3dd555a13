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
from inventory.binding_rules import Bound, Served, Wish
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
    return _release(session, ctx, campaign_id=campaign_id, delivered_on=delivered_on, orders_max=orders_max)


def check_day(ctx: Context, delivered_on: date) -> None:
    """Raises DeliveryInThePast."""
    if delivered_on < ctx.today:
        raise DeliveryInThePast


def replacing(session: Session, ctx: Context, *, campaign_id: uuid.UUID, delivered_on: date) -> Wave:
    """The campaign's wave of replacements for this day, locked; released now, if there is none yet.

    Raises DeliveryInThePast, WaveRunning when another wave of the campaign is released at the same moment.
    """
    found = session.scalar(
        select(Wave)
        .where(Wave.campaign_id == campaign_id, Wave.delivered_on == delivered_on, Wave.is_replacing)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return found or _release(
        session, ctx, campaign_id=campaign_id, delivered_on=delivered_on, is_replacing=True
    )


def _release(
    session: Session,
    ctx: Context,
    *,
    campaign_id: uuid.UUID,
    delivered_on: date,
    orders_max: int | None = None,
    is_replacing: bool = False,
) -> Wave:
    check_day(ctx, delivered_on)
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
        planned_at=ctx.now if is_replacing else None,
        is_replacing=is_replacing,
    )
    session.add(wave)
    taken = "uq_wave_planning", "uq_wave_campaign_id_number", "uq_wave_replacing"
    with database.refusing({name: WaveRunning() for name in taken}):
        session.flush()
    after = {"campaign_id": str(campaign_id), "delivered_on": delivered_on.isoformat()}
    if is_replacing:
        after["is_replacing"] = "true"
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
        _pack_list(session, ctx, wave, orders, served, {each.id: each.shelf_days for each in wishes[pool_id]})
        planned += len(served.parts)
        wave.orders_left += len(served.left)
    session.flush()
    return planned


def pack_replacement(
    session: Session,
    wave: Wave,
    first: Parcel,
    *,
    claim_id: uuid.UUID,
    bound: Sequence[Bound],
) -> None:
    """A parcel of each lot that gives boxes in place of claimed ones of a parcel, in a locked wave of replacements."""
    is_there = select(Parcel.id).where(Parcel.wave_id == wave.id, Parcel.order_id == first.order_id)
    if not session.scalar(select(is_there.exists())):
        wave.orders += 1
    wave.boxes += sum(each.boxes for each in bound)
    for each in bound:
        made = Parcel(
            id=new_id(),
            wave_id=wave.id,
            order_id=first.order_id,
            cooperative_id=each.cooperative_id,
            lot_id=each.lot_id,
            hold_id=each.hold_id,
            claim_id=claim_id,
            replaces_id=first.id,
            boxes=each.boxes,
            pack_grams=first.pack_grams,
            shelf_days=first.shelf_days,
            state=ParcelState.PLANNED,
            version=1,
        )
        session.add(made)
    session.flush()


def end(session: Session, ctx: Context, wave: Wave) -> None:
    """All that was ready has been looked at."""
    wave.planned_at = ctx.now
    session.flush()
    after = {"orders": wave.orders, "boxes": wave.boxes, "orders_left": wave.orders_left}
    audit.record(session, ctx, "wave.plan", subject=("wave", wave.id), after=after)


def _pack_list(
    session: Session,
    ctx: Context,
    wave: Wave,
    orders: Mapping[uuid.UUID, Order],
    served: Served,
    shelf_days: Mapping[uuid.UUID, int],
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
            "shelf_days": shelf_days[order_id],
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
