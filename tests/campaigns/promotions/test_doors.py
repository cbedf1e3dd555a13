"""Operators run promotions at the doors: terms, states, budgets, codes, and every refusal."""

import uuid
from typing import Any

import pytest

from campaigns.promotions import code_rules
from campaigns.promotions.models import PromotionCode
from campaigns.promotions.rules import OPEN_MAX
from inventory.models import Pool
from marketplace import database
from tests.builders import Market, Sale, assert_refused, held
from tests.campaigns.promotions.shop import (
    COUPON,
    EARLY,
    drafted,
    drawn,
    paid_for,
    placed,
    quoted,
    running,
    shared,
)
from tests.house import Caller

PARTS = {
    "orchard_minor": 3_000,
    "cold_store_minor": 500,
    "packing_minor": 300,
    "freight_minor": 1_000,
    "commission_minor": 400,
}


def has_promotions(market: Market, sale: Sale) -> bool:
    return market.stored(Pool, sale.pool_id).has_promotions


def test_a_promotion_is_told_with_all_that_was_asked_for(market: Market, operator: Caller) -> None:
    sale = market.on_sale()
    asked = {
        **COUPON,
        "boxes_min": 2,
        "uses_max": 10,
        "uses_per_person_max": 1,
        "boxes_max": 20,
        "stacks_with": ["early_bird"],
        "starts_at": "2026-01-01T00:00:00Z",
        "ends_at": "2099-01-01T00:00:00Z",
        "item_ids": [str(sale.item_id)],
    }
    made = drafted(operator, sale, **asked)
    assert {name: made[name] for name in asked if name != "budget_minor"} == {
        name: value for name, value in asked.items() if name != "budget_minor"
    }
    assert (made["state"], made["is_by_code"], made["currency"]) == ("draft", True, "CNY")
    assert made["budget"] == {
        "budget_minor": 100_000,
        "reserved_minor": 0,
        "spent_minor": 0,
        "left_minor": 100_000,
        "uses_reserved": 0,
        "uses_spent": 0,
        "boxes_reserved": 0,
        "boxes_spent": 0,
    }
    assert operator.get(f"/v1/promotions/{made['id']}").json == made
    other = drafted(operator, market.on_sale())
    listed = operator.get("/v1/promotions", query_string={"campaign_id": str(sale.campaign_id)})
    assert listed.json["items"] == [made]
    assert {each["id"] for each in operator.get("/v1/promotions").json["items"]} == {made["id"], other["id"]}


def test_the_budget_is_shown_as_it_is_reserved_and_spent(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = market.on_sale()
    coupon = running(operator, sale, boxes_max=20)
    code = shared(operator, coupon, "SPRING26")

    def budget() -> tuple[int, ...]:
        told = operator.get(f"/v1/promotions/{coupon['id']}").json["budget"]
        return tuple(told[name] for name in ("reserved_minor", "spent_minor", "left_minor", "uses_reserved",
                                             "uses_spent", "boxes_reserved", "boxes_spent"))  # fmt: skip

    hold_id = held(shopper, sale, 2)["hold_id"]
    quoted(shopper, hold_id, code)
    assert budget() == (500, 0, 99_500, 1, 0, 2, 0)
    paid_for(shopper, operator, placed(shopper, hold_id))
    assert budget() == (0, 500, 99_500, 0, 1, 0, 2)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"is_by_code": False}, "/is_by_code"),
        ({"amount_minor": None}, "/amount_minor"),
        ({"permille": 10}, "/amount_minor"),
        ({"kind": "voucher"}, "/amount_minor"),
        ({"starts_at": "2026-12-01T00:00:00Z", "ends_at": "2026-12-01T00:00:00Z"}, "/ends_at"),
        ({"kind": "free_freight", "amount_minor": None}, "/kind"),
    ],
)
def test_terms_that_contradict_themselves_are_refused(
    market: Market, operator: Caller, changes: dict[str, Any], pointer: str
) -> None:
    sale = market.on_sale()
    response = operator.post(f"{sale.url}/promotions", json={**COUPON, **changes})
    refused = assert_refused(response, 422, "promotion_not_allowed")
    assert [fault["pointer"] for fault in refused["errors"]] == [pointer]


