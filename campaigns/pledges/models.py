"""Tables of pledges: what a cooperative puts up for an item, and every move of it."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.pledges.states import PledgeEvent, PledgeState
from marketplace.database import Base, one_of


class Pledge(Base):
    """A cooperative's boxes for an item: wanted, offered, or standing in its pool."""

    __tablename__ = "pledge"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    campaign_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("campaign.id"), index=True)
    item_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("campaign_item.id"), index=True)
    cooperative_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cooperative.id"), index=True)
    capacity_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("capacity.id"))
    """The forecast it draws on; without one, the cooperative's lots."""
    state: Mapped[str] = mapped_column(String(20))
    wanted_boxes: Mapped[int]
    """What was asked for, offered, or put up in the beginning."""
    boxes: Mapped[int]
    """What stands in the pool."""
    answer_due_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    version: Mapped[int]
    """The number of its last move."""

    __table_args__ = (
        CheckConstraint(one_of("state", PledgeState), name="state"),
        CheckConstraint("wanted_boxes > 0 AND wanted_boxes <= 1000000", name="wanted"),
        CheckConstraint("boxes >= 0 AND (state = 'accepted') = (boxes > 0)", name="boxes"),
        CheckConstraint("state <> 'invited' OR answer_due_at IS NOT NULL", name="invited"),
        CheckConstraint("version > 0", name="version"),
        Index(
            "uq_pledge_open",
            "item_id",
            "cooperative_id",
            unique=True,
            postgresql_where=text("state IN ('invited', 'offered')"),
        ),
    )


class PledgeMove(Base):
    """One move of a pledge. Append-only; `number` runs without gaps."""

    __tablename__ = "pledge_move"

    pledge_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pledge.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    event: Mapped[str] = mapped_column(String(20))
    before: Mapped[str | None] = mapped_column(String(20))
    after: Mapped[str] = mapped_column(String(20))
    boxes_before: Mapped[int]
    boxes_after: Mapped[int]
    reason: Mapped[str | None] = mapped_column(String(200))
    actor: Mapped[str] = mapped_column(String(80))
    request_id: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("number > 0 AND (number = 1) = (before IS NULL)", name="number"),
        CheckConstraint(one_of("event", PledgeEvent), name="event"),
        CheckConstraint("boxes_before >= 0 AND boxes_after >= 0", name="boxes"),
    )
