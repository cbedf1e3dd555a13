"""Tables of the catalogue."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from marketplace.database import Base


class County(Base):
    __tablename__ = "county"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    name_en: Mapped[str] = mapped_column(String(200))
    name_zh: Mapped[str] = mapped_column(String(200))
    is_demo: Mapped[bool]
    """The county is made up; every answer about it says so."""
    version: Mapped[int]
    created_at: Mapped[datetime]


class Cooperative(Base):
    __tablename__ = "cooperative"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    county_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("county.id"))
    code: Mapped[str] = mapped_column(String(40))
    name_en: Mapped[str] = mapped_column(String(200))
    name_zh: Mapped[str] = mapped_column(String(200))
    township_en: Mapped[str] = mapped_column(String(200))
    township_zh: Mapped[str] = mapped_column(String(200))
    member_households: Mapped[int]
    """The usual weight of a split."""
    members: Mapped[int]
    gln: Mapped[str | None] = mapped_column(String(13), unique=True)
    version: Mapped[int]
    created_at: Mapped[datetime]

    county: Mapped[County] = relationship(lazy="joined", innerjoin=True)

    __table_args__ = (
        UniqueConstraint("county_id", "code"),
        CheckConstraint("member_households > 0 AND member_households <= 1000000", name="member_households"),
        CheckConstraint("members > 0 AND members <= 10000000", name="members"),
        CheckConstraint("gln ~ '^[0-9]{13}$'", name="gln"),
    )

    @property
    def is_demo(self) -> bool:
        return self.county.is_demo


class Product(Base):
    """Apples of one variety, grade and size. These three never change: orders and stock refer to them."""

    __tablename__ = "product"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    variety: Mapped[str] = mapped_column(String(60))
    grade: Mapped[str] = mapped_column(String(20))
    size: Mapped[str | None] = mapped_column(String(20))
    name_en: Mapped[str] = mapped_column(String(200))
    name_zh: Mapped[str] = mapped_column(String(200))
    version: Mapped[int]
    created_at: Mapped[datetime]


class Pack(Base):
    """One box of a product. Its product and its net grams never change: other fruit is another pack."""

    __tablename__ = "pack"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    product_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("product.id"), index=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    net_grams: Mapped[int]
    gtin: Mapped[str | None] = mapped_column(String(14), unique=True)
    """Always in its 14-digit form."""
    list_price_minor: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    version: Mapped[int]
    created_at: Mapped[datetime]

    product: Mapped[Product] = relationship(lazy="joined", innerjoin=True)

    __table_args__ = (
        CheckConstraint("net_grams > 0 AND net_grams <= 100000000", name="net_grams"),
        CheckConstraint("gtin ~ '^[0-9]{14}$'", name="gtin"),
        CheckConstraint("list_price_minor >= 0 AND list_price_minor <= 1000000000", name="list_price"),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
    )

    @property
    def variety(self) -> str:
        return self.product.variety

    @property
    def grade(self) -> str:
        return self.product.grade

    @property
    def size(self) -> str | None:
        return self.product.size

    @property
    def name_en(self) -> str:
        return self.product.name_en

    @property
    def name_zh(self) -> str:
        return self.product.name_zh

    @property
    def product_code(self) -> str:
        return self.product.code
