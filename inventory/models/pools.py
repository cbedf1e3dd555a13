"""Tables of pools and holds."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, false, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from inventory.deposit_rules import Deposit, DepositType, Funder
from inventory.states import HoldKind, HoldState, PoolMovementKind, WaitState
from marketplace.database import Base, one_of


class Pool(Base):
    """What may be sold of one pack for one purpose. `version` is the number of its journal's last line.

    The terms of sale stand here too, so that a shopper's hold asks one row: the price, the deposit and the limit,
    which never change, and the window in which boxes may be held, which the purpose's owner opens and closes. Without
    `sells_from` it does not sell now; past `sells_until` it never will again.
    """

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
    unit_price_minor: Mapped[int | None]
    currency: Mapped[str | None] = mapped_column(String(3))
    boxes_per_buyer_max: Mapped[int | None]
    boxes_per_household_max: Mapped[int | None]
    deposit_type: Mapped[str | None] = mapped_column(String(20))
    """Without one the whole price is due at once."""
    deposit_minor: Mapped[int | None]
    """For each box."""
    deposit_counts_minor: Mapped[int | None]
    """What it is worth when the rest is paid."""
    deposit_funder: Mapped[str | None] = mapped_column(String(20))
    deposit_free_hours: Mapped[int | None]
    has_promotions: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Something is taken off its price for everybody: whoever orders its boxes is quoted first."""
    sells_from: Mapped[datetime | None]
    sells_until: Mapped[datetime | None]
    version: Mapped[int]
    created_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("purpose_kind", "purpose_id", "pack_id"),
        CheckConstraint("num_nulls(unit_price_minor, currency) IN (0, 2)", name="terms"),
        CheckConstraint("unit_price_minor > 0 AND unit_price_minor <= 1000000000", name="unit_price"),
        CheckConstraint("boxes_per_buyer_max > 0", name="boxes_per_buyer"),
        CheckConstraint("boxes_per_household_max > 0", name="boxes_per_household"),
        CheckConstraint(
            "sells_from IS NULL OR num_nulls(sells_until, unit_price_minor) = 0 AND sells_until > sells_from",
            name="window",
        ),
        CheckConstraint(
            "num_nulls(deposit_type, deposit_minor, deposit_counts_minor, deposit_free_hours) IN (0, 4)"
            " AND (deposit_type IS NULL OR unit_price_minor IS NOT NULL)",
            name="deposit",
        ),
        CheckConstraint(one_of("deposit_type", DepositType), name="deposit_type"),
        CheckConstraint(
            "deposit_minor > 0 AND deposit_counts_minor >= deposit_minor AND deposit_counts_minor <= unit_price_minor",
            name="deposit_amount",
        ),
        CheckConstraint(one_of("deposit_funder", Funder), name="deposit_funder"),
        CheckConstraint(
            "(deposit_funder IS NOT NULL) = (coalesce(deposit_counts_minor - deposit_minor, 0) > 0)",
            name="deposit_bonus",
        ),
        CheckConstraint("deposit_free_hours BETWEEN 0 AND 720", name="deposit_free_hours"),
        CheckConstraint("pack_grams > 0", name="pack_grams"),
        CheckConstraint("boxes_held >= 0 AND boxes_sold >= 0", name="not_negative"),
        CheckConstraint("boxes_held + boxes_sold <= boxes_pledged", name="never_oversold"),
        CheckConstraint("version > 0", name="version"),
    )

    @property
    def deposit(self) -> Deposit | None:
        """What of the price is due at once; without one, all."""
        if self.deposit_type is None:
            return None
        assert self.deposit_minor is not None
        assert self.deposit_counts_minor is not None
        assert self.deposit_free_hours is not None
        return Deposit(
            type=DepositType(self.deposit_type),
            per_box_minor=self.deposit_minor,
            counts_minor=self.deposit_counts_minor,
            funder=None if self.deposit_funder is None else Funder(self.deposit_funder),
            free_hours=self.deposit_free_hours,
        )

    @property
    def available_boxes(self) -> int:
        return self.boxes_pledged - self.boxes_held - self.boxes_sold


