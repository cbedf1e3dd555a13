"""Tables of payments. A payment knows the order it is for by id only: orders stand above it."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.database import Base, one_of
from marketplace.payments.states import PartRefundKind, PaymentPurpose, PaymentState


class Payment(Base):
    __tablename__ = "payment"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    order_id: Mapped[uuid.UUID] = mapped_column(index=True)
    purpose: Mapped[str] = mapped_column(
        String(20), default=PaymentPurpose.ORDER, server_default=PaymentPurpose.ORDER.value
    )
    """An order has one payment, and one that is not canceled for its balance if only a deposit was due."""
    payer_id: Mapped[uuid.UUID] = mapped_column(index=True)
    gateway: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(30))
    amount_minor: Mapped[int]
    received_minor: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    reference: Mapped[str] = mapped_column(String(20), unique=True)
    """What the payer writes on the transfer, so that the receipt finds its payment."""
    receipt_reference: Mapped[str | None] = mapped_column(String(80), unique=True)
    """The bank's own number of the receipt: one receipt is booked once."""
    refund_due_minor: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """Owed back to the payer, all reasons together: the sum of its refunds in `part_refund`."""
    refund_reason: Mapped[str | None] = mapped_column(String(40))
    """The last one."""
    created_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("amount_minor > 0 AND amount_minor <= 10000000000000", name="amount"),
        CheckConstraint("received_minor >= 0 AND received_minor <= amount_minor", name="received"),
        CheckConstraint(one_of("state", PaymentState), name="state"),
        CheckConstraint("(state = 'succeeded') = (received_minor = amount_minor)", name="succeeded_is_paid"),
        CheckConstraint("(resolved_at IS NOT NULL) = (state IN ('succeeded', 'canceled'))", name="resolved"),
        CheckConstraint(
            "CASE WHEN refund_due_minor = 0 THEN refund_reason IS NULL"
            " ELSE num_nulls(refund_reason, receipt_reference) = 0 AND refund_due_minor > 0"
            " AND CASE state WHEN 'canceled' THEN refund_due_minor = amount_minor"
            " WHEN 'succeeded' THEN refund_due_minor <= amount_minor ELSE false END END",
            name="refund_due",
        ),
        CheckConstraint(one_of("purpose", PaymentPurpose), name="purpose"),
        Index("uq_payment_order_id", "order_id", unique=True, postgresql_where=text("purpose = 'order'")),
        Index(
            "uq_payment_balance",
            "order_id",
            unique=True,
            postgresql_where=text("purpose = 'balance' AND state <> 'canceled'"),
        ),
        Index(None, "state"),
    )

    @property
    def kept_minor(self) -> int:
        """What was received and need not go back."""
        return self.received_minor - self.refund_due_minor


class PartRefund(Base):
    """What must go back of received money, all or a part, or is owed on top of it, and why. Append-only."""

    __tablename__ = "part_refund"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    payment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("payment.id"))
    kind: Mapped[str] = mapped_column(String(20))
    amount_minor: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    reason: Mapped[str] = mapped_column(String(40))
    source_id: Mapped[uuid.UUID]
    """What it is owed for, in the package above: the order, or one step of what became of it."""
    at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("payment_id", "kind", "reason", "source_id"),
        CheckConstraint("amount_minor > 0 AND amount_minor <= 10000000000000", name="amount"),
        CheckConstraint(one_of("kind", PartRefundKind), name="kind"),
    )
