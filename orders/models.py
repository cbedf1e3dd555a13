"""Tables of orders, split runs, shares and the season's account."""

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from marketplace.database import Base
from orders.states import OrderKind, OrderState, ShareState


def _one_of(column: str, values: type[OrderKind] | type[OrderState] | type[ShareState]) -> str:
    return f"{column} IN ({', '.join(repr(value.value) for value in values)})"


class Order(Base):
    """A buyer's commitment: `boxes` of one pack at one unit price."""

    __tablename__ = "order"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20))
    buyer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"), index=True)
    pack_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pack.id"))
    hold_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("hold.id"), unique=True)
    boxes: Mapped[int]
    pack_grams: Mapped[int]
    unit_price_minor: Mapped[int]
    total_minor: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    delivered_on: Mapped[date | None]
    created_at: Mapped[datetime]
    version: Mapped[int]

    __table_args__ = (
        CheckConstraint("boxes > 0 AND boxes <= 1000000", name="boxes"),
        CheckConstraint("unit_price_minor >= 0 AND unit_price_minor <= 1000000000", name="unit_price"),
        CheckConstraint(
            "total_minor = boxes * unit_price_minor AND total_minor <= 10000000000000", name="total"
        ),
        CheckConstraint(_one_of("kind", OrderKind), name="kind"),
        CheckConstraint(_one_of("state", OrderState), name="state"),
        CheckConstraint("(kind = 'sponsor_bulk') = (hold_id IS NULL)", name="hold"),
    )


class AllocationRun(Base):
    """One stored, replayable execution of the split: its inputs and its result, unchanged for ever."""

    __tablename__ = "allocation_run"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    order_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("order.id"), index=True)
    season: Mapped[str] = mapped_column(String(20))
    problem: Mapped[dict[str, Any]] = mapped_column(JSONB)
    result: Mapped[dict[str, Any]] = mapped_column(JSONB)
    digest: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]

    shares: Mapped[list["Share"]] = relationship(lazy="selectin", order_by="Share.code")


class Share(Base):
    """What a run gives one cooperative; its fruit is held lot by lot under this id."""

    __tablename__ = "share"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    run_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("allocation_run.id"))
    cooperative_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cooperative.id"), index=True)
    code: Mapped[str] = mapped_column(String(40))
    """The cooperative's code: its id in the run's problem and result."""
    boxes: Mapped[int]
    quantity_grams: Mapped[int]
    limited_by: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20))

    __table_args__ = (
        UniqueConstraint("run_id", "cooperative_id"),
        CheckConstraint("boxes >= 0 AND quantity_grams >= 0", name="not_negative"),
        CheckConstraint(_one_of("state", ShareState), name="state"),
    )


class SeasonEntry(Base):
    """A cooperative's season account in grams: what it had before, and what each run gave it. Append-only."""

    __tablename__ = "season_entry"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    cooperative_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cooperative.id"))
    season: Mapped[str] = mapped_column(String(20))
    grams: Mapped[int]
    reason: Mapped[str] = mapped_column(String(20))
    run_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("allocation_run.id"))
    at: Mapped[datetime]

    __table_args__ = (
        Index(None, "cooperative_id", "season"),
        CheckConstraint("reason IN ('opening', 'share')", name="reason"),
        CheckConstraint("(reason = 'share') = (run_id IS NOT NULL)", name="run"),
    )
