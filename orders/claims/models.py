"""Tables of claims: what a buyer claims of a parcel, what was decided, and the photos that show it."""

import uuid
from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.database import Base, one_of
from orders.claims.photo_rules import PhotoType
from orders.claims.states import Answer, BorneBy, ClaimKind, ClaimState, Remedy


class Claim(Base):
    """Something is wrong with boxes of one parcel; or the scale has said so, and the rule has decided at once."""

    __tablename__ = "claim"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    order_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("order.id"))
    parcel_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("parcel.id"), index=True)
    buyer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    cooperative_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cooperative.id"))
    kind: Mapped[str] = mapped_column(String(20))
    boxes: Mapped[int]
    words: Mapped[str] = mapped_column(String(1000))
    """The buyer's; none of an automatic one."""
    is_automatic: Mapped[bool]
    """Made and decided by a rule: of light boxes when its parcel left, of missing ones when it was to be packed."""
    state: Mapped[str] = mapped_column(String(20))
    answer: Mapped[str | None] = mapped_column(String(20))
    answer_words: Mapped[str | None] = mapped_column(String(1000))
    answered_by: Mapped[str | None] = mapped_column(String(80))
    answered_at: Mapped[datetime | None]
    remedy: Mapped[str | None] = mapped_column(String(20))
    """The last decision's."""
    refund_minor: Mapped[int | None]
    """What was decided on; nothing where the boxes had cost nothing."""
    currency: Mapped[str] = mapped_column(String(3))
    borne_by: Mapped[str | None] = mapped_column(String(20))
    decision_words: Mapped[str | None] = mapped_column(String(1000))
    decided_by: Mapped[str | None] = mapped_column(String(80))
    decided_at: Mapped[datetime | None]
    delivered_on: Mapped[date | None]
    """Of a replacement: the day on which it is to arrive."""
    returned_lot_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("lot.id"), unique=True)
    """What its boxes became when they were received."""
    created_at: Mapped[datetime]
    version: Mapped[int]

    __table_args__ = (
        CheckConstraint(one_of("kind", ClaimKind), name="kind"),
        CheckConstraint("boxes > 0 AND boxes <= 1000000", name="boxes"),
        CheckConstraint(one_of("state", ClaimState), name="state"),
        CheckConstraint(one_of("answer", Answer), name="answer"),
        CheckConstraint(one_of("remedy", Remedy), name="remedy"),
        CheckConstraint(one_of("borne_by", BorneBy), name="borne_by"),
        CheckConstraint("refund_minor >= 0 AND refund_minor <= 10000000000000", name="refund"),
        CheckConstraint(
            "NOT is_automatic OR (kind IN ('weight', 'missing') AND state = 'refunded' AND remedy = 'refund')",
            name="automatic",
        ),
        CheckConstraint(
            "num_nulls(answer, answered_by, answered_at) IN (0, 3)"
            " AND (answer_words IS NULL OR answer IS NOT NULL)",
            name="answered",
        ),
        CheckConstraint("num_nulls(remedy, decided_by, decided_at) IN (0, 3)", name="decided"),
        CheckConstraint(
            "CASE WHEN remedy IS NULL OR remedy = 'reject' THEN num_nonnulls(refund_minor, borne_by) = 0"
            " WHEN remedy = 'replace' THEN refund_minor IS NULL AND borne_by IS NOT NULL"
            " ELSE num_nulls(refund_minor, borne_by) = 0 END",
            name="amount",
        ),
        CheckConstraint("remedy <> 'reject' OR decision_words IS NOT NULL", name="reason"),
        CheckConstraint(
            "CASE state WHEN 'open' THEN num_nonnulls(answer, remedy) = 0"
            " WHEN 'answered' THEN answer IS NOT NULL AND remedy IS NULL"
            " WHEN 'returning' THEN remedy = 'return' WHEN 'refunded' THEN remedy IN ('refund', 'return')"
            " WHEN 'replacing' THEN remedy = 'replace' WHEN 'replaced' THEN remedy = 'replace'"
            " WHEN 'rejected' THEN remedy = 'reject' ELSE remedy IS NULL OR remedy = 'return' END",
            name="remedy_of_state",
        ),
        CheckConstraint(
            "(delivered_on IS NOT NULL) = (coalesce(remedy, '') = 'replace')", name="delivered_on"
        ),
        CheckConstraint(
            "(returned_lot_id IS NOT NULL) = (state = 'refunded' AND remedy = 'return')", name="returned"
        ),
        Index("uq_claim_automatic", "parcel_id", unique=True, postgresql_where=text("is_automatic")),
        Index(None, "order_id", "state"),
        Index(None, "buyer_id", "id"),
        Index(None, "cooperative_id", "id"),
        Index(None, "state", "id"),
    )


class ClaimPhoto(Base):
    """A picture of what is claimed, with its bytes, without what cameras write beside the picture. Append-only."""

    __tablename__ = "claim_photo"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    claim_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("claim.id"))
    number: Mapped[int]
    media_type: Mapped[str] = mapped_column(String(40))
    size_bytes: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    data: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    uploaded_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("claim_id", "number"),
        UniqueConstraint("claim_id", "sha256"),
        CheckConstraint("number BETWEEN 1 AND 6", name="number"),
        CheckConstraint(one_of("media_type", PhotoType), name="media_type"),
        CheckConstraint("size_bytes = octet_length(data) AND size_bytes BETWEEN 1 AND 2000000", name="size"),
        CheckConstraint("sha256 = encode(sha256(data), 'hex')", name="sha256"),
    )
