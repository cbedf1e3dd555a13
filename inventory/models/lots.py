"""Tables of lots and their journal."""

import uuid
from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from inventory.states import LotStatus, MovementKind, Storage
from marketplace.database import Base, one_of


class Lot(Base):
    """Fruit of one cooperative, harvest day, grade and cold store. `version` is its last movement's number."""

    __tablename__ = "lot"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    cooperative_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cooperative.id"))
    cold_store_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cold_store.id"), index=True)
    code: Mapped[str] = mapped_column(String(40))
    variety: Mapped[str] = mapped_column(String(60))
    grade: Mapped[str] = mapped_column(String(20))
    size: Mapped[str | None] = mapped_column(String(20))
    storage: Mapped[str] = mapped_column(String(30))
    harvested_on: Mapped[date]
    best_before_on: Mapped[date]
    on_hand_grams: Mapped[int]
    """In the store: received and corrected, minus lost and shipped."""
    held_grams: Mapped[int]
    """The part of it that open holds promise to somebody."""
    status: Mapped[str] = mapped_column(String(20))
    version: Mapped[int]
    created_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("cooperative_id", "code"),
        Index(None, "variety", "grade", "cooperative_id"),
        CheckConstraint("held_grams >= 0 AND held_grams <= on_hand_grams", name="held"),
        CheckConstraint("on_hand_grams <= 10000000000000", name="on_hand"),
        CheckConstraint("best_before_on >= harvested_on", name="days"),
        CheckConstraint("version > 0", name="version"),
        CheckConstraint(one_of("storage", Storage), name="storage"),
        CheckConstraint(one_of("status", LotStatus), name="status"),
    )

    @property
    def free_grams(self) -> int:
        """Promised to nobody."""
        return self.on_hand_grams - self.held_grams

    @property
    def available_grams(self) -> int:
        """What may still be promised: nothing while the lot is stopped."""
        return self.free_grams if self.status == LotStatus.AVAILABLE else 0


class Movement(Base):
    """One line of a lot's journal: what changed in each bucket, and what the buckets held after it. Append-only."""

    __tablename__ = "movement"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    lot_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("lot.id"))
    number: Mapped[int]
    """1, 2, 3 … without gaps in each lot."""
    kind: Mapped[str] = mapped_column(String(20))
    on_hand_delta_grams: Mapped[int]
    held_delta_grams: Mapped[int]
    on_hand_grams: Mapped[int]
    held_grams: Mapped[int]
    reason: Mapped[str | None] = mapped_column(String(200))
    hold_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("hold.id"))
    actor: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("lot_id", "number"),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint("held_grams >= 0 AND held_grams <= on_hand_grams", name="held"),
        CheckConstraint(
            "CASE kind"
            " WHEN 'receive' THEN on_hand_delta_grams > 0 AND held_delta_grams = 0 AND number = 1"
            " WHEN 'loss' THEN on_hand_delta_grams < 0 AND held_delta_grams = 0"
            " WHEN 'correction' THEN on_hand_delta_grams <> 0 AND held_delta_grams = 0"
            " WHEN 'hold' THEN on_hand_delta_grams = 0 AND held_delta_grams > 0"
            " WHEN 'release' THEN on_hand_delta_grams = 0 AND held_delta_grams < 0"
            " WHEN 'ship' THEN on_hand_delta_grams < 0 AND held_delta_grams = on_hand_delta_grams"
            " WHEN 'quarantine' THEN on_hand_delta_grams = 0 AND held_delta_grams = 0"
            " WHEN 'clear' THEN on_hand_delta_grams = 0 AND held_delta_grams = 0"
            " WHEN 'recall' THEN on_hand_delta_grams = 0 AND held_delta_grams = 0"
            " ELSE false END",
            name="kind",
        ),
        CheckConstraint(
            f"(kind IN ('{MovementKind.HOLD}', '{MovementKind.RELEASE}', '{MovementKind.SHIP}'))"
            " = (hold_id IS NOT NULL)",
            name="hold",
        ),
        CheckConstraint(
            "kind NOT IN ('loss', 'correction', 'quarantine', 'clear', 'recall') OR reason IS NOT NULL",
            name="reason",
        ),
    )
