"""Friends who buy together with deposits: what a full group gives comes off the balance, each once."""

from collections.abc import Callable
from typing import Any

import pytest

from marketplace.access import Role
from orders.models import DepositTerms
from tests.builders import Market, assert_refused, held
from tests.campaigns import presale
from tests.campaigns.inbox import told
from tests.campaigns.presale import seen
from tests.campaigns.promotions.deposits.scene import ADVANCE, bought, on_sale, pay_rest
from tests.campaigns.promotions.deposits.test_shortage import settled as shortage_settled
from tests.campaigns.promotions.deposits.test_shortage import stopped
from tests.campaigns.promotions.groups.friends import (
    back,
    buys,
    group_buy,
    group_of,
    join_with,
    joined,
    let_pass,
    money,
    open_with,
    opened,
    settled,
    states,
    tended,
)
from tests.campaigns.promotions.shop import EARLY, give_up, running, uses
from tests.campaigns.shortage import deposits, stage
from tests.house import Caller


@pytest.fixture
def friend(as_role: Callable[..., Caller]) -> Caller:
    return as_role(Role.SHOPPER)


def full(
    shopper: Caller, friend: Caller, operator: Caller, promotion: Any, sale: Any, boxes: int = 2
) -> tuple[str, list[dict[str, Any]]]:
    """A group of two that have paid their deposits: its code, and their orders."""
    place = opened(shopper, promotion, sale, boxes)
    code = place["group"]["code"]
    return code, [buys(shopper, operator, place), buys(friend, operator, joined(friend, code, sale, 4))]


def test_what_a_full_group_gives_comes_off_the_balance(
    market: Market, shopper: Caller, friend: Caller, operator: Caller
) -> None:
    sale = on_sale(market)
    promotion = group_buy(operator, sale)
    code, orders = full(shopper, friend, operator, promotion, sale)
    assert (orders[0]["total_minor"], orders[0]["deposit"]["later_minor"]) == (12_000, 9_000)
    assert (settled(market, code), states(code)) == (2, ["rewarded", "rewarded"])
    assert [back(market, each) for each in orders] == [0, 0], "no money goes back"
    assert money(market, promotion) == (0, 6_000)
    found = seen(shopper, orders[0])
    assert (found["total_minor"], found["discount_minor"], found["deposit"]["later_minor"]) == (
        10_000, 2_000, 7_000,
    )  # fmt: skip
    assert [(each["kind"], each["amount_minor"], each["left_minor"]) for each in found["discounts"]] == [
        ("group_buy", 2_000, 10_000)
    ]
    [note] = told(shopper, "group_full")
    assert (note["amount"]["minor"], note["how"]["en"]) == (2_000, "comes off your balance")
    [mine] = shopper.get("/v1/me/orders").json["items"]
    assert mine["due_later_minor"] == 7_000
    presale.opened(market, sale)
    assert pay_rest(shopper, operator, orders[0]) == 7_400 - 2_000
    presale.closed(market, sale)
    assert seen(friend, orders[1])["state"] == "balance_defaulted"
    assert (states(code), money(market, promotion)) == (["rewarded", "undone"], (0, 2_000))


@pytest.mark.parametrize(("together", "given"), [(True, 2_000), (False, 800)])
def test_with_another_discount_it_adds_up_or_the_larger_one_counts(
    market: Market, shopper: Caller, friend: Caller, operator: Caller, together: bool, given: int
) -> None:
    sale = on_sale(market)
    stacks = {"stacks_with": ["early_bird", "group_buy"]} if together else {}
    early = running(operator, sale, **EARLY, **stacks)
    promotion = group_buy(operator, sale, **stacks)
    code, orders = full(shopper, friend, operator, promotion, sale)
    settled(market, code)
    found = seen(shopper, orders[0])
    assert [each["amount_minor"] for each in found["discounts"]] == [1_200, given]
    assert found["deposit"]["later_minor"] == 9_000 - 1_200 - given
    assert uses(market, early)[3] == 3_600


def test_no_more_is_promised_than_the_balance_has_room_for_and_the_last_step_takes_it_back(
    market: Market, shopper: Caller, friend: Caller, operator: Caller
) -> None:
    """Ten yuan of a box are open at the price shown, two at the last step."""
    sale = on_sale(market, deposit=ADVANCE)
    promotion = group_buy(operator, sale, amount_minor=1_500)
    code, orders = full(shopper, friend, operator, promotion, sale)
    assert money(market, promotion) == (6_000, 0), "reserved for what is open, not for more"
    settled(market, code)
    presale.opened(market, sale)
    terms = market.stored(DepositTerms, orders[0]["id"])
    assert (terms.discount_minor, terms.balance_minor) == (400, 0)
    assert money(market, promotion) == (0, 6 * 200)


