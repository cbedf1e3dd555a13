"""Tables of sponsorships: their moves, the escrow's journal, how far each share is, what is payable, what is drawn."""

import uuid
from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.database import Base, one_of
from orders.sponsoring.rules import Progress, Tranche, Tranches
from orders.sponsoring.states import (
    DrawKind,
    DrawState,
    EndPolicy,
    SponsorKind,
    SponsorshipEvent,
    SponsorshipState,
)


class Sponsorship(Base):
    """What a sponsor buys, on which terms; and its escrow in counters, which are the sums of its journal.

    `boxes` and `total_minor` are what was agreed; what is still bought stands in the bulk order.
    """

    __tablename__ = "sponsorship"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"), index=True)
    sponsor_kind: Mapped[str] = mapped_column(String(20))
    sponsor_name_en: Mapped[str] = mapped_column(String(200))
    sponsor_name_zh: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(20))
    county_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("county.id"))
    pack_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("pack.id"))
    pack_grams: Mapped[int]
    boxes: Mapped[int]
    unit_price_minor: Mapped[int]
    total_minor: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    season: Mapped[str] = mapped_column(String(20))
    rule: Mapped[str] = mapped_column(String(20))
    answer_hours: Mapped[int]
    delivered_on: Mapped[date | None]
    confirmation_permille: Mapped[int]
    intake_permille: Mapped[int]
    delivery_permille: Mapped[int]
    escrow_permille: Mapped[int]
    """The part of the total that must be in escrow before anything is split."""
    shopper_pays_minor: Mapped[int]
    """For each box that is drawn: nothing, or a token amount."""
    draws_until: Mapped[datetime]
    end_policy: Mapped[str] = mapped_column(String(20))
    carry_days: Mapped[int | None]
    is_carried: Mapped[bool]
    order_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("order.id"), unique=True)
    pool_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("pool.id"), unique=True)
    escrowed_minor: Mapped[int]
    released_minor: Mapped[int]
    """Less what was taken back."""
    returned_minor: Mapped[int]
    lines: Mapped[int]
    """The number of the journal's last line."""
    moves: Mapped[int]
    created_at: Mapped[datetime]
    version: Mapped[int]

    __table_args__ = (
        CheckConstraint(one_of("sponsor_kind", SponsorKind), name="sponsor_kind"),
        CheckConstraint(one_of("state", SponsorshipState), name="state"),
        CheckConstraint("boxes > 0 AND boxes <= 1000000 AND pack_grams > 0", name="boxes"),
        CheckConstraint("unit_price_minor > 0 AND unit_price_minor <= 1000000000", name="unit_price"),
        CheckConstraint(
            "total_minor = boxes * unit_price_minor AND total_minor <= 10000000000000", name="total"
        ),
        CheckConstraint("rule IN ('nearest', 'lowest', 'lowest_after')", name="rule"),
        CheckConstraint("answer_hours BETWEEN 1 AND 240", name="answer_hours"),
        CheckConstraint(
            "least(confirmation_permille, intake_permille, delivery_permille) >= 0"
            " AND confirmation_permille + intake_permille + delivery_permille = 1000",
            name="tranches",
        ),
        CheckConstraint("escrow_permille BETWEEN confirmation_permille AND 1000", name="escrow_permille"),
        CheckConstraint("shopper_pays_minor BETWEEN 0 AND unit_price_minor", name="shopper_pays"),
        CheckConstraint(one_of("end_policy", EndPolicy), name="end_policy"),
        CheckConstraint("(end_policy = 'carried_on') = (carry_days IS NOT NULL)", name="carried_on"),
        CheckConstraint("carry_days BETWEEN 1 AND 366", name="carry_days"),
        CheckConstraint("NOT is_carried OR end_policy = 'carried_on'", name="is_carried"),
        CheckConstraint("(pool_id IS NULL) = (order_id IS NULL)", name="pool"),
        CheckConstraint(
            "escrowed_minor >= 0 AND released_minor >= 0 AND returned_minor >= 0"
            " AND released_minor + returned_minor <= escrowed_minor",
            name="never_more_out",
        ),
        CheckConstraint("escrowed_minor <= 20000000000000", name="escrowed"),
        CheckConstraint("lines >= 0 AND moves >= 0", name="numbers"),
        CheckConstraint(
            "state <> 'closed' OR released_minor + returned_minor = escrowed_minor", name="closed"
        ),
    )

    @property
    def tranches(self) -> Tranches:
        return Tranches(
            confirmation=self.confirmation_permille,
            intake=self.intake_permille,
            delivery=self.delivery_permille,
        )

    @property
    def escrow_minor(self) -> int:
        """What is in escrow now."""
        return self.escrowed_minor - self.released_minor - self.returned_minor


class SponsorshipMove(Base):
    """One step of a sponsorship's life: who asked for it, why, and what came of it. Append-only."""

    __tablename__ = "sponsorship_move"

    sponsorship_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("sponsorship.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    event: Mapped[str] = mapped_column(String(20))
    before: Mapped[str | None] = mapped_column(String(20))
    after: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str | None] = mapped_column(String(200))
    actor: Mapped[str] = mapped_column(String(80))
    request_id: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("number > 0 AND (number = 1) = (before IS NULL)", name="number"),
        CheckConstraint(f"event = 'draft' OR {one_of('event', SponsorshipEvent)}", name="event"),
        CheckConstraint("(event = 'draft') = (number = 1)", name="first"),
        CheckConstraint(one_of("before", SponsorshipState), name="before"),
        CheckConstraint(one_of("after", SponsorshipState), name="after"),
    )


