"""Tables of rural jobs. Who a worker is stands there sealed: the database knows of which village, not what name."""

import uuid
from datetime import date, datetime
from typing import Final

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.database import Base, one_of
from orders.work.states import PaidHow, ShiftKind, ShiftState

KIND: Final = "worker"


class Worker(Base):
    """Somebody who works for a cooperative. Never deleted: sheets tell of them."""

    __tablename__ = "worker"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    cooperative_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cooperative.id"))
    sealed: Mapped[bytes] = mapped_column(LargeBinary, info={"sealed": KIND})
    """The name."""
    village: Mapped[str] = mapped_column(String(60))
    is_active: Mapped[bool]
    created_at: Mapped[datetime]
    version: Mapped[int]

    __table_args__ = (
        CheckConstraint("octet_length(sealed) BETWEEN 33 AND 2000", name="sealed"),
        CheckConstraint("village <> ''", name="village"),
        Index(None, "cooperative_id", "id"),
    )


class Shift(Base):
    """Some hours in which a cooperative's parcels of one wave are packed, or loaded."""

    __tablename__ = "shift"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    wave_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("wave.id"))
    cooperative_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cooperative.id"))
    kind: Mapped[str] = mapped_column(String(20))
    works_on: Mapped[date]
    """The day, as they call it where the work is done: a worker's hours are counted by it."""
    begins_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    currency: Mapped[str] = mapped_column(String(3))
    piece_rate_minor: Mapped[int]
    """For one box."""
    hourly_floor_minor: Mapped[int]
    places: Mapped[int]
    """So many workers at most."""
    workers: Mapped[int]
    state: Mapped[str] = mapped_column(String(20))
    planned_by: Mapped[str] = mapped_column(String(80))
    planned_at: Mapped[datetime]
    version: Mapped[int]

    __table_args__ = (
        UniqueConstraint("id", "kind"),
        CheckConstraint(one_of("kind", ShiftKind), name="kind"),
        CheckConstraint(one_of("state", ShiftState), name="state"),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
        CheckConstraint("ends_at > begins_at AND ends_at - begins_at <= interval '24 hours'", name="times"),
        CheckConstraint(
            "piece_rate_minor BETWEEN 0 AND 1000000 AND hourly_floor_minor BETWEEN 0 AND 10000000",
            name="rates",
        ),
        CheckConstraint("places BETWEEN 1 AND 500 AND workers BETWEEN 0 AND places", name="places"),
        CheckConstraint("version > 0", name="version"),
        Index(None, "wave_id", "cooperative_id", "id"),
        Index(None, "cooperative_id", "id"),
    )


class ShiftWorker(Base):
    """Somebody on a shift, and from when to when: as the cooperative says."""

    __tablename__ = "shift_worker"

    shift_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("shift.id"), primary_key=True)
    worker_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("worker.id"), primary_key=True)
    checked_in_at: Mapped[datetime | None]
    checked_out_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint(
            "checked_out_at IS NULL OR (checked_in_at IS NOT NULL AND checked_out_at > checked_in_at)",
            name="times",
        ),
        Index(None, "worker_id"),
    )


class ShiftScan(Base):
    """A box that was packed, or a parcel that was loaded. Its id is made by the phone, its shift's own. Append-only."""

    __tablename__ = "shift_scan"

    shift_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    """That of its shift."""
    worker_id: Mapped[uuid.UUID]
    parcel_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("parcel.id"))
    box: Mapped[int | None]
    """1 for the parcel's first, where boxes bear no labels."""
    serial: Mapped[str | None] = mapped_column(String(20))
    boxes: Mapped[int]
    """How many it counts for."""
    scanned_at: Mapped[datetime]
    """By the phone's clock."""
    actor: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(["shift_id", "kind"], ["shift.id", "shift.kind"]),
        ForeignKeyConstraint(["shift_id", "worker_id"], ["shift_worker.shift_id", "shift_worker.worker_id"]),
        CheckConstraint(
            "CASE kind WHEN 'packing' THEN num_nulls(box, serial) = 1 AND boxes = 1"
            " ELSE num_nulls(box, serial) = 2 AND boxes > 0 END",
            name="box",
        ),
        CheckConstraint("box > 0", name="box_number"),
        Index(
            "uq_shift_scan_box", "parcel_id", "box", unique=True, postgresql_where=text("kind = 'packing'")
        ),
        Index("uq_shift_scan_serial", "serial", unique=True, postgresql_where=text("kind = 'packing'")),
        Index("uq_shift_scan_parcel", "parcel_id", unique=True, postgresql_where=text("kind = 'haulage'")),
        Index(None, "shift_id", "worker_id"),
    )


class WageSheet(Base):
    """What a shift's workers are paid, signed off: its lines never change any more."""

    __tablename__ = "wage_sheet"

    shift_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("shift.id"), primary_key=True)
    minutes: Mapped[int]
    boxes: Mapped[int]
    piece_minor: Mapped[int]
    top_up_minor: Mapped[int]
    total_minor: Mapped[int]
    signed_by: Mapped[str] = mapped_column(String(80))
    signed_at: Mapped[datetime]
    paid_how: Mapped[str | None] = mapped_column(String(20))
    paid_on: Mapped[date | None]
    paid_note: Mapped[str | None] = mapped_column(String(200))
    """Where the proof of it is."""
    marked_by: Mapped[str | None] = mapped_column(String(80))
    marked_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint(
            "least(minutes, boxes, piece_minor, top_up_minor) >= 0 AND total_minor = piece_minor + top_up_minor",
            name="sum",
        ),
        CheckConstraint(f"paid_how IS NULL OR {one_of('paid_how', PaidHow)}", name="paid_how"),
        CheckConstraint(
            "num_nulls(paid_how, paid_on, marked_by, marked_at) IN (0, 4)"
            " AND (paid_note IS NULL OR paid_how IS NOT NULL)",
            name="paid",
        ),
        Index(None, "signed_at"),
    )


class WageLine(Base):
    """One worker's row of a signed sheet; the village as it was then. Append-only."""

    __tablename__ = "wage_line"

    shift_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("wage_sheet.shift_id"), primary_key=True)
    worker_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("worker.id"), primary_key=True)
    village: Mapped[str] = mapped_column(String(60))
    minutes: Mapped[int]
    boxes: Mapped[int]
    piece_minor: Mapped[int]
    top_up_minor: Mapped[int]
    total_minor: Mapped[int]

    __table_args__ = (
        CheckConstraint(
            "least(minutes, boxes, piece_minor, top_up_minor) >= 0 AND total_minor = piece_minor + top_up_minor",
            name="sum",
        ),
        Index(None, "worker_id"),
    )
