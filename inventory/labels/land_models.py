"""Tables of label areas: their numbers of a season, certified land, packaging designs."""

import uuid
from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.database import Base


class LabelArea(Base):
    """A named area of a county whose fruit may bear its label."""

    __tablename__ = "label_area"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    county_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("county.id"))
    code: Mapped[str] = mapped_column(String(40))
    name_en: Mapped[str] = mapped_column(String(200))
    name_zh: Mapped[str] = mapped_column(String(200))
    boundary: Mapped[list[list[int]] | None] = mapped_column(JSONB(none_as_null=True))
    """Its ring (`land_rules`): points of longitude and latitude in ten-millionths of a degree."""
    version: Mapped[int]
    created_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("county_id", "code"),
        CheckConstraint("version > 0", name="version"),
    )


class LabelSeason(Base):
    """The numbers of an area for a harvest year. The ceiling stays once fruit was weighed under it."""

    __tablename__ = "label_season"

    area_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("label_area.id"), primary_key=True)
    season: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """The year of the harvest."""
    ceiling_grams_per_hectare: Mapped[int]
    overfill_permille: Mapped[int]
    shrink_permille: Mapped[int]
    provisional_permille: Mapped[int]
    tolerance_permille: Mapped[int]
    grades: Mapped[list[str]] = mapped_column(JSONB)
    """Fruit of these grades has passed, and earns credit."""
    version: Mapped[int]
    created_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint("season BETWEEN 2000 AND 2099", name="season"),
        CheckConstraint("ceiling_grams_per_hectare BETWEEN 1 AND 200000000", name="ceiling"),
        CheckConstraint(
            "overfill_permille BETWEEN 0 AND 200 AND shrink_permille BETWEEN 0 AND 500"
            " AND provisional_permille BETWEEN 0 AND 1000 AND tolerance_permille BETWEEN 0 AND 100",
            name="permille",
        ),
        CheckConstraint("version > 0", name="version"),
    )


class LabelPlot(Base):
    """Certified land of a cooperative. Its area never changes: land that is measured anew is certified anew."""

    __tablename__ = "label_plot"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    cooperative_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("cooperative.id"))
    area_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("label_area.id"), index=True)
    code: Mapped[str] = mapped_column(String(60))
    """In the words of its lots' `plot`."""
    square_metres: Mapped[int]
    valid_from: Mapped[date]
    valid_until: Mapped[date]
    """The last day on which fruit harvested there is certified."""
    certificate: Mapped[str] = mapped_column(String(100))
    boundary: Mapped[list[list[int]] | None] = mapped_column(JSONB(none_as_null=True))
    """Where it lies, as an area's."""
    version: Mapped[int]
    created_at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("cooperative_id", "code", "valid_from"),
        CheckConstraint("square_metres BETWEEN 1 AND 1000000000", name="square_metres"),
        CheckConstraint("valid_until >= valid_from", name="days"),
        CheckConstraint("version > 0", name="version"),
    )


class LabelDesign(Base):
    """A version of an area's packaging design for a season, with its bytes. Append-only."""

    __tablename__ = "label_design"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    area_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("label_area.id"))
    season: Mapped[int]
    name: Mapped[str] = mapped_column(String(40))
    number: Mapped[int]
    """1, 2, 3 … without gaps for each name."""
    media_type: Mapped[str] = mapped_column(String(40))
    size_bytes: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))
    data: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    actor: Mapped[str] = mapped_column(String(80))
    at: Mapped[datetime]

    __table_args__ = (
        UniqueConstraint("area_id", "season", "name", "number"),
        CheckConstraint("number BETWEEN 1 AND 50", name="number"),
        CheckConstraint("season BETWEEN 2000 AND 2099", name="season"),
        CheckConstraint("media_type IN ('application/pdf', 'image/png', 'image/jpeg')", name="media_type"),
        CheckConstraint("size_bytes = octet_length(data) AND size_bytes BETWEEN 1 AND 2000000", name="size"),
        CheckConstraint("sha256 = encode(sha256(data), 'hex')", name="sha256"),
    )
