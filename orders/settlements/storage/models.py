"""Tables of storage bills: what a cold store asks for some days, and each cooperative's part of it."""

import uuid
from datetime import date, datetime

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.database import Base, one_of
from orders.settlements.storage.states import BillState, PartState


class StorageBill(Base):
    """An invoice of a cold store. What it says never changes: a wrong one is withdrawn, and recorded anew."""

    __tablename__ = "storage_bill"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    cold_store_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cold_store.id"))
    name: Mapped[str] = mapped_column(String(140), unique=True)
    """Store, invoice, days, and which time: how statements call it, and by what the last units are drawn."""
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    """The last day, itself counted."""
    amount_minor: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    reference: Mapped[str] = mapped_column(String(40))
    """The number of the cold store's invoice."""
    note: Mapped[str | None] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(20))
    gram_days: Mapped[int | None]
    """Of all that lay there; known when it is parted."""
    recorded_by: Mapped[str] = mapped_column(String(80))
    recorded_at: Mapped[datetime]
    parted_by: Mapped[str | None] = mapped_column(String(80))
    parted_at: Mapped[datetime | None]
    withdrawn_by: Mapped[str | None] = mapped_column(String(80))
    withdrawn_at: Mapped[datetime | None]
    reason: Mapped[str | None] = mapped_column(String(200))
    """Why it was withdrawn."""
    version: Mapped[int]

    __table_args__ = (
        UniqueConstraint("id", "currency"),
        CheckConstraint(one_of("state", BillState), name="state"),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
        CheckConstraint("amount_minor > 0 AND amount_minor <= 10000000000000", name="amount"),
        CheckConstraint("ends_on >= starts_on AND ends_on - starts_on < 366", name="days"),
        CheckConstraint(
            "num_nulls(gram_days, parted_by, parted_at) IN (0, 3) AND (gram_days IS NULL OR gram_days > 0)"
            " AND CASE state WHEN 'recorded' THEN parted_at IS NULL WHEN 'parted' THEN parted_at IS NOT NULL"
            " ELSE true END",
            name="parted",
        ),
        CheckConstraint(
            "num_nulls(withdrawn_by, withdrawn_at, reason) = CASE state WHEN 'withdrawn' THEN 0 ELSE 3 END",
            name="withdrawn",
        ),
        CheckConstraint("version > 0", name="version"),
        Index(
            "uq_storage_bill_reference",
            "cold_store_id",
            "reference",
            unique=True,
            postgresql_where=text("state <> 'withdrawn'"),
        ),
    )


class StoragePart(Base):
    """A cooperative's part of a bill, fixed when it was parted: by its grams times days of all."""

    __tablename__ = "storage_part"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    bill_id: Mapped[uuid.UUID]
    cooperative_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cooperative.id"))
    currency: Mapped[str] = mapped_column(String(3))
    gram_days: Mapped[int]
    amount_minor: Mapped[int]
    state: Mapped[str] = mapped_column(String(20))
    settlement_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("settlement.id"), index=True)
    """Out of which it is taken."""

    __table_args__ = (
        UniqueConstraint("bill_id", "cooperative_id"),
        ForeignKeyConstraint(["bill_id", "currency"], ["storage_bill.id", "storage_bill.currency"]),
        CheckConstraint(one_of("state", PartState), name="state"),
        CheckConstraint("gram_days > 0 AND amount_minor >= 0", name="not_negative"),
        CheckConstraint("(state = 'taken') = (settlement_id IS NOT NULL)", name="taken"),
        Index(None, "cooperative_id", "currency", postgresql_where=text("state = 'open'")),
    )
