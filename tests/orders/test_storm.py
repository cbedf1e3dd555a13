"""Everything at once, shuffled: whatever happens, nobody gets a 5xx and every invariant holds afterwards."""

import random
from collections.abc import Callable

import pytest
from werkzeug.test import TestResponse

from inventory import holds
from marketplace import context, database
from marketplace.access import Role
from orders import jobs
from tests.builders import PACK_GRAMS, SEASON, Market, Sale, at_once, receipt
from tests.house import Caller

Work = Callable[[], TestResponse | None]

EXPECTED = {
    "hold_expired",
    "hold_limit",
    "hold_not_active",
    "not_on_sale",
    "payment_not_awaited",
    "sold_out",
    "state",
}


def shopping(market: Market, shopper: Caller, operator: Caller, sale: Sale, dice: random.Random) -> Work:
    """Hold, order, confirm, pay; on the way time passes or the shopper thinks again."""
    boxes, fate = (
        dice.randint(1, 3),
        dice.choice(["pays", "thinks again", "is late to order", "is late to pay"]),
    )

    def work() -> TestResponse:
        held = shopper.post(sale.holds_url, json={"item_id": str(sale.item_id), "boxes": boxes})
        if held.status_code != 201:
            return held
        if fate == "is late to order":
            market.let_expire(held.json["hold_id"])
        ordered = shopper.post("/v1/orders", json={"hold_id": held.json["hold_id"]})
        if ordered.status_code != 201:
            return ordered
        order = ordered.json
        if fate == "is late to pay":
            market.let_age(order["id"], minutes=30)
        shopper.post(f"/v1/payments/{order['payment_id']}/confirm")
        if fate == "thinks again":
            shopper.post(f"/v1/orders/{order['id']}/withdrawal")
        return operator.post(f"/v1/payments/{order['payment_id']}/receipts", json=receipt(order))

    return work


def sweeping() -> None:
    database.transact(lambda session: jobs.expire_unpaid(session, context.system()))
    database.transact(lambda session: holds.expire_due(session, context.system()))


@pytest.mark.parametrize("seed", range(3))
def test_a_storm_breaks_no_promise(
    market: Market, operator: Caller, buyer: Caller, as_role, seed: int
) -> None:
    dice = random.Random(seed)
    sales = [market.on_sale(12), market.on_sale(12)]
    for cooperative in range(3):
        market.lot(15, cooperative=cooperative)

    def buying(boxes: int) -> Work:
        body = {
            "county_id": str(market.county_id),
            "pack_id": str(market.pack_id),
            "quantity": boxes * PACK_GRAMS,
            "season": SEASON,
        }
        return lambda: buyer.post("/v1/bulk-orders", json=body)

    def pledging(sale: Sale, cooperative: int, boxes: int) -> Work:
        cooperative_id = str(market.cooperative_ids[cooperative])
        body = {"item_id": str(sale.item_id), "cooperative_id": cooperative_id, "boxes": boxes}
        return lambda: operator.post(f"{sale.url}/pledges", json=body)

    def resting(sale: Sale) -> Work:
        def work() -> TestResponse:
            operator.post(f"{sale.url}/pause", json={"reason": "rain"})
            return operator.post(f"{sale.url}/resumption", json={"reason": "sun"})

        return work

    works: list[Work] = [sweeping] * 6
    for shopper in [as_role(Role.SHOPPER) for _ in range(6)]:
        works += [shopping(market, shopper, operator, dice.choice(sales), dice) for _ in range(3)]
    works += [buying(dice.randint(1, 20)) for _ in range(4)]
    works += [pledging(dice.choice(sales), dice.randrange(3), dice.randint(1, 8)) for _ in range(5)]
    works += [resting(sale) for sale in sales]
    dice.shuffle(works)
    answers = [answer for answer in at_once(market.app, works) if isinstance(answer, TestResponse)]
    assert {answer.json["code"] for answer in answers if answer.status_code >= 400} <= EXPECTED
    sweeping()
