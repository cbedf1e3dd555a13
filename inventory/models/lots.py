"""Tables of lots and their journal."""

import uuid
from datetime import date, datetime
from typing import Final

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column

from inventory.states import BEGINNINGS, Descent, LotStatus, MovementKind, Storage
from marketplace.database import Base, one_of

BUCKETS: Final = (
    "held_grams >= 0 AND packed_grams >= 0 AND packed_grams <= committed_grams"
    " AND held_grams + committed_grams <= on_hand_grams"
)
"""What may be in a lot: packed is a part of committed; committed and held are two parts of what is on hand."""

_ONLY_ON_HAND: Final = "held_delta_grams = 0 AND committed_delta_grams = 0 AND packed_delta_grams = 0"
_NOTHING: Final = f"on_hand_delta_grams = 0 AND {_ONLY_ON_HAND}"
_OUT_OF_PROMISES: Final = (
    "held_delta_grams <= 0 AND committed_delta_grams <= 0"
    " AND packed_delta_grams BETWEEN committed_delta_grams AND 0"
)
_RULES: Final = {
    MovementKind.HARVESTED: f"on_hand_delta_grams > 0 AND {_ONLY_ON_HAND}",
    MovementKind.RECEIVED: f"on_hand_delta_grams > 0 AND {_ONLY_ON_HAND}",
    MovementKind.GRADED: f"on_hand_delta_grams <> 0 AND {_ONLY_ON_HAND}",
    MovementKind.MOVED: f"on_hand_delta_grams <> 0 AND {_ONLY_ON_HAND}",
    MovementKind.RETURNED: f"on_hand_delta_grams > 0 AND {_ONLY_ON_HAND}",
    MovementKind.HELD: "on_hand_delta_grams = 0 AND held_delta_grams > 0"
    " AND committed_delta_grams = 0 AND packed_delta_grams = 0",
    MovementKind.RELEASED: "on_hand_delta_grams = 0 AND held_delta_grams + committed_delta_grams < 0"
    f" AND {_OUT_OF_PROMISES}",
    MovementKind.COMMITTED: "on_hand_delta_grams = 0 AND held_delta_grams < 0"
    " AND committed_delta_grams = - held_delta_grams AND packed_delta_grams = 0",
    MovementKind.UNCOMMITTED: "on_hand_delta_grams = 0 AND held_delta_grams > 0"
    " AND committed_delta_grams = - held_delta_grams"
    " AND packed_delta_grams BETWEEN committed_delta_grams AND 0",
    MovementKind.PACKED: "on_hand_delta_grams = 0 AND held_delta_grams = 0 AND committed_delta_grams = 0"
    " AND packed_delta_grams > 0",
    MovementKind.SHIPPED: "on_hand_delta_grams < 0"
    f" AND held_delta_grams + committed_delta_grams = on_hand_delta_grams AND {_OUT_OF_PROMISES}",
    MovementKind.SHIPMENT_VOIDED: "on_hand_delta_grams > 0 AND held_delta_grams = 0"
    " AND committed_delta_grams = on_hand_delta_grams AND packed_delta_grams = on_hand_delta_grams",
    MovementKind.SHRUNK: f"on_hand_delta_grams < 0 AND {_ONLY_ON_HAND}",
    MovementKind.CULLED: "on_hand_delta_grams < 0 AND held_delta_grams IN (0, on_hand_delta_grams)"
    " AND committed_delta_grams = 0 AND packed_delta_grams = 0",
    MovementKind.ADJUSTED: f"on_hand_delta_grams <> 0 AND {_ONLY_ON_HAND}",
    MovementKind.QUARANTINED: _NOTHING,
    MovementKind.CLEARED: _NOTHING,
    MovementKind.RECALLED: _NOTHING,
    MovementKind.RECONCILED: _NOTHING,
}
"""What each kind of movement may change."""

LEGAL: Final = (
    "CASE kind" + "".join(f" WHEN '{kind}' THEN {rule}" for kind, rule in _RULES.items()) + " ELSE false END"
)

