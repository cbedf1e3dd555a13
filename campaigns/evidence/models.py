"""Tables of evidence: a cooperative's consent for one lender, and every reading under it."""

import uuid
from datetime import date, datetime

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from campaigns.evidence.rules import Content
from marketplace.database import Base


class EvidenceConsent(Base):
    """Who may read what until when, in words that a member has signed. Its code is kept as a digest."""

    __tablename__ = "evidence_consent"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    cooperative_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cooperative.id"), index=True)
    lender: Mapped[str] = mapped_column(String(200))
    contents: Mapped[list[str]] = mapped_column(ARRAY(String(20)))
    since_on: Mapped[date]
    ends_at: Mapped[datetime]
    text_en: Mapped[str] = mapped_column(String(4_000))
    text_zh: Mapped[str] = mapped_column(String(4_000))
    digest: Mapped[str] = mapped_column(String(80))
    """Of both texts."""
    drafted_by: Mapped[str] = mapped_column(String(80))
    drafted_at: Mapped[datetime]
    signed_by: Mapped[str | None] = mapped_column(String(80))
    signed_at: Mapped[datetime | None]
    code_digest: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    withdrawn_by: Mapped[str | None] = mapped_column(String(80))
    withdrawn_at: Mapped[datetime | None]
    readings: Mapped[int]
    """How often it was read: the number of the last reading."""
    version: Mapped[int]

    __table_args__ = (
        CheckConstraint(
            f"contents <@ ARRAY[{', '.join(repr(each.value) for each in Content)}]::varchar[]"
            " AND cardinality(contents) > 0",
            name="contents",
        ),
        CheckConstraint("ends_at > drafted_at", name="ends"),
        CheckConstraint("num_nulls(signed_by, signed_at, code_digest) IN (0, 3)", name="signed"),
        CheckConstraint("num_nulls(withdrawn_by, withdrawn_at) IN (0, 2)", name="withdrawn"),
        CheckConstraint("octet_length(code_digest) = 32", name="code_digest"),
        CheckConstraint("readings >= 0 AND (readings = 0 OR signed_at IS NOT NULL)", name="readings"),
    )

    def state_at(self, now: datetime) -> str:
        """`drafted`, `signed`, `withdrawn` or `ended`."""
        if self.withdrawn_at is not None:
            return "withdrawn"
        if now >= self.ends_at:
            return "ended"
        return "drafted" if self.signed_at is None else "signed"


class EvidenceReading(Base):
    """Evidence was read once, in which form, and what exactly: by its digest. Append-only."""

    __tablename__ = "evidence_reading"

    consent_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("evidence_consent.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """1, 2, 3 … without gaps in each consent."""
    form: Mapped[str] = mapped_column(String(4))
    digest: Mapped[str] = mapped_column(String(80))
    request_id: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("number > 0", name="number"),
        CheckConstraint("form IN ('json', 'csv', 'pdf')", name="form"),
    )