class PoolMovement(Base):
    """One line of a pool's journal: what changed in each counter, and what they held after it. Append-only."""

    __tablename__ = "pool_movement"

    pool_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pool.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """1, 2, 3 … without gaps in each pool."""
    kind: Mapped[str] = mapped_column(String(20))
    pledged_delta: Mapped[int]
    held_delta: Mapped[int]
    sold_delta: Mapped[int]
    boxes_pledged: Mapped[int]
    boxes_held: Mapped[int]
    boxes_sold: Mapped[int]
    hold_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("hold.id"))
    actor: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("number > 0", name="number"),
        CheckConstraint(
            "boxes_held >= 0 AND boxes_sold >= 0 AND boxes_held + boxes_sold <= boxes_pledged",
            name="never_oversold",
        ),
        CheckConstraint(
            "CASE kind"
            " WHEN 'opened' THEN number = 1"
            " AND pledged_delta = 0 AND held_delta = 0 AND sold_delta = 0"
            " WHEN 'pledged' THEN pledged_delta > 0 AND held_delta = 0 AND sold_delta = 0"
            " WHEN 'withdrawn' THEN pledged_delta < 0 AND held_delta = 0 AND sold_delta = 0"
            " WHEN 'held' THEN pledged_delta = 0 AND held_delta > 0 AND sold_delta = 0"
            " WHEN 'resized' THEN pledged_delta = 0 AND held_delta <> 0 AND sold_delta = 0"
            " WHEN 'released' THEN pledged_delta = 0 AND held_delta < 0 AND sold_delta = 0"
            " WHEN 'expired' THEN pledged_delta = 0 AND held_delta < 0 AND sold_delta = 0"
            " WHEN 'superseded' THEN pledged_delta = 0 AND held_delta < 0 AND sold_delta = 0"
            " WHEN 'sold' THEN pledged_delta = 0 AND held_delta < 0 AND sold_delta = - held_delta"
            " WHEN 'returned' THEN pledged_delta = 0 AND held_delta = 0 AND sold_delta < 0"
            " WHEN 'cut' THEN pledged_delta = 0 AND held_delta = 0 AND sold_delta < 0"
            " WHEN 'reconciled' THEN pledged_delta = 0 AND held_delta = 0 AND sold_delta = 0"
            " ELSE false END",
            name="kind",
        ),
        CheckConstraint(
            f"(kind IN ('{PoolMovementKind.OPENED}', '{PoolMovementKind.RECONCILED}')) = (hold_id IS NULL)",
            name="hold",
        ),
        Index(None, "hold_id"),
    )