FIRST: Final = f"({one_of('kind', sorted(BEGINNINGS))} AND on_hand_delta_grams > 0) = (number = 1)"
"""A journal begins with fruit that comes in, and no later line brings any in that way."""

_OF_HOLDS: Final = [
    MovementKind.HELD,
    MovementKind.RELEASED,
    MovementKind.COMMITTED,
    MovementKind.UNCOMMITTED,
    MovementKind.PACKED,
    MovementKind.SHIPPED,
    MovementKind.SHIPMENT_VOIDED,
]
_REASONED: Final = [
    MovementKind.SHIPMENT_VOIDED,
    MovementKind.RETURNED,
    MovementKind.SHRUNK,
    MovementKind.CULLED,
    MovementKind.ADJUSTED,
    MovementKind.QUARANTINED,
    MovementKind.CLEARED,
    MovementKind.RECALLED,
    MovementKind.RECONCILED,
]


class Lot(Base):
    """Fruit of one cooperative, harvest day, grade and cold store. `version` is its last movement's number."""

    __tablename__ = "lot"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    cooperative_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cooperative.id"))
    cold_store_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cold_store.id"), index=True)
    room_id: Mapped[uuid.UUID | None]
    """A room of that cold store."""
    code: Mapped[str] = mapped_column(String(40))
    plot: Mapped[str | None] = mapped_column(String(60))
    """Where it grew, in the cooperative's own words."""
    variety: Mapped[str] = mapped_column(String(60))
    grade: Mapped[str] = mapped_column(String(20))
    size: Mapped[str | None] = mapped_column(String(20))
    storage: Mapped[str] = mapped_column(String(30))
    harvested_on: Mapped[date]
    best_before_on: Mapped[date]
    on_hand_grams: Mapped[int]
    """In the store: what came in and was adjusted, minus what left, shrank or was culled."""
    held_grams: Mapped[int]
    """The part of it that open holds promise to somebody."""
    committed_grams: Mapped[int]
    """Another part: owed to somebody for good, until it is shipped."""
    packed_grams: Mapped[int]
    """The part of what is committed that stands ready in boxes."""
    status: Mapped[str] = mapped_column(String(20))
    version: Mapped[int]
    created_at: Mapped[datetime]
    expired_at: Mapped[datetime | None]
    """When it was told that its best-before day is over and fruit of it is still there; once."""

    __table_args__ = (
        UniqueConstraint("cooperative_id", "code"),
        ForeignKeyConstraint(["cold_store_id", "room_id"], ["room.cold_store_id", "room.id"]),
        Index(None, "variety", "grade", "cooperative_id"),
        Index("ix_lot_unexpired", "best_before_on", "id", postgresql_where=text("expired_at IS NULL")),
        CheckConstraint(BUCKETS, name="buckets"),
        CheckConstraint("on_hand_grams <= 10000000000000", name="on_hand"),
        CheckConstraint("best_before_on >= harvested_on", name="days"),
        CheckConstraint("(expired_at AT TIME ZONE 'UTC')::date > best_before_on", name="expired"),
        CheckConstraint("version > 0", name="version"),
        CheckConstraint(one_of("storage", Storage), name="storage"),
        CheckConstraint(one_of("status", LotStatus), name="status"),
    )

    @hybrid_property
    def free_grams(self) -> int:
        """Promised to nobody."""
        return self.on_hand_grams - self.held_grams - self.committed_grams

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
    committed_delta_grams: Mapped[int]
    packed_delta_grams: Mapped[int]
    on_hand_grams: Mapped[int]
    held_grams: Mapped[int]
    committed_grams: Mapped[int]
    packed_grams: Mapped[int]
    reason: Mapped[str | None] = mapped_column(String(200))
    hold_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("hold.id"), index=True)
    actor: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("lot_id", "number"),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint(BUCKETS, name="buckets"),
        CheckConstraint(LEGAL, name="kind"),
        CheckConstraint(FIRST, name="first"),
        CheckConstraint(
            f"({one_of('kind', _OF_HOLDS)} OR kind = '{MovementKind.CULLED}' AND held_delta_grams < 0)"
            " = (hold_id IS NOT NULL)",
            name="hold",
        ),
        CheckConstraint(f"NOT {one_of('kind', _REASONED)} OR reason IS NOT NULL", name="reason"),
    )


