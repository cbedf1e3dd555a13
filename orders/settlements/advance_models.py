"""Tables of advances: what each cooperative stands at, each advance, and the journal of what is outstanding of it."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.database import Base, one_of
from orders.settlements.advance_states import AdvanceLineKind, AdvanceState
from orders.sponsoring.rules import Tranche


class AdvanceStanding(Base):
    """What a cooperative is promised and has outstanding in one currency. Whoever changes an advance locks it first."""

    __tablename__ = "advance_standing"

    cooperative_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cooperative.id"), primary_key=True)
    currency: Mapped[str] = mapped_column(String(3), primary_key=True)
    promised_minor: Mapped[int]
    """Granted, and not paid yet."""
    outstanding_minor: Mapped[int]
    """Paid, and not repaid."""
    version: Mapped[int]

    __table_args__ = (
        CheckConstraint("promised_minor >= 0 AND outstanding_minor >= 0", name="not_negative"),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
    )


class Advance(Base):
    """Money before it is earned, without interest. What it is for is known by id only: campaigns stand above orders."""

    __tablename__ = "advance"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    cooperative_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cooperative.id"))
    purpose_id: Mapped[uuid.UUID]
    """The campaign whose boxes it is advanced on."""
    currency: Mapped[str] = mapped_column(String(3))
    tranche: Mapped[str] = mapped_column(String(20))
    """The last step that the boxes had come to when it was asked for."""
    state: Mapped[str] = mapped_column(String(20))
    asked_minor: Mapped[int]
    amount_minor: Mapped[int | None]
    """What was granted of it."""
    outstanding_minor: Mapped[int]
    asked_by: Mapped[str] = mapped_column(String(80))
    asked_at: Mapped[datetime]
    decided_by: Mapped[str | None] = mapped_column(String(80))
    decided_at: Mapped[datetime | None]
    reason_en: Mapped[str | None] = mapped_column(String(200))
    reason_zh: Mapped[str | None] = mapped_column(String(200))
    """Why it was refused."""
    payout_id: Mapped[uuid.UUID | None] = mapped_column(unique=True)
    paid_at: Mapped[datetime | None]
    lines: Mapped[int]
    """The number of its journal's last line."""
    version: Mapped[int]

    __table_args__ = (
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
        CheckConstraint(one_of("tranche", Tranche), name="tranche"),
        CheckConstraint(one_of("state", AdvanceState), name="state"),
        CheckConstraint("asked_minor > 0 AND asked_minor <= 10000000000000", name="asked"),
        CheckConstraint(
            "CASE WHEN state IN ('granted', 'paid', 'repaid')"
            " THEN amount_minor > 0 AND amount_minor <= asked_minor AND num_nulls(amount_minor, payout_id) = 0"
            " ELSE num_nulls(amount_minor, payout_id) = 2 END",
            name="granted",
        ),
        CheckConstraint(
            "CASE state WHEN 'paid' THEN outstanding_minor > 0 AND outstanding_minor <= amount_minor"
            " ELSE outstanding_minor = 0 END",
            name="outstanding",
        ),
        CheckConstraint(
            "num_nulls(decided_by, decided_at) = CASE state WHEN 'asked' THEN 2 ELSE 0 END", name="decided"
        ),
        CheckConstraint(
            "state NOT IN ('granted', 'paid', 'repaid') OR decided_by <> asked_by", name="two_people"
        ),
        CheckConstraint(
            "num_nulls(reason_en, reason_zh) = CASE state WHEN 'refused' THEN 0 ELSE 2 END", name="refused"
        ),
        CheckConstraint("(paid_at IS NOT NULL) = (state IN ('paid', 'repaid'))", name="paid"),
        CheckConstraint("lines >= 0", name="lines"),
        Index(
            "uq_advance_open",
            "cooperative_id",
            "purpose_id",
            "currency",
            unique=True,
            postgresql_where=text("state IN ('asked', 'granted')"),
        ),
        Index(None, "cooperative_id", "currency", "state"),
        Index(None, "purpose_id", "currency", "state"),
    )


class AdvanceLine(Base):
    """One change of what is outstanding of an advance, and what is so after it. Append-only."""

    __tablename__ = "advance_line"

    advance_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("advance.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """1, 2, 3 … without gaps in each advance."""
    kind: Mapped[str] = mapped_column(String(20))
    amount_minor: Mapped[int]
    outstanding_minor: Mapped[int]
    settlement_id: Mapped[uuid.UUID | None]
    payout_id: Mapped[uuid.UUID | None]
    actor: Mapped[str] = mapped_column(String(80))
    request_id: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("number > 0 AND amount_minor > 0 AND outstanding_minor >= 0", name="number"),
        CheckConstraint(one_of("kind", AdvanceLineKind), name="kind"),
        CheckConstraint(
            "CASE kind WHEN 'repaid' THEN settlement_id IS NOT NULL AND payout_id IS NULL"
            " ELSE settlement_id IS NULL AND payout_id IS NOT NULL END",
            name="cause",
        ),
        Index(
            "uq_advance_line_settlement",
            "settlement_id",
            "advance_id",
            unique=True,
            postgresql_where=text("kind = 'repaid'"),
        ),
    )
