"""Doors of counties, cooperatives, products and packs: everybody reads, operators write."""

import uuid
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from marketplace import context, paging, versions
from marketplace.catalogue import cooperatives, counties, gs1, products, schemas
from marketplace.catalogue.csv_api import files
from marketplace.catalogue.models import Cooperative, County, Pack, Product
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.problems import VersionDiffers, VersionMissing

county_doors = Blueprint("counties", __name__, url_prefix="/counties", description="Counties 县")
cooperative_doors = Blueprint(
    "cooperatives", __name__, url_prefix="/cooperatives", description="Cooperatives 合作社"
)
product_doors = Blueprint("products", __name__, url_prefix="/products", description="Products 产品")
pack_doors = Blueprint("packs", __name__, url_prefix="/packs", description="Packs: boxes of a product 包装")

blueprints: Final = (county_doors, cooperative_doors, product_doors, pack_doors, files)


@county_doors.get("")
@county_doors.arguments(paging.Query, location="query")
@county_doors.response(200, paging.page_of(schemas.County))
def list_counties(query: dict[str, Any]) -> dict[str, Any]:
    """All counties 县列表"""
    with reading() as session:
        return paging.read(session, select(County), County.id, **query)


@county_doors.get("/<uuid:county_id>")
@county_doors.problems(counties.CountyNotFound)
@county_doors.response(200, schemas.County)
def get_county(county_id: uuid.UUID) -> County:
    """One county 查询县"""
    with reading() as session:
        county = counties.get(session, county_id=county_id)
        versions.tag(county.version)
        return county


@county_doors.post("")
@county_doors.arguments(schemas.CreateCounty)
@county_doors.problems(counties.CountyCodeTaken)
@county_doors.writes(201, schemas.County, location=lambda county: f"/v1/counties/{county.id}")
def create_county(session: Session, body: dict[str, Any]) -> County:
    """Add a county 新增县"""
    return counties.create(session, context.current(), **body)


@county_doors.put("/<uuid:county_id>")
@county_doors.doc(parameters=[versions.IF_MATCH])
@county_doors.arguments(schemas.EditCounty)
@county_doors.problems(counties.CountyNotFound, VersionMissing, VersionDiffers)
@county_doors.writes(200, schemas.County, key=False)
def edit_county(session: Session, body: dict[str, Any], county_id: uuid.UUID) -> County:
    """Rename a county 修改县名"""
    versions.check(counties.get(session, county_id=county_id, locked=True).version)
    return counties.edit(session, context.current(), county_id=county_id, **body)


@cooperative_doors.get("")
@cooperative_doors.arguments(schemas.CooperativesQuery, location="query")
@cooperative_doors.response(200, paging.page_of(schemas.Cooperative))
def list_cooperatives(query: dict[str, Any]) -> dict[str, Any]:
    """Cooperatives, of one county or of all 合作社列表"""
    statement = paging.only(select(Cooperative), query, Cooperative.county_id)
    with reading() as session:
        return paging.read(session, statement, Cooperative.id, **query)


@cooperative_doors.get("/<uuid:cooperative_id>")
@cooperative_doors.problems(cooperatives.CooperativeNotFound)
@cooperative_doors.response(200, schemas.Cooperative)
def get_cooperative(cooperative_id: uuid.UUID) -> Cooperative:
    """One cooperative 查询合作社"""
    with reading() as session:
        cooperative = cooperatives.get(session, cooperative_id=cooperative_id)
        versions.tag(cooperative.version)
        return cooperative


@cooperative_doors.post("")
@cooperative_doors.arguments(schemas.CreateCooperative)
@cooperative_doors.problems(
    counties.CountyNotFound, cooperatives.CooperativeCodeTaken, cooperatives.GlnTaken, gs1.GlnRefused
)
@cooperative_doors.writes(201, schemas.Cooperative, location=lambda made: f"/v1/cooperatives/{made.id}")
def create_cooperative(session: Session, body: dict[str, Any]) -> Cooperative:
    """Add a cooperative to a county 新增合作社"""
    return cooperatives.create(session, context.current(), **body)


