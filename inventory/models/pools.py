"""Tables of pools and holds."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from inventory.states import HoldKind, HoldState
from marketplace.database import Base, one_of


class Pool(Base):
    """What may be sold of one pack for one purpose. Every change of a counter raises `version`."""

    __tablename__ = "pool"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    pack_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pack.id"))
    pack_grams: Mapped[int]
    variety: Mapped[str] = mapped_column(String(60))
    grade: Mapped[str] = mapped_column(String(20))
    purpose_kind: Mapped[str] = mapped_column(String(40))
    purpose_id: Mapped[uuid.UUID]
    boxes_pledged: Mapped[int]
    boxes_held: Mapped[int]
    boxes_sold: Mapped[int]
    version: Mapped[int]
    created_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("purpose_kind", "purpose_id", "pack_id"),
        CheckConstraint("pack_grams > 0", name="pack_grams"),
        CheckConstraint("boxes_held >= 0 AND boxes_sold >= 0", name="not_negative"),
        CheckConstraint("boxes_held + boxes_sold <= boxes_pledged", name="never_oversold"),
        CheckConstraint("version > 0", name="version"),
    )

    @property
    def available_boxes(self) -> int:
        return self.boxes_pledged - self.boxes_held - self.boxes_sold


class Hold(Base):
    """A promise of stock: boxes of one lot (allocation, pledge), or boxes of a pool (cart)."""

    __tablename__ = "hold"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20))
    cooperative_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("cooperative.id"))
    lot_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("lot.id"))
    pool_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("pool.id"))
    owner_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    pack_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("pack.id"))
    boxes: Mapped[int]
    pack_grams: Mapped[int]
    quantity_grams: Mapped[int]
    unit_price_minor: Mapped[int | None]
    currency: Mapped[str | None] = mapped_column(String(3))
    purpose_kind: Mapped[str] = mapped_column(String(40))
    purpose_id: Mapped[uuid.UUID]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    version: Mapped[int]

    __table_args__ = (
        CheckConstraint("boxes > 0 AND boxes <= 1000000", name="boxes"),
        CheckConstraint("pack_grams > 0 AND quantity_grams = boxes * pack_grams", name="quantity"),
        CheckConstraint("unit_price_minor >= 0 AND unit_price_minor <= 1000000000", name="unit_price"),
        CheckConstraint("expires_at > created_at", name="expires"),
        CheckConstraint("version > 0", name="version"),
        CheckConstraint(
            "CASE WHEN kind IN ('allocation', 'pledge', 'quality')"
            " THEN num_nulls(cooperative_id, lot_id) = 0"
            " AND num_nonnulls(owner_id, pack_id, unit_price_minor, currency) = 0"
            " AND (kind = 'pledge') = (pool_id IS NOT NULL)"
            " WHEN kind = 'cart'"
            " THEN num_nulls(pool_id, owner_id, pack_id, unit_price_minor, currency, expires_at) = 0"
            " AND num_nonnulls(cooperative_id, lot_id) = 0"
            " ELSE false END",
            name="kind",
        ),
        CheckConstraint(one_of("state", HoldState), name="state"),
        CheckConstraint(f"state <> '{HoldState.CONVERTING}' OR kind = '{HoldKind.CART}'", name="converting"),
        CheckConstraint("(resolved_at IS NULL) = (state IN ('active', 'converting'))", name="resolved"),
        Index(None, "purpose_kind", "purpose_id", "owner_id"),
        Index(None, "owner_id"),
        Index(None, "lot_id"),
        Index(None, "pool_id", "state"),
        Index("ix_hold_due", "expires_at", postgresql_where=text("state = 'active'")),
    )