class LotParent(Base):
    """So many grams of a lot came out of another. Append-only."""

    __tablename__ = "lot_parent"

    child_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("lot.id"), primary_key=True)
    parent_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("lot.id"), primary_key=True, index=True)
    kind: Mapped[str] = mapped_column(String(20))
    grams: Mapped[int]

    __table_args__ = (
        CheckConstraint("grams > 0 AND child_id <> parent_id", name="grams"),
        CheckConstraint(one_of("kind", Descent), name="kind"),
    )


class QualityReading(Base):
    """What somebody measured of a lot's fruit on a day. Append-only: a better measurement is another row."""

    __tablename__ = "quality_reading"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    lot_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("lot.id"), index=True)
    measured_on: Mapped[date]
    brix_tenths: Mapped[int | None]
    """Sugar, in tenths of a degree Brix: 138 is 13.8 °Bx."""
    firmness_newton_tenths: Mapped[int | None]
    """In tenths of a newton: 735 is 73.5 N."""
    actor: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("brix_tenths BETWEEN 0 AND 400", name="brix"),
        CheckConstraint("firmness_newton_tenths BETWEEN 0 AND 2000", name="firmness"),
        CheckConstraint("num_nonnulls(brix_tenths, firmness_newton_tenths) > 0", name="something"),
    )


class SafetyStock(Base):
    """Grams of a variety and grade that a cooperative does not promise."""

    __tablename__ = "safety_stock"

    cooperative_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cooperative.id"), primary_key=True)
    variety: Mapped[str] = mapped_column(String(60), primary_key=True)
    grade: Mapped[str] = mapped_column(String(20), primary_key=True)
    grams: Mapped[int]
    version: Mapped[int]

    __table_args__ = (
        CheckConstraint("grams BETWEEN 0 AND 10000000000000", name="grams"),
        CheckConstraint("version > 0", name="version"),
    )


class KeepingTime(Base):
    """How many days after harvest a variety keeps in a kind of store; the newest row counts. Append-only."""

    __tablename__ = "keeping_time"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    variety: Mapped[str] = mapped_column(String(60))
    storage: Mapped[str] = mapped_column(String(30))
    days: Mapped[int]
    created_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint(one_of("storage", Storage), name="storage"),
        CheckConstraint("days BETWEEN 1 AND 730", name="days"),
        Index(None, "variety", "storage"),
    )


class StockTake(Base):
    """A count of a lot: what was there, what the book said, what loss was to be expected. Append-only."""

    __tablename__ = "stock_take"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    lot_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("lot.id"), index=True)
    since_on: Mapped[date]
    """The last count, or the day on which the lot began."""
    taken_on: Mapped[date]
    book_grams: Mapped[int]
    counted_grams: Mapped[int]
    expected_grams: Mapped[int]
    found_grams: Mapped[int]
    tolerated_grams: Mapped[int]
    number: Mapped[int | None]
    """The line of the journal that set the book right; None if it was."""
    reason: Mapped[str] = mapped_column(String(200))
    actor: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("book_grams >= 0 AND counted_grams >= 0 AND expected_grams >= 0", name="grams"),
        CheckConstraint("(number IS NULL) = (book_grams = counted_grams)", name="line"),
        CheckConstraint("since_on <= taken_on", name="days"),
    )

    @property
    def deviation_grams(self) -> int:
        return self.found_grams - self.expected_grams

    @property
    def is_too_far(self) -> bool:
        return abs(self.deviation_grams) > self.tolerated_grams