@cooperative_doors.put("/<uuid:cooperative_id>")
@cooperative_doors.doc(parameters=[versions.IF_MATCH])
@cooperative_doors.arguments(schemas.EditCooperative)
@cooperative_doors.problems(
    cooperatives.CooperativeNotFound, cooperatives.GlnTaken, gs1.GlnRefused, VersionMissing, VersionDiffers
)
@cooperative_doors.writes(200, schemas.Cooperative, key=False)
def edit_cooperative(session: Session, body: dict[str, Any], cooperative_id: uuid.UUID) -> Cooperative:
    """Edit a cooperative; county and code stay 修改合作社"""
    versions.check(cooperatives.get(session, cooperative_id=cooperative_id, locked=True).version)
    return cooperatives.edit(session, context.current(), cooperative_id=cooperative_id, **body)


@product_doors.get("")
@product_doors.arguments(paging.Query, location="query")
@product_doors.response(200, paging.page_of(schemas.Product))
def list_products(query: dict[str, Any]) -> dict[str, Any]:
    """All products 产品列表"""
    with reading() as session:
        return paging.read(session, select(Product), Product.id, **query)


@product_doors.get("/<uuid:product_id>")
@product_doors.problems(products.ProductNotFound)
@product_doors.response(200, schemas.Product)
def get_product(product_id: uuid.UUID) -> Product:
    """One product 查询产品"""
    with reading() as session:
        product = products.get(session, product_id=product_id)
        versions.tag(product.version)
        return product


@product_doors.post("")
@product_doors.arguments(schemas.CreateProduct)
@product_doors.problems(products.ProductCodeTaken)
@product_doors.writes(201, schemas.Product, location=lambda product: f"/v1/products/{product.id}")
def create_product(session: Session, body: dict[str, Any]) -> Product:
    """Add a product 新增产品"""
    return products.create(session, context.current(), **body)


@product_doors.put("/<uuid:product_id>")
@product_doors.doc(parameters=[versions.IF_MATCH])
@product_doors.arguments(schemas.EditProduct)
@product_doors.problems(products.ProductNotFound, VersionMissing, VersionDiffers)
@product_doors.writes(200, schemas.Product, key=False)
def edit_product(session: Session, body: dict[str, Any], product_id: uuid.UUID) -> Product:
    """Rename a product; variety, grade and size stay 修改产品名称"""
    versions.check(products.get(session, product_id=product_id, locked=True).version)
    return products.edit(session, context.current(), product_id=product_id, **body)


@pack_doors.get("")
@pack_doors.arguments(schemas.PacksQuery, location="query")
@pack_doors.response(200, paging.page_of(schemas.Pack))
def list_packs(query: dict[str, Any]) -> dict[str, Any]:
    """Packs, of one product or of all 包装列表"""
    statement = paging.only(select(Pack), query, Pack.product_id)
    with reading() as session:
        return paging.read(session, statement, Pack.id, **query)


@pack_doors.get("/<uuid:pack_id>")
@pack_doors.problems(products.PackNotFound)
@pack_doors.response(200, schemas.Pack)
def get_pack(pack_id: uuid.UUID) -> Pack:
    """One pack with its product 查询包装"""
    with reading() as session:
        pack = products.get_pack(session, pack_id=pack_id)
        versions.tag(pack.version)
        return pack


@pack_doors.post("")
@pack_doors.arguments(schemas.CreatePack)
@pack_doors.problems(products.ProductNotFound, products.PackCodeTaken, products.GtinTaken, gs1.GtinRefused)
@pack_doors.writes(201, schemas.Pack, location=lambda pack: f"/v1/packs/{pack.id}")
def create_pack(session: Session, body: dict[str, Any]) -> Pack:
    """Add a pack of a product 新增包装"""
    return products.create_pack(session, context.current(), **body)


@pack_doors.put("/<uuid:pack_id>")
@pack_doors.doc(parameters=[versions.IF_MATCH])
@pack_doors.arguments(schemas.EditPack)
@pack_doors.problems(
    products.PackNotFound, products.GtinTaken, gs1.GtinRefused, VersionMissing, VersionDiffers
)
@pack_doors.writes(200, schemas.Pack, key=False)
def edit_pack(session: Session, body: dict[str, Any], pack_id: uuid.UUID) -> Pack:
    """Edit a pack's price and GTIN; product and net grams stay 修改包装"""
    versions.check(products.get_pack(session, pack_id=pack_id, locked=True).version)
    return products.edit_pack(session, context.current(), pack_id=pack_id, **body)
