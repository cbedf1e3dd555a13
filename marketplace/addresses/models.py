"""The table of people's addresses."""

import uuid
from datetime import datetime
from typing import Final

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.database import Base

KIND: Final = "address"


class SavedAddress(Base):
    """One address of one person, sealed: the database knows whose it is, not where."""

    __tablename__ = "address"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"), index=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary, info={"sealed": KIND})
    is_default: Mapped[bool]
    created_at: Mapped[datetime]
    version: Mapped[int]

    __table_args__ = (
        CheckConstraint("octet_length(sealed) BETWEEN 33 AND 20000", name="sealed"),
        Index("uq_address_default", "account_id", unique=True, postgresql_where=text("is_default")),
    )
