"""Tables of notifications: what somebody is told, by which channels, and what they do not want to be told."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.database import Base, one_of
from marketplace.notifications.kinds import BODY_MAX, TITLE_MAX, Kind
from marketplace.notifications.rules import ChannelName, DeliveryState


class Notification(Base):
    """A message to one person, in the words in which it was told. One for each kind, cause and person."""

    __tablename__ = "notification"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    kind: Mapped[str] = mapped_column(String(40))
    cause: Mapped[str] = mapped_column(String(120))
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    title_en: Mapped[str] = mapped_column(String(TITLE_MAX))
    title_zh: Mapped[str] = mapped_column(String(TITLE_MAX))
    body_en: Mapped[str] = mapped_column(String(BODY_MAX))
    body_zh: Mapped[str] = mapped_column(String(BODY_MAX))
    created_at: Mapped[datetime]
    read_at: Mapped[datetime | None]

    __table_args__ = (
        UniqueConstraint("account_id", "kind", "cause"),
        CheckConstraint(one_of("kind", Kind), name="kind"),
        Index(None, "account_id", "id"),
    )


class NotificationDelivery(Base):
    """The way of a message through one channel."""

    __tablename__ = "notification_delivery"

    notification_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("notification.id"), primary_key=True)
    channel: Mapped[str] = mapped_column(String(20), primary_key=True)
    state: Mapped[str] = mapped_column(String(20))
    attempts: Mapped[int]
    problem: Mapped[str | None] = mapped_column(String(200))
    due_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint(one_of("channel", ChannelName), name="channel"),
        CheckConstraint(one_of("state", DeliveryState), name="state"),
        CheckConstraint("attempts >= 0 AND attempts <= 100", name="attempts"),
        CheckConstraint("(state = 'waiting') = (resolved_at IS NULL)", name="resolved_at"),
        CheckConstraint("state <> 'sent' OR attempts >= 1", name="sent"),
        CheckConstraint("state <> 'dead' OR problem IS NOT NULL", name="dead"),
        Index("ix_notification_delivery_waiting", "due_at", postgresql_where=text("state = 'waiting'")),
    )


class NotificationRefusal(Base):
    """A person does not want this kind by this channel."""

    __tablename__ = "notification_refusal"

    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(40), primary_key=True)
    channel: Mapped[str] = mapped_column(String(20), primary_key=True)
    created_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint(one_of("kind", Kind), name="kind"),
        CheckConstraint(one_of("channel", ChannelName), name="channel"),
    )
