"""Tables of cold stores, their rooms and what a day in them costs."""

import uuid
from datetime import date, datetime
from typing import Final

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from inventory.states import Storage
from marketplace.database import Base, one_of

_CAPACITY: Final = "capacity_grams BETWEEN 1 AND 10000000000000"


class ColdStore(Base):
    __tablename__ = "cold_store"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    name_en: Mapped[str] = mapped_column(String(200))
    name_zh: Mapped[str] = mapped_column(String(200))
    county_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("county.id"))
    kind: Mapped[str] = mapped_column(String(30))
    capacity_grams: Mapped[int | None]
    """None: nobody said how much fits."""
    created_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint(one_of("kind", Storage), name="kind"),
        CheckConstraint(_CAPACITY, name="capacity"),
    )


class Room(Base):
    """A part of a cold store."""

    __tablename__ = "room"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    cold_store_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cold_store.id"))
    code: Mapped[str] = mapped_column(String(40))
    capacity_grams: Mapped[int | None]
    created_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("cold_store_id", "code"),
        UniqueConstraint("cold_store_id", "id"),
        CheckConstraint(_CAPACITY, name="capacity"),
    )


class StoragePrice(Base):
    """What a tonne costs for a day, from a day on until the next price's. Append-only."""

    __tablename__ = "storage_price"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    cold_store_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cold_store.id"))
    valid_from: Mapped[date]
    minor_per_tonne_day: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    created_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("cold_store_id", "valid_from"),
        CheckConstraint("minor_per_tonne_day BETWEEN 0 AND 1000000000", name="price"),
    )
