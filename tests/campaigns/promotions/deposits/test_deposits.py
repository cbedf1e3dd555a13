"""Every kind of promotion with a deposit: promised with the order, spent with the deposit, taken off the balance.

The market's fixture checks every invariant of every module when a test ends.
"""

from collections.abc import Callable
from typing import Any

import pytest

from marketplace.access import Role
from marketplace.payments.models import Payment
from orders.models import DepositTerms
from tests.builders import Market, assert_refused, held
from tests.campaigns import presale
from tests.campaigns.inbox import told, work
from tests.campaigns.presale import seen
from tests.campaigns.promotions.deposits.scene import ADVANCE, bought, code_of, on_sale, pay_rest
from tests.campaigns.promotions.shop import (
    COUPON,
    EARLY,
    end_all,
    give_up,
    paid_for,
    placed,
    quoted,
    running,
    uses,
)
from tests.house import Caller

KINDS: list[tuple[dict[str, Any], int]] = [
    ({"kind": "quantity_break", "amount_minor": 300, "boxes_min": 2}, 600),
    ({"kind": "early_bird", "amount_minor": None, "permille": 100}, 1_200),
    ({"kind": "coupon", "amount_minor": 500}, 500),
    ({"kind": "free_freight", "amount_minor": None, "funder": "sponsor"}, 2_720),
    ({"kind": "voucher", "amount_minor": None, "budget_minor": 4_321}, 4_321),
]


@pytest.mark.parametrize(("promotion", "off"), KINDS, ids=[each["kind"] for each, _ in KINDS])
def test_each_kind_is_shown_reserved_spent_and_taken_off_the_balance(
    market: Market,
    shopper: Caller,
    operator: Caller,
    as_role: Callable[..., Caller],
    promotion: dict[str, Any],
    off: int,
) -> None:
    sale = on_sale(market)
    is_by_code = promotion["kind"] in ("coupon", "voucher")
    promotion = {**promotion, "uses_max": 1}
    made, *codes = (
        code_of(operator, sale, **promotion) if is_by_code else (running(operator, sale, **promotion),)
    )
    hold_id = held(shopper, sale, 2)["hold_id"]
    quote = quoted(shopper, hold_id, *codes)
    sums = ("price_minor", "discount_minor", "total_minor", "now_minor", "later_minor", "bonus_minor")
    assert [quote[name] for name in sums] == [12_000, off, 12_000 - off, 2_000, 9_000 - off, 1_000]
    assert uses(market, made) == (1, 0, off, 0)
    order = placed(shopper, hold_id)
    assert (order["discounts"], order["total_minor"]) == (quote["discounts"], 12_000 - off)
    assert (order["deposit"]["deposit_minor"], order["deposit"]["later_minor"]) == (2_000, 9_000 - off)
    assert seen(shopper, order) == order, "the till and the page tell the same"
    assert market.stored(Payment, order["payment_id"]).amount_minor == 2_000, (
        "nothing is taken off the deposit"
    )
    paid_for(shopper, operator, order)
    assert uses(market, made) == (0, 1, 0, off), "spent with the deposit"
    [mine] = shopper.get("/v1/me/orders").json["items"]
    assert (mine["due_now_minor"], mine["due_later_minor"]) == (0, 9_000 - off)
    presale.bought(as_role(Role.SHOPPER), operator, sale, 4)
    presale.opened(market, sale)
    deposit = seen(shopper, order)["deposit"]
    assert (deposit["balance_minor"], deposit["discount_minor"], deposit["bonus_minor"]) == (
        7_400 - off, off, 1_000,
    )  # fmt: skip
    assert pay_rest(shopper, operator, order) + 2_000 + 1_000 + off == 2 * 5_200
    assert seen(shopper, order)["state"] == "balance_paid"
    assert uses(market, made) == (0, 1, 0, off)


def test_at_every_step_now_later_bonus_and_discount_are_the_price(
    market: Market, anyone: Caller, operator: Caller
) -> None:
    sale = on_sale(market, deposit=ADVANCE)
    running(operator, sale, kind="quantity_break", amount_minor=700)
    price = anyone.get(f"{sale.url}/items/{sale.item_id}/price", query_string={"boxes": 2}).json
    assert (price["total_minor"], price["now_minor"], price["later_minor"]) == (12_000, 9_000, 600)
    assert [(each["kind"], each["amount_minor"]) for each in price["discounts"]] == [
        ("quantity_break", 1_400)
    ]
    parts = ("now_minor", "later_minor", "bonus_minor", "discount_minor")
    assert [[step[name] for name in parts] for step in price["steps"]] == [
        [9_000, 600, 1_000, 1_400],
        [9_000, 0, 1_000, 1_200],
        [9_000, 0, 1_000, 400],
    ]
    assert all(sum(step[name] for name in parts) == step["total_minor"] for step in price["steps"])
    assert all(sum(step["waterfall"].values()) == step["total_minor"] for step in price["steps"]), (
        "who gets what is of the whole price, whoever pays it"
    )


