"""Doors of exports: prices in other currencies, destinations, orders, and papers in and out."""

import uuid
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from flask import Response, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from campaigns import planning
from campaigns.exports import destinations, documents, exporting, file_rules, prices, rules, schemas
from campaigns.exports.file_rules import BYTES_MAX, ENDINGS, FileType
from campaigns.exports.models import ExportDestination, ExportDocument, ExportTerms, ItemPrice
from campaigns.exports.rules import DocumentKind
from campaigns.selling import NotOnSale
from campaigns.showing import NoPriceInCurrency
from campaigns.states import CampaignStateForbids
from inventory import holds
from marketplace import context, errors, files, paging, problems
from marketplace.database import reading
from marketplace.door import Blueprint
from marketplace.language import Text
from marketplace.payments import payments
from marketplace.payments.models import Payment
from marketplace.payments.states import PaymentNotAwaited
from marketplace.values import MINOR_DIGITS
from orders import bulk
from orders.models import Order
from orders.schemas import Because
from orders.states import OrderStateForbids

item_prices = Blueprint(
    "campaign_prices", __name__, url_prefix="/campaigns", description="Prices in other currencies 多币种价格"
)
places = Blueprint(
    "export_destinations",
    __name__,
    url_prefix="/export-destinations",
    description="Where exports go 出口目的地",
)
orders = Blueprint("export_orders", __name__, url_prefix="/export-orders", description="Exports 出口订单")
papers = Blueprint(
    "export_documents", __name__, url_prefix="/export-documents", description="Papers of exports 出口单证"
)

FILE_BODY: Final[dict[str, Any]] = {
    "required": True,
    "description": "The file itself, at most 5 MB; docs/export.md tells what is checked.",
    "content": {each.value: {"schema": {"type": "string", "format": "binary"}} for each in FileType},
}


class CountryUnreadable(errors.Invalid):
    """Not two capital letters of ISO 3166-1, or China itself."""

    title = Text(en="That is no country that exports go to.", zh="不是有效的出口国家或地区代码。")


class CurrencyUnknown(errors.Invalid):
    """Not a currency of ISO 4217 that the marketplace can settle."""

    title = Text(en="The marketplace does not settle that currency.", zh="平台不支持该币种。")


class DocumentKindUnknown(errors.Invalid):
    """Papers have one of a few kinds; `Document` in the description of the API lists them."""

    title = Text(en="There is no such kind of paper.", zh="没有该单证类型。")


@item_prices.get("/<uuid:campaign_id>/prices")
@item_prices.problems(planning.CampaignNotFound)
@item_prices.response(200, schemas.ItemPrices)
def list_prices(campaign_id: uuid.UUID) -> dict[str, Any]:
    """What a box of each item costs, in every currency that has a price 各币种价格"""
    with reading() as session:
        return {"items": prices.of_campaign(session, context.current(), campaign_id=campaign_id)}


@item_prices.put("/<uuid:campaign_id>/items/<uuid:item_id>/prices/<string:currency>")
@item_prices.arguments(schemas.SetItemPrice)
@item_prices.problems(
    planning.CampaignNotFound,
    planning.ItemNotFound,
    CampaignStateForbids,
    CurrencyUnknown,
    prices.OwnCurrency,
    prices.OnePriceOnly,
    prices.PriceFixed,
)
@item_prices.writes(200, schemas.ItemPrice, key=False)
def set_price(
    session: Session, body: dict[str, Any], campaign_id: uuid.UUID, item_id: uuid.UUID, currency: str
) -> ItemPrice:
    """Set what a box costs in another currency (operators) 设定其他币种价格"""
    if currency not in MINOR_DIGITS:
        raise CurrencyUnknown
    return prices.set_price(
        session, context.current(), campaign_id=campaign_id, item_id=item_id, currency=currency, **body
    )


@places.get("")
@places.response(200, schemas.ExportDestinations)
def list_destinations() -> dict[str, Any]:
    """The countries that exports go to, and what each asks for 出口目的地列表"""
    with reading() as session:
        return {"items": destinations.all_of(session)}


