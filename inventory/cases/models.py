"""Tables of cases: the question, and its append-only notes."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from inventory.cases.states import CaseKind, CaseState, NoteKind
from marketplace.database import Base, one_of


class Case(Base):
    """One question about one thing. `version` is the number of its last note."""

    __tablename__ = "case"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(30))
    subject_kind: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[uuid.UUID]
    cooperative_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("cooperative.id"))
    """Whom it concerns; without one it is staff's alone."""
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """As they were when it was opened; what became of them stands in the notes."""
    state: Mapped[str] = mapped_column(String(20))
    decision: Mapped[str | None] = mapped_column(String(200))
    settled_by: Mapped[str | None] = mapped_column(String(80))
    settled_at: Mapped[datetime | None]
    version: Mapped[int]
    created_at: Mapped[datetime]

    __table_args__ = (
        Index(
            "uq_case_open",
            "kind",
            "subject_kind",
            "subject_id",
            unique=True,
            postgresql_where=text("state = 'open'"),
        ),
        Index(None, "cooperative_id"),
        Index(None, "subject_kind", "subject_id"),
        CheckConstraint(one_of("kind", CaseKind), name="kind"),
        CheckConstraint(one_of("state", CaseState), name="state"),
        CheckConstraint(
            f"num_nulls(decision, settled_by, settled_at) = CASE state WHEN '{CaseState.SETTLED}' THEN 0 ELSE 3 END",
            name="settled",
        ),
        CheckConstraint("version > 0", name="version"),
    )


class CaseNote(Base):
    """What became known, and when. Append-only."""

    __tablename__ = "case_note"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    case_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("case.id"))
    number: Mapped[int]
    """1, 2, 3 … without gaps in each case."""
    kind: Mapped[str] = mapped_column(String(20))
    words: Mapped[str | None] = mapped_column(String(200))
    facts: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    actor: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("case_id", "number"),
        CheckConstraint(f"number > 0 AND (kind = '{NoteKind.OPENED}') = (number = 1)", name="number"),
        CheckConstraint(one_of("kind", NoteKind), name="kind"),
        CheckConstraint(
            f"(kind IN ('{NoteKind.SAID}', '{NoteKind.SETTLED}')) = (words IS NOT NULL)", name="words"
        ),
    )
