"""Tables of reconciliation: the runs, what they found, what was set right."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from inventory.reconciling.rules import Phase
from marketplace.database import Base, one_of


class Reconciliation(Base):
    """One look at every lot and pool. It goes on where `phase` and `cursor` say, so that a stop loses nothing."""

    __tablename__ = "reconciliation"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    seconds: Mapped[int | None]
    """Whole seconds from start to end, rounded up."""
    phase: Mapped[str] = mapped_column(String(10))
    cursor: Mapped[uuid.UUID | None]
    lots_checked: Mapped[int]
    pools_checked: Mapped[int]
    differences: Mapped[int]
    """Lots and pools whose counters differ: its findings."""
    actor: Mapped[str] = mapped_column(String(80))

    __table_args__ = (
        CheckConstraint(one_of("phase", Phase), name="phase"),
        CheckConstraint(
            f"num_nulls(finished_at, seconds) = CASE phase WHEN '{Phase.DONE}' THEN 0 ELSE 2 END",
            name="finished",
        ),
        CheckConstraint("lots_checked >= 0 AND pools_checked >= 0 AND differences >= 0", name="counts"),
        CheckConstraint("differences <= lots_checked + pools_checked", name="differences"),
    )


class ReconciliationRepair(Base):
    """How a finding was set right: by a line in the journal of its lot or pool. Append-only."""

    __tablename__ = "reconciliation_repair"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    finding_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("reconciliation_finding.id"), unique=True)
    reason: Mapped[str] = mapped_column(String(200))
    before: Mapped[dict[str, Any]] = mapped_column(JSONB)
    after: Mapped[dict[str, Any]] = mapped_column(JSONB)
    movement_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("movement.id"))
    """The lot's line that tells of it."""
    pool_id: Mapped[uuid.UUID | None]
    pool_line_number: Mapped[int | None]
    """The pool's line that tells of it."""
    actor: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(
            ["pool_id", "pool_line_number"], ["pool_movement.pool_id", "pool_movement.number"]
        ),
        CheckConstraint(
            "num_nonnulls(movement_id, pool_id) = 1 AND num_nonnulls(movement_id, pool_line_number) = 1",
            name="line",
        ),
    )


class ReconciliationFinding(Base):
    """One lot or pool whose counters differ from what they must be. Append-only."""

    __tablename__ = "reconciliation_finding"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    reconciliation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("reconciliation.id"))
    number: Mapped[int]
    """1, 2, 3 … without gaps in each reconciliation."""
    subject_kind: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[uuid.UUID]
    differences: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    case_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("case.id"))
    at: Mapped[datetime]

    repair: Mapped[ReconciliationRepair | None] = relationship(lazy="joined", viewonly=True)

    __table_args__ = (
        UniqueConstraint("reconciliation_id", "number"),
        Index(None, "subject_kind", "subject_id"),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint("subject_kind IN ('lot', 'pool')", name="subject_kind"),
    )
