"""Tables of the ledger. Transfers and entries are append-only: the app's role may INSERT and SELECT, nothing else."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.database import Base, one_of
from marketplace.ledger.chart import Side
from marketplace.ledger.rules import Account, Owner, Phase

WORD = "~ '^[a-z][a-z_]{1,39}$'"
THIS_TRANSACTION = "pg_current_xact_id()::text::bigint"


class LedgerAccount(Base):
    """Opened by the first who books on it. Its id follows from its name (`rules.Account`)."""

    __tablename__ = "ledger_account"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(40))
    owner_kind: Mapped[str | None] = mapped_column(String(40))
    owner_id: Mapped[uuid.UUID | None]
    currency: Mapped[str] = mapped_column(String(3))
    normal_side: Mapped[str] = mapped_column(String(6))
    has_floor: Mapped[bool]
    opened_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("code", "owner_kind", "owner_id", "currency", postgresql_nulls_not_distinct=True),
        CheckConstraint(f"code {WORD}", name="code"),
        CheckConstraint(f"owner_kind {WORD}", name="owner_kind"),
        CheckConstraint("num_nulls(owner_kind, owner_id) IN (0, 2)", name="owner"),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
        CheckConstraint(one_of("normal_side", Side), name="normal_side"),
        Index(None, "owner_id", "owner_kind"),
    )

    @property
    def named(self) -> Account:
        owner = None
        if self.owner_kind is not None and self.owner_id is not None:
            owner = Owner(kind=self.owner_kind, id=self.owner_id)
        return Account(code=self.code, currency=self.currency, owner=owner)


class LedgerTransfer(Base):
    """One movement of money, with who booked it under which request: its own trace. Append-only."""

    __tablename__ = "ledger_transfer"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    source_id: Mapped[uuid.UUID]
    """The fact that is booked: a fact of one kind is booked or reserved once."""
    phase: Mapped[str] = mapped_column(String(7))
    pending_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("ledger_transfer.id"), unique=True)
    """What is posted or voided by it, once."""
    corrects_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("ledger_transfer.id"))
    """What it takes back."""
    currency: Mapped[str] = mapped_column(String(3))
    reason: Mapped[str | None] = mapped_column(String(200))
    actor: Mapped[str] = mapped_column(String(80))
    request_id: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]
    booked_in: Mapped[int] = mapped_column(server_default=text(THIS_TRANSACTION))
    """The database transaction that wrote it: no other one may add entries to it."""

    __table_args__ = (
        CheckConstraint(f"kind {WORD}", name="kind"),
        CheckConstraint(one_of("phase", Phase), name="phase"),
        CheckConstraint("(pending_id IS NOT NULL) = (phase IN ('post', 'void'))", name="pending"),
        CheckConstraint(
            "CASE kind WHEN 'reversal' THEN phase = 'single' AND corrects_id = source_id AND reason IS NOT NULL"
            " AND corrects_id IS NOT NULL ELSE corrects_id IS NULL END",
            name="reversal",
        ),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
        Index(
            "uq_ledger_transfer_fact",
            "kind",
            "source_id",
            unique=True,
            postgresql_where=text("phase IN ('single', 'pending')"),
        ),
        Index(None, "source_id"),
        Index(None, "at"),
    )


class LedgerEntry(Base):
    """One side of a transfer on one account. Append-only."""

    __tablename__ = "ledger_entry"

    transfer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("ledger_transfer.id"), primary_key=True)
    number: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("ledger_account.id"))
    side: Mapped[str] = mapped_column(String(6))
    amount_minor: Mapped[int]
    phase: Mapped[str] = mapped_column(String(7))
    at: Mapped[datetime]
    """Phase and instant of its transfer: an account's statement is read from here alone."""

    __table_args__ = (
        CheckConstraint("number > 0", name="number"),
        CheckConstraint("amount_minor > 0 AND amount_minor <= 100000000000000000", name="amount"),
        CheckConstraint(one_of("side", Side), name="side"),
        CheckConstraint(one_of("phase", Phase), name="phase"),
        Index("uq_ledger_entry_statement", "account_id", "at", "transfer_id", unique=True),
    )


class LedgerBalance(Base):
    """Counters of an account, kept beside its entries: the sum over its slots is its balance.

    An account with a floor has slot 0 alone, and a `guard`; any other is spread, so that nobody waits for it.
    """

    __tablename__ = "ledger_balance"

    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("ledger_account.id"), primary_key=True)
    slot: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    guard: Mapped[str | None] = mapped_column(String(6))
    """The side on which a guarded account grows."""
    debits_posted: Mapped[int]
    credits_posted: Mapped[int]
    debits_pending: Mapped[int]
    credits_pending: Mapped[int]
    """What is reserved. Of a slot it may be below zero: what one reserved another may have ended."""

    __table_args__ = (
        CheckConstraint("slot >= 0 AND slot < 32", name="slot"),
        CheckConstraint("debits_posted >= 0 AND credits_posted >= 0", name="posted"),
        CheckConstraint(one_of("guard", Side), name="guard"),
        CheckConstraint(
            "guard IS NULL OR (slot = 0 AND debits_pending >= 0 AND credits_pending >= 0 AND CASE guard"
            " WHEN 'credit' THEN debits_posted + debits_pending <= credits_posted"
            " ELSE credits_posted + credits_pending <= debits_posted END)",
            name="floor",
        ),
    )
