"""Late money, and what was paid too much, must go back: by hand, so a case stands open until somebody has done it.

Whether it must go back is decided in `checkout` and `balances`, and told when it is decided; here it is only seen to.
"""

from typing import Final

from sqlalchemy.orm import Session

from inventory import cases
from marketplace.context import Context
from marketplace.payments.part_refunds import RefundsOwed
from marketplace.payments.payments import LateMoney

SUBJECT: Final = "payment"
"""What such a case is about; its id is the payment's."""


def on_refunds_owed(session: Session, ctx: Context, event: RefundsOwed) -> None:
    """Of paid orders something must go back: somebody has to pay it back by hand."""
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
    cases.open_case(
        session,
        ctx,
        kind=cases.CaseKind.LATE_PAYMENT,
        subject=(SUBJECT, event.payment_id),
        facts={
            "order_id": str(event.order_id),
            "refund_due_minor": event.refund_due_minor,
            "currency": event.currency,
            "reason": event.reason,
        },
    )
