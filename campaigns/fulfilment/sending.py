"""Waves of a campaign: an operator releases one, and jobs plan it, batch by batch.

An order is ready when nothing of its price is open, its buyer has said where it goes, nothing of it waits for a later
lot, and, if it leaves the country, its papers are there. With its first wave the campaign is being fulfilled. While a
shortage of an item is open nobody knows how many boxes its orders will have: no wave takes them up.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, case, func, select
from sqlalchemy.orm import Session

from campaigns import planning, states
from campaigns.allotting.models import Supply
from campaigns.exports import exporting
from campaigns.exports.models import ExportTerms
from campaigns.models import Campaign, Item
from campaigns.shortage import cases
from campaigns.shortage.models import Shortage, ShortageWait
from campaigns.shortage.states import ShortageState, WaitState
from campaigns.states import CampaignEvent, CampaignState, ShortageOpen
from inventory.models import Hold
from inventory.stock_rules import REMAINING_DAYS, Destination
from marketplace import errors, jobs
from marketplace.context import Context
from marketplace.language import Text
from marketplace.module import Job
from orders.fulfilment import parcels, waves
from orders.fulfilment.models import Wave
from orders.fulfilment.waves import READY, Ready
from orders.models import Order, OrderAddress
from orders.states import OrderKind

PLAN_WAVE: Final = "campaigns.plan_wave"
BATCH: Final = 200
"""How many orders are looked at in one unit of work."""


class NothingToSend(errors.Conflict):
    """No order is ready: `orders_without_address`, `orders_waiting` and `orders_left` say why not."""

    title = Text(en="No order is ready to be sent.", zh="没有可发货的订单。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """The campaign's orders that are paid and in no wave: ready, or what they wait for."""

    orders_ready: int
    orders_without_address: int
    orders_waiting: int
    """For a later lot, for the end of a shortage, or for papers."""


def release(
    session: Session, ctx: Context, *, campaign_id: uuid.UUID, delivered_on: date, orders_max: int | None
) -> Wave:
    """A wave of what is ready, at most `orders_max`: its first batch at once, the rest by jobs.

    Raises CampaignNotFound, CampaignStateForbids, ShortageOpen, DeliveryInThePast, WaveRunning, NothingToSend.
    """
    campaign = planning.locked(session, campaign_id)
    if campaign.state != CampaignState.FULFILLING:
        states.after(campaign.state, CampaignEvent.FULFIL)
    if cases.is_any_open(session, campaign_id=campaign.id):
        raise ShortageOpen
    wave = waves.release(
        session, ctx, campaign_id=campaign.id, delivered_on=delivered_on, orders_max=orders_max
    )
    _plan(session, ctx, campaign, wave)
    if wave.planned_at is not None and not wave.orders:
        there = readiness(session, campaign)
        raise NothingToSend(
            orders_without_address=there.orders_without_address,
            orders_waiting=there.orders_waiting,
            orders_left=wave.orders_left,
        )
    if campaign.state != CampaignState.FULFILLING:
        planning.move(
            session,
            ctx,
            campaign_id=campaign.id,
            event=CampaignEvent.FULFIL,
            reason="the first wave is released",
        )
    return wave


def plan_on(session: Session, ctx: Context, *, wave_id: str) -> int:
    """The job: the next batch; how many orders it took. A wave that is planned is left alone."""
    wave = session.get_one(Wave, uuid.UUID(wave_id))
    campaign = planning.locked(session, wave.campaign_id)
    session.refresh(wave, with_for_update=True)
    if wave.planned_at is not None:
        return 0
    return _plan(session, ctx, campaign, wave)


def go_on(session: Session, campaign: Campaign) -> None:
    """Call for what a wave still has to look at: a job of it may have died."""
    running = select(Wave).where(Wave.campaign_id == campaign.id, Wave.planned_at.is_(None))
    for wave in session.scalars(running):
        call_next(session, wave)


def readiness(session: Session, campaign: Campaign) -> Readiness:
    """As of now; nothing is locked."""
    paid = _paid(campaign).subquery()
    ready = session.scalar(select(func.count()).select_from(_ready(session, campaign).subquery())) or 0
    total, addressless = session.execute(
        select(func.count(), func.count().filter(paid.c.destination.is_(None))).select_from(paid)
    ).one()
    return Readiness(
        orders_ready=ready,
        orders_without_address=addressless,
        orders_waiting=total - addressless - ready,
    )


def waves_of(session: Session, *, campaign_id: uuid.UUID) -> list[Wave]:
    return list(session.scalars(select(Wave).where(Wave.campaign_id == campaign_id).order_by(Wave.number)))


