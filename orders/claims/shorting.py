"""Boxes that were not there when they were to be packed, and that nobody else has: refunded by the rule.

It is a claim like any other, made and decided by the system (`automatic`), once for each parcel.
"""

from sqlalchemy.orm import Session

from marketplace.context import Context
from orders.claims import automatic, deciding, rules, telling
from orders.claims.models import Claim
from orders.claims.states import ClaimKind
from orders.fulfilment.models import Parcel
from orders.models import Order


def refund(session: Session, ctx: Context, order: Order, parcel: Parcel) -> Claim:
    """All boxes of a locked parcel, at its cooperative's charge; the order and its payments are locked before it."""
    money = deciding.money_of(session, order.id, parcel.id)
    price_minor = rules.cost_minor(money.paid_minor, boxes=parcel.boxes, of_boxes=money.boxes)
    made = automatic.refund(
        session,
        ctx,
        order,
        parcel,
        money,
        kind=ClaimKind.MISSING,
        refund_minor=min(price_minor, money.kept_minor),
        action="claim.refund_short",
        boxes=parcel.boxes,
    )
    telling.short(session, ctx, made)
    return made
