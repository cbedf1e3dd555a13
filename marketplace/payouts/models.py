"""Tables of payouts: where cooperatives are paid, what is paid to them by whom, in which batch, and by which call."""

import uuid
from datetime import date, datetime

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.database import Base, one_of
from marketplace.payments.states import CallState
from marketplace.payouts.states import BatchFormat, CallKind, Method, PayoutPurpose, PayoutState

DESTINATION_KIND = "payout_destination"
BATCH_KIND = "payout_batch"
"""What sealed bank accounts and files are bound to, with the row's id."""


class ConnectAccount(Base):
    """A cooperative's account at Stripe: one, and how far its onboarding was when it was last asked for."""

    __tablename__ = "connect_account"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    cooperative_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cooperative.id"), unique=True)
    country: Mapped[str] = mapped_column(String(2))
    provider_id: Mapped[str | None] = mapped_column(String(80), unique=True)
    """Stripe's id of it; not known before it answered for the first time."""
    is_ready: Mapped[bool]
    """Whether money may be transferred to it."""
    opened_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    opened_at: Mapped[datetime]
    looked_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("cooperative_id", "id"),
        CheckConstraint("country ~ '^[A-Z]{2}$'", name="country"),
        CheckConstraint("num_nulls(provider_id, looked_at) IN (0, 2)", name="provider"),
        CheckConstraint("NOT is_ready OR provider_id IS NOT NULL", name="ready"),
    )


class PayoutDestination(Base):
    """Where a cooperative is paid from an instant on, until it names another one. Append-only."""

    __tablename__ = "payout_destination"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    cooperative_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cooperative.id"))
    number: Mapped[int]
    """Of the cooperative's, without gaps: the highest is the one that stands."""
    kind: Mapped[str] = mapped_column(String(10))
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary, info={"sealed": DESTINATION_KIND})
    """The bank account: JSON, sealed."""
    connect_account_id: Mapped[uuid.UUID | None]
    named_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    named_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("cooperative_id", "number"),
        UniqueConstraint("cooperative_id", "id", "named_at", "kind", name="uq_payout_destination_bound"),
        ForeignKeyConstraint(
            ["cooperative_id", "connect_account_id"],
            ["connect_account.cooperative_id", "connect_account.id"],
            name="fk_payout_destination_connect_account",
        ),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint(one_of("kind", Method), name="kind"),
        CheckConstraint(
            "CASE kind WHEN 'bank' THEN sealed IS NOT NULL AND connect_account_id IS NULL"
            " ELSE sealed IS NULL AND connect_account_id IS NOT NULL END",
            name="where",
        ),
        CheckConstraint("octet_length(sealed) BETWEEN 33 AND 20000", name="sealed"),
    )


class PayoutBatch(Base):
    """Payouts that a bank is told of in one file; the file as it was made. Append-only."""

    __tablename__ = "payout_batch"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    reference: Mapped[str] = mapped_column(String(20), unique=True)
    currency: Mapped[str] = mapped_column(String(3))
    format: Mapped[str] = mapped_column(String(20))
    execute_on: Mapped[date]
    payouts: Mapped[int]
    total_minor: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    size_bytes: Mapped[int]
    file: Mapped[bytes] = mapped_column(LargeBinary, info={"sealed": BATCH_KIND})
    """Compressed, then sealed: it names bank accounts."""
    made_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    made_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint(one_of("format", BatchFormat), name="format"),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
        CheckConstraint("payouts > 0 AND payouts <= 10000 AND total_minor >= payouts", name="sums"),
        CheckConstraint("sha256 ~ '^[0-9a-f]{64}$' AND size_bytes > 0", name="file"),
    )


