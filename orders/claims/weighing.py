"""Boxes that their cooperative weighed, and that are too light: refunded by the rule when their parcel leaves.

Nobody has to ask. It is a claim like any other, made and decided by the system, once for each parcel.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace import audit
from marketplace.context import SYSTEM, Context
from marketplace.values import new_id
from orders.claims import deciding, rules, telling
from orders.claims.models import Claim
from orders.claims.states import BorneBy, ClaimKind, ClaimState, Remedy
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
    made = Claim(
        id=new_id(),
        order_id=order.id,
        parcel_id=parcel.id,
        buyer_id=order.buyer_id,
        cooperative_id=parcel.cooperative_id,
        kind=ClaimKind.WEIGHT,
        boxes=parcel.boxes,
        words="",
        is_automatic=True,
        state=ClaimState.REFUNDED,
        remedy=Remedy.REFUND,
        refund_minor=light_minor,
        currency=order.currency,
        borne_by=BorneBy.COOPERATIVE,
        decided_by=SYSTEM.label,
        decided_at=ctx.now,
        created_at=ctx.now,
        version=1,
    )
    session.add(made)
    session.flush()
    missing_grams = parcel.quantity_grams - parcel.weighed_grams
    after = {"parcel_id": str(parcel.id), "missing_grams": missing_grams, "refund_minor": light_minor}
    audit.record(session, ctx, "claim.refund_light", subject=("claim", made.id), after=after)
    deciding.refund(session, ctx, made, money)
    telling.light(session, ctx, made, missing_grams=missing_grams)


def _is_refunded(session: Session, parcel: Parcel) -> bool:
    """It has left before, and its dispatch was undone: what was refunded then stays."""
    made = select(Claim.id).where(Claim.parcel_id == parcel.id, Claim.is_automatic)
    return session.scalar(made) is not None
