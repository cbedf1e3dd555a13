"""Tables of webhooks: endpoints and their secrets; messages, their deliveries, and every attempt."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Uuid

from marketplace.database import Base, one_of
from marketplace.outbound.rules import URL_LENGTH_MAX, Outcome
from marketplace.webhooks.rules import DeliveryState, DisabledReason, EndpointState, Health

SEALED_AS = "webhook_secret"
"""What a sealed secret is bound to, with its key."""


class Endpoint(Base):
    """Where messages go: a cooperative's, or without one the marketplace's own."""

    __tablename__ = "webhook_endpoint"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    cooperative_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("cooperative.id"), index=True)
    url: Mapped[str] = mapped_column(String(URL_LENGTH_MAX))
    description: Mapped[str] = mapped_column(String(200))
    events: Mapped[list[str]] = mapped_column(ARRAY(String(60)))
    state: Mapped[str] = mapped_column(String(20))
    disabled_reason: Mapped[str | None] = mapped_column(String(20))
    disabled_at: Mapped[datetime | None]
    failures_in_row: Mapped[int]
    failing_since: Mapped[datetime | None]
    rests_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    version: Mapped[int]

    __table_args__ = (
        CheckConstraint(one_of("state", EndpointState), name="state"),
        CheckConstraint(one_of("disabled_reason", DisabledReason), name="disabled_reason"),
        CheckConstraint(
            "num_nulls(disabled_reason, disabled_at) = CASE state WHEN 'disabled' THEN 0 ELSE 2 END",
            name="disabled",
        ),
        CheckConstraint("cardinality(events) >= 1", name="events"),
        CheckConstraint(
            "failures_in_row >= 0 AND (failures_in_row = 0) = (failing_since IS NULL)", name="failing"
        ),
        CheckConstraint("rests_until IS NULL OR failures_in_row > 0", name="rests"),
        CheckConstraint("version > 0", name="version"),
    )

    @property
    def health(self) -> Health:
        return Health(
            failures_in_row=self.failures_in_row,
            failing_since=self.failing_since,
            rests_until=self.rests_until,
        )


class Secret(Base):
    """What an endpoint's messages are signed with, sealed. Until `expires_at`, when there is one."""

    __tablename__ = "webhook_secret"

    endpoint_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("webhook_endpoint.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sealed: Mapped[bytes] = mapped_column(LargeBinary, info={"sealed": SEALED_AS})
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]

    __table_args__ = (CheckConstraint("number > 0", name="number"),)


class Message(Base):
    """What happened, in the transaction in which it did. Never changed; forgotten after some weeks."""

    __tablename__ = "webhook_message"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    type: Mapped[str] = mapped_column(String(60))
    schema_version: Mapped[int]
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    cooperative_ids: Mapped[list[uuid.UUID]] = mapped_column(ARRAY(Uuid()))
    """Whom it concerns, beside the marketplace itself."""
    endpoint_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("webhook_endpoint.id"))
    """The one endpoint that a test is for."""
    told_count: Mapped[int]
    """How many endpoints it was put down for when it happened."""
    at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("schema_version > 0", name="schema_version"),
        CheckConstraint("told_count >= 0", name="told_count"),
        Index(None, "at"),
        Index(None, "endpoint_id"),
    )


class Delivery(Base):
    """A message on its way to one endpoint."""

    __tablename__ = "webhook_delivery"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    message_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("webhook_message.id", ondelete="CASCADE"))
    endpoint_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("webhook_endpoint.id"))
    is_replay: Mapped[bool]
    """Made by a replay: when it happened, the endpoint was not told."""
    state: Mapped[str] = mapped_column(String(20))
    attempts: Mapped[int]
    """All of them."""
    tries: Mapped[int]
    """The attempts since it was put down or last replayed."""
    due_at: Mapped[datetime]
    created_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("message_id", "endpoint_id"),
        CheckConstraint(one_of("state", DeliveryState), name="state"),
        CheckConstraint("tries >= 0 AND tries <= attempts", name="tries"),
        Index(None, "endpoint_id", "id"),
        Index(
            "ix_webhook_delivery_waiting",
            "endpoint_id",
            "due_at",
            postgresql_where=text("state = 'waiting'"),
        ),
    )


class Attempt(Base):
    """One call of one delivery. Append-only; what the other side said is not kept."""

    __tablename__ = "webhook_attempt"

    delivery_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    outcome: Mapped[str] = mapped_column(String(30))
    status: Mapped[int | None]
    duration_ms: Mapped[int]
    at: Mapped[datetime]

    __table_args__ = (
        ForeignKeyConstraint(["delivery_id"], ["webhook_delivery.id"], ondelete="CASCADE"),
        CheckConstraint("number > 0", name="number"),
        CheckConstraint(one_of("outcome", Outcome), name="outcome"),
        CheckConstraint("duration_ms >= 0", name="duration"),
        CheckConstraint("outcome <> 'accepted' OR status BETWEEN 200 AND 299", name="accepted"),
    )
