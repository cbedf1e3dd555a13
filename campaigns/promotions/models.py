"""Tables of promotions: terms and counters, codes, uses, the journal of the counters, and what was quoted."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.promotions.rules import Funder, PromotionKind
from campaigns.promotions.states import PromotionState, UseMove, UseState
from marketplace.database import Base, one_of


class PromotionTerms(Base):
    """What a promotion takes off, who pays, and how much of its budget and uses is reserved and consumed."""

    __tablename__ = "promotion"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    campaign_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("campaign.id"), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20))
    funder: Mapped[str] = mapped_column(String(20))
    title_en: Mapped[str] = mapped_column(String(200))
    title_zh: Mapped[str] = mapped_column(String(200))
    currency: Mapped[str] = mapped_column(String(3))
    is_by_code: Mapped[bool]
    """Only for who has a code; any other one is for everybody, without being asked for."""
    item_ids: Mapped[list[str] | None] = mapped_column(JSONB(none_as_null=True))
    """The items of the campaign that it is for; None: all."""
    amount_minor: Mapped[int | None]
    permille: Mapped[int | None]
    stacks_with: Mapped[list[str]] = mapped_column(JSONB)
    boxes_min: Mapped[int]
    starts_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    budget_minor: Mapped[int]
    uses_max: Mapped[int | None]
    uses_per_person_max: Mapped[int | None]
    boxes_max: Mapped[int | None]
    people_needed: Mapped[int | None]
    """How many people make a group full; only for group buys, as are the hours that a group has."""
    group_hours: Mapped[int | None]
    minor_reserved: Mapped[int]
    minor_consumed: Mapped[int]
    uses_reserved: Mapped[int]
    uses_consumed: Mapped[int]
    boxes_reserved: Mapped[int]
    boxes_consumed: Mapped[int]
    created_at: Mapped[datetime]
    version: Mapped[int]
    """How many lines its journal has."""

    __table_args__ = (
        CheckConstraint(one_of("kind", PromotionKind), name="kind"),
        CheckConstraint(one_of("state", PromotionState), name="state"),
        CheckConstraint(one_of("funder", Funder), name="funder"),
        CheckConstraint(
            "num_nonnulls(amount_minor, permille) = CASE WHEN kind IN ('free_freight', 'voucher') THEN 0 ELSE 1 END",
            name="measure",
        ),
        CheckConstraint("ends_at > starts_at", name="window"),
        CheckConstraint("is_by_code OR kind NOT IN ('coupon', 'voucher')", name="by_code"),
        CheckConstraint(
            "CASE WHEN kind = 'group_buy' THEN people_needed BETWEEN 2 AND 100 AND group_hours BETWEEN 1 AND 720"
            " AND num_nulls(people_needed, group_hours) = 0 AND NOT is_by_code"
            " ELSE num_nonnulls(people_needed, group_hours) = 0 END",
            name="group",
        ),
        CheckConstraint("amount_minor > 0 AND amount_minor <= 10000000000000", name="amount"),
        CheckConstraint("permille BETWEEN 1 AND 1000", name="permille"),
        CheckConstraint("boxes_min BETWEEN 1 AND 1000000", name="boxes_min"),
        CheckConstraint("uses_max > 0 AND uses_max <= 1000000000", name="uses_max"),
        CheckConstraint("uses_per_person_max > 0 AND uses_per_person_max <= 1000000", name="uses_per_person"),
        CheckConstraint("boxes_max > 0 AND boxes_max <= 1000000000", name="boxes_max"),
        CheckConstraint(
            "minor_reserved >= 0 AND minor_consumed >= 0 AND minor_reserved + minor_consumed <= budget_minor"
            " AND budget_minor <= 10000000000000",
            name="budget",
        ),
        CheckConstraint(
            "uses_reserved >= 0 AND uses_consumed >= 0"
            " AND (uses_max IS NULL OR uses_reserved + uses_consumed <= uses_max)",
            name="uses",
        ),
        CheckConstraint(
            "boxes_reserved >= 0 AND boxes_consumed >= 0"
            " AND (boxes_max IS NULL OR boxes_reserved + boxes_consumed <= boxes_max)",
            name="boxes",
        ),
    )


class PromotionCode(Base):
    """Who knows it may use its promotion. Only a keyed digest is kept; a single-use one has one live use at most."""

    __tablename__ = "promotion_code"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    promotion_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("promotion.id"), index=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    is_single_use: Mapped[bool]
    created_at: Mapped[datetime]

    __table_args__ = (CheckConstraint("octet_length(digest) = 32", name="digest"),)


class PromotionUse(Base):
    """One discount for the boxes of one hold: reserved while it lasts, then consumed or given back."""

    __tablename__ = "promotion_use"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    promotion_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("promotion.id"))
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    hold_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("hold.id"))
    state: Mapped[str] = mapped_column(String(20))
    minor: Mapped[int]
    boxes: Mapped[int]
    code_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("promotion_code.id"))
    """The single-use code that it took."""
    group_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("promotion_group.id"), index=True)
    """Its group: then it is spent when the group is full, whatever else is taken off the price."""
    created_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint(one_of("state", UseState), name="state"),
        CheckConstraint("minor > 0 AND minor <= 10000000000000", name="minor"),
        CheckConstraint("boxes > 0 AND boxes <= 1000000", name="boxes"),
        Index(None, "promotion_id", "person_id"),
        Index(
            "uq_promotion_use_live",
            "hold_id",
            "promotion_id",
            unique=True,
            postgresql_where=text("state IN ('reserved', 'consumed')"),
        ),
        Index(
            "uq_promotion_use_code",
            "code_id",
            unique=True,
            postgresql_where=text("state IN ('reserved', 'consumed')"),
        ),
        Index("ix_promotion_use_reserved", "promotion_id", postgresql_where=text("state = 'reserved'")),
    )


class PromotionMovement(Base):
    """One move of a use, and with it of its promotion's counters. Append-only; a use makes each move once."""

    __tablename__ = "promotion_movement"

    promotion_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("promotion.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    use_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("promotion_use.id"))
    kind: Mapped[str] = mapped_column(String(20))
    minor: Mapped[int]
    boxes: Mapped[int]
    actor: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("use_id", "kind"),
        CheckConstraint(one_of("kind", UseMove), name="kind"),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint("minor > 0 AND boxes > 0", name="positive"),
    )


class PromotionQuote(Base):
    """What somebody was told that boxes cost, or what was taken off without being asked for. Append-only."""

    __tablename__ = "promotion_quote"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    hold_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("hold.id"), index=True)
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    is_asked: Mapped[bool]
    """By its buyer, who then pays nothing else; otherwise made when the hold was ordered."""
    boxes: Mapped[int]
    price_minor: Mapped[int]
    discount_minor: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    told: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """Line by line, and why others take nothing off; no code."""
    created_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("boxes > 0 AND boxes <= 1000000", name="boxes"),
        CheckConstraint(
            "price_minor <= 10000000000000 AND discount_minor BETWEEN 0 AND price_minor", name="money"
        ),
    )
