"""Which number of ours names what. Append-only: a number is never given away again."""

from sqlalchemy import CheckConstraint, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from inventory.provenance.kinds import NumberKind
from marketplace.database import Base, one_of


class TraceNumber(Base):
    """A thing, and its number in the series of its kind."""

    __tablename__ = "trace_number"

    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    subject: Mapped[str] = mapped_column(String(200), primary_key=True)
    """What it is of: an id, or for a class of fruit whose and which."""
    reference: Mapped[int]

    __table_args__ = (
        UniqueConstraint("kind", "reference"),
        CheckConstraint(one_of("kind", NumberKind), name="kind"),
        CheckConstraint("reference > 0", name="reference"),
    )
