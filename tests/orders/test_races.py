"""Many at once, on the real database: one wins, the others are told why, and everything adds up afterwards.

The market's fixture checks every invariant of every module when a test ends.
"""

from collections.abc import Callable

import pytest
from werkzeug.test import TestResponse

from inventory.models import Hold, Lot
from marketplace import context, database
from marketplace.access import Role
from marketplace.payments.models import Payment
from orders import jobs
from orders.models import Order
from tests.builders import PACK_GRAMS, SEASON, Market, at_once, confirmed, held, ordered, receipt
from tests.house import Caller

ROUNDS = range(4)


def codes(responses: list) -> list:
    """What was answered, in order: a status, or the code of a refusal."""
    return sorted(
        (each.json["code"] if each.status_code >= 400 else each.status_code for each in responses), key=str
    )


def booking(operator: Caller, order: dict, **changes) -> Callable[[], TestResponse]:
    body = receipt(order, **changes)
    return lambda: operator.post(f"/v1/payments/{order['payment_id']}/receipts", json=body)


def withdrawing(shopper: Caller, order: dict) -> Callable[[], TestResponse]:
    return lambda: shopper.post(f"/v1/orders/{order['id']}/withdrawal")


@pytest.mark.parametrize("round_", ROUNDS)
def test_a_receipt_and_a_withdrawal_have_one_winner(
    market: Market, shopper: Caller, operator: Caller, round_: int
) -> None:
    sale = market.on_sale(5)
    order = confirmed(shopper, sale, 3)
    works = [booking(operator, order), withdrawing(shopper, order)]
    responses = at_once(market.app, works if round_ % 2 else works[::-1])
    state, owed = market.stored(Order, order["id"]).state, market.stored(Payment, order["payment_id"])
    if state == "committed":
        assert codes(responses) == [200, "payment_not_awaited"]
        assert (market.pool(sale).available_boxes, owed.refund_due_minor) == (2, 0)
    else:
        assert codes(responses) == [200, 200], "the money came after the withdrawal, and goes back"
        assert (state, market.pool(sale).available_boxes) == ("withdrawn", 5)
        assert owed.refund_due_minor == order["total_minor"]


@pytest.mark.parametrize("round_", ROUNDS)
def test_of_many_receipts_at_once_one_is_booked(
    market: Market, shopper: Caller, operator: Caller, round_: int
) -> None:
    order = confirmed(shopper, market.on_sale())
    responses = at_once(market.app, [booking(operator, order) for _ in range(6)])
    assert codes(responses) == [200] + ["payment_not_awaited"] * 5


@pytest.mark.parametrize("round_", ROUNDS)
def test_one_bank_reference_booked_twice_at_once_pays_one_order(
    market: Market, operator: Caller, as_role, round_: int
) -> None:
    sale = market.on_sale()
    orders = [confirmed(as_role(Role.SHOPPER), sale) for _ in range(4)]
    works = [booking(operator, order, receipt_reference="BANK-1") for order in orders]
    assert codes(at_once(market.app, works)) == [200] + ["receipt_booked"] * 3
    states = sorted(market.stored(Order, order["id"]).state for order in orders)
    assert states == ["committed"] + ["deposit_due"] * 3


@pytest.mark.parametrize("round_", ROUNDS)
def test_a_hold_ordered_by_many_requests_becomes_one_order(
    market: Market, shopper: Caller, round_: int
) -> None:
    hold = held(shopper, market.on_sale())
    body = {"hold_id": hold["hold_id"]}
    responses = at_once(market.app, [lambda: shopper.post("/v1/orders", json=body)] * 6)
    assert codes(responses) == [201] + ["hold_not_active"] * 5
    assert len(shopper.get("/v1/orders").json["items"]) == 1


@pytest.mark.parametrize("round_", ROUNDS)
def test_ordering_and_giving_back_a_hold_have_one_winner(
    market: Market, shopper: Caller, round_: int
) -> None:
    sale = market.on_sale(5)
    hold = held(shopper, sale, 5)["hold_id"]
    works = [
        lambda: shopper.post("/v1/orders", json={"hold_id": hold}),
        lambda: shopper.post(f"/v1/holds/{hold}/release"),
    ]
    responses = at_once(market.app, works if round_ % 2 else works[::-1])
    assert len([each for each in responses if each.status_code < 300]) == 1
    state = market.stored(Hold, hold).state
    assert (state, market.pool(sale).available_boxes) in (("converting", 0), ("released", 5))


@pytest.mark.parametrize("round_", ROUNDS)
def test_expiry_confirmation_and_withdrawal_of_one_order_have_one_ending(
    market: Market, shopper: Caller, round_: int
) -> None:
    sale = market.on_sale(5)
    order = ordered(shopper, sale, 2)
    market.let_age(order["id"], minutes=30)

    def expire() -> int:
        return database.transact(lambda session: jobs.expire_unpaid(session, context.system()))

    works: list[Callable[[], object]] = [
        expire,
        lambda: shopper.post(f"/v1/payments/{order['payment_id']}/confirm"),
        withdrawing(shopper, order),
        expire,
    ]
    at_once(market.app, works[round_:] + works[:round_])
    expire()
    states = (
        market.stored(Order, order["id"]).state,
        market.stored(Payment, order["payment_id"]).state,
        market.pool(sale).available_boxes,
    )
    assert states in (
        ("expired", "canceled", 5),
        ("withdrawn", "canceled", 5),
        ("deposit_due", "processing", 3),
    )


