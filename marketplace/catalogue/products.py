"""Products and their packs: made, found, edited."""

import uuid
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace import database, errors
from marketplace.catalogue import edits, gs1
from marketplace.catalogue.models import Pack, Product
from marketplace.context import Context
from marketplace.language import Text
from marketplace.values import new_id


class ProductNotFound(errors.NotFound):
    title = Text(en="There is no such product.", zh="没有该产品。")


class PackNotFound(errors.NotFound):
    title = Text(en="There is no such pack.", zh="没有该包装。")


class ProductCodeTaken(errors.Conflict):
    """Another product has this code."""

    title = Text(en="Another product has this code.", zh="该产品代码已被使用。")


class PackCodeTaken(errors.Conflict):
    """Another pack has this code."""

    title = Text(en="Another pack has this code.", zh="该包装代码已被使用。")


class GtinTaken(errors.Conflict):
    """Another pack has this GTIN."""

    title = Text(en="Another pack has this GTIN.", zh="该 GTIN 已被其他包装使用。")


def taken() -> dict[str, errors.Refusal]:
    """What the violation of each unique constraint means."""
    return {
        "uq_product_code": ProductCodeTaken(),
        "uq_pack_code": PackCodeTaken(),
        "uq_pack_gtin": GtinTaken(),
    }


def create(
    session: Session,
    ctx: Context,
    *,
    code: str,
    variety: str,
    grade: str,
    name_en: str,
    name_zh: str,
    size: str | None = None,
) -> Product:
    """A new product. Raises ProductCodeTaken."""
    product = add(
        session, ctx, code=code, variety=variety, grade=grade, size=size, name_en=name_en, name_zh=name_zh
    )
    with database.refusing(taken()):
        session.flush()
    return product


def add(session: Session, ctx: Context, **facts: Any) -> Product:
    """Bring a product with checked facts into the session, not yet flushed."""
    product = Product(id=new_id(), version=1, created_at=ctx.now, **facts)
    edits.add(session, ctx, product, facts)
    return product


def edit(session: Session, ctx: Context, *, product_id: uuid.UUID, name_en: str, name_zh: str) -> Product:
    """Rename a product; what fruit it is never changes. Raises ProductNotFound."""
    product = get(session, product_id=product_id, locked=True)
    edits.apply(session, ctx, product, {"name_en": name_en, "name_zh": name_zh})
    return product


def get(session: Session, *, product_id: uuid.UUID, locked: bool = False) -> Product:
    """The product; raises ProductNotFound. `locked`: nobody else edits it until the commit."""
    statement = select(Product).where(Product.id == product_id)
    if locked:
        statement = statement.with_for_update(key_share=True).execution_options(populate_existing=True)
    found = session.scalar(statement)
    if found is None:
        raise ProductNotFound
    return found


def create_pack(
    session: Session,
    ctx: Context,
    *,
    product_id: uuid.UUID,
    code: str,
    net_grams: int,
    list_price_minor: int,
    currency: str,
    gtin: str | None = None,
) -> Pack:
    """A new pack of a product. Raises ProductNotFound, PackCodeTaken, GtinTaken, GtinRefused."""
    pack = add_pack(
        session,
        ctx,
        get(session, product_id=product_id),
        code=code,
        net_grams=net_grams,
        gtin=None if gtin is None else gs1.read_gtin(gtin),
        list_price_minor=list_price_minor,
        currency=currency,
    )
    with database.refusing(taken()):
        session.flush()
    return pack


def add_pack(session: Session, ctx: Context, product: Product, **facts: Any) -> Pack:
    """Bring a pack with checked facts into the session, not yet flushed."""
    pack = Pack(id=new_id(), product=product, version=1, created_at=ctx.now, **facts)
    edits.add(session, ctx, pack, {"product_id": product.id, **facts})
    return pack


def edit_pack(
    session: Session,
    ctx: Context,
    *,
    pack_id: uuid.UUID,
    list_price_minor: int,
    currency: str,
    gtin: str | None = None,
) -> Pack:
    """Price and GTIN anew; product and net grams never change. Raises PackNotFound, GtinTaken, GtinRefused."""
    facts = {
        "list_price_minor": list_price_minor,
        "currency": currency,
        "gtin": None if gtin is None else gs1.read_gtin(gtin),
    }
    pack = get_pack(session, pack_id=pack_id, locked=True)
    edits.apply(session, ctx, pack, facts)
    with database.refusing(taken()):
        session.flush()
    return pack


def get_pack(session: Session, *, pack_id: uuid.UUID, locked: bool = False) -> Pack:
    """The pack with its product; raises PackNotFound. `locked`: nobody else edits it until the commit."""
    statement = select(Pack).where(Pack.id == pack_id)
    if locked:
        statement = statement.with_for_update(of=Pack, key_share=True).execution_options(
            populate_existing=True
        )
    found = session.scalar(statement)
    if found is None:
        raise PackNotFound
    return found


def find_pack(session: Session, *, code: str) -> Pack | None:
    return session.scalar(select(Pack).where(Pack.code == code))