@places.put("/<string:country>")
@places.arguments(schemas.DescribeDestination)
@places.problems(CountryUnreadable)
@places.writes(200, schemas.ExportDestination, key=False)
def describe(session: Session, body: dict[str, Any], country: str) -> ExportDestination:
    """Say what a country asks for; what was agreed before stays (operators) 设定目的地要求"""
    if not rules.is_foreign(country):
        raise CountryUnreadable
    return destinations.describe(session, context.current(), country=country, **body)


@orders.post("")
@orders.arguments(schemas.PlaceExport)
@orders.problems(
    planning.CampaignNotFound,
    planning.ItemNotFound,
    NotOnSale,
    prices.OnePriceOnly,
    NoPriceInCurrency,
    bulk.TotalTooHigh,
    exporting.DeliveryTooSoon,
    destinations.DestinationUnknown,
    holds.SoldOut,
    exporting.KeepsTooShort,
)
@orders.writes(201, schemas.Export, location=lambda made: f"/v1/export-orders/{made['id']}")
def place(session: Session, body: dict[str, Any]) -> dict[str, Any]:
    """Ask for boxes of a campaign to be sent abroad; they are held from now on 下出口订单"""
    order = exporting.place(session, context.current(), exporting.Wanted(**body))
    return _shown(session, [order])[0]


@orders.get("")
@orders.arguments(paging.Query, location="query")
@orders.response(200, schemas.ExportPage)
def list_exports(query: dict[str, Any]) -> dict[str, Any]:
    """One's own exports; staff see everybody's 出口订单列表"""
    with reading() as session:
        page = paging.read(session, exporting.visible(context.current()), Order.id, **query)
        return {**page, "items": _shown(session, page["items"])}


@orders.get("/<uuid:export_order_id>")
@orders.problems(bulk.OrderNotFound)
@orders.response(200, schemas.Export)
def get_export(export_order_id: uuid.UUID) -> dict[str, Any]:
    """One export with what is missing yet 查询出口订单"""
    with reading() as session:
        order = exporting.get(session, context.current(), order_id=export_order_id)
        return _shown(session, [order])[0]


@orders.post("/<uuid:export_order_id>/approval")
@orders.problems(
    bulk.OrderNotFound, OrderStateForbids, holds.HoldExpired, holds.HoldNotActive, exporting.KeepsTooShort
)
@orders.writes(200, schemas.Export)
def approve(session: Session, export_order_id: uuid.UUID) -> dict[str, Any]:
    """Agree to an export: it is to be paid by the end of the sale (operators) 批准出口订单"""
    order = exporting.approve(session, context.current(), order_id=export_order_id)
    return _shown(session, [order])[0]


@orders.post("/<uuid:export_order_id>/cancellation")
@orders.arguments(Because)
@orders.problems(bulk.OrderNotFound, OrderStateForbids, PaymentNotAwaited)
@orders.writes(200, schemas.Export)
def cancel(session: Session, body: dict[str, Any], export_order_id: uuid.UUID) -> dict[str, Any]:
    """Give up an export that is not paid 取消出口订单"""
    order = exporting.cancel(session, context.current(), order_id=export_order_id, **body)
    return _shown(session, [order])[0]


@orders.post("/<uuid:export_order_id>/readiness")
@orders.problems(bulk.OrderNotFound, OrderStateForbids, exporting.ReadyAlready, exporting.DocumentsMissing)
@orders.writes(200, schemas.Export)
def make_ready(session: Session, export_order_id: uuid.UUID) -> dict[str, Any]:
    """Find a paid export ready to ship: all its papers are there (operators) 确认单证齐备、可发运"""
    order = exporting.make_ready(session, context.current(), order_id=export_order_id)
    return _shown(session, [order])[0]