class Payout(Base):
    """Money to one cooperative for one purpose. Amount, purpose and cooperative never change; moves are journaled."""

    __tablename__ = "payout"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    purpose: Mapped[str] = mapped_column(String(20))
    purpose_id: Mapped[uuid.UUID]
    cooperative_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cooperative.id"))
    amount_minor: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    memo: Mapped[str] = mapped_column(String(140))
    """What the cooperative reads on its statement."""
    reference: Mapped[str] = mapped_column(String(20), unique=True)
    """What the bank is told as the transfer's own name."""
    state: Mapped[str] = mapped_column(String(20))
    version: Mapped[int]
    """How many moves it has made."""
    method: Mapped[str] = mapped_column(String(10))
    """As the destination is; before one is approved a guess."""
    drafted_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    drafted_at: Mapped[datetime]
    approved_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    approved_at: Mapped[datetime | None]
    destination_id: Mapped[uuid.UUID | None]
    destination_since: Mapped[datetime | None]
    sent_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    sent_at: Mapped[datetime | None]
    batch_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("payout_batch.id"))
    paid_at: Mapped[datetime | None]
    receipt_reference: Mapped[str | None] = mapped_column(String(100), unique=True)
    """The bank's, or the provider's, own number of it: one receipt pays one payout."""
    closed_at: Mapped[datetime | None]
    problem: Mapped[str | None] = mapped_column(String(200))
    """Why it was cancelled or came back."""

    __table_args__ = (
        ForeignKeyConstraint(
            ["cooperative_id", "destination_id", "destination_since", "method"],
            [
                "payout_destination.cooperative_id",
                "payout_destination.id",
                "payout_destination.named_at",
                "payout_destination.kind",
            ],
            name="fk_payout_destination",
        ),
        CheckConstraint(one_of("purpose", PayoutPurpose), name="purpose"),
        CheckConstraint("amount_minor > 0 AND amount_minor <= 10000000000000", name="amount"),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
        CheckConstraint(one_of("state", PayoutState), name="state"),
        CheckConstraint(one_of("method", Method), name="method"),
        CheckConstraint("approved_by <> drafted_by", name="two_people"),
        CheckConstraint("approved_at >= destination_since + interval '48 hours'", name="wait"),
        CheckConstraint(
            "CASE state WHEN 'drafted' THEN num_nulls(approved_by, approved_at, destination_id, destination_since) = 4"
            " WHEN 'cancelled' THEN num_nulls(approved_by, approved_at, destination_id, destination_since) IN (0, 4)"
            " ELSE num_nulls(approved_by, approved_at, destination_id, destination_since) = 0 END",
            name="approved",
        ),
        CheckConstraint(
            "num_nulls(sent_by, sent_at) = CASE WHEN state IN ('sent', 'paid', 'returned') THEN 0 ELSE 2 END",
            name="sent",
        ),
        CheckConstraint(
            "(batch_id IS NOT NULL) = (method = 'bank' AND state IN ('sent', 'paid', 'returned'))",
            name="batch",
        ),
        CheckConstraint(
            "num_nulls(paid_at, receipt_reference) = CASE state WHEN 'paid' THEN 0 WHEN 'returned'"
            " THEN num_nulls(paid_at) * 2 ELSE 2 END",
            name="paid",
        ),
        CheckConstraint(
            "num_nulls(closed_at, problem) = CASE WHEN state IN ('returned', 'cancelled') THEN 0 ELSE 2 END",
            name="closed",
        ),
        CheckConstraint("version >= 0", name="version"),
        Index(
            "uq_payout_running",
            "purpose",
            "purpose_id",
            unique=True,
            postgresql_where=text("state IN ('drafted', 'approved', 'sent', 'paid')"),
        ),
        Index(None, "cooperative_id", "id"),
        Index(None, "state", "id"),
        Index(None, "batch_id"),
    )


class PayoutMove(Base):
    """One step of a payout, with who took it. Append-only."""

    __tablename__ = "payout_move"

    payout_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("payout.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    before: Mapped[str] = mapped_column(String(20))
    after: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str | None] = mapped_column(String(200))
    actor: Mapped[str] = mapped_column(String(80))
    request_id: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("number > 0", name="number"),
        CheckConstraint(one_of("before", PayoutState), name="before"),
        CheckConstraint(one_of("after", PayoutState), name="after"),
    )


class PayoutCall(Base):
    """A question to a provider outside, written down before it is asked, and how it went."""

    __tablename__ = "payout_call"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    payout_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("payout.id"))
    kind: Mapped[str] = mapped_column(String(20))
    attempt: Mapped[int]
    key: Mapped[str] = mapped_column(String(120), unique=True)
    """The Idempotency-Key under which it is asked: made of the payout's id and the attempt."""
    state: Mapped[str] = mapped_column(String(20))
    problem: Mapped[str | None] = mapped_column(String(80))
    tries: Mapped[int]
    leased_until: Mapped[datetime]
    """Before it nobody else asks; after it the sweeper puts in another job."""
    asked_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint(one_of("kind", CallKind), name="kind"),
        CheckConstraint(one_of("state", CallState), name="state"),
        CheckConstraint("(state = 'asked') = (finished_at IS NULL)", name="finished"),
        CheckConstraint("attempt > 0 AND tries >= 0", name="attempt"),
        Index("uq_payout_call_asked", "payout_id", unique=True, postgresql_where=text("state = 'asked'")),
        Index(None, "payout_id"),
        Index(None, "leased_until", postgresql_where=text("state = 'asked'")),
    )
