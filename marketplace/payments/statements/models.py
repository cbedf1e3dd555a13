"""Tables of bank statements: the files, what is wrong in them, their entries, and which payment an entry paid."""

import uuid
from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.database import Base, one_of
from marketplace.payments.statements.states import (
    ClosedReason,
    Direction,
    EntryState,
    LineFault,
    OpenReason,
    StatementFormat,
)

KIND = "bank_entry"
"""What a sealed counterparty is bound to, with its entry's id."""


class BankStatement(Base):
    """One file, once. Append-only."""

    __tablename__ = "bank_statement"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    account: Mapped[str] = mapped_column(String(20))
    """What we call the account of ours that it tells of."""
    format: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(120))
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    size_bytes: Mapped[int]
    lines: Mapped[int]
    """All that it told: entries that were new, those that were known, and bad lines."""
    entries: Mapped[int]
    duplicates: Mapped[int]
    bad_lines: Mapped[int]
    uploaded_by: Mapped[str] = mapped_column(String(80))
    uploaded_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint(one_of("format", StatementFormat), name="format"),
        CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256"),
        CheckConstraint("size_bytes > 0", name="size"),
        CheckConstraint(
            "entries >= 0 AND duplicates >= 0 AND bad_lines >= 0 AND lines = entries + duplicates + bad_lines",
            name="lines",
        ),
        Index(None, "account"),
    )


class BankLineFault(Base):
    """A line that is no entry, and why. Append-only."""

    __tablename__ = "bank_line_fault"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    statement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bank_statement.id"), index=True)
    line: Mapped[int]
    cell: Mapped[str] = mapped_column(String(60))
    """The column; empty when it is the whole line."""
    value: Mapped[str] = mapped_column(String(100))
    fault: Mapped[str] = mapped_column(String(30))

    __table_args__ = (
        CheckConstraint("line > 0", name="line"),
        CheckConstraint(one_of("fault", LineFault), name="fault"),
    )


class BankEntry(Base):
    """One movement of an account, known by the bank's own number. What the bank told never changes."""

    __tablename__ = "bank_entry"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    statement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bank_statement.id"), index=True)
    """The first that told of it."""
    line: Mapped[int]
    account: Mapped[str] = mapped_column(String(20))
    entry_key: Mapped[str] = mapped_column(String(56))
    direction: Mapped[str] = mapped_column(String(10))
    is_reversal: Mapped[bool]
    amount_minor: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    booked_on: Mapped[date]
    remittance: Mapped[str] = mapped_column(String(2_000))
    counterparty: Mapped[bytes | None] = mapped_column(LargeBinary, info={"sealed": KIND})
    """Who paid or was paid, and that account: JSON, sealed."""
    payment_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("payment.id"))
    """The one payment that its text names."""
    state: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str | None] = mapped_column(String(30))
    refusal: Mapped[str | None] = mapped_column(String(60))
    """The code of what booking it was refused with."""
    send_back_minor: Mapped[int]
    """Of the money so much is nobody's payment, and is to be sent back."""
    note: Mapped[str | None] = mapped_column(String(200))
    decided_by: Mapped[str | None] = mapped_column(String(80))
    decided_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("account", "entry_key"),
        CheckConstraint("line > 0", name="line"),
        CheckConstraint("amount_minor > 0 AND amount_minor <= 10000000000000", name="amount"),
        CheckConstraint(one_of("direction", Direction), name="direction"),
        CheckConstraint(one_of("state", EntryState), name="state"),
        CheckConstraint("(direction = 'debit') = (state = 'kept')", name="kept"),
        CheckConstraint(
            f"CASE state WHEN 'open' THEN reason IS NOT NULL AND {one_of('reason', OpenReason)}"
            f" WHEN 'closed' THEN reason IS NOT NULL AND {one_of('reason', ClosedReason)}"
            " ELSE reason IS NULL END",
            name="reason",
        ),
        CheckConstraint(
            "(refusal IS NOT NULL) = (state = 'open' AND reason = 'refused' AND reason IS NOT NULL)",
            name="refusal",
        ),
        CheckConstraint(
            "send_back_minor >= 0 AND CASE state WHEN 'booked' THEN send_back_minor < amount_minor"
            " WHEN 'closed' THEN send_back_minor = CASE reason WHEN 'send_back' THEN amount_minor ELSE 0 END"
            " ELSE send_back_minor = 0 END",
            name="send_back",
        ),
        CheckConstraint("(decided_by IS NULL) = (decided_at IS NULL)", name="decided"),
        CheckConstraint("state IN ('kept', 'open') OR decided_at IS NOT NULL", name="decided_on"),
        Index("ix_bank_entry_open", "reason", "id", postgresql_where=text("state = 'open'")),
        Index(
            "ix_bank_entry_named",
            "payment_id",
            "id",
            postgresql_where=text("state = 'open' AND payment_id IS NOT NULL"),
        ),
    )


class BankReceipt(Base):
    """So much of an entry paid a payment. Append-only."""

    __tablename__ = "bank_receipt"

    entry_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("bank_entry.id"), primary_key=True)
    payment_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("payment.id"), primary_key=True)
    amount_minor: Mapped[int]
    at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("amount_minor > 0 AND amount_minor <= 10000000000000", name="amount"),
        Index(None, "payment_id"),
    )
