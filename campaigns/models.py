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
    created_at: Mapped[datetime]
    version: Mapped[int]

    items: Mapped[list["Item"]] = relationship(lazy="selectin", order_by="Item.id")

    __table_args__ = (
        CheckConstraint("closes_at > opens_at", name="window"),
        CheckConstraint(one_of("kind", CampaignKind), name="kind"),
        CheckConstraint(one_of("state", CampaignState), name="state"),
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


class Subscription(Base):
    """Somebody asks to be told when a campaign opens."""

    __tablename__ = "campaign_subscription"

    campaign_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"), primary_key=True)
    created_at: Mapped[datetime]
