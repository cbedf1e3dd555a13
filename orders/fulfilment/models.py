"""Tables of waves and parcels. A wave knows its campaign by id only: campaigns stand above orders."""

import uuid
from datetime import date, datetime
from typing import Final

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from marketplace.database import Base, one_of
from orders.fulfilment.short_rules import Outcome
from orders.fulfilment.states import ParcelState, TrackingStatus


class Wave(Base):
    """Orders of a campaign that are sent out together: for one day of delivery. Released by a person."""

    __tablename__ = "wave"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    campaign_id: Mapped[uuid.UUID]
    number: Mapped[int]
    """1 for the first of its campaign."""
    delivered_on: Mapped[date]
    """The promised day: fruit must be good for long enough after it."""
    orders_max: Mapped[int | None]
    """So many orders at most; all that are ready unless told."""
    orders: Mapped[int]
    boxes: Mapped[int]
    orders_left: Mapped[int]
    """Looked at and left for a later wave: a cooperative has not enough fruit that is good for them."""
    last_order_id: Mapped[uuid.UUID | None]
    """The last order that was looked at: whoever goes on, after a crash as well, begins behind it."""
    released_at: Mapped[datetime]
    planned_at: Mapped[datetime | None]
    """When its last order was looked at; until then jobs go on."""
    is_replacing: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Of replacements for claimed boxes alone: those of one campaign that are to arrive on the same day."""

    __table_args__ = (
        UniqueConstraint("campaign_id", "number"),
        CheckConstraint("number > 0 AND orders >= 0 AND boxes >= orders AND orders_left >= 0", name="counts"),
        CheckConstraint("orders_max > 0 AND orders <= orders_max", name="orders_max"),
        Index(
            "uq_wave_planning",
            "campaign_id",
            unique=True,
            postgresql_where=text("planned_at IS NULL"),
        ),
        CheckConstraint("NOT is_replacing OR planned_at IS NOT NULL", name="replacing"),
        Index(
            "uq_wave_replacing",
            "campaign_id",
            "delivered_on",
            unique=True,
            postgresql_where=text("is_replacing"),
        ),
    )


class Parcel(Base):
    """Boxes of one order out of one lot, on their way from a cooperative to a buyer."""

    __tablename__ = "parcel"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    wave_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("wave.id"))
    order_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("order.id"))
    cooperative_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cooperative.id"))
    lot_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("lot.id"), index=True)
    hold_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("hold.id"), index=True)
    """The pledge that owes the boxes."""
    claim_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("claim.id", use_alter=True, name="fk_parcel_claim_id_claim")
    )
    """Of a replacement: the claim that it answers. The first parcels of an order have none."""
    replaces_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("parcel.id"))
    """Of a replacement: the parcel whose boxes were claimed."""
    boxes: Mapped[int]
    pack_grams: Mapped[int]
    shelf_days: Mapped[int]
    """So long its boxes were to be good after the day of delivery when its lot was chosen."""
    state: Mapped[str] = mapped_column(String(20))
    carrier: Mapped[str | None] = mapped_column(String(40))
    tracking_number: Mapped[str | None] = mapped_column(String(60))
    packed_at: Mapped[datetime | None]
    shipped_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    lost_at: Mapped[datetime | None]
    unfilled_at: Mapped[datetime | None]
    """When it turned out that its boxes are not there."""
    cancelled_at: Mapped[datetime | None]
    weighed_grams: Mapped[int | None]
    """What its boxes weighed without their packaging, if its cooperative has told it when it packed them."""
    version: Mapped[int]

    tracking: Mapped[list["ParcelTracking"]] = relationship(
        viewonly=True, lazy="raise", order_by="(ParcelTracking.at, ParcelTracking.id)"
    )

    __table_args__ = (
        Index(
            "uq_parcel_order_id_hold_id_claim_id",
            "order_id",
            "hold_id",
            "claim_id",
            unique=True,
            postgresql_where=text("state <> 'withdrawn'"),
            postgresql_nulls_not_distinct=True,
        ),
        CheckConstraint(one_of("state", ParcelState), name="state"),
        CheckConstraint(
            "num_nulls(claim_id, replaces_id) IN (0, 2) AND replaces_id <> id", name="replacement"
        ),
        CheckConstraint("shelf_days >= 0", name="shelf_days"),
        CheckConstraint("boxes > 0 AND boxes <= 1000000 AND pack_grams > 0", name="boxes"),
        CheckConstraint(
            "num_nonnulls(packed_at, shipped_at, delivered_at, lost_at) = CASE"
            " WHEN state IN ('planned', 'short', 'withdrawn') THEN 0"
            " WHEN state = 'packed' THEN 1 WHEN state = 'shipped' THEN 2"
            " WHEN state = 'cancelled' THEN num_nonnulls(packed_at) ELSE 3 END"
            " AND (lost_at IS NOT NULL) = (state = 'lost')"
            " AND (unfilled_at IS NOT NULL) = (state IN ('short', 'withdrawn'))",
            name="times",
        ),
        CheckConstraint(
            "(cancelled_at IS NOT NULL) = (state = 'cancelled') AND (cancelled_at IS NULL OR claim_id IS NOT NULL)",
            name="cancelled",
        ),
        CheckConstraint(
            "weighed_grams IS NULL OR (weighed_grams > 0 AND packed_at IS NOT NULL)", name="weighed_grams"
        ),
        CheckConstraint(
            "(carrier IS NOT NULL) = (state IN ('shipped', 'delivered', 'lost'))", name="carrier"
        ),
        CheckConstraint("tracking_number IS NULL OR carrier IS NOT NULL", name="tracking"),
        Index(None, "wave_id", "id"),
        Index(None, "cooperative_id", "state", "id"),
        Index("ix_parcel_claim_id", "claim_id", postgresql_where=text("claim_id IS NOT NULL")),
    )

    @property
    def quantity_grams(self) -> int:
        return self.boxes * self.pack_grams


_COUNTS: Final = (
    "boxes_planned > boxes_found AND boxes_found >= 0 AND pack_grams > 0"
    " AND boxes_written_off IN (0, boxes_planned - boxes_found)"
    " AND boxes_substituted >= 0 AND boxes_taken_back >= 0 AND boxes_refunded >= 0"
    " AND boxes_substituted + boxes_taken_back + boxes_refunded >= boxes_planned - boxes_found"
)


class ShortPick(Base):
    """Somebody stood in the store and found fewer boxes of a lot than a wave's parcels need. Append-only."""

    __tablename__ = "short_pick"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    wave_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("wave.id"))
    lot_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("lot.id"), index=True)
    cooperative_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cooperative.id"))
    pack_grams: Mapped[int]
    boxes_planned: Mapped[int]
    """In parcels of which no box was there yet."""
    boxes_found: Mapped[int]
    boxes_written_off: Mapped[int]
    """All that were not found; none of a stopped lot, whose fruit waits under its stop."""
    boxes_substituted: Mapped[int]
    """Of parcels without their boxes: come out of other lots instead."""
    boxes_taken_back: Mapped[int]
    """Their orders wait for another wave."""
    boxes_refunded: Mapped[int]
    reason: Mapped[str] = mapped_column(String(200))
    actor: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]

    parcels: Mapped[list["ShortParcel"]] = relationship(
        viewonly=True, lazy="selectin", order_by="ShortParcel.parcel_id"
    )

    __table_args__ = (CheckConstraint(_COUNTS, name="counts"), Index(None, "wave_id", "id"))