@orders.get("/<uuid:export_order_id>/documents")
@orders.problems(bulk.OrderNotFound)
@orders.response(200, schemas.ExportDocuments)
def list_documents(export_order_id: uuid.UUID) -> dict[str, Any]:
    """All versions of an export's papers 单证列表"""
    with reading() as session:
        return {"items": documents.of_order(session, context.current(), order_id=export_order_id)}


@orders.post("/<uuid:export_order_id>/documents/<string:kind>")
@files.takes_up_to(BYTES_MAX)
@orders.doc(requestBody=FILE_BODY)
@orders.arguments(schemas.UploadDocument, location="query")
@orders.problems(
    bulk.OrderNotFound,
    OrderStateForbids,
    DocumentKindUnknown,
    problems.UnsupportedMediaType,
    file_rules.FileEmpty,
    file_rules.FileTooLarge,
    file_rules.FileTypeDiffers,
    file_rules.FileTruncated,
    documents.TooManyVersions,
    documents.SameDocument,
)
@orders.writes(201, schemas.ExportDocument, location=lambda made: f"/v1/export-documents/{made.id}")
def add_document(
    session: Session, query: dict[str, Any], export_order_id: uuid.UUID, kind: str
) -> ExportDocument:
    """Attach a paper, as its next version: the file is the body 上传单证"""
    ctx = context.current()
    exporting.get(session, ctx, order_id=export_order_id)
    if kind not in list(DocumentKind):
        raise DocumentKindUnknown
    return documents.add(
        session,
        ctx,
        order_id=export_order_id,
        kind=DocumentKind(kind),
        media_type=_media_type(),
        name=query["name"],
        data=request.get_data(),
    )


@papers.get("/<uuid:document_id>")
@papers.problems(documents.DocumentNotFound)
@papers.response(200, content_type="application/octet-stream")
def download(document_id: uuid.UUID) -> Response:
    """The file of one version, to be saved, never shown in place 下载单证"""
    with reading() as session:
        return _file(documents.get(session, context.current(), document_id=document_id))


def _media_type() -> FileType:
    """What the request says its body is; raises UnsupportedMediaType."""
    if not files.is_said_to_be(list(FileType)):
        raise problems.UnsupportedMediaType(
            Text(en="The body must be a PDF, PNG or JPEG.", zh="请求体必须为 PDF、PNG 或 JPEG 文件。")
        )
    return FileType(request.mimetype)


def _file(found: ExportDocument) -> Response:
    """As an attachment, under its own name as well (RFC 6266)."""
    plain = f"{found.kind}-{found.version}.{ENDINGS[FileType(found.media_type)]}"
    response = files.attached(found.data, found.media_type, plain)
    response.headers["Content-Disposition"] += f"; filename*=UTF-8''{quote(found.name, safe='')}"
    response.headers["ETag"] = f'"{found.sha256}"'
    return response


def _shown(session: Session, found: Sequence[Order]) -> list[dict[str, Any]]:
    ids = [order.id for order in found]
    by_order = {
        each.order_id: each
        for each in session.scalars(select(ExportTerms).where(ExportTerms.order_id.in_(ids)))
    }
    missing = exporting.missing_of(session, list(by_order.values()))
    paid = payments.of_orders(session, ids)
    return [_form(order, by_order[order.id], missing[order.id], paid.get(order.id)) for order in found]


def _form(
    order: Order, terms: ExportTerms, missing: Sequence[str], payment: Payment | None
) -> dict[str, Any]:
    names = schemas.Export().fields
    return {
        **{name: getattr(terms, name) for name in names if hasattr(terms, name)},
        **{name: getattr(order, name) for name in names if hasattr(order, name)},
        "stage": rules.stage_of(order.state, is_complete=not missing, is_ready=terms.ready_at is not None),
        "minor_digits": MINOR_DIGITS[order.currency],
        "documents_required": [each.kind for each in terms.required],
        "documents_missing": list(missing),
        "payment_id": None if payment is None else payment.id,
        "payment": payment,
    }


BLUEPRINTS: Final = (item_prices, places, orders, papers)
