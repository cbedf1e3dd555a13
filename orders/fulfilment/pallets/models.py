"""Tables of pallets and of what lies on them."""

import uuid
from datetime import datetime
from typing import Final

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.database import Base, one_of
from orders.fulfilment.pallets.states import PalletState

_TIMES: Final = (
    "CASE state WHEN 'open' THEN num_nonnulls(closed_at, shipped_at, arrived_at, broken_at) = 0"
    " WHEN 'closed' THEN closed_at IS NOT NULL AND num_nonnulls(shipped_at, arrived_at, broken_at) = 0"
    " WHEN 'shipped' THEN num_nonnulls(closed_at, shipped_at) = 2 AND num_nonnulls(arrived_at, broken_at) = 0"
    " WHEN 'arrived' THEN num_nonnulls(closed_at, shipped_at, arrived_at) = 3 AND broken_at IS NULL"
    " ELSE broken_at IS NOT NULL AND num_nonnulls(shipped_at, arrived_at) IN (0, 2)"
    " AND (closed_at IS NOT NULL OR shipped_at IS NULL) END"
)


class Pallet(Base):
    """Parcels of one cooperative that stand together in one cold store, and leave together."""

    __tablename__ = "pallet"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    cooperative_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cooperative.id"))
    cold_store_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cold_store.id"))
    link: Mapped[str] = mapped_column(String(200), unique=True)
    """Its name in events: the Digital Link of its SSCC."""
    state: Mapped[str] = mapped_column(String(20))
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    shipped_at: Mapped[datetime | None]
    arrived_at: Mapped[datetime | None]
    broken_at: Mapped[datetime | None]
    hand_over_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("hand_over.id"), index=True)
    parcels: Mapped[int | None]
    """So many lay on it when it was closed."""
    hub_gln: Mapped[str | None] = mapped_column(String(13))
    """Where it arrived."""
    version: Mapped[int]

    __table_args__ = (
        CheckConstraint(one_of("state", PalletState), name="state"),
        CheckConstraint(_TIMES, name="times"),
        CheckConstraint("(hand_over_id IS NOT NULL) = (shipped_at IS NOT NULL)", name="hand_over"),
        CheckConstraint(
            "(parcels IS NOT NULL) = (closed_at IS NOT NULL) AND coalesce(parcels, 1) > 0", name="parcels"
        ),
        CheckConstraint("(hub_gln IS NOT NULL) = (arrived_at IS NOT NULL)", name="hub"),
        Index(None, "cooperative_id", "state", "id"),
    )


class PalletParcel(Base):
    """A parcel lies on a pallet, or lay on it until it was taken off."""

    __tablename__ = "pallet_parcel"

    pallet_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pallet.id"), primary_key=True)
    parcel_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("parcel.id"), primary_key=True)
    put_at: Mapped[datetime]
    off_at: Mapped[datetime | None]

    __table_args__ = (
        Index("uq_pallet_parcel_lies", "parcel_id", unique=True, postgresql_where=text("off_at IS NULL")),
    )