def test_free_freight_is_for_items_whose_parts_name_freight(
    market: Market, shopper: Caller, operator: Caller
) -> None:
    sale = market.on_sale(item={"waterfall": PARTS})
    running(operator, sale, kind="free_freight", amount_minor=None, funder="sponsor")
    told = quoted(shopper, held(shopper, sale, 2)["hold_id"])
    assert (told["price_minor"], told["discount_minor"], told["total_minor"]) == (10_400, 2_000, 8_400)
    assert [(line["kind"], line["funder"]) for line in told["discounts"]] == [("free_freight", "sponsor")]


def test_foreign_items_and_campaigns_that_are_over_are_refused(market: Market, operator: Caller) -> None:
    sale, other = market.on_sale(), market.on_sale()
    url = f"{sale.url}/promotions"
    foreign = operator.post(url, json={**COUPON, "item_ids": [str(other.item_id)]})
    assert_refused(foreign, 404, "item_not_found")
    nowhere = operator.post(f"/v1/campaigns/{uuid.uuid4()}/promotions", json=COUPON)
    assert_refused(nowhere, 404, "campaign_not_found")
    assert operator.post(f"{sale.url}/closing", json={"reason": "sold"}).status_code == 200
    assert_refused(operator.post(url, json=COUPON), 409, "state")
    assert_refused(operator.post(url, json={**COUPON, "kind": "group_tour"}), 422, "invalid")


def test_a_promotion_is_activated_paused_resumed_and_ended_and_the_pool_knows(
    market: Market, operator: Caller, anyone: Caller
) -> None:
    sale = market.on_sale()
    made = drafted(operator, sale, **EARLY)
    url, listed = f"/v1/promotions/{made['id']}", f"{sale.url}/promotions"

    def step(name: str) -> Any:
        return operator.post(f"{url}/{name}")

    assert_refused(step("pause"), 409, "promotion_state_forbids")
    assert_refused(step("resumption"), 409, "promotion_state_forbids")
    told = []
    for name in ("activation", "pause", "resumption", "end"):
        assert step(name).status_code == 200
        shown = anyone.get(sale.url).json["offers"][0]["has_promotions"]
        told.append((has_promotions(market, sale), shown, len(anyone.get(listed).json["items"])))
    assert told == [(True, True, 1), (False, False, 0), (True, True, 1), (False, False, 0)]
    for name in ("activation", "pause", "resumption", "end"):
        assert_refused(step(name), 409, "promotion_state_forbids")
        assert_refused(operator.post(f"/v1/promotions/{uuid.uuid4()}/{name}"), 404, "promotion_not_found")
    assert_refused(operator.get(f"/v1/promotions/{uuid.uuid4()}"), 404, "promotion_not_found")


def test_passers_by_are_told_of_what_needs_no_code_and_of_no_budget(
    market: Market, operator: Caller, anyone: Caller
) -> None:
    sale = market.on_sale()
    early = running(operator, sale, **EARLY)
    running(operator, sale)
    running(operator, sale, **EARLY, ends_at="2026-01-01T00:00:00Z")
    [told] = anyone.get(f"{sale.url}/promotions").json["items"]
    assert told["id"] == early["id"]
    assert not {"budget", "uses_max", "state"} & set(told)
    assert_refused(anyone.get(f"/v1/campaigns/{uuid.uuid4()}/promotions"), 404, "campaign_not_found")


