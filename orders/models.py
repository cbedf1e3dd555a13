"""Tables of orders, split runs, shares and the season's account."""

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from inventory.deposit_rules import Deposit, DepositType, Funder
from inventory.stock_rules import Destination
from marketplace.database import Base, one_of
from orders.states import OrderKind, OrderState, ShareState, Silence


class Order(Base):
    """A buyer's commitment: `boxes` of one pack at one unit price. A hold is ordered again if its payment failed."""

    __tablename__ = "order"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20))
    buyer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"), index=True)
    pack_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pack.id"))
    hold_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("hold.id"))
    boxes: Mapped[int]
    pack_grams: Mapped[int]
    unit_price_minor: Mapped[int]
    discount_minor: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    discounts: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list, server_default=text("'[]'"))
    """What is taken off its price, and who pays for it, as it was told."""
    total_minor: Mapped[int]
    """What its buyer pays."""
    currency: Mapped[str] = mapped_column(String(3))
    delivered_on: Mapped[date | None]
    created_at: Mapped[datetime]
    version: Mapped[int]

    __table_args__ = (
        CheckConstraint("boxes > 0 AND boxes <= 1000000", name="boxes"),
        CheckConstraint("unit_price_minor >= 0 AND unit_price_minor <= 1000000000", name="unit_price"),
        CheckConstraint(
            "total_minor = boxes * unit_price_minor - discount_minor"
            " AND total_minor BETWEEN 0 AND 10000000000000",
            name="total",
        ),
        CheckConstraint(
            "discount_minor >= 0 AND (discount_minor > 0) = (discounts <> '[]')", name="discount"
        ),
        CheckConstraint(one_of("kind", OrderKind), name="kind"),
        CheckConstraint(one_of("state", OrderState), name="state"),
        CheckConstraint("(kind = 'sponsor_bulk') = (hold_id IS NULL)", name="hold"),
        Index(
            "uq_order_hold_id",
            "hold_id",
            unique=True,
            postgresql_where=text(f"state <> '{OrderState.PAYMENT_FAILED}'"),
        ),
    )


class DepositTerms(Base):
    """What was agreed on the deposit of an order of which not all is due at once, for each box; and its balance.

    An order without this row is paid in full when it is ordered.
    """

    __tablename__ = "deposit_terms"

    order_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("order.id"), primary_key=True)
    pool_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pool.id"), index=True)
    type: Mapped[str] = mapped_column(String(20))
    per_box_minor: Mapped[int]
    counts_minor: Mapped[int]
    funder: Mapped[str | None] = mapped_column(String(20))
    free_hours: Mapped[int]
    free_until: Mapped[datetime | None]
    """Until when earnest money goes back; known from the moment it was paid."""
    final_unit_price_minor: Mapped[int | None]
    bonus_minor: Mapped[int | None]
    """What the funder pays of the order."""
    discount_minor: Mapped[int | None]
    """What is taken off the balance: what was promised for these boxes, or as much of it as is left to pay."""
    balance_boxes: Mapped[int | None]
    """For so many boxes: those of the order that no shortage has taken."""
    balance_minor: Mapped[int | None]
    balance_due_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint(one_of("type", DepositType), name="type"),
        CheckConstraint(one_of("funder", Funder), name="funder"),
        CheckConstraint(
            "per_box_minor > 0 AND counts_minor >= per_box_minor AND counts_minor <= 1000000000",
            name="amount",
        ),
        CheckConstraint("(funder IS NOT NULL) = (counts_minor > per_box_minor)", name="bonus"),
        CheckConstraint("free_hours BETWEEN 0 AND 720", name="free_hours"),
        CheckConstraint(
            "num_nulls(final_unit_price_minor, bonus_minor, discount_minor, balance_boxes, balance_minor,"
            " balance_due_at) IN (0, 6)",
            name="balance",
        ),
        CheckConstraint(
            "final_unit_price_minor > 0 AND bonus_minor >= 0 AND discount_minor >= 0 AND balance_boxes > 0"
            " AND balance_minor >= 0",
            name="final",
        ),
        Index(
            "ix_deposit_terms_due",
            "balance_due_at",
            postgresql_where=text("balance_due_at IS NOT NULL AND balance_minor > 0"),
        ),
    )

    @property
    def deposit(self) -> Deposit:
        return Deposit(
            type=DepositType(self.type),
            per_box_minor=self.per_box_minor,
            counts_minor=self.counts_minor,
            funder=None if self.funder is None else Funder(self.funder),
            free_hours=self.free_hours,
        )


class PoolBalance(Base):
    """The final price of a pool's boxes, fixed once; from then on balances are due, until it is closed."""

    __tablename__ = "pool_balance"

    pool_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pool.id"), primary_key=True)
    unit_price_minor: Mapped[int]
    boxes_sold: Mapped[int]
    """All together, which decided on the price."""
    opened_at: Mapped[datetime]
    due_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("unit_price_minor > 0 AND boxes_sold >= 0", name="not_negative"),
        CheckConstraint("due_at >= opened_at AND closed_at >= opened_at", name="order"),
    )


class Forfeit(Base):
    """What a cooperative that kept the fruit gets of the deposit of somebody who did not pay the rest. Append-only."""

    __tablename__ = "forfeit"

    order_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("order.id"), primary_key=True)
    cooperative_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cooperative.id"), primary_key=True)
    amount_minor: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    kept_boxes: Mapped[int]
    """By which its part was found, of `kept_boxes_of_all`, which `keepers` kept; whose part was nothing has no row."""
    kept_boxes_of_all: Mapped[int]
    keepers: Mapped[int]
    at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("amount_minor > 0", name="amount"),
        CheckConstraint(
            "kept_boxes > 0 AND kept_boxes <= kept_boxes_of_all AND keepers > 0", name="kept_boxes"
        ),
        Index(None, "cooperative_id"),
    )


