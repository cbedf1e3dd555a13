"""What tests of discounted deposits do: a presale of 60, 56 and 52 yuan whose deposit of 10 counts as 15."""

from typing import Any

from tests.builders import Market, Sale, held
from tests.campaigns import presale
from tests.campaigns.promotions.shop import drawn, paid_for, placed, quoted, running
from tests.house import Caller

PARTS: dict[str, int] = {
    "orchard_minor": 3_600,
    "cold_store_minor": 400,
    "packing_minor": 400,
    "freight_minor": 1_360,
    "commission_minor": 240,
}
"""Of 60 yuan; at the other steps the orchard gets less."""
LADDER: list[dict[str, Any]] = [
    {**step, "waterfall": {**PARTS, "orchard_minor": step["unit_price_minor"] - 2_400}}
    for step in presale.LADDER
]
ADVANCE: dict[str, Any] = {
    "type": "advance",
    "per_box_minor": 4_500,
    "counts_minor": 5_000,
    "funder": "county",
}
"""Leaves 10 yuan of each box at the price shown, and 2 at the last step."""


def on_sale(market: Market, boxes: int = 20, **changes: Any) -> Sale:
    return presale.on_sale(market, boxes, waterfall=PARTS, **{"ladder": LADDER, **changes})


def code_of(operator: Caller, sale: Sale, **changes: Any) -> tuple[dict[str, Any], str]:
    """A promotion with a code, and the code."""
    made = running(operator, sale, **changes)
    return made, drawn(operator, made)[0]


def bought(shopper: Caller, operator: Caller, sale: Sale, boxes: int, *codes: str) -> dict[str, Any]:
    """An order whose deposit is paid, quoted with these codes."""
    hold_id = held(shopper, sale, boxes)["hold_id"]
    if codes:
        quoted(shopper, hold_id, *codes)
    order = placed(shopper, hold_id)
    paid_for(shopper, operator, order)
    return order


def pay_rest(shopper: Caller, operator: Caller, order: dict[str, Any]) -> int:
    """What was left to pay."""
    payment = presale.confirm(shopper, presale.balance(shopper, order))
    booked = presale.book(operator, payment)
    assert booked.status_code == 200, booked.json
    amount: int = payment["amount_minor"]
    return amount
