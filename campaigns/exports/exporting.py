"""An export's life: placed by a company and held, approved by an operator, paid, its papers gathered, ready to ship.

Its boxes are held until the sale ends. What is not paid by then is over; its order says so within a minute.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session

from campaigns import planning
from campaigns.exports import destinations, prices, rules
from campaigns.exports.models import ExportDocument, ExportRequirement, ExportTerms
from campaigns.exports.prices import OnePriceOnly
from campaigns.models import Campaign, Item
from campaigns.selling import NotOnSale
from campaigns.states import SALE_RUNNING, CampaignState
from inventory import binding, holds, placing, room
from inventory.models import Hold
from inventory.states import HoldKind, HoldState
from marketplace import audit, errors, events
from marketplace.access import STAFF
from marketplace.context import Context
from marketplace.language import Text
from marketplace.payments import payments
from marketplace.values import TOTAL_MINOR_MAX, new_id
from orders import checkout, moving
from orders.bulk import OrderNotFound, TotalTooHigh
from orders.events import ExportPlaced
from orders.models import Order
from orders.states import OrderKind, OrderState, OrderStateForbids, check_move

BATCH: Final = 200
"""How many unpaid exports are ended in one unit of work."""


class DeliveryTooSoon(errors.Conflict):
    """Fruit of a campaign leaves when its sale is over; `earliest_on` is the day after."""

    title = Text(en="The campaign's fruit does not leave before its sale is over.", zh="活动结束前不能发货。")


class KeepsTooShort(errors.Conflict):
    """Of the pledged fruit that is still good on `good_until` there are `good_boxes`; with this order
    `promised_boxes` would have to keep that long.
    """

    title = Text(en="Too little of the fruit keeps that long.", zh="能保存到该日期的果品不足。")


class DocumentsMissing(errors.Conflict):
    """The destination asks for papers that are not there yet: `missing`."""

    title = Text(en="Papers are missing.", zh="单证不齐。")


class ReadyAlready(errors.Conflict):
    """The export was found ready before."""

    title = Text(en="The export is ready already.", zh="该出口订单已可发运。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a company asks for, as it comes from the door."""

    campaign_id: uuid.UUID
    item_id: uuid.UUID
    boxes: int
    currency: str
    company: str
    country: str
    place: str
    incoterm: str
    promised_on: date


def place(session: Session, ctx: Context, wanted: Wanted) -> Order:
    """Hold boxes of a campaign's item for a company abroad, at the item's price in that currency.

    Raises CampaignNotFound, ItemNotFound, NotOnSale, OnePriceOnly, NoPriceInCurrency, TotalTooHigh, DeliveryTooSoon,
    DestinationUnknown, SoldOut, KeepsTooShort.
    """
    assert ctx.actor.id is not None, "a buyer has an account"
    campaign = planning.get(session, ctx, campaign_id=wanted.campaign_id)
    item = planning.item_of(campaign, wanted.item_id)
    planning.follow_clock(session, ctx, campaign)
    if campaign.state != CampaignState.DEPOSIT_OPEN:
        raise NotOnSale(state=campaign.state, opens_at=campaign.opens_at, closes_at=campaign.closes_at)
    price_minor = _price(session, item, wanted)
    if wanted.promised_on <= campaign.closes_at.date():
        raise DeliveryTooSoon(earliest_on=date.fromordinal(campaign.closes_at.date().toordinal() + 1))
    destination = destinations.get(session, country=wanted.country)
    terms = ExportTerms(
        order_id=new_id(),
        item_id=item.id,
        **{
            name: getattr(wanted, name) for name in ("company", "country", "place", "incoterm", "promised_on")
        },
        shelf_days=destination.shelf_days,
        good_until=rules.needed_until(wanted.promised_on, destination.shelf_days),
    )

    hold = placing.place_for(
        session,
        ctx,
        kind=HoldKind.PRESALE,
        pool_id=item.pool_id,
        owner_id=ctx.actor.id,
        boxes=wanted.boxes,
        until=campaign.closes_at,
        price=(price_minor, wanted.currency),
        reason="export",
    )
    _check_keeps(session, item.pool_id, (terms.good_until, wanted.boxes))

    order = _order(ctx, terms.order_id, hold)
    session.add(order)
    session.flush()
    session.add(terms)
    session.flush()
    session.add_all(ExportRequirement(order_id=order.id, kind=kind) for kind in destination.documents)
    session.flush()
    after = {"boxes": order.boxes, "currency": order.currency, "country": terms.country}
    audit.record(session, ctx, "order.place", subject=("order", order.id), after=after)
    events.publish(session, ctx, ExportPlaced(order_id=order.id))
    return order


