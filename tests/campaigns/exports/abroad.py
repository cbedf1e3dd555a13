"""An export in tests: a destination, prices, an order at each step of its life, and good files of each type."""

import struct
import uuid
import zlib
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import func, update
from werkzeug.test import TestResponse

from inventory.models import Hold
from marketplace import database
from tests.builders import Market, Sale, receipt
from tests.house import Caller

NEEDED: Final = ["certificate_of_origin", "commercial_invoice", "packing_list", "phytosanitary_certificate"]
USD_MINOR: Final = 995


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PNG: Final = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    + _chunk(b"IDAT", zlib.compress(b"\x00\x00"))
    + _chunk(b"IEND", b"")
)
PDF: Final = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
JPEG: Final = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xd9"
FILES: Final = {"application/pdf": PDF, "image/png": PNG, "image/jpeg": JPEG}


def described(operator: Caller, *, country: str = "AE", shelf_days: int = 30, **changes: Any) -> TestResponse:
    body = {
        "name_en": "United Arab Emirates",
        "name_zh": "阿联酋",
        "shelf_days": shelf_days,
        "documents": NEEDED,
        **changes,
    }
    response = operator.put(f"/v1/export-destinations/{country}", json=body)
    assert response.status_code == 200, response.json
    return response


def priced(operator: Caller, sale: Sale, currency: str = "USD", minor: int = USD_MINOR) -> TestResponse:
    response = operator.put(
        f"{sale.url}/items/{sale.item_id}/prices/{currency}", json={"unit_price_minor": minor}
    )
    assert response.status_code == 200, response.json
    return response


def body(market: Market, sale: Sale, *, in_days: int = 20, **changes: Any) -> dict[str, Any]:
    """What asks for three boxes to Dubai in US dollars; the sale of ten days is over when they arrive."""
    return {
        "campaign_id": str(sale.campaign_id),
        "item_id": str(sale.item_id),
        "boxes": 3,
        "currency": "USD",
        "company": "Gulf Fresh Trading LLC",
        "country": "AE",
        "place": "Jebel Ali, Dubai",
        "incoterm": "CIF",
        "promised_on": (market.today + timedelta(days=in_days)).isoformat(),
        **changes,
    }


def sale_for(market: Market, operator: Caller, boxes: int = 20, **options: Any) -> Sale:
    """On sale in yuan and dollars, for a destination that is known."""
    sale = market.on_sale(boxes, **options)
    priced(operator, sale)
    described(operator)
    return sale


def placed(company: Caller, market: Market, sale: Sale, **changes: Any) -> dict[str, Any]:
    response = company.post("/v1/export-orders", json=body(market, sale, **changes))
    assert response.status_code == 201, response.json
    order: dict[str, Any] = response.json
    return order


def approved(operator: Caller, order: dict[str, Any]) -> dict[str, Any]:
    response = operator.post(f"/v1/export-orders/{order['id']}/approval")
    assert response.status_code == 200, response.json
    told: dict[str, Any] = response.json
    return told


def paid(company: Caller, operator: Caller, market: Market, sale: Sale, **changes: Any) -> dict[str, Any]:
    order = approved(operator, placed(company, market, sale, **changes))
    response = operator.post(f"/v1/payments/{order['payment_id']}/receipts", json=receipt(order))
    assert response.status_code == 200, response.json
    return seen(company, order)


def seen(who: Caller, order: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = who.get(f"/v1/export-orders/{order['id']}").json
    return told


def upload(
    who: Caller,
    order: dict[str, Any],
    kind: str = "packing_list",
    data: bytes = PDF,
    *,
    media_type: str = "application/pdf",
    name: str | None = None,
    **options: Any,
) -> TestResponse:
    return who.call(
        "POST",
        f"/v1/export-orders/{order['id']}/documents/{kind}",
        data=data,
        content_type=media_type,
        query_string={} if name is None else {"name": name},
        **options,
    )


def with_all_papers(who: Caller, order: dict[str, Any]) -> None:
    for kind in NEEDED:
        response = upload(who, order, kind)
        assert response.status_code == 201, response.json


def let_hold_end(order: dict[str, Any]) -> None:
    """As if the sale, until whose end the boxes are held, were over."""
    past = {
        "created_at": func.clock_timestamp() - timedelta(days=1),
        "expires_at": func.clock_timestamp() - timedelta(minutes=1),
    }
    statement = update(Hold).where(Hold.purpose_id == uuid.UUID(order["item_id"]), Hold.kind == "presale")
    database.transact(lambda session: session.execute(statement.values(past)))