def test_a_balance_is_not_asked_before_every_full_group_is_settled(
    market: Market, shopper: Caller, friend: Caller, operator: Caller
) -> None:
    sale = on_sale(market)
    promotion = group_buy(operator, sale)
    code, orders = full(shopper, friend, operator, promotion, sale)
    presale.harvested(market, sale)
    presale.let_pass(market, sale, hours=24)
    presale.open_balance(market, sale)
    assert (group_of(code).state, market.campaign(sale).state) == ("settled", "harvested")
    presale.open_balance(market, sale)
    assert market.campaign(sale).state == "balance_open"
    assert market.stored(DepositTerms, orders[0]["id"]).balance_minor == 7_400 - 2_000
    assert settled(market, code) == 0


@pytest.mark.parametrize("is_settled", [True, False])
def test_who_withdraws_after_the_group_was_full_gives_it_back_and_the_others_keep_theirs(
    market: Market, shopper: Caller, friend: Caller, operator: Caller, is_settled: bool
) -> None:
    sale = on_sale(market)
    promotion = group_buy(operator, sale)
    code, orders = full(shopper, friend, operator, promotion, sale)
    if is_settled:
        settled(market, code)
    assert friend.post(f"/v1/orders/{orders[1]['id']}/withdrawal").status_code == 200
    settled(market, code)
    assert (states(code), money(market, promotion)) == (["rewarded", "undone"], (0, 2_000))
    assert seen(shopper, orders[0])["deposit"]["later_minor"] == 7_000


def test_a_cut_takes_its_part_of_what_the_group_gave(
    market: Market, shopper: Caller, friend: Caller, operator: Caller
) -> None:
    sale = on_sale(market, 5)
    stage.pledge(market, sale, 1)
    promotion = group_buy(operator, sale)
    code, orders = full(shopper, friend, operator, promotion, sale)
    settled(market, code)
    presale.harvested(market, sale)
    short = stopped(market, operator, sale, (shopper, friend), tuple(orders), 1)
    shortage_settled(short)
    assert (states(code), money(market, promotion)) == (["rewarded", "rewarded"], (0, 5_000))
    presale.let_pass(market, sale, hours=24)
    assert deposits.advance(short) == "balance_open"
    terms = market.stored(DepositTerms, orders[1]["id"])
    assert (terms.balance_boxes, terms.discount_minor) == (3, 3_000)


def test_a_group_that_is_settled_after_a_cut_gives_for_the_boxes_that_are_left(
    market: Market, shopper: Caller, friend: Caller, operator: Caller
) -> None:
    sale = on_sale(market, 5)
    stage.pledge(market, sale, 1)
    promotion = group_buy(operator, sale)
    code, orders = full(shopper, friend, operator, promotion, sale)
    presale.harvested(market, sale)
    short = stopped(market, operator, sale, (shopper, friend), tuple(orders), 1)
    shortage_settled(short)
    assert settled(market, code) == 2
    assert money(market, promotion) == (0, 5_000)
    assert seen(friend, orders[1])["discount_minor"] == 4_000, "of all its boxes, as it was ordered"


@pytest.mark.parametrize(("funder", "given"), [("cooperative", 400), ("platform", 2_000)])
def test_earnest_money_caps_what_cooperatives_give_a_group(
    market: Market, shopper: Caller, friend: Caller, operator: Caller, funder: str, given: int
) -> None:
    sale = on_sale(market)
    promotion = group_buy(operator, sale, funder=funder)
    code, orders = full(shopper, friend, operator, promotion, sale)
    settled(market, code)
    assert seen(shopper, orders[0])["discount_minor"] == given