def test_no_more_without_a_code_than_can_be_weighed(market: Market, operator: Caller) -> None:
    sale = market.on_sale()
    for _ in range(OPEN_MAX):
        running(operator, sale, **EARLY)
    one_more = drafted(operator, sale, **EARLY)
    refused = operator.post(f"/v1/promotions/{one_more['id']}/activation")
    assert assert_refused(refused, 409, "too_many_promotions")["most"] == OPEN_MAX


def test_a_budget_is_raised_and_never_lowered(market: Market, operator: Caller) -> None:
    made = running(operator, market.on_sale())
    url = f"/v1/promotions/{made['id']}/budget"
    assert operator.put(url, json={"budget_minor": 200_000}).json["budget"]["left_minor"] == 200_000
    assert_refused(operator.put(url, json={"budget_minor": 200_000}), 409, "budget_not_raised")
    nowhere = f"/v1/promotions/{uuid.uuid4()}/budget"
    assert_refused(operator.put(nowhere, json={"budget_minor": 1}), 404, "promotion_not_found")
    assert operator.post(f"/v1/promotions/{made['id']}/end").status_code == 200
    assert_refused(operator.put(url, json={"budget_minor": 300_000}), 409, "promotion_state_forbids")


def test_codes_are_drawn_once_and_only_their_digests_are_kept(market: Market, operator: Caller) -> None:
    coupon = running(operator, market.on_sale())
    drawn_codes = drawn(operator, coupon, 50)
    assert len({code_rules.normal(code) for code in drawn_codes}) == 50
    assert {len(code_rules.normal(code)) for code in drawn_codes} == {code_rules.LENGTH}
    with database.reading() as session:
        kept = session.query(PromotionCode).all()
        assert len(kept) == 50
        assert all(len(row.digest) == 32 and row.is_single_use for row in kept)
        stored = " ".join(str(vars(row)) for row in kept)
    assert not any(code in stored or code_rules.normal(code) in stored for code in drawn_codes)


def test_codes_are_refused_where_they_make_no_sense(market: Market, operator: Caller) -> None:
    sale = market.on_sale()
    coupon, early = running(operator, sale), running(operator, sale, **EARLY)
    voucher = running(operator, sale, kind="voucher", amount_minor=None)
    shared(operator, coupon, "SPRING26")

    def at(promotion_id: str) -> list[Any]:
        return [
            operator.post(f"/v1/promotions/{promotion_id}/codes", json={"count": 1}),
            operator.put(f"/v1/promotions/{promotion_id}/shared-code", json={"code": "summer26"}),
        ]

    for response in at(early["id"]):
        assert_refused(response, 409, "not_by_code")
    for response in at(str(uuid.uuid4())):
        assert_refused(response, 404, "promotion_not_found")
    assert_refused(at(voucher["id"])[1], 409, "voucher_not_shared")
    again = operator.put(f"/v1/promotions/{coupon['id']}/shared-code", json={"code": "spring26"})
    assert_refused(again, 409, "code_taken")
    assert operator.post(f"/v1/promotions/{coupon['id']}/end").status_code == 200
    for response in at(coupon["id"]):
        assert_refused(response, 409, "promotion_state_forbids")


def test_more_codes_than_a_promotion_can_have_are_refused(
    market: Market, operator: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaigns.promotions.codes.CODES_PER_PROMOTION_MAX", 3)
    coupon = running(operator, market.on_sale())
    drawn(operator, coupon, 3)
    refused = operator.post(f"/v1/promotions/{coupon['id']}/codes", json={"count": 1})
    assert_refused(refused, 409, "too_many_promotion_codes")


def test_a_campaign_that_is_given_up_ends_its_promotions(market: Market, operator: Caller) -> None:
    sale = market.on_sale()
    early = running(operator, sale, **EARLY)
    for step in ("pause", "cancellation"):
        assert operator.post(f"{sale.url}/{step}", json={"reason": "hail"}).status_code == 200
    assert operator.get(f"/v1/promotions/{early['id']}").json["state"] == "ended"
    assert not has_promotions(market, sale)
