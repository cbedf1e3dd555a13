"""A group from its opening to its end at the doors: full, lapsed, left; every way gives each discount one place.

The market's fixture checks every invariant of every module when a test ends.
"""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from campaigns.promotions.groups import settling
from campaigns.promotions.models import PromotionTerms
from marketplace import database
from marketplace.access import Role
from marketplace.identity.models import Account
from marketplace.jobs.models import StoredJob
from marketplace.payments.models import PartRefund, Payment
from tests.builders import Market, assert_refused, held
from tests.campaigns.promotions.groups.friends import (
    GROUP,
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
from tests.campaigns.promotions.shop import COUPON, drafted, drawn, give_up, placed, quoted, running
from tests.house import Caller


@pytest.fixture
def friend(as_role: Callable[..., Caller]) -> Caller:
    return as_role(Role.SHOPPER)


def messages(caller: Caller, kind: str) -> list[dict[str, Any]]:
    found = caller.get("/v1/me/notifications").json["items"]
    return [each for each in found if each["kind"] == kind]


def test_two_friends_pay_the_normal_price_and_get_the_difference_back(
    market: Market, shopper: Caller, friend: Caller, operator: Caller, anyone: Caller
) -> None:
    sale = market.on_sale()
    promotion = group_buy(operator, sale)
    place = opened(shopper, promotion, sale, 2)
    assert (place["price_minor"], place["back_minor"], place["if_full_minor"]) == (10_400, 2_000, 8_400)
    code = place["group"]["code"]
    other = joined(friend, f"{code[:4]}-{code[4:]}".lower(), sale)
    assert money(market, promotion) == (3_000, 0)
    orders = [buys(shopper, operator, place), buys(friend, operator, other)]
    assert [each["total_minor"] for each in orders] == [10_400, 5_200], "the normal price"
    assert anyone.get(f"/v1/groups/{code}").json["state"] == "full"
    assert [back(market, each) for each in orders] == [0, 0], "the money goes back in a job"
    with database.reading() as session:
        jobs = session.scalars(select(StoredJob.arguments).where(StoredJob.name == settling.SETTLE)).all()
    assert jobs == [{"group_id": str(group_of(code).id)}]

    assert [settled(market, code), settled(market, code)] == [2, 0]

    assert [back(market, each) for each in orders] == [2_000, 1_000]
    assert money(market, promotion) == (0, 3_000)
    assert states(code) == ["rewarded", "rewarded"]
    [mine] = shopper.get("/v1/me/groups").json["items"]
    assert (mine["state"], mine["given_minor"], mine["group"]["state"]) == ("rewarded", 2_000, "settled")
    [told] = messages(shopper, "group_full")
    assert "20.00" in str(told)
    assert len(messages(friend, "group_full")) == 1


def test_a_group_whose_time_is_over_lapses_and_everybody_keeps_the_normal_price(
    market: Market, shopper: Caller, friend: Caller, operator: Caller
) -> None:
    sale = market.on_sale()
    promotion = group_buy(operator, sale)
    place = opened(shopper, promotion, sale)
    code = place["group"]["code"]
    order = buys(shopper, operator, place)
    other = joined(friend, code, sale)
    let_pass(code)
    late = held(friend, market.on_sale())["hold_id"]
    assert_refused(join_with(friend, code, late), 409, "group_over")
    assert [tended(market), tended(market)] == [1, 0]
    assert (group_of(code).state, states(code)) == ("lapsed", ["lapsed", "lapsed"])
    assert money(market, promotion) == (0, 0)
    assert back(market, buys(friend, operator, other)) == back(market, order) == 0
    assert_refused(join_with(friend, code, late), 409, "group_state")
    assert [len(messages(each, "group_lapsed")) for each in (shopper, friend)] == [1, 1]


def test_money_that_comes_after_the_time_lapses_the_group(
    market: Market, shopper: Caller, friend: Caller, operator: Caller
) -> None:
    sale = market.on_sale()
    promotion = group_buy(operator, sale)
    first = opened(shopper, promotion, sale)
    code = first["group"]["code"]
    second = joined(friend, code, sale)
    buys(shopper, operator, first)
    let_pass(code)
    buys(friend, operator, second)
    assert (group_of(code).state, states(code)) == ("lapsed", ["lapsed", "lapsed"])
    assert settled(market, code) == 0
    assert money(market, promotion) == (0, 0)


def test_who_leaves_before_paying_frees_the_place(
    market: Market, shopper: Caller, friend: Caller, operator: Caller, as_role: Callable[..., Caller]
) -> None:
    sale, third = market.on_sale(), as_role(Role.SHOPPER)
    promotion = group_buy(operator, sale)
    place = opened(shopper, promotion, sale)
    code = place["group"]["code"]
    buys(shopper, operator, place)
    joined(friend, code, sale)
    hold_id = held(third, sale)["hold_id"]
    assert_refused(join_with(third, code, hold_id), 409, "no_place_left")
    assert_refused(third.post(f"/v1/groups/{code}/withdrawal"), 409, "not_in_group")
    assert_refused(shopper.post(f"/v1/groups/{code}/withdrawal"), 409, "place_is_paid")
    left = friend.post(f"/v1/groups/{code}/withdrawal")
    assert (left.status_code, left.json["places_left"]) == (200, 1)
    assert money(market, promotion) == (1_000, 0)
    assert join_with(third, code, hold_id).status_code == 201
    assert states(code) == ["paid", "left", "joined"]


def test_every_end_of_unpaid_boxes_frees_the_place(
    market: Market, shopper: Caller, friend: Caller, operator: Caller
) -> None:
    sale = market.on_sale()
    promotion = group_buy(operator, sale, people_needed=3)
    code = opened(shopper, promotion, sale)["group"]["code"]
    order = placed(friend, joined(friend, code, sale)["hold_id"])
    assert friend.post(f"/v1/orders/{order['id']}/withdrawal").status_code == 200
    assert states(code)[1:] == ["left"]
    place = joined(friend, code, sale)
    assert friend.post(f"/v1/holds/{place['hold_id']}/release").status_code == 200
    assert tended(market) == 1
    place = joined(friend, code, sale)
    market.let_expire(place["hold_id"])
    assert tended(market) == 1
    assert states(code)[1:] == ["left", "left", "left"]
    assert money(market, promotion) == (1_000, 0)


def test_a_failed_payment_keeps_the_place_as_long_as_the_boxes(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = market.on_sale()
    promotion = group_buy(operator, sale)
    place = opened(shopper, promotion, sale)
    order = placed(shopper, place["hold_id"])
    assert shopper.post(f"/v1/payments/{order['payment_id']}/confirm").status_code == 200
    failed = operator.post(f"/v1/payments/{order['payment_id']}/failure", json={"reason": "no money"})
    assert failed.status_code == 200, failed.json
    assert (states(place["group"]["code"]), tended(market)) == (["joined"], 0)
    buys(shopper, operator, place)
    assert states(place["group"]["code"]) == ["paid"]


def test_joining_again_counts_the_boxes_that_are_held_now(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = market.on_sale()
    promotion = group_buy(operator, sale)
    place = opened(shopper, promotion, sale)
    more = shopper.post(sale.holds_url, json={"item_id": str(sale.item_id), "boxes": 3})
    assert more.json["hold_id"] == place["hold_id"]
    again = join_with(shopper, place["group"]["code"], place["hold_id"])
    assert (again.json["back_minor"], again.json["group"]["places_taken"]) == (3_000, 1)
    assert money(market, promotion) == (3_000, 0)


def test_fewer_boxes_than_it_was_reserved_for_give_less_back_and_free_the_rest(
    market: Market, shopper: Caller, friend: Caller, operator: Caller
) -> None:
    sale = market.on_sale()
    promotion = group_buy(operator, sale)
    place = opened(shopper, promotion, sale, 3)
    code = place["group"]["code"]
    fewer = shopper.post(sale.holds_url, json={"item_id": str(sale.item_id), "boxes": 1})
    assert fewer.json["hold_id"] == place["hold_id"]
    orders = [buys(shopper, operator, place), buys(friend, operator, joined(friend, code, sale))]
    settled(market, code)
    assert [back(market, each) for each in orders] == [1_000, 1_000]
    assert money(market, promotion) == (0, 2_000)


@pytest.mark.parametrize(("together", "expected"), [(True, 1_000), (False, 500)])
def test_another_discount_goes_with_it_or_the_larger_one_counts(
    market: Market, shopper: Caller, friend: Caller, operator: Caller, together: bool, expected: int
) -> None:
    sale = market.on_sale()
    names = (["group_buy"], ["coupon"]) if together else ([], [])
    coupon = running(operator, sale, stacks_with=names[0])
    promotion = group_buy(operator, sale, stacks_with=names[1])
    [word] = drawn(operator, coupon)
    place = opened(shopper, promotion, sale)
    assert quoted(shopper, place["hold_id"], word)["total_minor"] == 4_700
    code = place["group"]["code"]
    order = buys(shopper, operator, place)
    plain = buys(friend, operator, joined(friend, code, sale))
    settled(market, code)
    assert (order["total_minor"], back(market, order), back(market, plain)) == (4_700, expected, 1_000)
    assert money(market, promotion) == (0, expected + 1_000)


def test_never_more_comes_back_than_was_paid(
    market: Market, shopper: Caller, friend: Caller, operator: Caller
) -> None:
    sale = market.on_sale()
    whole = running(operator, sale, permille=1_000, amount_minor=None, stacks_with=["group_buy"])
    most = running(operator, sale, amount_minor=5_000, stacks_with=["group_buy"])
    promotion = group_buy(operator, sale, stacks_with=["coupon"])
    place = opened(shopper, promotion, sale)
    quoted(shopper, place["hold_id"], *drawn(operator, whole))
    code = place["group"]["code"]
    assert placed(shopper, place["hold_id"])["total_minor"] == 0, "bought at once, without a payment"
    other = joined(friend, code, sale)
    quoted(friend, other["hold_id"], *drawn(operator, most))
    order = buys(friend, operator, other)
    settled(market, code)
    assert (order["total_minor"], back(market, order)) == (200, 200)
    assert money(market, promotion) == (0, 200)
    assert [each["given_minor"] for each in shopper.get("/v1/me/groups").json["items"]] == [0]


@pytest.mark.parametrize("is_settled", [False, True])
def test_a_campaign_that_is_given_up_returns_all_money_and_the_budget(
    market: Market, shopper: Caller, friend: Caller, operator: Caller, is_settled: bool
) -> None:
    sale = market.on_sale()
    promotion = group_buy(operator, sale)
    place = opened(shopper, promotion, sale)
    code = place["group"]["code"]
    orders = [buys(shopper, operator, place), buys(friend, operator, joined(friend, code, sale))]
    if is_settled:
        settled(market, code)
    give_up(market, operator, sale)
    assert settled(market, code) == 0
    assert states(code) == ["undone", "undone"]
    assert [back(market, each) for each in orders] == [5_200, 5_200]
    assert money(market, promotion) == (0, 0)


def test_a_sale_that_is_closed_early_lapses_its_groups(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = market.on_sale()
    promotion = group_buy(operator, sale)
    place = opened(shopper, promotion, sale)
    buys(shopper, operator, place)
    assert operator.post(f"{sale.url}/closing", json={"reason": "sold enough"}).status_code == 200
    assert (tended(market), states(place["group"]["code"])) == (1, ["lapsed"])


def test_a_group_that_is_open_can_be_filled_when_its_promotion_has_ended(
    market: Market, shopper: Caller, friend: Caller, operator: Caller
) -> None:
    sale = market.on_sale()
    promotion = group_buy(operator, sale)
    code = opened(shopper, promotion, sale)["group"]["code"]
    assert operator.post(f"/v1/promotions/{promotion['id']}/end").status_code == 200
    hold_id = held(friend, sale)["hold_id"]
    refused = friend.post(f"/v1/promotions/{promotion['id']}/groups", json={"hold_id": hold_id})
    assert_refused(refused, 409, "promotion_state_forbids")
    assert join_with(friend, code, hold_id).status_code == 201


def test_who_may_not_join_is_told_why(
    market: Market, shopper: Caller, friend: Caller, operator: Caller, as_role: Callable[..., Caller]
) -> None:
    sale, foreign, third = market.on_sale(), market.on_sale(), as_role(Role.SHOPPER)
    promotion = group_buy(operator, sale, people_needed=5, boxes_min=1, budget_minor=2_500)
    place = opened(shopper, promotion, sale)
    code = place["group"]["code"]
    second = shopper.post(f"/v1/promotions/{promotion['id']}/groups", json={"hold_id": place["hold_id"]})
    assert assert_refused(second, 409, "in_a_group")["group"] == code
    elsewhere = assert_refused(
        join_with(friend, code, held(friend, foreign)["hold_id"]), 409, "group_takes_nothing"
    )
    assert elsewhere["reason"] == "not_of_promotion"
    assert_refused(join_with(friend, code, place["hold_id"]), 404, "hold_not_found")
    own = held(friend, sale)["hold_id"]
    assert_refused(join_with(friend, "AAAAAAAA", own), 404, "group_not_found")
    database.transact(
        lambda session: session.execute(
            update(Account)
            .where(Account.id.in_([shopper.account_id, friend.account_id]))
            .values(household="f" * 32)
        )
    )
    assert_refused(join_with(friend, code, own), 409, "same_household")
    many = assert_refused(join_with(third, code, held(third, sale, 2)["hold_id"]), 409, "group_takes_nothing")
    assert many["reason"] == "budget_spent"
    assert money(market, promotion) == (1_000, 0)
    assert states(code) == ["joined"]


def test_only_a_running_group_buy_has_groups(market: Market, shopper: Caller, operator: Caller) -> None:
    sale = market.on_sale()
    hold_id = held(shopper, sale)["hold_id"]

    def tried(promotion_id: object) -> Any:
        return shopper.post(f"/v1/promotions/{promotion_id}/groups", json={"hold_id": hold_id})

    assert_refused(tried(running(operator, sale)["id"]), 409, "not_a_group_buy")
    assert_refused(tried(drafted(operator, sale, **GROUP)["id"]), 409, "promotion_state_forbids")
    assert_refused(tried(uuid.uuid4()), 404, "promotion_not_found")
    market.let_expire(hold_id)
    assert_refused(tried(group_buy(operator, sale)["id"]), 410, "hold_expired")


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"people_needed": None}, "/people_needed"),
        ({"group_hours": None}, "/group_hours"),
        ({"is_by_code": True}, "/is_by_code"),
        ({**COUPON, "is_by_code": True}, "/people_needed"),
    ],
)
def test_terms_of_groups_are_for_group_buys_and_whole(
    market: Market, operator: Caller, changes: dict[str, Any], pointer: str
) -> None:
    sale = market.on_sale()
    refused = operator.post(f"{sale.url}/promotions", json={**GROUP, **changes})
    assert pointer in [
        each["pointer"] for each in assert_refused(refused, 422, "promotion_not_allowed")["errors"]
    ]


