"""Tables of campaigns: what is sold, when, at which price, and every move of their state."""

import uuid
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaigns.states import CampaignKind, CampaignState
from campaigns.terms import PARTS, BalanceWindow, Waterfall
from marketplace.database import Base, one_of

DELIVERY: Final = timedelta(days=10)
"""From the last payment to the last buyer's door: waves are sent on several days."""


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
    """That of its policy: how boxes are shared out if there are too few."""
    policy_digest: Mapped[str | None] = mapped_column(String(80))
    """Of its policy (`campaigns/policy`); public from the moment it is scheduled."""
    claims_days: Mapped[int]
    seed: Mapped[str | None] = mapped_column(String(64))
    """Breaks ties when there are too few boxes; secret until it is revealed."""
    seed_hash: Mapped[str | None] = mapped_column(String(64))
    """Public from the moment it is scheduled."""
    seed_revealed_at: Mapped[datetime | None]
    cloned_from_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("campaign.id"))
    balance_opens_at: Mapped[datetime | None]
    balance_closes_at: Mapped[datetime | None]
    balance_grace_hours: Mapped[int | None]
    balance_due_at: Mapped[datetime | None]
    """When balances really end, known when they were opened: those who pay have all the days they were shown."""
    goal_met_at: Mapped[datetime | None]
    """When its goal was found to be reached: from then on its deposits are committed, and it is not asked again."""
    harvest_ends_at: Mapped[datetime | None]
    """Until when fruit that is only forecast is waited for."""
    created_at: Mapped[datetime]
    version: Mapped[int]

    items: Mapped[list["Item"]] = relationship(lazy="selectin", order_by="Item.id")

    @property
    def items_by_pool(self) -> list["Item"]:
        """In the order in which everybody locks their pools."""
        return sorted(self.items, key=lambda item: item.pool_id)

    __table_args__ = (
        CheckConstraint("closes_at > opens_at", name="window"),
        CheckConstraint(
            "num_nulls(balance_opens_at, balance_closes_at, balance_grace_hours) IN (0, 3)"
            " AND balance_opens_at >= closes_at AND balance_closes_at > balance_opens_at"
            " AND balance_grace_hours BETWEEN 0 AND 720",
            name="balance",
        ),
        CheckConstraint("balance_due_at >= balance_closes_at", name="balance_due"),
        CheckConstraint(
            "goal_met_at IS NULL OR state NOT IN ('draft', 'scheduled', 'deposit_open', 'paused')",
            name="goal_met",
        ),
        CheckConstraint(
            "harvest_ends_at >= closes_at AND harvest_ends_at <= coalesce(balance_opens_at, harvest_ends_at)",
            name="harvest",
        ),
        CheckConstraint(one_of("kind", CampaignKind), name="kind"),
        CheckConstraint(one_of("state", CampaignState), name="state"),
        CheckConstraint("goal_boxes > 0 AND goal_boxes <= 1000000000", name="goal_boxes"),
        CheckConstraint("goal_grams > 0 AND goal_grams <= 1000000000000000", name="goal_grams"),
        CheckConstraint("cut_rule IN ('equal_awards', 'proportional')", name="cut_rule"),
        CheckConstraint(
            "CASE WHEN policy_digest IS NULL THEN state IN ('draft', 'cancelled', 'closed') ELSE state <> 'draft' END",
            name="policy",
        ),
        CheckConstraint("claims_days BETWEEN 1 AND 90", name="claims_days"),
        CheckConstraint("(seed IS NULL) = (seed_hash IS NULL)", name="seed"),
        CheckConstraint("seed_revealed_at IS NULL OR seed IS NOT NULL", name="seed_revealed"),
        Index(None, "state", "opens_at"),
    )

    @property
    def balance(self) -> BalanceWindow | None:
        if self.balance_opens_at is None:
            return None
        assert self.balance_closes_at is not None
        assert self.balance_grace_hours is not None
        return BalanceWindow(
            opens_at=self.balance_opens_at,
            closes_at=self.balance_closes_at,
            grace_hours=self.balance_grace_hours,
            due_at=self.balance_due_at,
        )

    @property
    def delivered_by(self) -> date:
        """The day by which its boxes are at their buyers': none leaves before it is harvested and paid."""
        ready_at = max(self.closes_at, self.harvest_ends_at or self.closes_at)
        if self.balance_closes_at is not None:
            grace = timedelta(hours=self.balance_grace_hours or 0)
            ready_at = max(ready_at, self.balance_due_at or self.balance_closes_at + grace)
        return ready_at.date() + DELIVERY

    def good_until(self, item: "Item") -> date:
        """Fruit that is promised to the item's buyers must keep until this day."""
        return self.delivered_by + timedelta(days=item.shelf_days)

    @property
    def is_price_fixed(self) -> bool:
        """What is sold is counted for good: the balance opens, or is open, or was."""
        return any(item.final_unit_price_minor is not None for item in self.items)


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
    shelf_days: Mapped[int]
    """So long its boxes keep after the day of delivery, at least."""
    final_unit_price_minor: Mapped[int | None]
    """That of the ladder's last step which the sale reached."""

    steps: Mapped[list["LadderStep"]] = relationship(order_by="LadderStep.from_boxes")
    """None if it has one price and nobody is told who gets what of it."""

    __table_args__ = (
        UniqueConstraint("campaign_id", "pack_id"),
        CheckConstraint("unit_price_minor > 0 AND unit_price_minor <= 1000000000", name="unit_price"),
        CheckConstraint("boxes_per_buyer_max > 0 AND boxes_per_buyer_max <= 1000", name="boxes_per_buyer"),
        CheckConstraint(
            "boxes_per_household_max > 0 AND boxes_per_household_max <= 10000", name="boxes_per_household"
        ),
        CheckConstraint("shelf_days BETWEEN 10 AND 365", name="shelf_days"),
        CheckConstraint(
            "final_unit_price_minor > 0 AND final_unit_price_minor <= unit_price_minor",
            name="final_unit_price",
        ),
    )


class LadderStep(Base):
    """From so many boxes all together an item costs so much; the first is from 0. Never changed."""

    __tablename__ = "campaign_step"

    item_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("campaign_item.id"), primary_key=True)
    from_boxes: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    unit_price_minor: Mapped[int]
    orchard_minor: Mapped[int | None]
    cold_store_minor: Mapped[int | None]
    packing_minor: Mapped[int | None]
    freight_minor: Mapped[int | None]
    commission_minor: Mapped[int | None]

    __table_args__ = (
        CheckConstraint("from_boxes >= 0 AND from_boxes <= 1000000", name="from_boxes"),
        CheckConstraint("unit_price_minor > 0 AND unit_price_minor <= 1000000000", name="unit_price"),
        CheckConstraint(f"num_nulls({', '.join(PARTS)}) IN (0, 5)", name="parts"),
        CheckConstraint(f"{' + '.join(PARTS)} = unit_price_minor", name="sum"),
        CheckConstraint(f"least({', '.join(PARTS)}) >= 0", name="not_negative"),
    )

    @property
    def waterfall(self) -> Waterfall | None:
        parts = {name: getattr(self, name) for name in PARTS}
        return None if None in parts.values() else Waterfall(**parts)


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
