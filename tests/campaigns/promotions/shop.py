"""What tests of promotions do at the doors: promotions that are active, quotes, orders and their end."""

import uuid
from typing import Any

from campaigns import ending
from campaigns.promotions.models import PromotionTerms
from marketplace import context, database
from tests.builders import Market, Sale, receipt
from tests.house import Caller

COUPON: dict[str, Any] = {
    "kind": "coupon",
    "funder": "county",
    "title_en": "Harvest",
    "title_zh": "丰收",
    "budget_minor": 100_000,
    "amount_minor": 500,
}
EARLY: dict[str, Any] = {**COUPON, "kind": "early_bird", "permille": 100, "amount_minor": None}
ALL = ["coupon", "early_bird", "quantity_break", "free_freight", "voucher"]


def drafted(operator: Caller, sale: Sale, **changes: Any) -> dict[str, Any]:
    response = operator.post(f"{sale.url}/promotions", json={**COUPON, **changes})
    assert response.status_code == 201, response.json
    return response.json


def running(operator: Caller, sale: Sale, **changes: Any) -> dict[str, Any]:
    """A promotion that is active."""
    made = drafted(operator, sale, **changes)
    response = operator.post(f"/v1/promotions/{made['id']}/activation")
    assert response.status_code == 200, response.json
    return response.json


def drawn(operator: Caller, promotion: dict[str, Any], count: int = 1) -> list[str]:
    response = operator.post(f"/v1/promotions/{promotion['id']}/codes", json={"count": count})
    assert response.status_code == 201, response.json
    return response.json["codes"]


def shared(operator: Caller, promotion: dict[str, Any], code: str) -> str:
    response = operator.put(f"/v1/promotions/{promotion['id']}/shared-code", json={"code": code})
    assert response.status_code == 200, response.json
    return code


def quoted(shopper: Caller, hold_id: str, *codes: str) -> dict[str, Any]:
    response = shopper.post(f"/v1/holds/{hold_id}/quote", json={"codes": codes})
    assert response.status_code == 201, response.json
    return response.json


def placed(shopper: Caller, hold_id: str) -> dict[str, Any]:
    response = shopper.post("/v1/orders", json={"hold_id": hold_id})
    assert response.status_code == 201, response.json
    return response.json


def paid_for(shopper: Caller, operator: Caller, order: dict[str, Any]) -> None:
    assert shopper.post(f"/v1/payments/{order['payment_id']}/confirm").status_code == 200
    due_minor = order["deposit"]["deposit_minor"] if "deposit" in order else order["total_minor"]
    booked = operator.post(
        f"/v1/payments/{order['payment_id']}/receipts", json=receipt(order, amount_minor=due_minor)
    )
    assert booked.status_code == 200, booked.json


def uses(market: Market, promotion: dict[str, Any]) -> tuple[int, int, int, int]:
    """Reserved and spent: uses, then minor units."""
    row = market.stored(PromotionTerms, uuid.UUID(promotion["id"]))
    return row.uses_reserved, row.uses_consumed, row.minor_reserved, row.minor_consumed


def give_up(market: Market, operator: Caller, sale: Sale) -> None:
    """Its campaign is cancelled, and the jobs that end its orders run until nothing is left."""
    for step in ("pause", "cancellation"):
        assert operator.post(f"{sale.url}/{step}", json={"reason": "hail"}).status_code == 200
    end_all(sale)


def end_all(sale: Sale) -> None:
    """The jobs that end the orders of a campaign that is given up."""
    campaign_id, ended = str(sale.campaign_id), 1
    while ended:
        ended = database.transact(
            lambda session: ending.end_orders(session, context.system(), campaign_id=campaign_id)
        )
