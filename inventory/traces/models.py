"""Tables of a county's chain of events. All but the chain's head are append-only, for the app's role as well."""

import uuid
from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    Text,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from inventory.traces.mentions import Role
from marketplace.database import Base, one_of


class TraceChain(Base):
    """Where a county's chain ends: locked by whoever lets it grow, so that it never forks."""

    __tablename__ = "trace_chain"

    county_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("county.id"), primary_key=True)
    length: Mapped[int]
    """Events so far; the number of the last one."""
    head: Mapped[bytes] = mapped_column(LargeBinary)
    """The link of the last one."""
    frontier: Mapped[bytes] = mapped_column(LargeBinary)
    """The hashes over whole runs of its leaves, longest first (merkle.Frontier)."""

    __table_args__ = (
        CheckConstraint("length >= 0", name="length"),
        CheckConstraint("octet_length(head) = 32", name="head"),
        CheckConstraint("octet_length(frontier) = 32 * bit_count(length::bit(64))", name="frontier"),
    )


class TraceEvent(Base):
    """One event of EPCIS as it was told, and its link in the county's chain."""

    __tablename__ = "trace_event"

    county_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("trace_chain.county_id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    """1, 2, 3 … without gaps in each county."""
    body: Mapped[str] = mapped_column(Text)
    """Canonical JSON (RFC 8785), with `eventID` and `recordTime`."""
    context: Mapped[str | None] = mapped_column(Text)
    """Canonical JSON of the contexts beside the standard's."""
    link: Mapped[bytes] = mapped_column(LargeBinary)
    """chain.link_after the link before it and the bytes of body and context."""
    event_id: Mapped[str] = mapped_column(Text)
    event_hash: Mapped[str] = mapped_column(String(100))
    """Of CBV 2.0. A declaration of error has that of the event which it declares wrong."""
    is_declaration: Mapped[bool]
    event_type: Mapped[str] = mapped_column(Text)
    action: Mapped[str | None] = mapped_column(String(10))
    event_time: Mapped[datetime]
    recorded_at: Mapped[datetime]
    biz_step: Mapped[str | None] = mapped_column(Text)
    disposition: Mapped[str | None] = mapped_column(Text)
    read_point: Mapped[str | None] = mapped_column(Text)
    biz_location: Mapped[str | None] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(String(80))

    __table_args__ = (
        CheckConstraint("number > 0", name="number"),
        CheckConstraint("octet_length(link) = 32", name="link"),
        CheckConstraint("length(event_id) <= 1024", name="event_id"),
        CheckConstraint("action IN ('ADD', 'OBSERVE', 'DELETE')", name="action"),
        Index(
            "uq_trace_event_event_hash",
            "county_id",
            "event_hash",
            unique=True,
            postgresql_where=text("NOT is_declaration"),
        ),
        Index(
            "uq_trace_event_event_id",
            "county_id",
            "event_id",
            unique=True,
            postgresql_where=text("NOT is_declaration"),
        ),
        Index("ix_trace_event_declared", "county_id", "event_hash", postgresql_where=text("is_declaration")),
        Index(None, "county_id", "event_time"),
        Index(
            "ix_trace_event_sensed",
            "biz_location",
            "event_time",
            postgresql_where=text("biz_step = 'sensor_reporting'"),
        ),
    )


class TraceMention(Base):
    """An event speaks of an object, a class, a paper or a party. Read from the key: its whole history in one look."""

    __tablename__ = "trace_mention"

    key: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
    """Its canonical text."""
    role: Mapped[str] = mapped_column(String(2), primary_key=True)
    county_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)

    __table_args__ = (
        ForeignKeyConstraint(["county_id", "number"], ["trace_event.county_id", "trace_event.number"]),
        CheckConstraint(one_of("role", Role), name="role"),
        CheckConstraint("length(key) <= 1024", name="key"),
    )


class TraceRun(Base):
    """The hash over a whole run of leaves; kept of every eighth level, so that a proof reads some hundred rows."""

    __tablename__ = "trace_run"

    county_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("trace_chain.county_id"), primary_key=True)
    level: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    index: Mapped[int] = mapped_column(primary_key=True)
    hash: Mapped[bytes] = mapped_column(LargeBinary)

    __table_args__ = (
        CheckConstraint("level BETWEEN 8 AND 56 AND level % 8 = 0 AND index >= 0", name="place"),
        CheckConstraint("octet_length(hash) = 32", name="hash"),
    )


class TraceCheckpoint(Base):
    """A signed statement of where a chain stood: what is behind it cannot be cut or written anew unseen."""

    __tablename__ = "trace_checkpoint"

    county_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("trace_chain.county_id"), primary_key=True)
    length: Mapped[int] = mapped_column(primary_key=True)
    note: Mapped[str] = mapped_column(Text)
    """The signed text, to be kept elsewhere word by word (notes.py)."""
    signed_at: Mapped[datetime]

    __table_args__ = (CheckConstraint("length > 0", name="length"),)