def overview(session: Session, ctx: Context, *, campaign_id: uuid.UUID) -> dict[str, Any]:
    """What is ready, what waits, and how far the parcels are. Raises CampaignNotFound."""
    campaign = planning.get(session, ctx, campaign_id=campaign_id)
    there = readiness(session, campaign)
    return {
        "campaign_id": campaign.id,
        "state": campaign.state,
        "orders_ready": there.orders_ready,
        "orders_without_address": there.orders_without_address,
        "orders_waiting": there.orders_waiting,
        "parcels": parcels.counts(
            session, campaign_waves=select(Wave.id).where(Wave.campaign_id == campaign.id)
        ),
        "waves": waves_of(session, campaign_id=campaign.id),
    }


def _plan(session: Session, ctx: Context, campaign: Campaign, wave: Wave) -> int:
    """One batch behind the last order that was looked at; the last batch ends the wave."""
    room = BATCH if wave.orders_max is None else min(BATCH, wave.orders_max - wave.orders)
    ready = _ready(session, campaign).subquery()
    statement = select(ready.c.id).order_by(ready.c.id).limit(room)
    if wave.last_order_id is not None:
        statement = statement.where(ready.c.id > wave.last_order_id)
    ids = list(session.scalars(statement))
    planned = waves.plan(session, ctx, wave, _facts(session, ids))
    if ids:
        wave.last_order_id = ids[-1]
    if len(ids) < room or wave.orders == wave.orders_max:
        waves.end(session, ctx, wave)
    else:
        call_next(session, wave)
    return planned


def call_next(session: Session, wave: Wave) -> None:
    jobs.enqueue(session, PLAN_WAVE, arguments={"wave_id": str(wave.id)}, key=f"{PLAN_WAVE}:{wave.id}")


def _paid(campaign: Campaign) -> Select[Any]:
    """The campaign's orders of which nothing is open, in no wave yet, and how far each goes, if that is known."""
    destination = case(
        (Order.kind == OrderKind.EXPORT, Destination.ABROAD.value), else_=OrderAddress.destination
    )
    return (
        select(Order.id, Hold.purpose_id.label("item_id"), destination.label("destination"))
        .join(Hold, Hold.id == Order.hold_id)
        .outerjoin(OrderAddress, OrderAddress.order_id == Order.id)
        .where(*of_campaign(campaign), Order.state.in_(sorted(READY)))
    )


def of_campaign(campaign: Campaign) -> tuple[ColumnElement[bool], ...]:
    """What is true of the holds of its buyers' orders."""
    return (
        Hold.purpose_kind == "campaign_item",
        Hold.purpose_id.in_([item.id for item in campaign.items]),
        Hold.lot_id.is_(None),
    )


def _ready(session: Session, campaign: Campaign) -> Select[uuid.UUID]:
    """Orders that may leave."""
    paid = _paid(campaign).subquery()
    waits = select(ShortageWait.id).where(
        ShortageWait.order_id == paid.c.id, ShortageWait.state == WaitState.WAITING
    )
    short = select(Shortage.item_id).where(
        Shortage.campaign_id == campaign.id, Shortage.state != ShortageState.SETTLED
    )
    lacking = _lacking_papers(session, campaign)
    return select(paid.c.id).where(
        paid.c.destination.is_not(None),
        ~waits.exists(),
        paid.c.item_id.not_in(short),
        paid.c.id.not_in(lacking),
    )


def _lacking_papers(session: Session, campaign: Campaign) -> list[uuid.UUID]:
    paid = _paid(campaign).subquery()
    terms = session.scalars(select(ExportTerms).join(paid, paid.c.id == ExportTerms.order_id)).all()
    return [order_id for order_id, missing in exporting.missing_of(session, terms).items() if missing]


def shelf_days(session: Session, order_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, int]:
    """How long after the day of delivery the boxes of each order must keep."""
    promised = session.execute(
        select(
            Order.id,
            func.coalesce(OrderAddress.destination, Destination.ABROAD.value).label("destination"),
            func.greatest(Item.shelf_days, func.coalesce(ExportTerms.shelf_days, 0)).label("days"),
        )
        .join(Hold, Hold.id == Order.hold_id)
        .join(Item, Item.id == Hold.purpose_id)
        .outerjoin(OrderAddress, OrderAddress.order_id == Order.id)
        .outerjoin(ExportTerms, ExportTerms.order_id == Order.id)
        .where(Order.id.in_(order_ids))
    )
    return {row.id: max(row.days, REMAINING_DAYS[Destination(row.destination)]) for row in promised}


def _facts(session: Session, order_ids: list[uuid.UUID]) -> list[Ready]:
    days = shelf_days(session, order_ids)
    suppliers: dict[uuid.UUID, dict[uuid.UUID, int]] = {}
    for supply in session.scalars(select(Supply).where(Supply.order_id.in_(order_ids))):
        suppliers.setdefault(supply.order_id, {})[supply.cooperative_id] = supply.boxes
    return [
        Ready(
            order_id=order_id,
            shelf_days=days[order_id],
            suppliers=suppliers.get(order_id, {}),
        )
        for order_id in order_ids
    ]


JOBS: Final = (Job(name=PLAN_WAVE, run=plan_on),)
