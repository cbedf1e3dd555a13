"""Money of a received payment that must go back in part, and what is owed on top of it."""

import uuid
from collections.abc import Collection, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from marketplace import audit, errors
from marketplace.context import Context
from marketplace.language import Text
from marketplace.payments.models import PartRefund, Payment
from marketplace.payments.states import PartRefundKind, PaymentNotAwaited, PaymentState
from marketplace.values import new_id


class RefundTooLarge(errors.Conflict):
    """More would go back than was received and has not gone back yet."""

    title = Text(en="More would be paid back than was paid.", zh="退款超过实收金额。")


def kept_minor(session: Session, payments: Collection[Payment]) -> dict[uuid.UUID, int]:
    """What was received for each payment and need not go back, neither as a whole nor for single boxes, by payment."""
    rows = session.execute(
        select(PartRefund.payment_id, func.sum(PartRefund.amount_minor))
        .where(
            PartRefund.payment_id.in_([each.id for each in payments]),
            PartRefund.kind == PartRefundKind.REFUND,
        )
        .group_by(PartRefund.payment_id)
    )
    back = {payment_id: int(minor) for payment_id, minor in rows}
    return {each.id: each.received_minor - each.refund_due_minor - back.get(each.id, 0) for each in payments}


def owe_parts(
    session: Session,
    ctx: Context,
    parts: Sequence[tuple[Payment, PartRefundKind, int]],
    *,
    reason: str,
    source_id: uuid.UUID,
) -> list[PartRefund]:
    """So much of each payment goes back, once for each kind and source; the payments are locked by the caller.

    A refund is never more than what was received and not given back. Raises PaymentNotAwaited, RefundTooLarge.
    """
    kept = kept_minor(session, [payment for payment, _, _ in parts])
    owed = []
    for payment, kind, minor in parts:
        if payment.state != PaymentState.SUCCEEDED:
            raise PaymentNotAwaited(state=payment.state)
        if kind == PartRefundKind.REFUND:
            kept[payment.id] -= minor
            if kept[payment.id] < 0:
                raise RefundTooLarge
        owed.append(
            PartRefund(
                id=new_id(),
                payment_id=payment.id,
                kind=kind,
                amount_minor=minor,
                currency=payment.currency,
                reason=reason,
                source_id=source_id,
                at=ctx.now,
            )
        )
    session.add_all(owed)
    for each in owed:
        after = {
            "payment_id": str(each.payment_id),
            "amount_minor": each.amount_minor,
            "kind": str(each.kind),
            "reason": reason,
        }
        audit.record(session, ctx, "part_refund.owe", subject=("part_refund", each.id), after=after)
    session.flush()
    return owed
