"""Tables of campaigns: what is sold, when, at which price, and every move of their state."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaigns.states import CampaignKind, CampaignState
from marketplace.database import Base, one_of


class Campaign(Base):
    """A time-boxed sale."""

    __tablename__ = "campaign"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    kind: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20))
    county_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("county.id"))
    title_en: Mapped[str] = mapped_column(String(200))
    title_zh: Mapped[str] = mapped_column(String(200))
    opens_at: Mapped[datetime]
    closes_at: Mapped[datetime]
    goal_boxes: Mapped[int | None]
    goal_grams: Mapped[int | None]
    cut_rule: Mapped[str] = mapped_column(String(20))
    """How boxes are shared out if there are too few; fixed once it is scheduled."""
    claims_days: Mapped[int]
    seed: Mapped[str | None] = mapped_column(String(64))
    """Breaks ties when there are too few boxes; secret until it is revealed."""
    seed_hash: Mapped[str | None] = mapped_column(String(64))
    """Public from the moment it is scheduled."""
    seed_revealed_at: Mapped[datetime | None]
    cloned_from_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("campaign.id"))
    created_at: Mapped[datetime]
    version: Mapped[int]

    items: Mapped[list["Item"]] = relationship(lazy="selectin", order_by="Item.id")

    __table_args__ = (
        CheckConstraint("closes_at > opens_at", name="window"),
        CheckConstraint(one_of("kind", CampaignKind), name="kind"),
        CheckConstraint(one_of("state", CampaignState), name="state"),
        CheckConstraint("goal_boxes > 0 AND goal_boxes <= 1000000000", name="goal_boxes"),
        CheckConstraint("goal_grams > 0 AND goal_grams <= 1000000000000000", name="goal_grams"),
        CheckConstraint("cut_rule IN ('equal_award', 'proportional')", name="cut_rule"),
        CheckConstraint("claims_days BETWEEN 1 AND 90", name="claims_days"),
        CheckConstraint("(seed IS NULL) = (seed_hash IS NULL)", name="seed"),
        CheckConstraint("seed_revealed_at IS NULL OR seed IS NOT NULL", name="seed_revealed"),
        Index(None, "state", "opens_at"),
    )


class Item(Base):
    """One pack that a campaign sells, at one price, from a pool of its own."""

    __tablename__ = "campaign_item"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    campaign_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("campaign.id"), index=True)
    pack_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pack.id"))
    pool_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pool.id"), unique=True)
    unit_price_minor: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    boxes_per_buyer_max: Mapped[int]
    boxes_per_household_max: Mapped[int | None]

    __table_args__ = (
        UniqueConstraint("campaign_id", "pack_id"),
        CheckConstraint("unit_price_minor > 0 AND unit_price_minor <= 1000000000", name="unit_price"),
        CheckConstraint("boxes_per_buyer_max > 0 AND boxes_per_buyer_max <= 1000", name="boxes_per_buyer"),
        CheckConstraint(
            "boxes_per_household_max > 0 AND boxes_per_household_max <= 10000", name="boxes_per_household"
        ),
    )


class Transition(Base):
    """One move of a campaign's state. Append-only; `number` runs without gaps."""

    __tablename__ = "campaign_transition"

    campaign_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    before: Mapped[str | None] = mapped_column(String(20))
    after: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(String(200))
    actor: Mapped[str] = mapped_column(String(80))
    request_id: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]
