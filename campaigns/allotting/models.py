"""Tables of allocations: terms, what each item has to find, runs, commitments, and who supplies which order."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaigns.allotting.rules import CommitmentState
from campaigns.policy.rules import Weight
from marketplace.database import Base, one_of
from orders.states import Silence


class CampaignAllocation(Base):
    """How a campaign's sold boxes are split and its cooperatives are asked; it never changes."""

    __tablename__ = "campaign_allocation"

    campaign_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("campaign.id"), primary_key=True)
    season: Mapped[str] = mapped_column(String(20))
    rule: Mapped[str] = mapped_column(String(20))
    strict: Mapped[bool]
    minimum_boxes: Mapped[int] = mapped_column(default=1, server_default=text("1"))
    weight: Mapped[str] = mapped_column(String(20))
    silence: Mapped[str] = mapped_column(String(20))
    answer_hours: Mapped[int]
    seed: Mapped[str] = mapped_column(String(100))
    """Decides, with the id of an order, which cooperative supplies it."""
    policy_digest: Mapped[str] = mapped_column(String(80))
    """Of the campaign's policy, from which the terms are."""
    created_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("answer_hours BETWEEN 1 AND 240", name="answer_hours"),
        CheckConstraint(
            "minimum_boxes BETWEEN 1 AND 1000000 AND NOT (strict AND minimum_boxes > 1)", name="minimum"
        ),
        CheckConstraint(one_of("silence", Silence), name="silence"),
        CheckConstraint(one_of("weight", Weight), name="weight"),
        CheckConstraint("rule IN ('nearest', 'lowest', 'lowest_after')", name="rule"),
    )


class AllottedItem(Base):
    """So many boxes of an item are sold and need a cooperative."""

    __tablename__ = "allotted_item"

    item_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("campaign_item.id"), primary_key=True)
    campaign_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("campaign_allocation.campaign_id"), index=True)
    boxes: Mapped[int]

    __table_args__ = (CheckConstraint("boxes >= 0", name="boxes"),)


class AllotmentRun(Base):
    """One stored, replayable split of an item's open boxes: its inputs and its result, unchanged for ever."""

    __tablename__ = "allotment_run"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    item_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("allotted_item.item_id"))
    number: Mapped[int]
    """1 for the first of its item; each split of what was given back, or sold late, is the next."""
    problem: Mapped[dict[str, Any]] = mapped_column(JSONB)
    result: Mapped[dict[str, Any]] = mapped_column(JSONB)
    digest: Mapped[str] = mapped_column(String(80))
    policy_digest: Mapped[str] = mapped_column(String(80))
    """Of the policy by which it was split."""
    created_at: Mapped[datetime]

    commitments: Mapped[list["Commitment"]] = relationship(lazy="selectin", order_by="Commitment.code")

    __table_args__ = (UniqueConstraint("item_id", "number"),)


class Commitment(Base):
    """What a run asks of one cooperative: so many boxes of its pledge for the campaign's buyers."""

    __tablename__ = "commitment"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    run_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("allotment_run.id"))
    item_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("allotted_item.item_id"), index=True)
    campaign_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("campaign_allocation.campaign_id"), index=True)
    cooperative_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cooperative.id"), index=True)
    code: Mapped[str] = mapped_column(String(40))
    """The cooperative's code: its id in the run's problem and result."""
    boxes: Mapped[int]
    """What the run gave; it never changes."""
    boxes_given_back: Mapped[int]
    pack_grams: Mapped[int]
    limited_by: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20))
    answer_due_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    answered_by: Mapped[str | None] = mapped_column(String(80))
    reason: Mapped[str | None] = mapped_column(String(200))
    version: Mapped[int]

    __table_args__ = (
        UniqueConstraint("run_id", "cooperative_id"),
        CheckConstraint("boxes >= 0 AND pack_grams > 0", name="boxes"),
        CheckConstraint("boxes_given_back >= 0 AND boxes_given_back <= boxes", name="given_back"),
        CheckConstraint(one_of("state", CommitmentState), name="state"),
        CheckConstraint("(state = 'empty') = (boxes = 0)", name="empty"),
        CheckConstraint(
            "state NOT IN ('declined', 'lapsed', 'released') OR boxes_given_back = boxes", name="ended"
        ),
        CheckConstraint("state NOT IN ('offered', 'confirmed') OR boxes_given_back < boxes", name="open"),
        CheckConstraint("state <> 'offered' OR answer_due_at IS NOT NULL", name="due"),
        Index(None, "state", "answer_due_at"),
    )

    @property
    def boxes_kept(self) -> int:
        """What the cooperative still has to supply of it."""
        return self.boxes - self.boxes_given_back


class Supply(Base):
    """So many boxes of a buyer's order come from this cooperative. Made when all commitments of a campaign are
    confirmed.
    """

    __tablename__ = "supply"

    order_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("order.id"), primary_key=True)
    cooperative_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cooperative.id"), primary_key=True)
    item_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("allotted_item.item_id"))
    boxes: Mapped[int]

    __table_args__ = (
        CheckConstraint("boxes > 0", name="boxes"),
        Index(None, "item_id", "cooperative_id", "order_id"),
    )
