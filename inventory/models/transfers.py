"""The table of transfers between cold stores and rooms."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from inventory.states import GapKind, TransferState
from marketplace.database import Base, one_of


class Transfer(Base):
    """Fruit weighed out of a lot and, once it is there, weighed in as a lot of its own."""

    __tablename__ = "transfer"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    lot_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("lot.id"))
    code: Mapped[str] = mapped_column(String(40))
    """Of the lot that it becomes."""
    to_cold_store_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cold_store.id"))
    to_room_id: Mapped[uuid.UUID | None]
    state: Mapped[str] = mapped_column(String(20))
    out_grams: Mapped[int]
    out_number: Mapped[int]
    """The line of the lot's journal with which it left."""
    in_grams: Mapped[int | None]
    gap_grams: Mapped[int | None]
    gap_kind: Mapped[str | None] = mapped_column(String(20))
    gap_reason: Mapped[str | None] = mapped_column(String(200))
    tolerance_permille: Mapped[int]
    """The rule's setting when it left."""
    child_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("lot.id"), unique=True)
    dispatched_by: Mapped[str] = mapped_column(String(80))
    dispatched_at: Mapped[datetime]
    ended_by: Mapped[str | None] = mapped_column(String(80))
    ended_at: Mapped[datetime | None]
    version: Mapped[int]

    __table_args__ = (
        UniqueConstraint("lot_id", "code"),
        ForeignKeyConstraint(["to_cold_store_id", "to_room_id"], ["room.cold_store_id", "room.id"]),
        CheckConstraint(one_of("state", TransferState), name="state"),
        CheckConstraint("out_grams > 0 AND in_grams >= 0", name="grams"),
        CheckConstraint("out_grams = in_grams + gap_grams", name="gap"),
        CheckConstraint("state <> 'cancelled' OR gap_grams = 0", name="cancelled"),
        CheckConstraint(
            "num_nulls(in_grams, gap_grams, ended_by, ended_at)"
            " = CASE WHEN state IN ('arrived', 'cancelled') THEN 0 ELSE 4 END",
            name="ended",
        ),
        CheckConstraint("(child_id IS NOT NULL) = (coalesce(in_grams, 0) > 0)", name="child"),
        CheckConstraint(
            f"(gap_kind IS NULL) = (gap_reason IS NULL) AND {one_of('gap_kind', GapKind)}", name="gap_kind"
        ),
        CheckConstraint(
            "CASE WHEN gap_kind IS NULL THEN abs(gap_grams) <= out_grams * tolerance_permille / 1000"
            " ELSE gap_grams > 0 OR gap_kind = 'adjusted' END",
            name="explained",
        ),
        CheckConstraint("version > 0", name="version"),
    )
