"""Tables of shortages: the question, who stood how, offers, elections, and what the cut took from whom."""

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaigns.shortage.rules import Cause, Choice
from campaigns.shortage.states import OfferState, ShortageState, WaitState
from marketplace.database import Base, one_of


class Shortage(Base):
    """One item of a campaign that has fewer boxes than it sold. `result` and `digest` are its one run."""

    __tablename__ = "shortage"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    campaign_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("campaign.id"), index=True)
    item_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("campaign_item.id"))
    state: Mapped[str] = mapped_column(String(20))
    cause: Mapped[str] = mapped_column(String(20))
    evidence: Mapped[str | None] = mapped_column(String(200))
    policy: Mapped[str] = mapped_column(String(20))
    policy_digest: Mapped[str] = mapped_column(String(80))
    """Of the campaign's policy, which says how the shortage is run."""
    earnest_permille: Mapped[int]
    committed_boxes: Mapped[int]
    """Sold, when it was opened."""
    supply_boxes: Mapped[int]
    """There for them, when it was opened."""
    covered_boxes: Mapped[int]
    """Given by neighbours since."""
    answers_due_at: Mapped[datetime]
    season: Mapped[str] = mapped_column(String(20))
    """Whose account says which neighbour is furthest behind."""
    election_hours: Mapped[int]
    later_lot_on: Mapped[date | None]
    """By when a later lot comes, for which buyers may choose to wait."""
    elections_due_at: Mapped[datetime | None]
    seed_hash: Mapped[str] = mapped_column(String(64))
    seed: Mapped[str] = mapped_column(String(200))
    """Told only when the run is made."""
    problem: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    digest: Mapped[str | None] = mapped_column(String(80))
    settled_at: Mapped[datetime | None]
    version: Mapped[int]
    created_at: Mapped[datetime]

    standings: Mapped[list["ShortageStanding"]] = relationship(
        lazy="selectin", order_by="ShortageStanding.code"
    )
    offers: Mapped[list["ShortageOffer"]] = relationship(lazy="selectin", order_by="ShortageOffer.id")

    __table_args__ = (
        CheckConstraint(one_of("state", ShortageState), name="state"),
        CheckConstraint(one_of("cause", Cause), name="cause"),
        CheckConstraint("cause <> 'force_majeure' OR evidence IS NOT NULL", name="evidence"),
        CheckConstraint("policy IN ('equal_awards', 'proportional')", name="policy"),
        CheckConstraint("earnest_permille BETWEEN 0 AND 200", name="earnest"),
        CheckConstraint(
            "supply_boxes >= 0 AND covered_boxes >= 0 AND committed_boxes > supply_boxes", name="boxes"
        ),
        CheckConstraint("election_hours BETWEEN 1 AND 240", name="election_hours"),
        CheckConstraint("state <> 'electing' OR elections_due_at IS NOT NULL", name="electing"),
        CheckConstraint(
            "num_nulls(problem, result, digest) = CASE WHEN state IN ('cutting', 'settled') THEN 0 ELSE 3 END"
            " AND (settled_at IS NOT NULL) = (state = 'settled')",
            name="settled",
        ),
        Index("uq_shortage_open", "item_id", unique=True, postgresql_where=text("state <> 'settled'")),
    )


class ShortageStanding(Base):
    """What a cooperative had pledged and what of it was there; in the end, what it carries."""

    __tablename__ = "shortage_standing"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    shortage_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("shortage.id"))
    cooperative_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cooperative.id"), index=True)
    code: Mapped[str] = mapped_column(String(40))
    pledged_boxes: Mapped[int]
    there_boxes: Mapped[int]
    carried_boxes: Mapped[int | None]
    carried_minor: Mapped[int | None]

    __table_args__ = (
        UniqueConstraint("shortage_id", "cooperative_id"),
        CheckConstraint("there_boxes >= 0 AND there_boxes <= pledged_boxes", name="there"),
        CheckConstraint("num_nulls(carried_boxes, carried_minor) IN (0, 2)", name="carried"),
        CheckConstraint("carried_boxes >= 0 AND carried_minor >= 0", name="not_negative"),
    )


class ShortageOffer(Base):
    """A neighbour is asked for boxes; those it does not give are asked of the others in the next round."""

    __tablename__ = "shortage_offer"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    shortage_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("shortage.id"))
    cooperative_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cooperative.id"), index=True)
    round: Mapped[int]
    boxes: Mapped[int]
    accepted_boxes: Mapped[int]
    state: Mapped[str] = mapped_column(String(20))
    reason_en: Mapped[str] = mapped_column(String(4_000))
    reason_zh: Mapped[str] = mapped_column(String(4_000))
    answer_due_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    answered_by: Mapped[str | None] = mapped_column(String(80))
    version: Mapped[int]

    __table_args__ = (
        UniqueConstraint("shortage_id", "cooperative_id", "round"),
        CheckConstraint("boxes > 0 AND round > 0", name="boxes"),
        CheckConstraint(one_of("state", OfferState), name="state"),
        CheckConstraint("accepted_boxes BETWEEN 0 AND boxes", name="accepted"),
        CheckConstraint("(state = 'accepted') = (accepted_boxes > 0)", name="given"),
        CheckConstraint("num_nulls(answered_at, answered_by) IN (0, 2)", name="answered"),
        CheckConstraint("(state = 'offered') = (answered_at IS NULL)", name="open"),
    )


