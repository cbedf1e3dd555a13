"""A presale with a ladder and a deposit in tests: on sale, harvested, and what is to be seen after each step."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from campaigns import balances, planning
from campaigns.states import CampaignEvent
from marketplace import database
from marketplace.context import Context
from orders.models import Forfeit
from tests.builders import Market, Sale, ordered
from tests.house import Caller

LADDER: Final[list[dict[str, Any]]] = [
    {"from_boxes": 4, "unit_price_minor": 5_600},
    {"from_boxes": 6, "unit_price_minor": 5_200},
]
DEPOSIT: Final[dict[str, Any]] = {
    "type": "earnest",
    "per_box_minor": 1_000,
    "counts_minor": 1_500,
    "funder": "platform",
}
BALANCE: Final[dict[str, Any]] = {
    "opens_in": timedelta(days=1),
    "lasts": timedelta(days=5),
    "free_withdrawal_hours": 24,
}
_PAST: Final = (
    """UPDATE campaign SET opens_at = opens_at - :past, closes_at = closes_at - :past,
        balance_opens_at = balance_opens_at - :past, balance_closes_at = balance_closes_at - :past,
        balance_due_at = balance_due_at - :past, harvest_ends_at = harvest_ends_at - :past WHERE id = :campaign_id""",
    "UPDATE pool SET sells_from = sells_from - :past, sells_until = sells_until - :past WHERE id = :pool_id",
    """UPDATE deposit_terms SET free_until = free_until - :past, balance_due_at = balance_due_at - :past
        WHERE pool_id = :pool_id""",
    "UPDATE pool_balance SET opened_at = opened_at - :past, due_at = due_at - :past WHERE pool_id = :pool_id",
)
BEFORE_BALANCE: Final = (
    CampaignEvent.ALLOCATE,
    CampaignEvent.CONFIRM,
    CampaignEvent.HARVEST,
)


def on_sale(market: Market, boxes: int = 20, **changes: Any) -> Sale:
    """60 yuan, 56 from 4 boxes, 52 from 6; 10 yuan count as 15."""
    item = {"ladder": LADDER, "deposit": DEPOSIT, **changes}
    return market.on_sale(boxes, price_minor=6_000, item=item, balance=BALANCE if item["deposit"] else None)


def let_pass(market: Market, sale: Sale, *, hours: int) -> None:
    """Move everything that was told of the sale into the past, as if so much time had passed."""
    known = {"pool_id": sale.pool_id, "campaign_id": sale.campaign_id, "past": timedelta(hours=hours)}

    def work(session: Session) -> None:
        for statement in _PAST:
            session.execute(text(statement), known)

    database.transact(work)


def harvested(market: Market, sale: Sale) -> None:
    """The sale of ten days is over and its fruit is there, with nothing short."""
    let_pass(market, sale, hours=240)

    def work(session: Session) -> None:
        for event in BEFORE_BALANCE:
            planning.move(
                session, now(market), campaign_id=sale.campaign_id, event=event, reason="as planned"
            )

    database.transact(work)


def opened(market: Market, sale: Sale) -> None:
    """Harvested, and the balance is open, a day after the sale."""
    harvested(market, sale)
    let_pass(market, sale, hours=24)
    open_balance(market, sale)


def open_balance(market: Market, sale: Sale) -> None:
    database.transact(
        lambda session: balances.open_balance(session, now(market), campaign_id=sale.campaign_id)
    )


def close_balance(market: Market, sale: Sale) -> None:
    database.transact(
        lambda session: balances.close_balance(session, now(market), campaign_id=sale.campaign_id)
    )


def closed(market: Market, sale: Sale) -> None:
    """The five days and the grace are over, and so is the balance."""
    let_pass(market, sale, hours=144)
    close_balance(market, sale)


def now(market: Market) -> Context:
    return replace(market.ctx, now=datetime.now(UTC))


def balance(shopper: Caller, order: dict[str, Any]) -> dict[str, Any]:
    """The payment of an order's balance."""
    response = shopper.post(f"/v1/orders/{order['id']}/balance")
    assert response.status_code == 201, response.json
    payment: dict[str, Any] = response.json
    return payment


def book(operator: Caller, payment: dict[str, Any]) -> Any:
    body = {
        "amount_minor": payment["amount_minor"],
        "currency": payment["currency"],
        "receipt_reference": f"BANK-{payment['id']}",
    }
    return operator.post(f"/v1/payments/{payment['id']}/receipts", json=body)


def confirm(shopper: Caller, payment: dict[str, Any]) -> dict[str, Any]:
    response = shopper.post(f"/v1/payments/{payment['id']}/confirm")
    assert response.status_code == 200, response.json
    told: dict[str, Any] = response.json["payment"]
    return told


def bought(shopper: Caller, operator: Caller, sale: Sale, boxes: int) -> dict[str, Any]:
    """An order whose deposit, or all of it, is paid."""
    order = ordered(shopper, sale, boxes)
    payment = confirm(shopper, {"id": order["payment_id"]})
    response = book(operator, payment)
    assert response.status_code == 200, response.json
    return order


def seen(shopper: Caller, order: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = shopper.get(f"/v1/orders/{order['id']}").json
    return told


def forfeits(order: dict[str, Any]) -> list[int]:
    with database.reading() as session:
        found = (
            select(Forfeit.amount_minor).where(Forfeit.order_id == order["id"]).order_by(Forfeit.amount_minor)
        )
        return list(session.scalars(found))