def test_a_group_buy_is_shown_to_all_and_takes_nothing_off_an_order(
    market: Market, shopper: Caller, operator: Caller, anyone: Caller
) -> None:
    sale = market.on_sale()
    promotion = group_buy(operator, sale)
    [shown] = anyone.get(f"{sale.url}/promotions").json["items"]
    assert (shown["id"], shown["people_needed"], shown["group_hours"]) == (promotion["id"], 2, 24)
    price = anyone.get(f"{sale.url}/items/{sale.item_id}/price", query_string={"boxes": 1}).json
    assert price["discounts"] == []
    assert market.pool(sale).has_promotions is False, "orders are served at the till as ever"


def test_a_code_shows_no_person_and_staff_sees_who_is_in_it(
    market: Market, shopper: Caller, operator: Caller, anyone: Caller
) -> None:
    sale = market.on_sale()
    promotion = group_buy(operator, sale)
    place = opened(shopper, promotion, sale)
    public = anyone.get(f"/v1/groups/{place['group']['code']}")
    assert (public.status_code, public.json) == (200, place["group"])
    assert str(shopper.account_id) not in public.text
    assert place["hold_id"] not in public.text
    assert anyone.get("/v1/groups/NOSUCHGR").status_code == 404
    page = operator.get(f"/v1/promotions/{promotion['id']}/groups").json
    [found] = page["items"]
    assert [each["account_id"] for each in found["people"]] == [str(shopper.account_id)]
    assert operator.get(f"/v1/promotions/{uuid.uuid4()}/groups").status_code == 404