class ShortParcel(Base):
    """A parcel whose boxes were not there, and what became of them. Append-only."""

    __tablename__ = "short_parcel"

    parcel_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("parcel.id"), primary_key=True)
    short_pick_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("short_pick.id"), index=True)
    order_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("order.id"))
    boxes: Mapped[int]
    outcome: Mapped[str] = mapped_column(String(20))

    __table_args__ = (
        CheckConstraint("boxes > 0", name="boxes"),
        CheckConstraint(one_of("outcome", Outcome), name="outcome"),
    )


class ParcelTracking(Base):
    """A carrier said something of a parcel. Append-only: what it says later stands beside what it said before."""

    __tablename__ = "parcel_tracking"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    parcel_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("parcel.id"))
    status: Mapped[str] = mapped_column(String(20))
    at: Mapped[datetime]
    """When it happened, as the carrier says."""
    tracking_number: Mapped[str | None] = mapped_column(String(60))
    carrier: Mapped[str] = mapped_column(String(20))
    """By which of our ways it was told (`orders.fulfilment.carriers`)."""
    reported_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("parcel_id", "status", "at"),
        CheckConstraint(one_of("status", TrackingStatus), name="status"),
        CheckConstraint("status <> 'announced' OR tracking_number IS NOT NULL", name="announced"),
    )