def approve(session: Session, ctx: Context, *, order_id: uuid.UUID) -> Order:
    """An operator agrees: from now on it is to be paid, by the end of the sale.

    Raises OrderNotFound, OrderStateForbids, HoldExpired, HoldNotActive, KeepsTooShort.
    """
    order = _locked(session, ctx, order_id)
    check_move(order.state, OrderState.DEPOSIT_DUE)
    hold = _held(session, order)
    holds.check_lives(session, hold)
    if hold.state != HoldState.ACTIVE:
        raise holds.HoldNotActive(state=hold.state)
    assert hold.pool_id is not None
    room.locked(session, hold.pool_id)
    _check_keeps(session, hold.pool_id)
    payments.open_agreed(
        session,
        ctx,
        order_id=order.id,
        payer_id=order.buyer_id,
        amount_minor=order.total_minor,
        currency=order.currency,
    )
    moving.move(session, ctx, order, OrderState.DEPOSIT_DUE)
    return order


def cancel(session: Session, ctx: Context, *, order_id: uuid.UUID, reason: str) -> Order:
    """Its buyer or an operator gives an unpaid export up: its boxes are free again.

    Raises OrderNotFound, OrderStateForbids, PaymentNotAwaited.
    """
    _end(session, ctx, get(session, ctx, order_id=order_id).id, paid_for=OrderState.WITHDRAWN)
    audit.record(session, ctx, "export.cancel", subject=("order", order_id), after={"reason": reason})
    return get(session, ctx, order_id=order_id)


def make_ready(session: Session, ctx: Context, *, order_id: uuid.UUID) -> Order:
    """An operator finds a paid export ready to ship: all papers that its destination asks for are there.

    Raises OrderNotFound, OrderStateForbids, ReadyAlready, DocumentsMissing.
    """
    order = _locked(session, ctx, order_id)
    terms = session.get_one(ExportTerms, order.id)
    if order.state != OrderState.COMMITTED:
        raise OrderStateForbids(state=order.state)
    if terms.ready_at is not None:
        raise ReadyAlready(ready_at=terms.ready_at)
    missing = missing_of(session, [terms])[order.id]
    if missing:
        raise DocumentsMissing(missing=missing)
    terms.ready_at = ctx.now
    order.version += 1
    session.flush()
    audit.record(session, ctx, "export.make_ready", subject=("order", order.id))
    return order


def lapse(session: Session, ctx: Context) -> int:
    """The job of every minute: unpaid exports whose boxes are held no longer, or whose sale was ended, are over.

    How many.
    """
    lapsed = (
        select(Order.id)
        .join(Hold, Hold.id == Order.hold_id)
        .join(ExportTerms, ExportTerms.order_id == Order.id)
        .join(Item, Item.id == ExportTerms.item_id)
        .join(Campaign, Campaign.id == Item.campaign_id)
        .where(
            Order.kind == OrderKind.EXPORT,
            Order.state.in_(rules.UNPAID),
            or_(Hold.state != HoldState.ACTIVE, Campaign.state.not_in(SALE_RUNNING)),
        )
        .order_by(Order.id)
        .limit(BATCH)
    )
    order_ids = session.scalars(lapsed).all()
    for order_id in order_ids:
        _end(session, ctx, order_id, paid_for=OrderState.EXPIRED)
    return len(order_ids)


