"""Claims that the system makes and decides itself: nobody has to ask, and the money goes back at once."""

from typing import Any

from sqlalchemy.orm import Session

from marketplace import audit
from marketplace.context import SYSTEM, Context
from marketplace.values import new_id
from orders.claims import deciding
from orders.claims.deciding import Money
from orders.claims.models import Claim
from orders.claims.states import BorneBy, ClaimKind, ClaimState, Remedy
from orders.fulfilment.models import Parcel
from orders.models import Order


def refund(
    session: Session,
    ctx: Context,
    order: Order,
    parcel: Parcel,
    money: Money,
    *,
    kind: ClaimKind,
    refund_minor: int,
    action: str,
    **told: Any,
) -> Claim:
    """For all boxes of a locked parcel, at its cooperative's charge; `action` and `told` are for the trail.

    The order, and its payments before it, are locked. Raises MoreThanPaid.
    """
    made = Claim(
        id=new_id(),
        order_id=order.id,
        parcel_id=parcel.id,
        buyer_id=order.buyer_id,
        cooperative_id=parcel.cooperative_id,
        kind=kind,
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
    after = {"parcel_id": str(parcel.id), **told, "refund_minor": refund_minor}
    audit.record(session, ctx, action, subject=("claim", made.id), after=after)
    deciding.refund(session, ctx, made, money)
    return made