def test_of_full_payments_the_price_says_what_is_to_be_paid_now(
    market: Market, anyone: Caller, operator: Caller
) -> None:
    sale = market.on_sale()
    running(operator, sale, **EARLY)
    price = anyone.get(f"{sale.url}/items/{sale.item_id}/price", query_string={"boxes": 2}).json
    assert [price[name] for name in ("total_minor", "discount_minor", "now_minor", "later_minor")] == [
        10_400, 1_040, 9_360, 0,
    ]  # fmt: skip


def test_what_the_last_step_leaves_no_room_for_goes_back_to_its_budget(
    market: Market, shopper: Caller, operator: Caller, as_role: Callable[..., Caller]
) -> None:
    """Two boxes leave 400 fen at the last step: the first line takes them, the second one nothing."""
    sale = on_sale(market, deposit=ADVANCE)
    both = {"stacks_with": ["coupon", "quantity_break"]}
    pieces = running(operator, sale, kind="quantity_break", amount_minor=300, **both)
    coupon, code = code_of(operator, sale, **both, uses_per_person_max=1, boxes_max=10)
    order = bought(shopper, operator, sale, 2, code)
    assert order["deposit"]["later_minor"] == 2_000 - 600 - 500
    assert (uses(market, pieces), uses(market, coupon)) == ((0, 1, 0, 600), (0, 1, 0, 500))
    bought(as_role(Role.SHOPPER), operator, sale, 4)
    presale.opened(market, sale)
    found = seen(shopper, order)
    assert (found["state"], found["deposit"]["balance_minor"], found["deposit"]["discount_minor"]) == (
        "balance_paid", 0, 400,
    )  # fmt: skip
    assert uses(market, coupon) == (0, 0, 0, 0), "the use itself is there again"
    assert uses(market, pieces) == (0, 2, 0, 400 + 800)
    work(market)
    [settled] = told(shopper, "balance_settled")
    assert settled["price"]["minor"] == 2 * 5_200 - 400
    assert found["discount_minor"] == 1_100, "what was promised stays as it was written"