@pytest.mark.parametrize("has_deposit", [True, False])
def test_after_a_lapse_a_paid_order_joins_another_group_and_counts_at_once(
    market: Market,
    shopper: Caller,
    friend: Caller,
    operator: Caller,
    as_role: Callable[..., Caller],
    has_deposit: bool,
) -> None:
    sale = on_sale(market, deposit=presale.DEPOSIT if has_deposit else None)
    promotion = group_buy(operator, sale)
    place = opened(shopper, promotion, sale, 2)
    lapsed = place["group"]["code"]
    order = buys(shopper, operator, place)
    assert_refused(join_with(shopper, lapsed, place["hold_id"]), 409, "hold_not_active")
    let_pass(lapsed)
    tended(market)
    assert (states(lapsed), money(market, promotion)) == (["lapsed"], (0, 0))
    mine = opened(friend, promotion, sale)
    code = mine["group"]["code"]
    stranger = as_role(Role.SHOPPER)
    assert_refused(join_with(stranger, code, place["hold_id"]), 404, "hold_not_found")
    response = join_with(shopper, code, place["hold_id"])
    assert (response.status_code, response.json["state"]) == (201, "paid"), response.json
    assert money(market, promotion) == (3_000, 0)
    assert_refused(join_with(shopper, code, place["hold_id"]), 409, "in_a_group")
    buys(friend, operator, mine)
    assert (settled(market, code), states(code)) == (2, ["rewarded", "rewarded"])
    assert back(market, order) == (0 if has_deposit else 2_000)
    assert seen(shopper, order)["discount_minor"] == (2_000 if has_deposit else 0)
    again = opened(as_role(Role.SHOPPER), promotion, sale)["group"]["code"]
    assert_refused(join_with(shopper, again, place["hold_id"]), 409, "in_a_group")
    assert money(market, promotion) == (1_000, 3_000), "its boxes have had their discount"


def test_after_a_lapse_a_paid_order_opens_a_group_of_its_own_and_the_last_place_fills_it(
    market: Market, shopper: Caller, friend: Caller, operator: Caller
) -> None:
    sale = on_sale(market)
    promotion = group_buy(operator, sale)
    first, second = opened(shopper, promotion, sale), opened(friend, promotion, sale)
    for caller, place in ((shopper, first), (friend, second)):
        buys(caller, operator, place)
        let_pass(place["group"]["code"])
    tended(market)
    anew = open_with(shopper, promotion, first["hold_id"])
    assert (anew["state"], anew["group"]["places_paid"]) == ("paid", 1)
    response = join_with(friend, anew["group"]["code"], second["hold_id"])
    assert (response.json["state"], response.json["group"]["state"]) == ("paid", "full")
    assert settled(market, anew["group"]["code"]) == 2
    assert money(market, promotion) == (0, 2_000)


def test_after_the_sale_nothing_is_tried_again_and_another_promotion_has_no_place_for_it(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = on_sale(market)
    promotion, other = group_buy(operator, sale), group_buy(operator, sale)
    place = opened(shopper, promotion, sale)
    buys(shopper, operator, place)
    let_pass(place["group"]["code"])
    tended(market)
    url = f"/v1/promotions/{other['id']}/groups"
    assert_refused(shopper.post(url, json={"hold_id": place["hold_id"]}), 409, "hold_not_active")
    assert operator.post(f"{sale.url}/closing", json={"reason": "sold"}).status_code == 200
    url = f"/v1/promotions/{promotion['id']}/groups"
    refused = shopper.post(url, json={"hold_id": place["hold_id"]})
    assert_refused(refused, 409, "group_takes_nothing")


def test_who_left_a_group_before_paying_takes_a_place_in_it_again_with_the_same_boxes(
    market: Market, shopper: Caller, friend: Caller, operator: Caller
) -> None:
    sale = on_sale(market)
    promotion = group_buy(operator, sale)
    code = opened(shopper, promotion, sale)["group"]["code"]
    hold_id = held(friend, sale)["hold_id"]
    for _ in range(2):
        assert join_with(friend, code, hold_id).status_code == 201
        assert friend.post(f"/v1/groups/{code}/withdrawal").status_code == 200
    assert join_with(friend, code, hold_id).status_code == 201
    assert (states(code), money(market, promotion)) == (["joined", "left", "left", "joined"], (2_000, 0))


def test_an_order_that_is_released_gives_back_what_its_group_gave(
    market: Market, shopper: Caller, friend: Caller, operator: Caller
) -> None:
    sale = on_sale(market)
    promotion = group_buy(operator, sale)
    code, _ = full(shopper, friend, operator, promotion, sale)
    settled(market, code)
    assert bought(shopper, operator, sale, 1)["discount_minor"] == 0
    give_up(market, operator, sale)
    assert (states(code), money(market, promotion)) == (["undone", "undone"], (0, 0))
