"""Tables of capacity: the forecast and its revisions, its journal of promises, its weighings."""

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from inventory.capacity import rules
from inventory.capacity.rules import CapacityState, LineKind
from marketplace.database import Base, one_of

_BAND = "0 <= low_grams AND low_grams <= likely_grams AND likely_grams <= high_grams AND high_grams <= 10000000000000"
_PRUDENT = "prudent_grams = low_grams * (1000 - haircut_permille) / 1000"


class Capacity(Base):
    """What a cooperative expects of a variety and grade in one ISO week. Every change raises `version`."""

    __tablename__ = "capacity"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    cooperative_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cooperative.id"))
    variety: Mapped[str] = mapped_column(String(60))
    grade: Mapped[str] = mapped_column(String(20))
    week_on: Mapped[date]
    """The Monday of the week."""
    state: Mapped[str] = mapped_column(String(20))
    low_grams: Mapped[int]
    likely_grams: Mapped[int]
    high_grams: Mapped[int]
    haircut_permille: Mapped[int]
    prudent_grams: Mapped[int]
    """As its last revision said it: it does not creep between revisions."""
    promised_grams: Mapped[int]
    """Still promised on the forecast."""
    converted_grams: Mapped[int]
    """Was promised and has been weighed: held in lots now."""
    weighed_grams: Mapped[int]
    short_grams: Mapped[int]
    """Promised beyond what there is room for; a shortfall case tells of it."""
    revisions_count: Mapped[int]
    lines_count: Mapped[int]
    weighings_count: Mapped[int]
    version: Mapped[int]
    created_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("cooperative_id", "variety", "grade", "week_on"),
        CheckConstraint(one_of("state", CapacityState), name="state"),
        CheckConstraint("extract(isodow FROM week_on) = 1", name="monday"),
        CheckConstraint(_BAND, name="band"),
        CheckConstraint("haircut_permille BETWEEN 0 AND 1000", name="haircut"),
        CheckConstraint(_PRUDENT, name="prudent"),
        CheckConstraint(
            "promised_grams >= 0 AND converted_grams >= 0 AND short_grams >= 0", name="not_negative"
        ),
        CheckConstraint("converted_grams <= weighed_grams", name="converted"),
        CheckConstraint("weighed_grams <= 10000000000000", name="weighed"),
        CheckConstraint(
            f"short_grams = greatest(promised_grams - CASE WHEN state = '{CapacityState.CLOSED}' THEN 0"
            " ELSE greatest(prudent_grams - weighed_grams, 0) END, 0)",
            name="never_oversold",
        ),
        CheckConstraint(
            "revisions_count > 0 AND lines_count >= 0 AND weighings_count >= 0 AND version > 0",
            name="version",
        ),
    )

    @property
    def room_grams(self) -> int:
        return rules.room_grams(
            prudent_grams=self.prudent_grams,
            weighed_grams=self.weighed_grams,
            is_closed=self.state == CapacityState.CLOSED,
        )

    @property
    def sellable_grams(self) -> int:
        return rules.sellable_grams(room=self.room_grams, promised_grams=self.promised_grams)

    @property
    def missing_grams(self) -> int:
        return self.short_grams


class CapacityRevision(Base):
    """One forecast after the other. Append-only."""

    __tablename__ = "capacity_revision"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    capacity_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("capacity.id"))
    number: Mapped[int]
    """1, 2, 3 … without gaps in each capacity."""
    low_grams: Mapped[int]
    likely_grams: Mapped[int]
    high_grams: Mapped[int]
    haircut_permille: Mapped[int]
    prudent_grams: Mapped[int]
    promised_grams: Mapped[int]
    """What stood promised when it was made."""
    reason: Mapped[str] = mapped_column(String(200))
    actor: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("capacity_id", "number"),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint(_BAND, name="band"),
        CheckConstraint("haircut_permille BETWEEN 0 AND 1000", name="haircut"),
        CheckConstraint(_PRUDENT, name="prudent"),
    )


class Weighing(Base):
    """One load on the weighbridge, and the lot that it became. Its id is made by whoever sends it. Append-only."""

    __tablename__ = "weighing"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    capacity_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("capacity.id"))
    number: Mapped[int]
    lot_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("lot.id"), unique=True)
    code: Mapped[str] = mapped_column(String(40))
    gross_grams: Mapped[int]
    tare_grams: Mapped[int]
    net_grams: Mapped[int]
    converted_grams: Mapped[int]
    """The part of it that was promised before and is held for its promises now."""
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """All that was sent: the same id again must bring the same."""
    actor: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("capacity_id", "number"),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint(
            "tare_grams >= 0 AND net_grams > 0 AND net_grams = gross_grams - tare_grams", name="net"
        ),
        CheckConstraint("converted_grams >= 0 AND converted_grams <= net_grams", name="converted"),
    )


class CapacityLine(Base):
    """One line of a capacity's promises, and what its counters were after it. Append-only."""

    __tablename__ = "capacity_line"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    capacity_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("capacity.id"))
    number: Mapped[int]
    kind: Mapped[str] = mapped_column(String(20))
    grams: Mapped[int]
    purpose_kind: Mapped[str] = mapped_column(String(40))
    purpose_id: Mapped[uuid.UUID]
    promised_grams: Mapped[int]
    converted_grams: Mapped[int]
    weighing_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("weighing.id"), index=True)
    hold_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("hold.id"), unique=True)
    actor: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("capacity_id", "number"),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint(one_of("kind", LineKind), name="kind"),
        CheckConstraint("grams > 0 AND promised_grams >= 0 AND converted_grams >= 0", name="grams"),
        CheckConstraint(
            f"num_nonnulls(weighing_id, hold_id) = CASE kind WHEN '{LineKind.CONVERT}' THEN 2 ELSE 0 END",
            name="weighing",
        ),
    )