class EscrowLine(Base):
    """One posting of a sponsor's money, from an account to another, and what is in escrow after it. Append-only."""

    __tablename__ = "escrow_line"

    sponsorship_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("sponsorship.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """1, 2, 3 … without gaps in each sponsorship."""
    kind: Mapped[str] = mapped_column(String(20))
    debit: Mapped[str] = mapped_column(String(20))
    credit: Mapped[str] = mapped_column(String(20))
    amount_minor: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    escrow_minor: Mapped[int]
    payment_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("payment.id"))
    share_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("share.id"), index=True)
    tranche: Mapped[str | None] = mapped_column(String(20))
    actor: Mapped[str] = mapped_column(String(80))
    request_id: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("number > 0 AND amount_minor > 0 AND escrow_minor >= 0", name="number"),
        CheckConstraint(
            "CASE kind"
            " WHEN 'escrowed' THEN debit = 'sponsor_clearing' AND credit = 'sponsor_escrow'"
            " WHEN 'released' THEN debit = 'sponsor_escrow' AND credit = 'coop_payable'"
            " WHEN 'taken_back' THEN debit IN ('coop_payable', 'coop_receivable') AND credit = 'sponsor_escrow'"
            " WHEN 'returned' THEN debit = 'sponsor_escrow' AND credit = 'sponsor_clearing'"
            " ELSE false END",
            name="accounts",
        ),
        CheckConstraint(one_of("tranche", Tranche), name="tranche"),
        CheckConstraint(
            "CASE WHEN kind IN ('escrowed', 'returned')"
            " THEN payment_id IS NOT NULL AND num_nonnulls(share_id, tranche) = 0"
            " ELSE payment_id IS NULL AND num_nulls(share_id, tranche) = 0 END",
            name="cause",
        ),
        Index(
            "uq_escrow_line_receipt", "payment_id", unique=True, postgresql_where=text("kind = 'escrowed'")
        ),
    )


class SponsoredShare(Base):
    """How far a cooperative's share of a sponsored order has come, in boxes."""

    __tablename__ = "sponsored_share"

    share_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("share.id"), primary_key=True)
    sponsorship_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("sponsorship.id"), index=True)
    cooperative_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cooperative.id"))
    boxes: Mapped[int]
    boxes_taken_in: Mapped[int]
    boxes_delivered: Mapped[int]
    version: Mapped[int]

    __table_args__ = (
        CheckConstraint(
            "boxes_delivered >= 0 AND boxes_delivered <= boxes_taken_in AND boxes_taken_in <= boxes",
            name="progress",
        ),
    )

    @property
    def progress(self) -> Progress:
        return Progress(boxes=self.boxes, taken_in=self.boxes_taken_in, delivered=self.boxes_delivered)


class SponsorPayable(Base):
    """What a cooperative is to be paid of one tranche of its share: the sum of the journal's lines of it."""

    __tablename__ = "sponsor_payable"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    sponsorship_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("sponsorship.id"), index=True)
    share_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("share.id"))
    tranche: Mapped[str] = mapped_column(String(20))
    cooperative_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cooperative.id"), index=True)
    amount_minor: Mapped[int]
    owed_back_minor: Mapped[int]
    """Was paid and then taken back: the cooperative owes it, and its next settlement nets it."""
    currency: Mapped[str] = mapped_column(String(3))
    changed_at: Mapped[datetime]
    version: Mapped[int]

    __table_args__ = (
        UniqueConstraint("share_id", "tranche"),
        CheckConstraint(one_of("tranche", Tranche), name="tranche"),
        CheckConstraint("amount_minor >= 0 AND owed_back_minor >= 0", name="amount"),
    )

    @property
    def to_pay_minor(self) -> int:
        """What all payouts of it together come to: what is owed back is not paid less for it."""
        return self.amount_minor + self.owed_back_minor


class SponsorPayout(Base):
    """What one payout pays of a tranche; the payout has its id as purpose. Append-only."""

    __tablename__ = "sponsor_payout"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    payable_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("sponsor_payable.id"))
    number: Mapped[int]
    amount_minor: Mapped[int]
    drafted_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("payable_id", "number"),
        CheckConstraint("number > 0 AND amount_minor > 0", name="number"),
    )


class SponsorDraw(Base):
    """Boxes of a sponsor's pool for somebody: a player, or whoever has a gift's code; in the end a donation."""

    __tablename__ = "sponsor_draw"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    sponsorship_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("sponsorship.id"), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20))
    boxes: Mapped[int]
    hold_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("hold.id"), unique=True)
    holder_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("account.id"), index=True)
    """Whose it is; nobody's while a gift is not claimed."""
    order_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("order.id"), unique=True)
    code_digest: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    words: Mapped[str | None] = mapped_column(String(200))
    """What the giver writes, or who got a donation."""
    expires_at: Mapped[datetime]
    created_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]
    version: Mapped[int]

    __table_args__ = (
        CheckConstraint(one_of("kind", DrawKind), name="kind"),
        CheckConstraint(one_of("state", DrawState), name="state"),
        CheckConstraint("boxes > 0 AND boxes <= 1000000", name="boxes"),
        CheckConstraint("(kind = 'gift') = (code_digest IS NOT NULL)", name="code"),
        CheckConstraint("octet_length(code_digest) = 32", name="digest"),
        CheckConstraint(
            "holder_id IS NOT NULL OR (kind = 'gift' AND state IN ('open', 'expired', 'released'))",
            name="holder",
        ),
        CheckConstraint("kind = 'donation' OR state <> 'redeemed' OR order_id IS NOT NULL", name="redeemed"),
        CheckConstraint("state <> 'ordered' OR order_id IS NOT NULL", name="ordered"),
        CheckConstraint(
            "(resolved_at IS NOT NULL) = (state IN ('redeemed', 'expired', 'released'))", name="resolved"
        ),
        Index("ix_sponsor_draw_due", "expires_at", postgresql_where=text("state = 'open'")),
    )
