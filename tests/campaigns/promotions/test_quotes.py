"""Shoppers are quoted with codes and without, order at that price, and every way out gives a use back once."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import limits as counting
import pytest

from campaigns.promotions import budgets, codes
from marketplace import context, database
from marketplace.access import Role
from marketplace.limits import Counts
from marketplace.payments.models import Payment
from orders import checkout
from orders.models import Order
from tests.builders import Market, assert_refused, at_once, held, ordered, receipt
from tests.campaigns import presale
from tests.campaigns.promotions.shop import (
    ALL,
    EARLY,
    drawn,
    give_up,
    paid_for,
    placed,
    quoted,
    running,
    shared,
    uses,
)
from tests.house import Caller

NOT_VALID = ["not_valid"]


def test_a_quote_goes_from_the_price_to_the_total_and_the_order_costs_that(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = market.on_sale()
    early = running(operator, sale, **EARLY, stacks_with=ALL)
    coupon = running(operator, sale, funder="platform", stacks_with=ALL)
    [code] = drawn(operator, coupon)
    hold = held(shopper, sale, 2)
    told = quoted(shopper, hold["hold_id"], code.lower().replace("-", " "))
    assert [(line["promotion_id"], line["funder"], line["amount_minor"], line["left_minor"])
            for line in told["discounts"]] == [
        (early["id"], "county", 1_040, 9_360), (coupon["id"], "platform", 500, 8_860),
    ]  # fmt: skip
    assert (told["price_minor"], told["discount_minor"], told["total_minor"]) == (10_400, 1_540, 8_860)
    assert (told["codes"], told["unmet"], told["is_current"]) == (["applied"], [], True)
    assert told["valid_until"] == hold["expires_at"]
    assert shopper.get(f"/v1/holds/{hold['hold_id']}/quote").json == told
    order = placed(shopper, hold["hold_id"])
    assert (order["discount_minor"], order["total_minor"]) == (1_540, 8_860)
    assert order["discounts"] == told["discounts"]
    assert market.stored(Payment, order["payment_id"]).amount_minor == 8_860
    for path in ("/v1/orders", "/v1/me/orders"):
        shown = shopper.get(f"{path}/{order['id']}").json
        assert (shown["discounts"], shown["total_minor"]) == (told["discounts"], 8_860)
    paid_for(shopper, operator, order)
    assert uses(market, coupon) == (0, 1, 0, 500)
    assert uses(market, early) == (0, 1, 0, 1_040)
    assert shopper.get(f"/v1/holds/{hold['hold_id']}/quote").json["is_current"] is False


def test_what_needs_no_code_is_taken_off_whoever_orders(
    market: Market, shopper: Caller, operator: Caller, anyone: Caller
) -> None:
    sale = market.on_sale()
    break_at_two = running(operator, sale, kind="quantity_break", amount_minor=300, boxes_min=2)
    url = f"{sale.url}/items/{sale.item_id}/price"
    shown = [anyone.get(url, query_string={"boxes": boxes}).json for boxes in (1, 2)]
    assert [(each["total_minor"], each["discount_minor"]) for each in shown] == [(5_200, 0), (10_400, 600)]
    first, second = ordered(shopper, sale), ordered(shopper, sale, 2)
    assert (first["discount_minor"], first["total_minor"]) == (0, 5_200)
    assert (second["discount_minor"], second["total_minor"]) == (600, 9_800)
    assert second["discounts"] == shown[1]["discounts"]
    assert uses(market, break_at_two) == (1, 0, 600, 0)


def test_without_promotions_the_till_serves_it_and_nothing_is_quoted(
    market: Market, shopper: Caller, operator: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, way = [], checkout.settle_price

    def seen(*known: Any, hold_id: uuid.UUID) -> Any:
        alone.append(str(hold_id))
        return way(*known, hold_id=hold_id)

    sale, other = market.on_sale(), market.on_sale()
    running(operator, sale)
    running(operator, other, **EARLY)
    monkeypatch.setattr(checkout, "settle_price", seen)
    assert ordered(shopper, sale, 3)["discounts"] == []
    assert alone == []
    [line] = ordered(shopper, other)["discounts"]
    assert (len(alone), line["amount_minor"]) == (1, 520)
    hold_id = held(shopper, other, 2)["hold_id"]
    quoted(shopper, hold_id)
    assert placed(shopper, hold_id)["discount_minor"] == 1_040
    assert len(alone) == 1, "what is quoted already is served at the till"


def test_a_resized_hold_must_be_quoted_again(market: Market, shopper: Caller, operator: Caller) -> None:
    sale = market.on_sale()
    coupon = running(operator, sale)
    code = shared(operator, coupon, "SPRING26")
    hold_id = held(shopper, sale, 2)["hold_id"]
    quoted(shopper, hold_id, code)
    resized = shopper.post(sale.holds_url, json={"item_id": str(sale.item_id), "boxes": 3})
    assert (resized.status_code, resized.json["hold_id"]) == (200, hold_id)
    assert shopper.get(f"/v1/holds/{hold_id}/quote").json["is_current"] is False
    refused = assert_refused(shopper.post("/v1/orders", json={"hold_id": hold_id}), 409, "quote_outdated")
    assert (refused["quoted_boxes"], refused["boxes"]) == (2, 3)
    quoted(shopper, hold_id, code)
    assert placed(shopper, hold_id)["total_minor"] == 3 * 5_200 - 500
    assert uses(market, coupon) == (1, 0, 500, 0)


def test_nothing_left_to_pay_is_bought_at_once(market: Market, shopper: Caller, operator: Caller) -> None:
    sale = market.on_sale()
    voucher = running(operator, sale, kind="voucher", amount_minor=None, budget_minor=12_000)
    [code] = drawn(operator, voucher)
    hold_id = held(shopper, sale, 2)["hold_id"]
    assert quoted(shopper, hold_id, code)["total_minor"] == 0
    response = shopper.post("/v1/orders", json={"hold_id": hold_id})
    order = response.json
    assert (response.status_code, order["state"], order["payment_id"]) == (201, "committed", None)
    assert {"order.place", "order.committed", "hold.consume", "promotion_use.consumed"} <= market.actions(
        response
    )
    assert (uses(market, voucher), market.pool(sale).boxes_sold) == ((0, 1, 0, 10_400), 2)
    shown = shopper.get(f"/v1/me/orders/{order['id']}").json
    assert (shown["payment"], shown["due_now_minor"], shown["next_steps"]) == (None, 0, ["choose_address"])
    rest = held(shopper, sale, 1)["hold_id"]
    assert quoted(shopper, rest, code)["discount_minor"] == 1_600, "what is left of a voucher is still good"
    give_up(market, operator, sale)
    assert shopper.get(f"/v1/orders/{order['id']}").json["state"] == "released"
    assert uses(market, voucher) == (1, 0, 1_600, 0), "of the hold that was not ordered"
    assert database.transact(lambda session: budgets.give_back_lapsed(session, context.system())) == 1
    assert uses(market, voucher) == (0, 0, 0, 0)


def test_a_full_automatic_discount_is_bought_at_once_too(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = market.on_sale()
    gift = running(operator, sale, **{**EARLY, "permille": 1_000, "boxes_max": 1, "boxes_min": 1})
    order = ordered(shopper, sale)
    assert (order["state"], order["total_minor"], order["payment_id"]) == ("committed", 0, None)
    assert uses(market, gift) == (0, 1, 0, 5_200)
    assert ordered(shopper, sale)["total_minor"] == 5_200


@pytest.mark.parametrize("way", ["withdrawn", "expired", "failed", "cancelled", "paid and cancelled"])
def test_each_way_out_gives_the_use_back_once(
    market: Market, shopper: Caller, operator: Caller, way: str
) -> None:
    sale = market.on_sale()
    coupon = running(operator, sale, uses_max=1)
    [code] = drawn(operator, coupon)
    hold_id = held(shopper, sale)["hold_id"]
    quoted(shopper, hold_id, code)
    order = placed(shopper, hold_id)
    if way == "withdrawn":
        assert shopper.post(f"/v1/orders/{order['id']}/withdrawal").status_code == 200
    elif way == "expired":
        market.let_age(order["id"], 30)
        ended = database.transact(
            lambda session: checkout.expire_unpaid(session, context.system(), minutes=20, batch=10)
        )
        assert ended == 1
    elif way == "failed":
        failed = operator.post(f"/v1/payments/{order['payment_id']}/failure", json={"reason": "no money"})
        assert failed.status_code == 200
    else:
        if way == "paid and cancelled":
            paid_for(shopper, operator, order)
            assert uses(market, coupon) == (0, 1, 0, 500)
        give_up(market, operator, sale)
    assert uses(market, coupon) == (0, 0, 0, 0)
    again = database.transact(
        lambda session: budgets.give_back(session, context.system(), hold_id=uuid.UUID(hold_id))
    )
    assert again == 0
    if "cancelled" not in way:
        other = held(shopper, sale)["hold_id"] if way != "failed" else hold_id
        assert quoted(shopper, other, code)["codes"] == ["applied"], "the code is good again"


def test_after_a_failed_payment_the_old_quote_does_not_count(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = market.on_sale()
    code = shared(operator, running(operator, sale), "SPRING26")
    hold_id = held(shopper, sale)["hold_id"]
    quoted(shopper, hold_id, code)
    order = placed(shopper, hold_id)
    fail = {"reason": "no money"}
    assert operator.post(f"/v1/payments/{order['payment_id']}/failure", json=fail).status_code == 200
    assert_refused(shopper.post("/v1/orders", json={"hold_id": hold_id}), 409, "quote_outdated")
    quoted(shopper, hold_id, code)
    assert placed(shopper, hold_id)["discount_minor"] == 500


def test_after_a_failed_payment_what_needs_no_code_is_taken_off_again(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = market.on_sale()
    early = running(operator, sale, **EARLY)
    hold_id = held(shopper, sale)["hold_id"]
    order = placed(shopper, hold_id)
    fail = {"reason": "no money"}
    assert operator.post(f"/v1/payments/{order['payment_id']}/failure", json=fail).status_code == 200
    assert uses(market, early) == (0, 0, 0, 0)
    assert placed(shopper, hold_id)["discount_minor"] == 520
    assert uses(market, early) == (1, 0, 520, 0)


def test_late_money_of_a_discounted_order_goes_back(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = market.on_sale()
    code = shared(operator, running(operator, sale), "SPRING26")
    hold_id = held(shopper, sale)["hold_id"]
    quoted(shopper, hold_id, code)
    order = placed(shopper, hold_id)
    database.transact(
        lambda session: checkout.expire(session, context.system(), order_id=uuid.UUID(order["id"]))
    )
    booked = operator.post(f"/v1/payments/{order['payment_id']}/receipts", json=receipt(order))
    assert (booked.json["state"], booked.json["refund_reason"]) == ("canceled", "discount_over")
    assert market.stored(Order, order["id"]).state == "expired"


def test_codes_that_are_unknown_used_ended_or_elsewhere_look_alike(
    market: Market, shopper: Caller, operator: Caller, as_role: Callable[..., Caller]
) -> None:
    sale, elsewhere = market.on_sale(), market.on_sale()
    used, other = drawn(operator, running(operator, sale)), as_role(Role.SHOPPER)
    quoted(other, held(other, sale)["hold_id"], *used)
    over = running(operator, sale)
    ended = drawn(operator, over)
    assert operator.post(f"/v1/promotions/{over['id']}/end").status_code == 200
    poor = drawn(operator, running(operator, sale, budget_minor=499))
    early = drawn(operator, running(operator, sale, starts_at="2099-01-01T00:00:00Z"))
    late = drawn(operator, running(operator, sale, ends_at="2026-01-01T00:00:00Z"))
    foreign = drawn(operator, running(operator, elsewhere))
    hold_id = held(shopper, sale)["hold_id"]
    answers = [quoted(shopper, hold_id, *each)
               for each in (["ABCD-EFGH"], used, ended, poor, early, late, foreign)]  # fmt: skip
    varying = ("id",)
    assert {repr({name: each[name] for name in each if name not in varying}) for each in answers} == {
        repr({name: answers[0][name] for name in answers[0] if name not in varying})
    }
    assert answers[0]["codes"] == NOT_VALID


def test_who_knows_a_code_is_told_what_is_missing(market: Market, shopper: Caller, operator: Caller) -> None:
    sale = market.on_sale()
    for_two = shared(operator, running(operator, sale, boxes_min=2), "FORTWO")
    once = running(operator, sale, uses_per_person_max=1)
    shared(operator, once, "ONCE")
    better = shared(operator, running(operator, sale, amount_minor=900), "BETTER")
    hold_id = held(shopper, sale)["hold_id"]
    assert quoted(shopper, hold_id, for_two, "ONCE")["codes"] == ["too_few_boxes", "applied"]
    placed(shopper, hold_id)
    hold_id = held(shopper, sale)["hold_id"]
    assert quoted(shopper, hold_id, "ONCE")["codes"] == ["person_limit"]
    assert quoted(shopper, hold_id, better, "fortwo")["codes"] == ["applied", "too_few_boxes"]
    running(operator, sale, **{**EARLY, "permille": 1_000})
    assert quoted(shopper, hold_id, better)["codes"] == ["not_combinable"]


def test_only_ones_own_live_hold_is_quoted(
    market: Market, shopper: Caller, operator: Caller, as_role: Callable[..., Caller]
) -> None:
    sale, other = market.on_sale(), as_role(Role.SHOPPER)
    hold_id = held(shopper, sale)["hold_id"]
    url = f"/v1/holds/{hold_id}/quote"
    assert_refused(shopper.get(url), 404, "quote_not_found")
    for refused in (
        other.post(url, json={}),
        other.get(url),
        shopper.post(f"/v1/holds/{uuid.uuid4()}/quote", json={}),
    ):
        assert_refused(refused, 404, "hold_not_found")
    quoted(shopper, hold_id)
    assert operator.get(url).status_code == 200
    market.let_expire(hold_id)
    assert_refused(shopper.post(url, json={}), 410, "hold_expired")
    ordered_hold = held(shopper, sale)["hold_id"]
    placed(shopper, ordered_hold)
    assert_refused(shopper.post(f"/v1/holds/{ordered_hold}/quote", json={}), 409, "hold_not_active")


def test_tries_of_codes_are_counted(market: Market, shopper: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(market.app.extensions, "limits", Counts(None))
    monkeypatch.setattr(codes, "TRIES_OF_ACCOUNT", counting.parse("3 per 10 minutes"))
    hold_id = held(shopper, market.on_sale())["hold_id"]
    url = f"/v1/holds/{hold_id}/quote"
    assert shopper.post(url, json={"codes": ["AAAA", "BBBB", "CCCC"]}).status_code == 201
    refused = shopper.post(url, json={"codes": ["DDDD"]})
    assert (refused.status_code, refused.json["code"]) == (429, "too_many")
    assert shopper.post(url, json={}).status_code == 201, "who names no code is not counted"


def test_a_code_made_before_the_secret_was_changed_is_still_good(
    market: Market, shopper: Caller, operator: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    sale = market.on_sale()
    drawn_codes = drawn(operator, running(operator, sale))
    before = market.app.config["SETTINGS"]
    changed = replace(before, secret_key="another-secret-" * 4, secret_key_before=before.secret_key)
    monkeypatch.setitem(market.app.config, "SETTINGS", changed)
    assert quoted(shopper, held(shopper, sale)["hold_id"], *drawn_codes)["codes"] == ["applied"]


def test_paying_and_giving_up_at_once_leave_the_use_where_the_order_is(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = market.on_sale()
    coupon = running(operator, sale)
    code = shared(operator, coupon, "SPRING26")
    hold_id = held(shopper, sale)["hold_id"]
    quoted(shopper, hold_id, code)
    order = placed(shopper, hold_id)
    assert shopper.post(f"/v1/payments/{order['payment_id']}/confirm").status_code == 200
    body = receipt(order)
    steps: list[Callable[[], Any]] = [
        lambda: operator.post(f"/v1/payments/{order['payment_id']}/receipts", json=body).status_code,
        *[lambda: shopper.post(f"/v1/orders/{order['id']}/withdrawal").status_code] * 3,
    ]
    at_once(market.app, steps)
    state = market.stored(Order, order["id"]).state
    expected = {"committed": (0, 1, 0, 500), "withdrawn": (0, 0, 0, 0)}
    assert uses(market, coupon) == expected[state]


def test_one_single_use_code_for_two_holds_at_once_has_one_use(
    market: Market, operator: Caller, as_role: Callable[..., Caller]
) -> None:
    sale = market.on_sale()
    coupon = running(operator, sale)
    [code] = drawn(operator, coupon)
    callers = [as_role(Role.SHOPPER) for _ in range(6)]
    hold_ids = [held(each, sale)["hold_id"] for each in callers]
    told = at_once(
        market.app,
        [lambda c=c, h=h: quoted(c, h, code)["codes"] for c, h in zip(callers, hold_ids, strict=True)],
    )
    assert sorted(map(str, told)) == ["['applied']", *["['not_valid']"] * 5]
    assert uses(market, coupon) == (1, 0, 500, 0)


def test_the_ladder_gives_back_no_more_than_was_paid(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = presale.on_sale(market, deposit=None)
    code = shared(operator, running(operator, sale, amount_minor=23_900), "NEARLYALL")
    hold_id = held(shopper, sale, 4)["hold_id"]
    quoted(shopper, hold_id, code)
    order = placed(shopper, hold_id)
    assert order["total_minor"] == 100
    paid_for(shopper, operator, order)
    presale.opened(market, sale)
    payment = market.stored(Payment, order["payment_id"])
    assert (payment.refund_due_minor, payment.refund_reason) == (100, "ladder"), "of 1,600 that it fell"
