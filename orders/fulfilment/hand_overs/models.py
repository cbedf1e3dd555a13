"""Tables of hand-overs. Append-only: what a carrier has is not taken back by editing a row."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
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
    """A parcel is in one hand-over at most, with a pallet or by itself."""

    __tablename__ = "hand_over_parcel"

    parcel_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("parcel.id"), primary_key=True)
    hand_over_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("hand_over.id"), index=True)
    pallet_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("pallet.id"))
