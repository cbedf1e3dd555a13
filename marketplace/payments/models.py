"""Tables of payments. A payment knows the order it is for by id only: orders stand above it."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.database import Base, one_of
from marketplace.payments.states import (
    CallKind,
    CallState,
    PartRefundKind,
    PaymentPurpose,
    PaymentState,
    RepaymentMeans,
    RepaymentState,
)


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


class OnlinePayment(Base):
    """What is known of a payment that is made through a gateway outside. One for each such payment."""

    __tablename__ = "online_payment"

    payment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("payment.id"), primary_key=True)
    gateway: Mapped[str] = mapped_column(String(20))
    provider_id: Mapped[str | None] = mapped_column(String(80), unique=True)
    """The gateway's id of it; not known before it answered for the first time."""
    method: Mapped[str | None] = mapped_column(String(40))
    """By what it was paid: card, alipay, wechat_pay."""
    paid_at: Mapped[datetime | None]
    refundable_until: Mapped[datetime | None]
    """The end of the time in which the gateway pays it back; none for cards."""
    fee_minor: Mapped[int | None]
    fee_currency: Mapped[str | None] = mapped_column(String(3))
    """What the gateway kept of it, in the currency it settles in."""
    saves: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    """The gateway was told to keep the card that pays."""
    looks_at: Mapped[datetime | None]
    """When its present state is asked for again, unless it is over."""
    created_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("num_nulls(fee_minor, fee_currency) IN (0, 2)", name="fee"),
        CheckConstraint("fee_minor >= 0 AND fee_minor <= 10000000000000", name="fee_minor"),
        CheckConstraint("(method IS NULL) = (paid_at IS NULL)", name="paid"),
        CheckConstraint("refundable_until IS NULL OR paid_at IS NOT NULL", name="refundable"),
        Index(None, "looks_at", postgresql_where=text("looks_at IS NOT NULL")),
    )


class GatewayCall(Base):
    """A question to a gateway outside, written down before it is asked, and how it went."""

    __tablename__ = "gateway_call"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    payment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("payment.id"))
    refund_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("part_refund.id"))
    kind: Mapped[str] = mapped_column(String(20))
    attempt: Mapped[int]
    key: Mapped[str] = mapped_column(String(120), unique=True)
    """The Idempotency-Key under which it is asked: made of our ids and the attempt."""
    arguments: Mapped[dict[str, str]] = mapped_column(JSONB)
    state: Mapped[str] = mapped_column(String(20))
    problem: Mapped[str | None] = mapped_column(String(80))
    tries: Mapped[int]
    leased_until: Mapped[datetime]
    """Until then somebody is at it; after it, whoever looks takes it over under the same key."""
    asked_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint(one_of("kind", CallKind), name="kind"),
        CheckConstraint(one_of("state", CallState), name="state"),
        CheckConstraint("(state = 'asked') = (finished_at IS NULL)", name="finished"),
        CheckConstraint("(kind = 'refund') = (refund_id IS NOT NULL)", name="refund"),
        CheckConstraint("attempt > 0 AND tries >= 0", name="attempt"),
        Index(
            "uq_gateway_call_asked",
            "payment_id",
            "kind",
            unique=True,
            postgresql_where=text("state = 'asked' AND refund_id IS NULL"),
        ),
        Index(
            "uq_gateway_call_refund_asked",
            "refund_id",
            unique=True,
            postgresql_where=text("state = 'asked' AND refund_id IS NOT NULL"),
        ),
        Index(None, "payment_id"),
        Index(None, "leased_until", postgresql_where=text("state = 'asked'")),
    )


class Repayment(Base):
    """The paying of one refund: by the payment's gateway, or by somebody who books that it is done."""

    __tablename__ = "repayment"

    refund_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("part_refund.id"), primary_key=True)
    payment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("payment.id"), index=True)
    state: Mapped[str] = mapped_column(String(20))
    means: Mapped[str | None] = mapped_column(String(20))
    receipt_reference: Mapped[str | None] = mapped_column(String(80), unique=True)
    """The bank's, or the gateway's, own number of it: one receipt is booked once."""
    provider_id: Mapped[str | None] = mapped_column(String(80), unique=True)
    problem: Mapped[str | None] = mapped_column(String(80))
    """Why the gateway did not pay it."""
    looks_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    paid_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint(one_of("state", RepaymentState), name="state"),
        CheckConstraint(one_of("means", RepaymentMeans), name="means"),
        CheckConstraint(
            "num_nulls(means, receipt_reference, paid_at) = CASE state WHEN 'paid' THEN 0 ELSE 3 END",
            name="paid",
        ),
        CheckConstraint("looks_at IS NULL OR state = 'asked'", name="looks"),
        Index(None, "state", "refund_id"),
        Index(None, "looks_at", postgresql_where=text("looks_at IS NOT NULL")),
    )


class ProviderEvent(Base):
    """An event that a gateway signed and sent: stored before it is answered, handled by a job after.

    Nothing of its contents is kept: what counts is the present state of what it is about.
    """

    __tablename__ = "provider_event"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    provider: Mapped[str] = mapped_column(String(20))
    event_id: Mapped[str] = mapped_column(String(255))
    type: Mapped[str] = mapped_column(String(100))
    object_kind: Mapped[str] = mapped_column(String(60))
    object_id: Mapped[str] = mapped_column(String(255))
    payment_ref: Mapped[str | None] = mapped_column(String(255))
    received_at: Mapped[datetime]
    due_at: Mapped[datetime]
    """When it is handled again, unless it has been by then."""
    tries: Mapped[int]
    handled_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(String(40))

    __table_args__ = (
        UniqueConstraint("provider", "event_id"),
        CheckConstraint("num_nulls(handled_at, outcome) IN (0, 2)", name="handled"),
        CheckConstraint("tries >= 0", name="tries"),
        Index(None, "due_at", postgresql_where=text("handled_at IS NULL")),
        Index(None, "received_at"),
    )
