"""The table of jobs."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import CheckConstraint, Identity, Index, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.database import Base

WAITING: Final = "waiting"
RUNNING: Final = "running"
DONE: Final = "done"
DEAD: Final = "dead"
STATES: Final = (WAITING, RUNNING, DONE, DEAD)
ID_MAX: Final = 2**63 - 1


class StoredJob(Base):
    """One job. `attempts` counts the runs begun since it was enqueued or last retried by an operator.

    While it runs, its row is locked by the transaction that does its work: an unlocked running row is a lost one.
    """

    __tablename__ = "job"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    arguments: Mapped[dict[str, Any]] = mapped_column(JSONB)
    key: Mapped[str | None] = mapped_column(String(200))
    slot: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(String(20))
    due_at: Mapped[datetime]
    attempts: Mapped[int]
    enqueued_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    problem: Mapped[str | None] = mapped_column(String(1_000))

    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'running', 'done', 'dead')", name="state"),
        CheckConstraint("attempts >= 0", name="attempts"),
        CheckConstraint("(finished_at IS NOT NULL) = (state IN ('done', 'dead'))", name="finished_at"),
        CheckConstraint("state = 'waiting' OR started_at IS NOT NULL", name="started_at"),
        Index("ix_job_due", "due_at", "id", postgresql_where=text("state = 'waiting'")),
        Index("ix_job_running", "started_at", postgresql_where=text("state = 'running'")),
        Index("ix_job_dead", "id", postgresql_where=text("state = 'dead'")),
        Index("ix_job_done", "finished_at", postgresql_where=text("state = 'done'")),
        Index(
            "uq_job_key",
            "key",
            unique=True,
            postgresql_where=text("state = 'waiting' AND started_at IS NULL"),
        ),
        Index("uq_job_name_slot", "name", "slot", unique=True, postgresql_where=text("slot IS NOT NULL")),
    )
