"""Tables of group buys: groups, and who is in them with which boxes."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.promotions.groups.states import GroupState, MemberState
from marketplace.database import Base, one_of


class PromotionGroup(Base):
    """Some people who buy together until a moment. Its promotion's row is its lock."""

    __tablename__ = "promotion_group"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    promotion_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("promotion.id"), index=True)
    code: Mapped[str] = mapped_column(String(8), unique=True)
    """What friends join it by: not a secret, but nobody guesses it."""
    state: Mapped[str] = mapped_column(String(20))
    people_needed: Mapped[int]
    places_taken: Mapped[int]
    places_paid: Mapped[int]
    opened_at: Mapped[datetime]
    closes_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    """When it was full, or had lapsed."""
    version: Mapped[int]

    __table_args__ = (
        CheckConstraint(one_of("state", GroupState), name="state"),
        CheckConstraint("code ~ '^[2-9A-HJ-NP-Z]{8}$'", name="code"),
        CheckConstraint("people_needed BETWEEN 2 AND 100", name="people_needed"),
        CheckConstraint(
            "places_paid >= 0 AND places_paid <= places_taken AND places_taken <= people_needed",
            name="places",
        ),
        CheckConstraint("(state IN ('full', 'settled')) = (places_paid = people_needed)", name="full"),
        CheckConstraint("(state = 'open') = (ended_at IS NULL)", name="ended_at"),
        CheckConstraint("closes_at > opened_at", name="closes_at"),
        CheckConstraint("state NOT IN ('full', 'settled') OR ended_at < closes_at", name="in_time"),
        Index("ix_promotion_group_open", "closes_at", postgresql_where=text("state = 'open'")),
    )


class GroupMember(Base):
    """One person in a group with the boxes of one hold, and what comes back for them."""

    __tablename__ = "promotion_group_member"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    group_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("promotion_group.id"))
    promotion_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("promotion.id"))
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"), index=True)
    hold_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("hold.id"), index=True)
    use_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("promotion_use.id"), unique=True)
    """The discount that is reserved for it, spent, or given back."""
    state: Mapped[str] = mapped_column(String(20))
    boxes: Mapped[int]
    """Those that the discount is for."""
    reserved_minor: Mapped[int]
    given_minor: Mapped[int | None]
    joined_at: Mapped[datetime]
    paid_at: Mapped[datetime | None]
    version: Mapped[int]

    __table_args__ = (
        CheckConstraint(one_of("state", MemberState), name="state"),
        CheckConstraint("boxes > 0 AND boxes <= 1000000", name="boxes"),
        CheckConstraint("reserved_minor > 0 AND reserved_minor <= 10000000000000", name="reserved"),
        CheckConstraint("given_minor BETWEEN 0 AND reserved_minor", name="given"),
        CheckConstraint("(given_minor IS NOT NULL) = (state IN ('rewarded', 'undone'))", name="given_to"),
        CheckConstraint(
            "CASE WHEN state = 'joined' THEN paid_at IS NULL"
            " WHEN state IN ('paid', 'rewarded', 'undone') THEN paid_at IS NOT NULL ELSE true END",
            name="paid_at",
        ),
        Index(
            "uq_promotion_group_member_person",
            "group_id",
            "account_id",
            unique=True,
            postgresql_where=text("state <> 'left'"),
        ),
        Index(
            "uq_promotion_group_member_running",
            "promotion_id",
            "account_id",
            unique=True,
            postgresql_where=text("state IN ('joined', 'paid')"),
        ),
        Index(
            "uq_promotion_group_member_hold",
            "hold_id",
            unique=True,
            postgresql_where=text("state IN ('joined', 'paid', 'rewarded')"),
        ),
        Index("ix_promotion_group_member_joined", "promotion_id", postgresql_where=text("state = 'joined'")),
    )
