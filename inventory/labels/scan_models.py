"""The table of scans: coarse places, nobody's name."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.database import Base


class LabelScan(Base):
    """Somebody scanned a label, or what looks like one. Append-only."""

    __tablename__ = "label_scan"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    label_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("label_serial.id"))
    """Without one there is no label with that serial."""
    gtin: Mapped[str] = mapped_column(String(14))
    serial: Mapped[str] = mapped_column(String(20))
    channel: Mapped[str] = mapped_column(String(40))
    city: Mapped[str | None] = mapped_column(String(40))
    north_tenths: Mapped[int | None]
    east_tenths: Mapped[int | None]
    findings: Mapped[list[str]] = mapped_column(JSONB)
    at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint(
            "num_nulls(north_tenths, east_tenths) IN (0, 2)"
            " AND north_tenths BETWEEN -900 AND 900 AND east_tenths BETWEEN -1800 AND 1800",
            name="place",
        ),
        Index(None, "label_id", "id"),
    )