def test_many_orders_expire_while_others_pay_hold_and_withdraw(
    market: Market, operator: Caller, as_role
) -> None:
    """Two pools, two sweepers, buyers in between: nobody waits in a circle, nobody fails."""
    sales = [market.on_sale(20), market.on_sale(20)]
    shoppers = [as_role(Role.SHOPPER) for _ in range(8)]
    old = [ordered(shopper, sale) for shopper in shoppers for sale in sales]
    for order in old:
        market.let_age(order["id"], minutes=30)
    due = [confirmed(shopper, sale) for shopper in shoppers for sale in sales]

    def expire() -> int:
        return database.transact(lambda session: jobs.expire_unpaid(session, context.system()))

    works: list[Callable[[], object]] = [expire, expire]
    works += [withdrawing(shoppers[i // 2], old[i]) for i in range(0, 16, 3)]
    works += [booking(operator, order) for order in due[::2]]
    works += [lambda sale=sale: held(shoppers[0], sale) for sale in sales]
    at_once(market.app, works)
    expire()
    assert {market.stored(Order, order["id"]).state for order in old} <= {"expired", "withdrawn"}
    assert [market.stored(Order, order["id"]).state for order in due] == ["committed", "deposit_due"] * 8
    assert [market.pool(sale).available_boxes for sale in sales] == [20 - 8 - 1] * 2


def buying(buyer: Caller, market: Market, boxes: int, **changes) -> Callable[[], TestResponse]:
    body = {
        "county_id": str(market.county_id),
        "pack_id": str(market.pack_id),
        "quantity": boxes * PACK_GRAMS,
        "season": SEASON,
        **changes,
    }
    return lambda: buyer.post("/v1/bulk-orders", json=body)


@pytest.mark.parametrize("round_", ROUNDS)
def test_bulk_orders_that_together_exceed_the_stock_have_one_winner(
    market: Market, as_role, round_: int
) -> None:
    lots = [market.lot(10, cooperative=cooperative) for cooperative in range(3)]
    works = [buying(as_role(Role.BUYER), market, 20) for _ in range(3)]
    assert codes(at_once(market.app, works)) == [201, "sold_out", "sold_out"]
    assert sum(market.stored(Lot, lot.id).held_grams for lot in lots) == 20 * PACK_GRAMS


@pytest.mark.parametrize("round_", ROUNDS)
def test_bulk_orders_that_fit_together_all_get_their_boxes(market: Market, as_role, round_: int) -> None:
    lots = [market.lot(10, cooperative=cooperative) for cooperative in range(3)]
    works = [buying(as_role(Role.BUYER), market, 6) for _ in range(5)]
    assert codes(at_once(market.app, works)) == [201] * 5
    assert sum(market.stored(Lot, lot.id).free_grams for lot in lots) == 0


@pytest.mark.parametrize("round_", ROUNDS)
def test_bulk_orders_of_one_season_build_on_each_other_whatever_fruit_they_buy(
    market: Market, as_role, round_: int
) -> None:
    packs = [market.pack(code) for code in ("gala", "gold", "jona")]
    for pack in packs:
        for cooperative in range(3):
            market.lot(10, cooperative=cooperative, variety=pack.code)
    works = [buying(as_role(Role.BUYER), market, 6, pack_id=str(pack.id)) for pack in packs]
    responses = at_once(market.app, works)
    histories = [
        sum(seller["history_grams"] for seller in each.json["runs"][0]["problem"]["sellers"])
        for each in responses
    ]
    assert sorted(histories) == [0, 6 * PACK_GRAMS, 12 * PACK_GRAMS]


@pytest.mark.parametrize("round_", ROUNDS)
def test_a_pledge_and_a_bulk_order_do_not_take_the_same_fruit(
    market: Market, buyer: Caller, operator: Caller, round_: int
) -> None:
    sale = market.draft()
    lots = [market.lot(10) for _ in range(2)]
    body = {
        "item_id": str(sale.item_id),
        "cooperative_id": str(market.cooperative_ids[0]),
        "boxes": 15,
    }
    works = [
        buying(buyer, market, 15),
        lambda: operator.post(f"{sale.url}/pledges", json=body),
    ]
    responses = at_once(market.app, works if round_ % 2 else works[::-1])
    assert codes(responses) == [201, "sold_out"]
    assert sum(market.stored(Lot, lot.id).held_grams for lot in lots) == 15 * PACK_GRAMS


@pytest.mark.parametrize("round_", ROUNDS)
def test_what_the_clock_has_opened_is_sold_and_not_cancelled_whoever_comes_first(
    market: Market, shopper: Caller, operator: Caller, round_: int
) -> None:
    """The opening has come but is not written down yet; both requests must see it."""
    sale = market.scheduled(5, at=market.later(days=-1))
    works = [
        lambda: shopper.post(sale.holds_url, json={"item_id": str(sale.item_id), "boxes": 2}),
        lambda: operator.post(f"{sale.url}/cancellation", json={"reason": "frost"}),
    ]
    assert codes(at_once(market.app, works if round_ % 2 else works[::-1])) == [201, "state"]
    assert market.campaign(sale).state == "scheduled"
    assert market.pool(sale).boxes_held == 2


def test_one_idempotency_key_sent_by_many_at_once_acts_once(market: Market, shopper: Caller) -> None:
    sale = market.on_sale(20)
    body, key = {"item_id": str(sale.item_id), "boxes": 1}, "the-same-key-for-all"
    responses = at_once(market.app, [lambda: shopper.post(sale.holds_url, json=body, key=key)] * 8)
    assert {each.status_code for each in responses} <= {201, 409}
    assert {each.json["code"] for each in responses if each.status_code == 409} <= {"key_in_flight"}
    assert len({each.json["hold_id"] for each in responses if each.status_code == 201}) == 1
    assert market.pool(sale).boxes_held == 1
