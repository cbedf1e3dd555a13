"""Tables of the repository: what was sent to it, and the queries that are kept under a name."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSON, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.database import Base, one_of


class Behaviour(StrEnum):
    """What becomes of a document in which some events are wrong."""

    ROLLBACK = "rollback"
    """None of it is taken."""
    PROCEED = "proceed"
    """The others are."""


class CaptureJob(Base):
    """A document of events that was sent, and what became of it. Append-only."""

    __tablename__ = "capture_job"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    county_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("county.id"))
    behaviour: Mapped[str] = mapped_column(String(10))
    events: Mapped[int]
    """In the document."""
    taken: Mapped[int]
    """Of these; an event that was there already counts."""
    faults: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    """Of events that were not taken, as problems in the language of the request."""
    actor: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]

    __table_args__ = (
        Index(None, "county_id", "id"),
        CheckConstraint(one_of("behaviour", Behaviour), name="behaviour"),
        CheckConstraint("events >= 0 AND taken BETWEEN 0 AND events", name="taken"),
        CheckConstraint("(taken < events) = (jsonb_array_length(faults) > 0)", name="faults"),
        CheckConstraint(f"behaviour = '{Behaviour.PROCEED}' OR taken IN (0, events)", name="whole"),
    )

    @property
    def finished_at(self) -> datetime:
        """It is done in the request that brings it."""
        return self.created_at

    @property
    def success(self) -> bool:
        return self.taken == self.events


class EventQuery(Base):
    """A query that is kept under a name. It is made and removed, never changed."""

    __tablename__ = "event_query"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    county_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("county.id"))
    name: Mapped[str] = mapped_column(String(100))
    query: Mapped[dict[str, Any]] = mapped_column(JSON)
    """As it was sent, member by member."""
    actor: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("county_id", "name"),)
