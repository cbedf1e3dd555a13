"""Tables of cold stores."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from inventory.states import Storage
from marketplace.database import Base, one_of


class ColdStore(Base):
    __tablename__ = "cold_store"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    name_en: Mapped[str] = mapped_column(String(200))
    name_zh: Mapped[str] = mapped_column(String(200))
    county_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("county.id"))
    kind: Mapped[str] = mapped_column(String(30))
    created_at: Mapped[datetime]

    __table_args__ = (CheckConstraint(one_of("kind", Storage), name="kind"),)
