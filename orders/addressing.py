"""Where an order is sent: chosen by its buyer out of the own address book, until it is packed or over."""

import uuid
from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from inventory.stock_rules import Destination
from marketplace import audit, errors
from marketplace.addresses import addresses, models
from marketplace.addresses.rules import CHINA, Address
from marketplace.context import Context
from marketplace.language import Text
from orders import checkout, moving
from orders.bulk import OrderNotFound
from orders.models import OrderAddress
from orders.states import ADDRESSABLE, OrderKind, OrderStateForbids

KIND: Final = "order_address"


class AddressNotChosen(errors.NotFound):
    """The order is there; nobody has said yet where it goes."""

    title = Text(en="No address is chosen for this order yet.", zh="该订单尚未选择收货地址。")


def choose(session: Session, ctx: Context, *, order_id: uuid.UUID, address_id: uuid.UUID) -> dict[str, Any]:
    """Copy an address of the actor's onto its order. Raises OrderNotFound, AddressNotFound, OrderStateForbids.

    The order is locked: who packs it, or ends it, finds the address of before or of after.
    """
    order = moving.locked(session, order_id)
    if order.buyer_id != ctx.actor.id or order.kind == OrderKind.SPONSOR_BULK:
        raise OrderNotFound
    saved = addresses.get(session, ctx, address_id=address_id)
    if order.state not in ADDRESSABLE:
        raise OrderStateForbids(state=order.state)
    address = addresses.unseal(saved.sealed, kind=models.KIND, subject_id=saved.id)
    destination = Destination.COUNTRY if address.country == CHINA else Destination.ABROAD
    found = session.get(OrderAddress, order.id)
    if found is None:
        found = OrderAddress(order_id=order.id, version=0)
        session.add(found)
    found.sealed = addresses.seal(address, kind=KIND, subject_id=order.id)
    found.destination = destination
    found.chosen_at = ctx.now
    found.version += 1
    order.version += 1
    audit.record(
        session,
        ctx,
        "order.choose_address",
        subject=("order", order.id),
        after={"destination": str(destination)},
    )
    return _opened(found)


def chosen(session: Session, ctx: Context, *, order_id: uuid.UUID) -> dict[str, Any]:
    """For the buyer, and for staff who send it. Raises OrderNotFound, AddressNotChosen."""
    return of_order(session, order_id=checkout.get(session, ctx, order_id=order_id).id)


def of_order(session: Session, *, order_id: uuid.UUID) -> dict[str, Any]:
    """For whoever may see it. Raises AddressNotChosen."""
    found = session.get(OrderAddress, order_id)
    if found is None:
        raise AddressNotChosen
    return _opened(found)


def of_orders(session: Session, *, order_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Address]:
    """The same of many, opened. Raises AddressNotChosen if one of them has none."""
    rows = session.scalars(select(OrderAddress).where(OrderAddress.order_id.in_(order_ids))).all()
    if len(rows) < len(order_ids):
        raise AddressNotChosen
    return {
        each.order_id: addresses.unseal(each.sealed, kind=KIND, subject_id=each.order_id) for each in rows
    }


def _opened(found: OrderAddress) -> dict[str, Any]:
    address = addresses.unseal(found.sealed, kind=KIND, subject_id=found.order_id)
    return {
        "order_id": found.order_id,
        "address": address.facts(),
        "destination": found.destination,
        "chosen_at": found.chosen_at,
        "version": found.version,
    }
