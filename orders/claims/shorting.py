"""Boxes that were not there when they were to be packed, and that nobody else has: refunded by the rule.

Nobody has to ask. It is a claim like any other, made and decided by the system, once for each parcel.
"""

from sqlalchemy.orm import Session

from marketplace import audit
from marketplace.context import SYSTEM, Context
from marketplace.values import new_id
from orders.claims import deciding, rules, telling
from orders.claims.models import Claim
from orders.claims.states import BorneBy, ClaimKind, ClaimState, Remedy
from orders.fulfilment.models import Parcel
from orders.models import Order


def refund(session: Session, ctx: Context, order: Order, parcel: Parcel) -> Claim:
    """All boxes of a locked parcel, at its cooperative's charge; the order and its payments are locked before it."""
    money = deciding.money_of(session, order.id, parcel.id)
    price_minor = rules.cost_minor(money.paid_minor, boxes=parcel.boxes, of_boxes=money.boxes)
    refund_minor = min(price_minor, money.kept_minor)
    made = Claim(
        id=new_id(),
        order_id=order.id,
        parcel_id=parcel.id,
        buyer_id=order.buyer_id,
        cooperative_id=parcel.cooperative_id,
        kind=ClaimKind.MISSING,
        boxes=parcel.boxes,
        words="",
        is_automatic=True,
        state=ClaimState.REFUNDED,
        remedy=Remedy.REFUND,
        refund_minor=refund_minor,
        currency=order.currency,
        borne_by=BorneBy.COOPERATIVE,
        decided_by=SYSTEM.label,
        decided_at=ctx.now,
        created_at=ctx.now,
        version=1,
    )
    session.add(made)
    session.flush()
    after = {"parcel_id": str(parcel.id), "boxes": parcel.boxes, "refund_minor": refund_minor}
    audit.record(session, ctx, "claim.refund_short", subject=("claim", made.id), after=after)
    deciding.refund(session, ctx, made, money)
    telling.short(session, ctx, made)
    return made
