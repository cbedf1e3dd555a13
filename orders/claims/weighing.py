"""Boxes that their cooperative weighed, and that are too light: refunded by the rule when their parcel leaves.

It is a claim like any other, made and decided by the system (`automatic`), once for each parcel.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace.context import Context
from orders.claims import automatic, deciding, rules, telling
from orders.claims.models import Claim
from orders.claims.states import ClaimKind
from orders.events import ParcelShipped
from orders.fulfilment import weight_rules
from orders.fulfilment.models import Parcel
from orders.models import Order


def on_parcel_shipped(session: Session, ctx: Context, event: ParcelShipped) -> None:
    """Order and parcel are locked, and of a parcel that was weighed the order's payments before them."""
    parcel = session.get_one(Parcel, event.parcel_id)
    if parcel.weighed_grams is None or _is_refunded(session, parcel):
        return
    money = deciding.money_of(session, parcel.order_id, parcel.id)
    price_minor = rules.cost_minor(money.paid_minor, boxes=parcel.boxes, of_boxes=money.boxes)
    light_minor = weight_rules.light_minor(
        min(price_minor, money.kept_minor),
        nominal_grams=parcel.quantity_grams,
        weighed_grams=parcel.weighed_grams,
    )
    if not light_minor:
        return
    order = session.get_one(Order, parcel.order_id)
    missing_grams = parcel.quantity_grams - parcel.weighed_grams
    made = automatic.refund(
        session,
        ctx,
        order,
        parcel,
        money,
        kind=ClaimKind.WEIGHT,
        refund_minor=light_minor,
        action="claim.refund_light",
        missing_grams=missing_grams,
    )
    telling.light(session, ctx, made, missing_grams=missing_grams)


def _is_refunded(session: Session, parcel: Parcel) -> bool:
    """It has left before, and its dispatch was undone: what was refunded then stays."""
    made = select(Claim.id).where(Claim.parcel_id == parcel.id, Claim.is_automatic)
    return session.scalar(made) is not None
