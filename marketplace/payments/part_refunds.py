"""What is owed back: one row for each reason, and beside it the payment's own sum of what goes back of it.

Every sum that must go back is written here, whoever owes it: late money, a withdrawal, a lower step of the ladder, a
campaign that ends, a shortage. Compensation is owed on top of what was received and is not in the payment's sum.
How each is paid stands beside it (`repayments`).
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from marketplace import audit, errors, events
from marketplace.audit import AuditEntry
from marketplace.context import Context
from marketplace.language import Text
from marketplace.payments import repayments
from marketplace.payments.models import PartRefund, Payment
from marketplace.payments.states import PartRefundKind, PaymentNotAwaited, PaymentState
from marketplace.values import new_id

Part = tuple[Payment, PartRefundKind, int]


class RefundTooLarge(errors.Conflict):
    """More would go back than was received and has not gone back yet."""

    title = Text(en="More would be paid back than was paid.", zh="退款超过实收金额。")


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundOwed:
    """Of money that was received so much must be paid back."""

    payment_id: uuid.UUID
    order_id: uuid.UUID
    refund_minor: int
    currency: str
    reason: str
    compensation_minor: int = 0
    """On top of it."""
    is_told: bool = False
    """Whoever owes it tells its payer, with the whole reason."""
    refund_ids: tuple[uuid.UUID, ...] = ()
    """The rows of `part_refund`, of either kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundsOwed:
    """All that were decided on at once: who listens writes for all of them together."""

    refunds: tuple[RefundOwed, ...]


def owe_parts(
    session: Session,
    ctx: Context,
    parts: Sequence[Part],
    *,
    reason: str,
    source_id: uuid.UUID | None,
    is_told: bool = False,
) -> None:
    """So much of each payment goes back, once for each kind, reason and source; the payments are locked by the caller.

    A refund is never more than what was received and not given back. Without a source it is each payment's order.
    Publishes RefundsOwed, with one for each payment.
    `is_told`: the caller tells its payer. Raises PaymentNotAwaited, RefundTooLarge.
    """
    for payment, kind, minor in parts:
        if payment.state != PaymentState.SUCCEEDED:
            raise PaymentNotAwaited(state=payment.state)
        if kind != PartRefundKind.REFUND:
            continue
        if minor > payment.kept_minor:
            raise RefundTooLarge
        payment.refund_due_minor += minor
        payment.refund_reason = reason
    ids = write(session, ctx, parts, reason=reason, source_id=source_id)
    sums: dict[tuple[uuid.UUID, PartRefundKind], int] = {}
    for payment, kind, amount in parts:
        sums[payment.id, kind] = sums.get((payment.id, kind), 0) + amount
    owed = tuple(
        RefundOwed(
            payment_id=payment.id,
            order_id=payment.order_id,
            refund_minor=sums.get((payment.id, PartRefundKind.REFUND), 0),
            currency=payment.currency,
            reason=reason,
            compensation_minor=sums.get((payment.id, PartRefundKind.COMPENSATION), 0),
            is_told=is_told,
            refund_ids=tuple(ids[payment.id]),
        )
        for payment in {each.id: each for each, _, _ in parts}.values()
    )
    if owed:
        events.publish(session, ctx, RefundsOwed(refunds=owed))


def write(
    session: Session, ctx: Context, parts: Sequence[Part], *, reason: str, source_id: uuid.UUID | None
) -> dict[uuid.UUID, list[uuid.UUID]]:
    """The rows, and what the audit trail tells of them; the payments' sums are the caller's. Their ids by payment."""
    if not parts:
        return {}
    session.flush()
    rows: list[dict[str, Any]] = [
        {
            "id": new_id(),
            "payment_id": payment.id,
            "kind": kind,
            "amount_minor": minor,
            "currency": payment.currency,
            "reason": reason,
            "source_id": source_id or payment.order_id,
            "at": ctx.now,
        }
        for payment, kind, minor in parts
    ]
    told = [
        audit.row(
            ctx,
            "refund.owe",
            subject=("refund", each["id"]),
            after={
                "payment_id": str(each["payment_id"]),
                "amount_minor": each["amount_minor"],
                "kind": str(each["kind"]),
                "reason": reason,
            },
        )
        for each in rows
    ]
    session.execute(insert(PartRefund), rows)
    session.execute(insert(AuditEntry), told)
    owed = [(row["id"], payment, kind) for row, (payment, kind, _) in zip(rows, parts, strict=True)]
    repayments.begin(session, ctx, owed)
    ids: dict[uuid.UUID, list[uuid.UUID]] = {}
    for each in rows:
        ids.setdefault(each["payment_id"], []).append(each["id"])
    return ids
