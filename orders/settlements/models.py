"""Tables of settlements. A settlement knows its campaign by id only: campaigns stand above orders.

What a cooperative has with the marketplace from one settlement to the next stands in three places, each once: what is
kept back in `retention`, with the day of each; what it owes in the ledger's `coop_receivable`; what it was advanced in
the tables of advances.
"""

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.database import Base, one_of
from orders.settlements.facts import Remedy
from orders.settlements.states import SettlementKind, SettlementState


class Settlement(Base):
    """What one cooperative earned in one campaign and currency; one for each. `told` changes while it is a draft.

    Or what was kept back of it and is released; of these one at a time.
    """

    __tablename__ = "settlement"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(90), unique=True)
    """Campaign (or `release`), cooperative, currency: how people call it, under which what is kept back is held."""
    kind: Mapped[str] = mapped_column(String(20))
    campaign_id: Mapped[uuid.UUID | None]
    """None of one that only releases retention; what it is called instead stands in its title."""
    campaign_en: Mapped[str] = mapped_column(String(200))
    campaign_zh: Mapped[str] = mapped_column(String(200))
    cooperative_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cooperative.id"))
    currency: Mapped[str] = mapped_column(String(3))
    state: Mapped[str] = mapped_column(String(20))
    told: Mapped[str] = mapped_column(Text)
    """Facts, the account before, lines and the account after, as the text of which `digest` is (`json_form`)."""
    digest: Mapped[str] = mapped_column(String(80))
    payout_minor: Mapped[int]
    orders_minor: Mapped[int]
    """What leaves the liability for orders when this is final: boxes, less refunds at the cooperative's fault."""
    own_discounts_minor: Mapped[int]
    by_item: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    """The same, and compensation, by what the boxes were sold for (`gathering.Parts`)."""
    objection_days: Mapped[int]
    proposed_at: Mapped[datetime | None]
    objections_until: Mapped[datetime | None]
    objection: Mapped[str | None] = mapped_column(String(1_000))
    objected_by: Mapped[str | None] = mapped_column(String(80))
    answer: Mapped[str | None] = mapped_column(String(1_000))
    answered_by: Mapped[str | None] = mapped_column(String(80))
    final_at: Mapped[datetime | None]
    paid_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    version: Mapped[int]

    __table_args__ = (
        UniqueConstraint("campaign_id", "cooperative_id", "currency"),
        CheckConstraint(
            f"{one_of('kind', SettlementKind)} AND (kind = 'campaign') = (campaign_id IS NOT NULL)",
            name="kind",
        ),
        CheckConstraint(one_of("state", SettlementState), name="state"),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
        CheckConstraint("payout_minor >= 0 AND own_discounts_minor >= 0", name="not_negative"),
        CheckConstraint("objection_days BETWEEN 1 AND 60", name="objection_days"),
        CheckConstraint(
            "(proposed_at IS NULL) = (state = 'draft') AND num_nulls(proposed_at, objections_until) IN (0, 2)",
            name="proposed",
        ),
        CheckConstraint("(final_at IS NOT NULL) = (state IN ('final', 'paid'))", name="final"),
        CheckConstraint("(paid_at IS NOT NULL) = (state = 'paid')", name="paid"),
        CheckConstraint(
            "num_nulls(objection, objected_by) IN (0, 2) AND num_nulls(answer, answered_by) IN (0, 2)"
            " AND (answer IS NULL OR objection IS NOT NULL) AND (state <> 'objected' OR objection IS NOT NULL)",
            name="objection",
        ),
        Index(
            "uq_settlement_looked_at",
            "cooperative_id",
            "currency",
            unique=True,
            postgresql_where=text("state IN ('proposed', 'objected')"),
        ),
        Index(
            "uq_settlement_release",
            "cooperative_id",
            "currency",
            unique=True,
            postgresql_where=text("kind = 'release' AND state = 'draft'"),
        ),
        Index(None, "cooperative_id", "state", "id"),
        Index(None, "objections_until", postgresql_where=text("state = 'proposed'")),
    )


class SettlementMove(Base):
    """One move of a settlement's state, and the digest of what was moved. Append-only; `number` runs without gaps."""

    __tablename__ = "settlement_move"

    settlement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("settlement.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    event: Mapped[str] = mapped_column(String(20))
    before: Mapped[str | None] = mapped_column(String(20))
    after: Mapped[str] = mapped_column(String(20))
    digest: Mapped[str] = mapped_column(String(80))
    reason: Mapped[str | None] = mapped_column(String(1_000))
    actor: Mapped[str] = mapped_column(String(80))
    request_id: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]

    __table_args__ = (CheckConstraint("number > 0", name="number"),)


class Retention(Base):
    """What a final settlement keeps back until a day, and what of it is still there."""

    __tablename__ = "retention"

    settlement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("settlement.id"), primary_key=True)
    cooperative_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cooperative.id"))
    currency: Mapped[str] = mapped_column(String(3))
    until: Mapped[date]
    kept_minor: Mapped[int]
    left_minor: Mapped[int]
    """Not released, and not spent before its day."""

    __table_args__ = (
        CheckConstraint("kept_minor > 0 AND left_minor BETWEEN 0 AND kept_minor", name="left"),
        Index(None, "cooperative_id", "currency", postgresql_where=text("left_minor > 0")),
    )


class LateRefund(Base):
    """A refund that became known when its settlement was final, and who pays for it. Append-only."""

    __tablename__ = "late_refund"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    settlement_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("settlement.id"), index=True)
    refund_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("part_refund.id"))
    remedy: Mapped[str] = mapped_column(String(20))
    amount_minor: Mapped[int]
    """Of the refund: its boxes may have come from several cooperatives."""
    at_fault: Mapped[bool]
    commission_back_minor: Mapped[int]
    from_retention_minor: Mapped[int]
    owed_minor: Mapped[int]
    taken: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """By the settlement that kept it, what was taken of its retention."""
    actor: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("refund_id", "settlement_id"),
        CheckConstraint(one_of("remedy", Remedy), name="remedy"),
        CheckConstraint(
            "amount_minor > 0 AND least(commission_back_minor, from_retention_minor, owed_minor) >= 0",
            name="not_negative",
        ),
        CheckConstraint(
            "commission_back_minor + from_retention_minor + owed_minor"
            " = CASE WHEN at_fault THEN amount_minor ELSE 0 END",
            name="sum",
        ),
    )