def test_a_voucher_pays_the_balance_and_never_the_deposit(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = on_sale(market)
    voucher, code = code_of(operator, sale, kind="voucher", amount_minor=None, budget_minor=50_000)
    order = bought(shopper, operator, sale, 2, code)
    assert (order["total_minor"], order["deposit"]["later_minor"]) == (3_000, 0)
    assert uses(market, voucher) == (0, 1, 0, 9_000)
    presale.opened(market, sale)
    assert seen(shopper, order)["state"] == "balance_paid"


def test_a_quote_that_is_outdated_is_refused_as_ever(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = on_sale(market)
    _, code = code_of(operator, sale)
    hold_id = held(shopper, sale, 2)["hold_id"]
    quoted(shopper, hold_id, code)
    more = shopper.post(sale.holds_url, json={"item_id": str(sale.item_id), "boxes": 3})
    assert more.status_code == 200
    assert_refused(shopper.post("/v1/orders", json={"hold_id": hold_id}), 409, "quote_outdated")


def test_what_needs_no_code_is_promised_to_whoever_orders(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = on_sale(market)
    early = running(operator, sale, **EARLY)
    order = placed(shopper, held(shopper, sale, 2)["hold_id"])
    assert (order["discount_minor"], order["deposit"]["later_minor"]) == (1_200, 7_800)
    assert uses(market, early) == (1, 0, 1_200, 0)
    work(market)
    [placed_note] = told(shopper, "order_placed")
    assert placed_note["total"]["minor"] == 2_000, "the deposit is asked for, not the whole price"


@pytest.mark.parametrize("deposit_type", ["earnest", "advance"])
def test_who_withdraws_a_deposit_gives_the_use_back_once(
    market: Market, shopper: Caller, operator: Caller, deposit_type: str
) -> None:
    sale = on_sale(market, deposit={**presale.DEPOSIT, "type": deposit_type})
    coupon, code = code_of(operator, sale)
    order = bought(shopper, operator, sale, 2, code)
    url = f"/v1/orders/{order['id']}/withdrawal"
    assert shopper.post(url).json["state"] == "withdrawn"
    assert uses(market, coupon) == (0, 0, 0, 0)
    assert shopper.post(url).status_code == 409
    assert uses(market, coupon) == (0, 0, 0, 0)
    assert market.stored(Payment, order["payment_id"]).refund_due_minor == 2_000
    again = quoted(shopper, held(shopper, sale)["hold_id"], code)
    assert again["codes"] == ["applied"], "the code is good again"


def test_unpaid_failed_and_late_deposits_leave_nothing_reserved(
    market: Market, shopper: Caller, operator: Caller, as_role: Callable[..., Caller]
) -> None:
    sale = on_sale(market)
    coupon = running(operator, sale, **EARLY)
    order = placed(shopper, held(shopper, sale, 2)["hold_id"])
    assert shopper.post(f"/v1/payments/{order['payment_id']}/confirm").status_code == 200
    failed = operator.post(f"/v1/payments/{order['payment_id']}/failure", json={"reason": "no money"})
    assert failed.status_code == 200
    assert uses(market, coupon) == (0, 0, 0, 0)
    late = presale.book(operator, {"id": order["payment_id"], "amount_minor": 2_000, "currency": "CNY"})
    assert late.status_code == 200
    assert market.stored(Payment, order["payment_id"]).refund_due_minor == 2_000
    other = as_role(Role.SHOPPER)
    unpaid = placed(other, held(other, sale)["hold_id"])
    assert uses(market, coupon) == (1, 0, 600, 0)
    assert other.post(f"/v1/orders/{unpaid['id']}/withdrawal").status_code == 200
    assert uses(market, coupon) == (0, 0, 0, 0)


def test_a_campaign_that_is_given_up_gives_everything_back(
    market: Market, shopper: Caller, operator: Caller, as_role: Callable[..., Caller]
) -> None:
    sale = on_sale(market)
    early = running(operator, sale, **EARLY)
    paid, other = bought(shopper, operator, sale, 2), as_role(Role.SHOPPER)
    placed(other, held(other, sale)["hold_id"])
    assert uses(market, early) == (1, 1, 600, 1_200)
    give_up(market, operator, sale)
    assert uses(market, early) == (0, 0, 0, 0)
    assert market.stored(Payment, paid["payment_id"]).refund_due_minor == 2_000
    assert operator.get(f"/v1/promotions/{early['id']}").json["state"] == "ended"


def test_a_campaign_that_is_given_up_while_balances_are_due_gives_back_what_was_left_of_them(
    market: Market, shopper: Caller, operator: Caller, as_role: Callable[..., Caller]
) -> None:
    sale = on_sale(market, deposit=ADVANCE)
    pieces = running(operator, sale, kind="quantity_break", amount_minor=300)
    orders = [bought(shopper, operator, sale, 2), bought(as_role(Role.SHOPPER), operator, sale, 4)]
    presale.opened(market, sale)
    assert uses(market, pieces) == (0, 2, 0, 1_200)
    assert operator.post(f"{sale.url}/cancellation", json={"reason": "hail"}).status_code == 200
    end_all(sale)
    assert uses(market, pieces) == (0, 0, 0, 0)
    assert [seen(operator, each)["state"] for each in orders] == ["released", "released"]


def test_who_defaults_loses_the_deposit_and_the_discount_is_there_for_others(
    market: Market, shopper: Caller, operator: Caller, as_role: Callable[..., Caller]
) -> None:
    sale, other = on_sale(market), as_role(Role.SHOPPER)
    early = running(operator, sale, **EARLY)
    coupon, code = code_of(operator, sale, amount_minor=2_000)
    order, kept = bought(shopper, operator, sale, 2, code), bought(other, operator, sale, 4)
    presale.opened(market, sale)
    pay_rest(other, operator, kept)
    presale.closed(market, sale)
    assert [seen(operator, each)["state"] for each in (order, kept)] == ["balance_defaulted", "balance_paid"]
    assert sum(presale.forfeits(order)) == 2_000, "the deposit, and nothing of what was not paid"
    assert (uses(market, coupon), uses(market, early)) == ((0, 0, 0, 0), (0, 1, 0, 2_400))
    terms = market.stored(DepositTerms, order["id"])
    assert (terms.balance_minor, terms.discount_minor) == (2 * 3_700 - 2_000, 2_000), "as it was asked for"


@pytest.mark.parametrize(
    ("funder", "off"), [("cooperative", 400), ("platform", 500), ("county", 500), ("sponsor", 500)]
)
def test_earnest_money_stays_a_fifth_of_what_cooperatives_leave_of_the_lowest_price(
    market: Market, shopper: Caller, operator: Caller, funder: str, off: int
) -> None:
    """Two boxes at 52.00: a fifth of 104.00 − 4.00 is the 20.00 that are paid. What others pay lowers no price."""
    sale = on_sale(market)
    _, code = code_of(operator, sale, funder=funder)
    assert quoted(shopper, held(shopper, sale, 2)["hold_id"], code)["discount_minor"] == off


def test_an_advance_has_no_cap(market: Market, shopper: Caller, operator: Caller) -> None:
    sale = on_sale(market, deposit={**presale.DEPOSIT, "type": "advance"})
    _, code = code_of(operator, sale, funder="cooperative")
    assert quoted(shopper, held(shopper, sale, 2)["hold_id"], code)["discount_minor"] == 500


def test_earnest_money_at_its_cap_leaves_cooperatives_nothing_to_take_off(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = on_sale(market, deposit={"type": "earnest", "per_box_minor": 1_040})
    _, code = code_of(operator, sale, funder="cooperative")
    told_now = quoted(shopper, held(shopper, sale, 2)["hold_id"], code)
    assert (told_now["codes"], told_now["discount_minor"]) == (["nothing_to_take"], 0)


def test_an_operator_drafts_every_kind_for_a_deposit(market: Market, operator: Caller) -> None:
    sale = presale.on_sale(market)
    response = operator.post(f"{sale.url}/promotions", json=COUPON)
    assert response.status_code == 201, response.json
    freight = {**COUPON, "kind": "free_freight", "amount_minor": None}
    assert_refused(operator.post(f"{sale.url}/promotions", json=freight), 422, "promotion_not_allowed")