def get(session: Session, ctx: Context, *, order_id: uuid.UUID) -> Order:
    """For its buyer and staff; raises OrderNotFound."""
    order = checkout.get(session, ctx, order_id=order_id)
    if order.kind != OrderKind.EXPORT:
        raise OrderNotFound
    return order


def visible(ctx: Context) -> Select[Order]:
    """The exports that the actor may see: its own, or everybody's for staff."""
    statement = select(Order).where(Order.kind == OrderKind.EXPORT)
    return statement if ctx.actor.has(*STAFF) else statement.where(Order.buyer_id == ctx.actor.id)


def missing_of(session: Session, terms: Sequence[ExportTerms]) -> dict[uuid.UUID, list[str]]:
    """The papers that each of them still needs."""
    statement = (
        select(ExportDocument.order_id, ExportDocument.kind)
        .where(ExportDocument.order_id.in_([each.order_id for each in terms]))
        .distinct()
    )
    there = {(order_id, kind) for order_id, kind in session.execute(statement)}
    return {
        each.order_id: [paper.kind for paper in each.required if (each.order_id, paper.kind) not in there]
        for each in terms
    }


def _price(session: Session, item: Item, wanted: Wanted) -> int:
    if not prices.has_one_price(session, item):
        raise OnePriceOnly
    price_minor = prices.price_of(session, item, currency=wanted.currency)
    if wanted.boxes * price_minor > TOTAL_MINOR_MAX:
        raise TotalTooHigh(total_minor_max=TOTAL_MINOR_MAX)
    return price_minor


def _order(ctx: Context, order_id: uuid.UUID, hold: Hold) -> Order:
    assert hold.owner_id is not None
    assert hold.pack_id is not None
    assert hold.unit_price_minor is not None
    assert hold.currency is not None
    return Order(
        id=order_id,
        kind=OrderKind.EXPORT,
        state=OrderState.PROPOSED,
        buyer_id=hold.owner_id,
        pack_id=hold.pack_id,
        hold_id=hold.id,
        boxes=hold.boxes,
        pack_grams=hold.pack_grams,
        unit_price_minor=hold.unit_price_minor,
        total_minor=hold.boxes * hold.unit_price_minor,
        currency=hold.currency,
        created_at=ctx.now,
        version=1,
    )


def _check_keeps(session: Session, pool_id: uuid.UUID, *new: tuple[date, int]) -> None:
    """All exports of a locked pool together find fruit that keeps long enough. Raises KeepsTooShort."""
    statement = (
        select(ExportTerms.good_until, Order.boxes)
        .join(Order, Order.id == ExportTerms.order_id)
        .join(Hold, Hold.id == Order.hold_id)
        .where(Hold.pool_id == pool_id, Order.state.in_(rules.PROMISED))
    )
    promised = [(until, boxes) for until, boxes in session.execute(statement)]
    found = rules.lacking(binding.keeping(session, pool_id=pool_id), [*promised, *new])
    if found is not None:
        raise KeepsTooShort(
            good_until=found.good_until, good_boxes=found.good_boxes, promised_boxes=found.promised_boxes
        )


def _end(session: Session, ctx: Context, order_id: uuid.UUID, *, paid_for: OrderState) -> None:
    """End an unpaid export: cancelled while it was proposed, `paid_for` while its payment was awaited.

    The payment is locked before the order, as a receipt does.
    """
    payments.cancel_of_order(session, ctx, order_id=order_id)
    order = moving.locked(session, order_id)
    if order.state not in rules.UNPAID:
        raise OrderStateForbids(state=order.state)
    after = OrderState.CANCELLED if order.state == OrderState.PROPOSED else paid_for
    moving.let_go(session, ctx, order, reason=after)
    moving.move(session, ctx, order, after)


def _locked(session: Session, ctx: Context, order_id: uuid.UUID) -> Order:
    get(session, ctx, order_id=order_id)
    return moving.locked(session, order_id)


def _held(session: Session, order: Order) -> Hold:
    assert order.hold_id is not None, "an export holds boxes of a pool"
    return holds.locked(session, order.hold_id)