def test_a_group_ends_no_later_than_its_promotion(market: Market, shopper: Caller, operator: Caller) -> None:
    sale = market.on_sale()
    ends_at = (market.ctx.now + timedelta(hours=2)).replace(microsecond=0)
    promotion = group_buy(operator, sale, ends_at=ends_at.isoformat())
    assert group_of(opened(shopper, promotion, sale)["group"]["code"]).closes_at == ends_at


def test_what_one_gets_back_is_one_refund_with_its_reason(
    market: Market, shopper: Caller, friend: Caller, operator: Caller
) -> None:
    sale = market.on_sale()
    place = opened(shopper, group_buy(operator, sale), sale)
    code = place["group"]["code"]
    order = buys(shopper, operator, place)
    buys(friend, operator, joined(friend, code, sale))
    settled(market, code)
    with database.reading() as session:
        found = session.scalars(
            select(PartRefund).join(Payment).where(Payment.id == uuid.UUID(order["payment_id"]))
        ).all()
        assert [(each.reason, each.amount_minor) for each in found] == [("group_buy", 1_000)]
        assert session.scalar(select(func.sum(PromotionTerms.minor_consumed))) == 2_000
    assert [each["kind"] for each in operator.get("/v1/cases").json["items"]].count("refund") == 2


def test_it_can_be_opened_with_a_hold_that_was_quoted(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = market.on_sale()
    promotion, hold_id = group_buy(operator, sale), held(shopper, sale)["hold_id"]
    quoted(shopper, hold_id)
    open_with(shopper, promotion, hold_id)
    assert quoted(shopper, hold_id)["total_minor"] == 5_200
    assert money(market, promotion) == (1_000, 0), "a new quote leaves the place alone"
