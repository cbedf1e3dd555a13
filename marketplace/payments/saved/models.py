"""Tables of kept cards and of consents. No number of a card is known here: the payment service keeps it."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.database import Base, one_of
from marketplace.payments.saved.rules import DECLINES_MAX, Ended


class GatewayCustomer(Base):
    """A payer as a gateway outside knows them: one for each account that has had a card kept."""

    __tablename__ = "gateway_customer"

    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"), primary_key=True)
    provider_id: Mapped[str] = mapped_column(String(80), unique=True)
    created_at: Mapped[datetime]


class SavedCard(Base):
    """A card that its owner let be kept: what it is known by, and where the gateway has it."""

    __tablename__ = "saved_card"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"), index=True)
    payment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("payment.id"), unique=True)
    """With which it was kept."""
    customer: Mapped[str] = mapped_column(String(80))
    method: Mapped[str] = mapped_column(String(80), unique=True)
    """The gateway's ids of its owner and of itself."""
    brand: Mapped[str] = mapped_column(String(20))
    last4: Mapped[str] = mapped_column(String(4))
    exp_month: Mapped[int]
    exp_year: Mapped[int]
    saved_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]
    """From then on nobody is charged by it."""

    __table_args__ = (
        CheckConstraint("exp_month BETWEEN 1 AND 12 AND exp_year BETWEEN 2000 AND 9999", name="expiry"),
        CheckConstraint("removed_at >= saved_at", name="removed"),
    )


class BalanceConsent(Base):
    """A buyer's consent that an order's balance is charged to a kept card, until it is ended. Never given again: the
    next one is a row of its own.
    """

    __tablename__ = "balance_consent"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    order_id: Mapped[uuid.UUID] = mapped_column(index=True)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"), index=True)
    payment_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("payment.id"), index=True)
    """Whose card is to be kept, if it was given with a payment."""
    card_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("saved_card.id"), index=True)
    """Known when that payment is made."""
    words_version: Mapped[str] = mapped_column(String(20))
    """Of the words that were agreed to (`rules.WORDS`)."""
    given_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_reason: Mapped[str | None] = mapped_column(String(20))
    charge_at: Mapped[datetime | None]
    """When the balance is charged, or looked at again: not before. None: there is nothing to charge."""
    asked_at: Mapped[datetime | None]
    """When a charge was written down for the last time."""
    declines: Mapped[int]
    problem: Mapped[str | None] = mapped_column(String(80))
    """The bank's word for the last one."""

    __table_args__ = (
        CheckConstraint(one_of("ended_reason", Ended), name="ended_reason"),
        CheckConstraint(
            "num_nulls(ended_at, ended_reason) IN (0, 2) AND ended_at >= greatest(given_at, asked_at)",
            name="ended",
        ),
        CheckConstraint("num_nulls(payment_id, card_id) < 2", name="card"),
        CheckConstraint("charge_at IS NULL OR (card_id IS NOT NULL AND ended_at IS NULL)", name="charge"),
        CheckConstraint(
            f"declines BETWEEN 0 AND {DECLINES_MAX} AND (declines > 0) = (problem IS NOT NULL)",
            name="declines",
        ),
        Index(
            "uq_balance_consent_order_id", "order_id", unique=True, postgresql_where=text("ended_at IS NULL")
        ),
        Index(None, "charge_at", postgresql_where=text("charge_at IS NOT NULL")),
    )
