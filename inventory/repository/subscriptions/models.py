"""Tables of subscriptions: who is sent what, up to where, and the one delivery that is on its way to each."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from inventory.repository.subscriptions.rules import BATCH_MAX, PausedReason, State
from marketplace.database import Base, one_of
from marketplace.outbound.rules import URL_LENGTH_MAX, Outcome

SEALED_AS = "event_subscription_token"
"""What a sealed token is bound to, with its subscription."""


class EventSubscription(Base):
    """Where the events go that a kept query finds. Removed with its query."""

    __tablename__ = "event_subscription"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    query_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("event_query.id", ondelete="CASCADE"))
    dest: Mapped[str] = mapped_column(String(URL_LENGTH_MAX))
    sealed_token: Mapped[bytes | None] = mapped_column(LargeBinary, info={"sealed": SEALED_AS})
    is_stream: Mapped[bool]
    schedule: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    """As it was sent."""
    report_if_empty: Mapped[bool]
    initial_record_time: Mapped[datetime | None]
    """Events that were recorded earlier are not told."""
    cursor: Mapped[int]
    """The number of the last event of the chain that was looked at for a delivery."""
    goal: Mapped[int]
    """Up to here it is told now; what comes later, at the next time."""
    owes_report: Mapped[bool]
    """It was due, and nothing was put down since: an empty report, if nothing is found."""
    batch_max: Mapped[int]
    """Events in one delivery; fewer after the destination said that one was too large."""
    due_at: Mapped[datetime | None]
    """When its schedule comes next."""
    state: Mapped[str] = mapped_column(String(20))
    paused_reason: Mapped[str | None] = mapped_column(String(20))
    paused_at: Mapped[datetime | None]
    last_notified_at: Mapped[datetime | None]
    actor: Mapped[str] = mapped_column(String(80))
    created_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("is_stream = (schedule IS NULL) AND is_stream = (due_at IS NULL)", name="controls"),
        CheckConstraint("cursor >= 0 AND goal >= cursor", name="cursor"),
        CheckConstraint(f"batch_max BETWEEN 1 AND {BATCH_MAX}", name="batch_max"),
        CheckConstraint(one_of("state", State), name="state"),
        CheckConstraint(one_of("paused_reason", PausedReason), name="paused_reason"),
        CheckConstraint(
            "num_nulls(paused_reason, paused_at) = CASE state WHEN 'paused' THEN 0 ELSE 2 END", name="paused"
        ),
        Index(None, "query_id", "id"),
    )


class EventDelivery(Base):
    """What waits to be taken by a destination: one document for each subscription, gone when it is taken."""

    __tablename__ = "event_delivery"

    subscription_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("event_subscription.id", ondelete="CASCADE"), primary_key=True
    )
    id: Mapped[uuid.UUID]
    """Of the message: the same at every attempt."""
    begins: Mapped[int]
    """Where the cursor stood before."""
    ends: Mapped[int]
    """Where it stands since."""
    events: Mapped[int]
    body: Mapped[str] = mapped_column(Text)
    """The EPCISQueryDocument, byte for byte as it is sent and signed."""
    tries: Mapped[int]
    """Since it was put down, or since the subscription went on after a pause."""
    last_outcome: Mapped[str | None] = mapped_column(String(30))
    last_status: Mapped[int | None]
    due_at: Mapped[datetime]
    created_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("id"),
        CheckConstraint("begins >= 0 AND ends >= begins", name="span"),
        CheckConstraint("events BETWEEN 0 AND ends - begins", name="events"),
        CheckConstraint("tries >= 0 AND (tries = 0) = (last_outcome IS NULL)", name="tries"),
        CheckConstraint(one_of("last_outcome", Outcome), name="last_outcome"),
    )