class BalanceReminder(Base):
    """Who was told, so many hours before the end, that a balance is not paid yet. Append-only."""

    __tablename__ = "balance_reminder"

    order_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("order.id"), primary_key=True)
    hours_before: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]

    __table_args__ = (CheckConstraint("hours_before > 0", name="hours"),)


class BulkTerms(Base):
    """How a bulk order is split and its cooperatives are asked, and which of its boxes nobody has."""

    __tablename__ = "bulk_terms"

    order_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("order.id"), primary_key=True)
    county_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("county.id"))
    season: Mapped[str] = mapped_column(String(20))
    rule: Mapped[str] = mapped_column(String(20))
    strict: Mapped[bool]
    silence: Mapped[str] = mapped_column(String(20))
    refusals_count: Mapped[bool]
    answer_hours: Mapped[int]
    boxes_open: Mapped[int]
    """Given back and not yet split again."""
    boxes_short: Mapped[int]
    """Given back, and nobody else has them."""

    __table_args__ = (
        CheckConstraint("boxes_open >= 0 AND boxes_short >= 0", name="not_negative"),
        CheckConstraint("answer_hours BETWEEN 1 AND 240", name="answer_hours"),
        CheckConstraint(one_of("silence", Silence), name="silence"),
        CheckConstraint("rule IN ('nearest', 'lowest', 'lowest_after')", name="rule"),
    )


class AllocationRun(Base):
    """One stored, replayable execution of the split: its inputs and its result, unchanged for ever."""

    __tablename__ = "allocation_run"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    order_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("order.id"))
    number: Mapped[int]
    """1 for the run the order was placed with; each split of what was given back is the next."""
    season: Mapped[str] = mapped_column(String(20))
    problem: Mapped[dict[str, Any]] = mapped_column(JSONB)
    result: Mapped[dict[str, Any]] = mapped_column(JSONB)
    digest: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]

    shares: Mapped[list["Share"]] = relationship(lazy="selectin", order_by="Share.code")

    __table_args__ = (UniqueConstraint("order_id", "number"), Index(None, "season"))


class Share(Base):
    """What a run gives one cooperative; its fruit is held lot by lot under this id."""

    __tablename__ = "share"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    run_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("allocation_run.id"))
    cooperative_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cooperative.id"), index=True)
    code: Mapped[str] = mapped_column(String(40))
    """The cooperative's code: its id in the run's problem and result."""
    boxes: Mapped[int]
    """What the run gave; it never changes."""
    boxes_given_back: Mapped[int]
    quantity_grams: Mapped[int]
    limited_by: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20))
    answer_due_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    answered_by: Mapped[str | None] = mapped_column(String(80))
    reason: Mapped[str | None] = mapped_column(String(200))
    version: Mapped[int]

    __table_args__ = (
        UniqueConstraint("run_id", "cooperative_id"),
        CheckConstraint("boxes >= 0 AND quantity_grams >= 0", name="not_negative"),
        CheckConstraint("boxes_given_back >= 0 AND boxes_given_back <= boxes", name="given_back"),
        CheckConstraint(one_of("state", ShareState), name="state"),
        CheckConstraint("(state = 'empty') = (boxes = 0)", name="empty"),
        CheckConstraint(
            "state NOT IN ('declined', 'lapsed', 'released') OR boxes_given_back = boxes", name="ended"
        ),
        CheckConstraint(
            "state NOT IN ('proposed', 'offered', 'confirmed') OR boxes_given_back < boxes", name="open"
        ),
        CheckConstraint("state <> 'offered' OR answer_due_at IS NOT NULL", name="due"),
        Index(None, "state", "answer_due_at"),
    )

    @property
    def boxes_kept(self) -> int:
        """What the cooperative still has to sell of it."""
        return self.boxes - self.boxes_given_back


class SeasonEntry(Base):
    """A cooperative's season account in grams: what it had before, and what each run gave it. Append-only."""

    __tablename__ = "season_entry"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    cooperative_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cooperative.id"))
    season: Mapped[str] = mapped_column(String(20))
    grams: Mapped[int]
    reason: Mapped[str] = mapped_column(String(20))
    run_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("allocation_run.id"))
    purpose_id: Mapped[uuid.UUID | None]
    """What else gave it: a cooperative's commitment to a campaign."""
    at: Mapped[datetime]

    __table_args__ = (
        Index(None, "cooperative_id", "season"),
        Index(
            "uq_season_entry_opening",
            "cooperative_id",
            "season",
            unique=True,
            postgresql_where=text("reason = 'opening'"),
        ),
        CheckConstraint("reason IN ('opening', 'share', 'given_back')", name="reason"),
        CheckConstraint(
            "num_nonnulls(run_id, purpose_id) = CASE reason WHEN 'opening' THEN 0 ELSE 1 END", name="cause"
        ),
        CheckConstraint("(reason = 'given_back') = (grams < 0)", name="sign"),
    )


class OrderAddress(Base):
    """Where an order is sent: a sealed copy, which no later edit of the address book changes."""

    __tablename__ = "order_address"

    order_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("order.id"), primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary, info={"sealed": "order_address"})
    destination: Mapped[str] = mapped_column(String(20))
    """How far the fruit goes: all that may be known of it without opening the seal."""
    chosen_at: Mapped[datetime]
    version: Mapped[int]

    __table_args__ = (
        CheckConstraint("octet_length(sealed) BETWEEN 33 AND 20000", name="sealed"),
        CheckConstraint(one_of("destination", Destination), name="destination"),
    )
