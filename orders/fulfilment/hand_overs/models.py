"""Tables of hand-overs. Append-only, but that a dispatch was undone is written beside it."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.database import Base


class HandOver(Base):
    """What a carrier took along at once. Who drove is not written down, only the carrier's own reference."""

    __tablename__ = "hand_over"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    cooperative_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cooperative.id"))
    carrier: Mapped[str] = mapped_column(String(40))
    reference: Mapped[str] = mapped_column(String(60))
    """The carrier's, by which it answers for what it took over."""
    pallets: Mapped[int]
    parcels: Mapped[int]
    boxes: Mapped[int]
    quantity_grams: Mapped[int]
    handed_over_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint(
            "pallets >= 0 AND parcels > 0 AND boxes >= parcels AND quantity_grams > 0", name="counts"
        ),
        Index(None, "cooperative_id", "id"),
    )


class HandOverParcel(Base):
    """A parcel left with one hand-over at most, with a pallet or by itself; before that perhaps with others, undone."""

    __tablename__ = "hand_over_parcel"

    parcel_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("parcel.id"), primary_key=True)
    hand_over_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("hand_over.id"), primary_key=True, index=True)
    pallet_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("pallet.id"))
    undone_at: Mapped[datetime | None]
    """When it was found that it had not left with it."""

    __table_args__ = (
        CheckConstraint("undone_at IS NULL OR pallet_id IS NULL", name="undone"),
        Index(
            "uq_hand_over_parcel_left", "parcel_id", unique=True, postgresql_where=text("undone_at IS NULL")
        ),
    )
