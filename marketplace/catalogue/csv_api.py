"""Doors of the catalogue's files: CSV out for spreadsheets, CSV in for operators."""

from typing import Any, Final

from flask import Response, request
from sqlalchemy.orm import Session

from marketplace import context, problems
from marketplace.catalogue import counties, csv_import, products, schemas
from marketplace.catalogue.cooperatives import CooperativeCodeTaken, GlnTaken
from marketplace.catalogue.csv_table import CsvRefused, decode
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.files import is_said_to_be
from marketplace.language import Text

files = Blueprint("catalogue_files", __name__, url_prefix="", description="The catalogue as CSV 目录文件")

MEDIA_TYPE: Final = "text/csv"
CSV_BODY: Final[dict[str, Any]] = {
    "required": True,
    "description": "UTF-8, a heading, at most 5,000 rows and 1 MB; docs/csv.md tells the columns.",
    "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
}


@files.get("/cooperatives.csv")
@files.arguments(schemas.CountyOfFile, location="query")
@files.problems(counties.CountyNotFound)
@files.response(200, content_type=MEDIA_TYPE)
def download_cooperatives(query: dict[str, Any]) -> Response:
    """The cooperatives of a county as a file 下载合作社名录"""
    with reading() as session:
        county = counties.get(session, **query)
        name = f"cooperatives-{county.code}{'-demo' if county.is_demo else ''}"
        return _file(name, csv_import.write_cooperatives(session, **query))


@files.post("/cooperatives/imports")
@files.doc(requestBody=CSV_BODY)
@files.arguments(schemas.CountyOfFile, location="query")
@files.problems(
    problems.UnsupportedMediaType, counties.CountyNotFound, CsvRefused, CooperativeCodeTaken, GlnTaken
)
@files.writes(200, schemas.CsvReport)
def upload_cooperatives(session: Session, query: dict[str, Any]) -> csv_import.Report:
    """Create and edit the cooperatives of a county from a file 导入合作社名录"""
    return csv_import.read_cooperatives(session, context.current(), text=body_text(), **query)


@files.get("/products.csv")
@files.response(200, content_type=MEDIA_TYPE)
def download_products() -> Response:
    """All products as a file 下载产品目录"""
    with reading() as session:
        return _file("products", csv_import.write_products(session))


@files.post("/products/imports")
@files.doc(requestBody=CSV_BODY)
@files.problems(problems.UnsupportedMediaType, CsvRefused, products.ProductCodeTaken)
@files.writes(200, schemas.CsvReport)
def upload_products(session: Session) -> csv_import.Report:
    """Create and rename products from a file 导入产品目录"""
    return csv_import.read_products(session, context.current(), text=body_text())


@files.get("/packs.csv")
@files.response(200, content_type=MEDIA_TYPE)
def download_packs() -> Response:
    """All packs as a file 下载包装目录"""
    with reading() as session:
        return _file("packs", csv_import.write_packs(session))


@files.post("/packs/imports")
@files.doc(requestBody=CSV_BODY)
@files.problems(problems.UnsupportedMediaType, CsvRefused, products.PackCodeTaken, products.GtinTaken)
@files.writes(200, schemas.CsvReport)
def upload_packs(session: Session) -> csv_import.Report:
    """Create packs and edit their prices and GTINs from a file 导入包装目录"""
    return csv_import.read_packs(session, context.current(), text=body_text())


def body_text() -> str:
    """The request's body as CSV text; raises UnsupportedMediaType, CsvRefused."""
    is_utf8 = request.mimetype_params.get("charset", "utf-8").lower() in ("utf-8", "utf8")
    if not is_said_to_be((MEDIA_TYPE,)) or not is_utf8:
        raise problems.UnsupportedMediaType(
            Text(en="The body must be text/csv in UTF-8.", zh="请求体必须为 UTF-8 编码的 text/csv。")
        )
    return decode(request.get_data())


def _file(name: str, text: str) -> Response:
    """With a byte order mark, by which spreadsheets know UTF-8."""
    response = Response(text.encode("utf-8-sig"), content_type=f"{MEDIA_TYPE}; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response
