"""Table of batches: which row of a phone became which lot."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.database import Base


class LotIntake(Base):
    """A row that was taken in. Its id is made by the phone and is its cooperative's own. Append-only."""

    __tablename__ = "lot_intake"

    cooperative_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cooperative.id"), primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    lot_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("lot.id"), unique=True)
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """All that was sent: the same id again must bring the same."""
    actor: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]