class Hold(Base):
    """A promise of stock: boxes of one lot (allocation, pledge), of a forecast or of none (missing ones), or of a pool
    for somebody (all others).

    Of its boxes some may be consumed and some released while it lasts; the rest is open, and nothing is in the end.
    """

    __tablename__ = "hold"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20))
    cooperative_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("cooperative.id"))
    lot_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("lot.id"))
    capacity_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("capacity.id"))
    """Of fruit that is only forecast."""
    pool_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("pool.id"))
    owner_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"))
    pack_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("pack.id"))
    boxes: Mapped[int]
    consumed_boxes: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    released_boxes: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """Given back, lapsed, cut, or taken over by another hold."""
    pack_grams: Mapped[int]
    quantity_grams: Mapped[int]
    unit_price_minor: Mapped[int | None]
    currency: Mapped[str | None] = mapped_column(String(3))
    purpose_kind: Mapped[str] = mapped_column(String(40))
    purpose_id: Mapped[uuid.UUID]
    reason: Mapped[str | None] = mapped_column(String(200))
    network: Mapped[str | None] = mapped_column(String(32))
    """A keyed digest of the network from which it was asked for; never an address."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    expires_at_max: Mapped[datetime | None]
    """However often it is extended, no later than this."""
    resolved_at: Mapped[datetime | None]
    version: Mapped[int]
    quoted_boxes: Mapped[int | None]
    """For how many boxes its newest quote was; 0: what it said is not true any more, and another must be asked for."""
    discount_minor: Mapped[int | None]
    discounts: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB(none_as_null=True))
    """What the quote takes off, and who pays for it."""

    __table_args__ = (
        CheckConstraint("boxes > 0 AND boxes <= 1000000", name="boxes"),
        CheckConstraint(
            "num_nulls(quoted_boxes, discount_minor, discounts) IN (0, 3) AND quoted_boxes >= 0"
            " AND discount_minor BETWEEN 0 AND quoted_boxes * unit_price_minor",
            name="quote",
        ),
        CheckConstraint("pack_grams > 0 AND quantity_grams = boxes * pack_grams", name="quantity"),
        CheckConstraint("unit_price_minor >= 0 AND unit_price_minor <= 1000000000", name="unit_price"),
        CheckConstraint("expires_at > created_at", name="expires"),
        CheckConstraint("expires_at <= expires_at_max", name="expires_max"),
        CheckConstraint("version > 0", name="version"),
        CheckConstraint(
            "CASE WHEN kind IN ('allocation', 'pledge', 'quality')"
            " THEN num_nulls(cooperative_id, lot_id) = 0"
            " AND num_nonnulls(owner_id, pack_id, unit_price_minor, currency) = 0"
            " AND (kind = 'pledge') = (pool_id IS NOT NULL)"
            " WHEN kind = 'forecast' THEN num_nulls(cooperative_id, pool_id) = 0"
            " AND num_nonnulls(lot_id, owner_id, pack_id, unit_price_minor, currency, expires_at) = 0"
            " WHEN kind = 'missing' THEN num_nulls(cooperative_id, pool_id, reason) = 0"
            " AND num_nonnulls(lot_id, owner_id, pack_id, unit_price_minor, currency, expires_at) = 0"
            " WHEN kind IN ('cart', 'presale')"
            " THEN num_nulls(pool_id, owner_id, pack_id, unit_price_minor, currency, expires_at) = 0"
            " AND num_nonnulls(cooperative_id, lot_id) = 0"
            " WHEN kind IN ('game_soft', 'game_claim', 'replacement')"
            " THEN num_nulls(pool_id, owner_id, pack_id, expires_at) = 0"
            " AND num_nonnulls(cooperative_id, lot_id, unit_price_minor, currency) = 0"
            " ELSE false END",
            name="kind",
        ),
        CheckConstraint("(kind = 'forecast') = (capacity_id IS NOT NULL)", name="capacity"),
        CheckConstraint(one_of("state", HoldState), name="state"),
        CheckConstraint(f"state <> '{HoldState.CONVERTING}' OR kind = '{HoldKind.CART}'", name="converting"),
        CheckConstraint("(resolved_at IS NULL) = (state IN ('active', 'converting'))", name="resolved"),
        CheckConstraint(
            "consumed_boxes >= 0 AND released_boxes >= 0"
            " AND CASE WHEN state IN ('active', 'converting') THEN consumed_boxes + released_boxes < boxes"
            " ELSE consumed_boxes + released_boxes = boxes"
            " AND (state = 'consumed' OR released_boxes > 0) AND (state <> 'consumed' OR consumed_boxes > 0) END",
            name="open",
        ),
        CheckConstraint("network IS NULL OR lot_id IS NULL", name="network"),
        Index("ix_hold_purpose", "purpose_kind", "purpose_id", postgresql_where=text("lot_id IS NOT NULL")),
        Index(None, "owner_id", "pool_id"),
        Index("ix_hold_lot_id", "lot_id", postgresql_where=text("lot_id IS NOT NULL")),
        Index(
            "ix_hold_pledge", "pool_id", postgresql_where=text("kind IN ('pledge', 'forecast', 'missing')")
        ),
        Index("ix_hold_capacity_id", "capacity_id", postgresql_where=text("capacity_id IS NOT NULL")),
        Index(
            "ix_hold_pool_due",
            "pool_id",
            "expires_at",
            postgresql_where=text("lot_id IS NULL AND state = 'active'"),
        ),
        Index(
            "ix_hold_network",
            "pool_id",
            "network",
            postgresql_where=text("network IS NOT NULL AND state IN ('active', 'converting')"),
        ),
        Index("ix_hold_bought", "owner_id", postgresql_where=text("lot_id IS NULL AND state = 'consumed'")),
        Index("ix_hold_due", "expires_at", postgresql_where=text("state = 'active'")),
    )

    @property
    def open_boxes(self) -> int:
        """Still kept for what the hold is for."""
        return self.boxes - self.consumed_boxes - self.released_boxes


class WaitlistEntry(Base):
    """Somebody's place in the line for so many boxes of a pool that is sold out."""

    __tablename__ = "waitlist_entry"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    pool_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pool.id"))
    owner_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"), index=True)
    boxes: Mapped[int]
    number: Mapped[int]
    """1, 2, 3 … in each pool: who came first."""
    state: Mapped[str] = mapped_column(String(20))
    hold_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("hold.id"), unique=True)
    """The boxes that were offered."""
    created_at: Mapped[datetime]
    offered_at: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
    version: Mapped[int]

    __table_args__ = (
        UniqueConstraint("pool_id", "number"),
        CheckConstraint("boxes > 0 AND boxes <= 1000000", name="boxes"),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint("version > 0", name="version"),
        CheckConstraint(one_of("state", WaitState), name="state"),
        CheckConstraint("(hold_id IS NULL) = (offered_at IS NULL)", name="offered"),
        CheckConstraint(
            "CASE WHEN state IN ('waiting', 'left', 'ended') THEN hold_id IS NULL"
            " WHEN state IN ('offered', 'taken') THEN hold_id IS NOT NULL ELSE true END",
            name="hold",
        ),
        CheckConstraint("(resolved_at IS NULL) = (state IN ('waiting', 'offered'))", name="resolved"),
        Index(
            "uq_waitlist_entry_open",
            "pool_id",
            "owner_id",
            unique=True,
            postgresql_where=text("state IN ('waiting', 'offered')"),
        ),
        Index("ix_waitlist_entry_line", "pool_id", "boxes", postgresql_where=text("state = 'waiting'")),
        Index("ix_waitlist_entry_offer", "pool_id", postgresql_where=text("state = 'offered'")),
    )
