"""Tables of exports: prices in other currencies, destinations, what was agreed, papers in all their versions."""

import uuid
from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from campaigns.exports.file_rules import FileType
from campaigns.exports.rules import DocumentKind, Incoterm
from marketplace.database import Base, one_of


class ItemPrice(Base):
    """What a box of an item costs in another currency than its own; never converted. Fixed once it is public."""

    __tablename__ = "campaign_item_price"

    item_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("campaign_item.id"), primary_key=True)
    currency: Mapped[str] = mapped_column(String(3), primary_key=True)
    unit_price_minor: Mapped[int]
    set_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("unit_price_minor > 0 AND unit_price_minor <= 1000000000", name="unit_price"),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
    )


class ExportDestination(Base):
    """A country that boxes are sent to: for how long they must keep there, and which papers they need."""

    __tablename__ = "export_destination"

    country: Mapped[str] = mapped_column(String(2), primary_key=True)
    name_en: Mapped[str] = mapped_column(String(100))
    name_zh: Mapped[str] = mapped_column(String(100))
    shelf_days: Mapped[int]
    version: Mapped[int]
    updated_at: Mapped[datetime]

    papers: Mapped[list["DestinationDocument"]] = relationship(
        lazy="selectin", order_by="DestinationDocument.kind", cascade="all, delete-orphan"
    )

    __table_args__ = (
        CheckConstraint("country ~ '^[A-Z]{2}$' AND country <> 'CN'", name="country"),
        CheckConstraint("shelf_days BETWEEN 30 AND 365", name="shelf_days"),
    )

    @property
    def documents(self) -> list[str]:
        return [each.kind for each in self.papers]


class DestinationDocument(Base):
    """A paper that whatever goes to a country needs."""

    __tablename__ = "export_destination_document"

    country: Mapped[str] = mapped_column(ForeignKey("export_destination.country"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(40), primary_key=True)

    __table_args__ = (CheckConstraint(one_of("kind", DocumentKind), name="kind"),)


class ExportTerms(Base):
    """What was agreed on an export: who gets it, where, by when, and for how long it must keep there."""

    __tablename__ = "export_terms"

    order_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("order.id"), primary_key=True)
    item_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("campaign_item.id"), index=True)
    company: Mapped[str] = mapped_column(String(200))
    country: Mapped[str] = mapped_column(String(2))
    place: Mapped[str] = mapped_column(String(200))
    """The port, airport or town that the incoterm names."""
    incoterm: Mapped[str] = mapped_column(String(3))
    promised_on: Mapped[date]
    shelf_days: Mapped[int]
    """As the destination asked when it was placed."""
    good_until: Mapped[date]
    ready_at: Mapped[datetime | None]

    required: Mapped[list["ExportRequirement"]] = relationship(
        lazy="selectin", order_by="ExportRequirement.kind"
    )

    __table_args__ = (
        CheckConstraint("country ~ '^[A-Z]{2}$' AND country <> 'CN'", name="country"),
        CheckConstraint(one_of("incoterm", Incoterm), name="incoterm"),
        CheckConstraint("good_until >= promised_on + shelf_days::integer", name="good_until"),
    )


class ExportRequirement(Base):
    """A paper that an export needs, as its destination asked when it was placed. Append-only."""

    __tablename__ = "export_requirement"

    order_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("export_terms.order_id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(40), primary_key=True)

    __table_args__ = (CheckConstraint(one_of("kind", DocumentKind), name="kind"),)


class ExportDocument(Base):
    """A version of a paper, with its bytes. Append-only: a better one is the next version."""

    __tablename__ = "export_document"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    order_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("export_terms.order_id"))
    kind: Mapped[str] = mapped_column(String(40))
    version: Mapped[int]
    name: Mapped[str] = mapped_column(String(120))
    media_type: Mapped[str] = mapped_column(String(40))
    size_bytes: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    data: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    uploaded_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id"))
    uploaded_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("order_id", "kind", "version"),
        CheckConstraint(one_of("kind", DocumentKind), name="kind"),
        CheckConstraint("version BETWEEN 1 AND 20", name="version"),
        CheckConstraint(one_of("media_type", FileType), name="media_type"),
        CheckConstraint("size_bytes = octet_length(data) AND size_bytes BETWEEN 1 AND 5000000", name="size"),
        CheckConstraint("sha256 = encode(sha256(data), 'hex')", name="sha256"),
    )