class ShortageElection(Base):
    """What a buyer chose for an order; the last word before the window closes counts."""

    __tablename__ = "shortage_election"

    shortage_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("shortage.id"), primary_key=True)
    order_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("order.id"), primary_key=True)
    choice: Mapped[str] = mapped_column(String(20))
    wanted_boxes: Mapped[int | None]
    other_item_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("campaign_item.id"))
    """With `other_grade`: of which item."""
    at: Mapped[datetime]
    version: Mapped[int]

    __table_args__ = (
        CheckConstraint(one_of("choice", Choice), name="choice"),
        CheckConstraint(
            "(choice = 'fewer') = (wanted_boxes IS NOT NULL) AND coalesce(wanted_boxes, 1) > 0", name="wanted"
        ),
        CheckConstraint("(choice = 'other_grade') = (other_item_id IS NOT NULL)", name="other_item"),
    )


class ShortageCut(Base):
    """What became of one order, with its reason; who keeps all boxes has a row, too. Append-only."""

    __tablename__ = "shortage_cut"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    shortage_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("shortage.id"))
    order_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("order.id"), index=True)
    boxes_before: Mapped[int]
    boxes_after: Mapped[int]
    boxes_given_up: Mapped[int]
    boxes_cut: Mapped[int]
    boxes_moved: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """Of those after: owed from a later lot, or of another grade."""
    moved_to_item_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("campaign_item.id"))
    """Of which other item they are; without it they wait."""
    paid_minor: Mapped[int]
    refund_minor: Mapped[int]
    compensation_minor: Mapped[int]
    bonus_minor: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """What the funder of a deposit's bonus no longer pays."""
    discount_minor: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """What those who fund the order's discounts no longer pay."""
    currency: Mapped[str] = mapped_column(String(3))
    reason_en: Mapped[str] = mapped_column(String(4_000))
    reason_zh: Mapped[str] = mapped_column(String(4_000))

    __table_args__ = (
        UniqueConstraint("shortage_id", "order_id"),
        CheckConstraint(
            "boxes_after >= 0 AND boxes_given_up >= 0 AND boxes_cut >= 0 AND boxes_before > 0", name="boxes"
        ),
        CheckConstraint("boxes_after + boxes_given_up + boxes_cut = boxes_before", name="sum"),
        CheckConstraint(
            "boxes_moved BETWEEN 0 AND boxes_after AND (moved_to_item_id IS NULL OR boxes_moved > 0)",
            name="moved",
        ),
        CheckConstraint(
            "refund_minor BETWEEN 0 AND paid_minor AND compensation_minor >= 0 AND bonus_minor >= 0"
            " AND discount_minor >= 0",
            name="money",
        ),
    )


class ShortageWait(Base):
    """An order whose boxes come from a later lot, its place in the line, and what came of it."""

    __tablename__ = "shortage_wait"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    shortage_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("shortage.id"))
    order_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("order.id"))
    boxes: Mapped[int]
    place: Mapped[int]
    promised_on: Mapped[date]
    state: Mapped[str] = mapped_column(String(20))
    resolved_at: Mapped[datetime | None]
    refund_minor: Mapped[int | None]
    compensation_minor: Mapped[int | None]
    reason_en: Mapped[str | None] = mapped_column(String(4_000))
    reason_zh: Mapped[str | None] = mapped_column(String(4_000))
    version: Mapped[int]

    __table_args__ = (
        UniqueConstraint("shortage_id", "place"),
        UniqueConstraint("order_id", "shortage_id"),
        CheckConstraint("boxes > 0 AND place > 0", name="boxes"),
        CheckConstraint(one_of("state", WaitState), name="state"),
        CheckConstraint("(state = 'waiting') = (resolved_at IS NULL)", name="resolved"),
        CheckConstraint(
            "num_nulls(refund_minor, compensation_minor, reason_en, reason_zh)"
            " = CASE state WHEN 'refunded' THEN 0 ELSE 4 END",
            name="refunded",
        ),
        CheckConstraint("refund_minor >= 0 AND compensation_minor >= 0", name="money"),
        Index("ix_shortage_wait_waiting", "promised_on", postgresql_where=text("state = 'waiting'")),
        Index("uq_shortage_wait_open", "order_id", unique=True, postgresql_where=text("state = 'waiting'")),
    )
