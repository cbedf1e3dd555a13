"""Late money, and what was paid too much, must go back: a case stands open until it is paid back, by whatever means.

Whether it must go back is decided in `checkout` and `balances`, and told when it is decided; here it is only seen to.
So it is with money that is not what was due, and with a payment that the payer's bank wants back.
"""

from typing import Any, Final

from sqlalchemy.orm import Session

from inventory import cases
from marketplace.context import Context
from marketplace.payments.online import MoneyDiffers
from marketplace.payments.part_refunds import RefundsOwed
from marketplace.payments.payments import LateMoney
from marketplace.payments.provider_events import PaymentDisputed
from marketplace.payments.repayments import RefundFailed, RefundPaid

SUBJECT: Final = "payment"
"""What such a case is about; its id is the payment's."""


def on_refunds_owed(session: Session, ctx: Context, event: RefundsOwed) -> None:
    """Of paid orders something must go back: somebody has to see to it until it is paid."""
    cases.open_cases(
        session,
        ctx,
        kind=cases.CaseKind.REFUND,
        facts={
            (SUBJECT, each.payment_id): {
                "order_id": str(each.order_id),
                "refund_due_minor": each.refund_minor,
                "currency": each.currency,
                "reason": each.reason,
                **({"compensation_minor": each.compensation_minor} if each.compensation_minor else {}),
            }
            for each in event.refunds
        },
    )


def on_late_money(session: Session, ctx: Context, event: LateMoney) -> None:
    """A refund that is due opens a case; money for boxes that were taken again is nobody's question."""
    if not event.refund_due_minor:
        return
    _open(
        session,
        ctx,
        cases.CaseKind.LATE_PAYMENT,
        event,
        reason=event.reason,
        refund_due_minor=event.refund_due_minor,
    )


def on_refund_paid(session: Session, ctx: Context, event: RefundPaid) -> None:
    """Once nothing of the payment is to be paid back any more, its cases are settled."""
    if not event.is_last:
        return
    for kind in (cases.CaseKind.REFUND, cases.CaseKind.LATE_PAYMENT):
        cases.settle_if_open(
            session, ctx, kind=kind, subject=(SUBJECT, event.payment_id), decision=f"paid back: {event.means}"
        )


def on_refund_failed(session: Session, ctx: Context, event: RefundFailed) -> None:
    """The gateway did not pay it back: somebody has to, by other means."""
    _open(
        session,
        ctx,
        cases.CaseKind.REFUND,
        event,
        reason="gateway_failed",
        refund_due_minor=event.amount_minor,
        problem=event.problem,
    )


def on_money_differs(session: Session, ctx: Context, event: MoneyDiffers) -> None:
    """Another sum came in at a gateway than was due."""
    _open(
        session,
        ctx,
        cases.CaseKind.PAYMENT,
        event,
        reason="money_differs",
        due_minor=event.due_minor,
        received_minor=event.received_minor,
    )


def on_payment_disputed(session: Session, ctx: Context, event: PaymentDisputed) -> None:
    """The payer's bank wants the money back: it must be answered in days. Won, nothing is left to be answered."""
    if event.is_won:
        cases.settle_if_open(
            session,
            ctx,
            kind=cases.CaseKind.PAYMENT,
            subject=(SUBJECT, event.payment_id),
            decision="the dispute is won",
        )
        return
    _open(
        session,
        ctx,
        cases.CaseKind.PAYMENT,
        event,
        reason="disputed",
        dispute=event.dispute_id,
        event=event.event,
        status=event.status,
        received_minor=event.amount_minor,
    )


def _open(
    session: Session,
    ctx: Context,
    kind: cases.CaseKind,
    about: LateMoney | RefundFailed | MoneyDiffers | PaymentDisputed,
    **facts: Any,
) -> None:
    """A case of the payment that something was told about."""
    cases.open_case(
        session,
        ctx,
        kind=kind,
        subject=(SUBJECT, about.payment_id),
        facts={"order_id": str(about.order_id), "currency": about.currency, **facts},
    )
