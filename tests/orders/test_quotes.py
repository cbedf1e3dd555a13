"""Quotes: what the split would be right now. Nothing is written, and a quote that no longer holds is refused."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from inventory import lots
from marketplace import database
from marketplace.access import Role
from marketplace.values import UNIT_PRICE_MINOR_MAX
from orders import allocation
from orders.allocation import json_form
from tests.builders import PACK_GRAMS, PRICE_MINOR, Market, assert_refused
from tests.house import Caller
from tests.orders.life import ORDERS, QUOTES, Quiet, asked

COMPARISONS = f"{QUOTES}/comparisons"


@pytest.fixture
def stocked(market: Market) -> Market:
    """The cooperatives (100, 200, 300 households) have 20, 20 and 5 boxes."""
    for cooperative, boxes in enumerate((20, 20, 5)):
        market.lot(boxes, cooperative=cooperative, code=f"L-{cooperative}")
    return market


def quoted(market: Market, caller: Caller, boxes: int = 20, **changes: Any) -> dict[str, Any]:
    response = caller.call("POST", QUOTES, json=asked(market, boxes, **changes), key=None)
    assert response.status_code == 200, response.json
    return response.json


@pytest.fixture
def asking(buyer: Caller) -> Caller:
    return Quiet.of(buyer)


def packs(split: dict[str, Any]) -> dict[str, int]:
    return {share["id"]: share["packs"] for share in split["result"]["sellers"]}


def test_a_quote_shows_the_split_and_the_price_and_writes_nothing(stocked: Market, asking: Caller) -> None:
    with stocked.unchanged():
        quote = quoted(stocked, asking)
    assert (quote["boxes"], quote["pack_grams"]) == (20, PACK_GRAMS)
    assert (quote["unit_price_minor"], quote["total_minor"]) == (PRICE_MINOR, 20 * PRICE_MINOR)
    assert (quote["currency"], quote["is_demo"]) == ("CNY", True)
    assert packs(quote["split"]) == {"YJ01": 5, "YJ02": 10, "YJ03": 5}
    assert quote["split"]["digest"] == quote["split"]["result"]["digest"]
    assert quote["split"]["report"]["envy_packs"] is not None


def test_a_quote_can_be_proved_by_whoever_has_it(stocked: Market, asking: Caller) -> None:
    split = quoted(stocked, asking)["split"]
    problem = json_form.problem_from_json(split["problem"])
    result = json_form.allocation_from_json(split["result"])
    assert allocation.verify(problem, result) == ()
    assert allocation.allocate(problem).digest == split["digest"]


def test_the_same_quote_twice_is_the_same(stocked: Market, asking: Caller) -> None:
    assert quoted(stocked, asking) == quoted(stocked, asking)


@pytest.mark.parametrize("rule", ["nearest", "lowest", "lowest_after"])
@pytest.mark.parametrize("strict", [False, True])
def test_an_order_placed_on_a_quote_is_that_quote(
    stocked: Market, asking: Caller, rule: str, strict: bool
) -> None:
    chosen = {"rule": rule, "strict": strict}
    quote = quoted(stocked, asking, 13, **chosen)
    digest = quote["split"]["digest"]
    response = asking.post(ORDERS, json=asked(stocked, 13, quote_digest=digest, **chosen))
    assert response.status_code == 201, response.json
    [run] = response.json["runs"]
    assert run["digest"] == digest
    assert (run["problem"], run["result"]) == (quote["split"]["problem"], quote["split"]["result"])
    assert (response.json["terms"]["rule"], response.json["terms"]["strict"]) == (rule, strict)


def lot_comes_in(market: Market, asking: Caller) -> None:
    market.lot(1, cooperative=2)


def fruit_is_lost(market: Market, asking: Caller) -> None:
    def work(session: Session) -> None:
        [lot] = [each for each in session.scalars(lots.visible(market.ctx.actor)) if each.code == "L-2"]
        lots.lose(session, market.ctx, lot_id=lot.id, quantity_grams=PACK_GRAMS, reason="rot")

    database.transact(work)


def another_order_is_placed(market: Market, asking: Caller) -> None:
    assert asking.post(ORDERS, json=asked(market, 1)).status_code == 201


def a_cooperative_opens_its_account(market: Market, asking: Caller) -> None:
    market.history(PACK_GRAMS)


@pytest.mark.parametrize(
    "happens", [lot_comes_in, fruit_is_lost, another_order_is_placed, a_cooperative_opens_its_account]
)
def test_a_quote_that_no_longer_holds_is_refused_with_the_new_one(
    stocked: Market, asking: Caller, happens: Callable[[Market, Caller], None]
) -> None:
    old = quoted(stocked, asking)["split"]["digest"]
    happens(stocked, asking)
    with stocked.unchanged():
        response = asking.post(ORDERS, json=asked(stocked, 20, quote_digest=old))
        refusal = assert_refused(response, 409, "quote_changed")
    new = quoted(stocked, asking)["split"]["digest"]
    assert (refusal["digest"], refusal["total_minor"]) == (new, 20 * PRICE_MINOR)
    assert new != old
    assert asking.post(ORDERS, json=asked(stocked, 20, quote_digest=new)).status_code == 201


def test_a_digest_of_another_quantity_or_rule_does_not_hold(stocked: Market, asking: Caller) -> None:
    digest = quoted(stocked, asking, 19)["split"]["digest"]
    with stocked.unchanged():
        for changes in ({}, {"rule": "lowest"}):
            response = asking.post(ORDERS, json=asked(stocked, 20, quote_digest=digest, **changes))
            assert_refused(response, 409, "quote_changed")


def test_an_order_without_a_digest_takes_what_comes(stocked: Market, asking: Caller) -> None:
    quoted(stocked, asking)
    lot_comes_in(stocked, asking)
    assert asking.post(ORDERS, json=asked(stocked, 20)).status_code == 201


@pytest.mark.parametrize("digest", ["", "0" * 63, "0" * 65, "G" * 64, "A" * 64, "0" * 64 + "\n", 7])
def test_what_is_no_digest_is_refused(stocked: Market, asking: Caller, digest: Any) -> None:
    with stocked.unchanged():
        assert asking.post(ORDERS, json=asked(stocked, 20, quote_digest=digest)).status_code == 422


@pytest.mark.parametrize(
    "changes",
    [
        {"silence": "maybe"},
        {"silence": None},
        {"answer_hours": 0},
        {"answer_hours": 241},
        {"answer_hours": 1.5},
        {"refusals_count": "yes"},
        {"strict": 1},
        {"rule": "fairest"},
    ],
)
def test_malformed_terms_are_refused(stocked: Market, asking: Caller, changes: dict[str, Any]) -> None:
    with stocked.unchanged():
        assert asking.post(ORDERS, json=asked(stocked, 20, **changes)).status_code == 422


def test_every_refusal_of_an_order_is_one_of_its_quote(stocked: Market, asking: Caller) -> None:
    nobody, yesterday = str(uuid.uuid4()), str(stocked.today - timedelta(days=1))
    gold = stocked.pack("gold", net_grams=1, price_minor=UNIT_PRICE_MINOR_MAX)
    refused = [
        ({"county_id": nobody}, 404, "county_not_found"),
        ({"pack_id": nobody}, 404, "pack_not_found"),
        ({"quantity": PACK_GRAMS + 1}, 409, "not_whole_boxes"),
        ({"quantity": 46 * PACK_GRAMS}, 409, "sold_out"),
        ({"quantity": 1_000_001 * PACK_GRAMS}, 409, "too_many_boxes"),
        ({"pack_id": str(gold.id), "quantity": 10_001}, 409, "total_too_high"),
        ({"delivered_on": yesterday}, 422, "delivery_in_the_past"),
    ]
    with stocked.unchanged():
        for changes, status, code in refused:
            body = asked(stocked, 20, **changes)
            assert_refused(asking.post(QUOTES, json=body), status, code)
            comparison = {"asked": body, "rules": ["nearest", "lowest"]}
            assert_refused(asking.post(COMPARISONS, json=comparison), status, code)


@pytest.mark.parametrize(
    "changes",
    [{"rule": "fairest"}, {"strict": "no"}, {"quantity": 0}, {"season": ""}, {"quote_digest": None}],
)
def test_a_malformed_quote_is_refused(stocked: Market, asking: Caller, changes: dict[str, Any]) -> None:
    assert asking.post(QUOTES, json=asked(stocked, 20, **changes)).status_code == 422


def test_who_may_ask_for_quotes(stocked: Market, anyone: Caller, as_role: Callable[..., Caller]) -> None:
    comparison = {"asked": asked(stocked, 5), "rules": ["nearest", "lowest"]}
    for role in (Role.BUYER, Role.OPERATOR, Role.AUDITOR):
        caller = Quiet.of(as_role(role))
        assert caller.post(QUOTES, json=asked(stocked, 5)).status_code == 200
        assert caller.post(COMPARISONS, json=comparison).status_code == 200
    for url, body in ((QUOTES, asked(stocked, 5)), (COMPARISONS, comparison)):
        assert_refused(anyone.post(url, json=body), 401, "unauthenticated")
        for role in (Role.SHOPPER, Role.COOPERATIVE):
            assert_refused(as_role(role).post(url, json=body), 403, "forbidden")


def test_a_quote_sees_only_fruit_that_is_good_on_the_day_of_delivery(market: Market, asking: Caller) -> None:
    market.lot(10, cooperative=0, best_before_on=market.today + timedelta(days=5))
    market.lot(10, cooperative=1)
    later = str(market.today + timedelta(days=6))
    assert packs(quoted(market, asking, 6, delivered_on=later)["split"])["YJ01"] == 0
    assert packs(quoted(market, asking, 6)["split"])["YJ01"] > 0


def test_rules_are_compared_on_the_same_facts_and_nothing_is_written(market: Market, asking: Caller) -> None:
    """A cooperative above the line is where the rules part: see the split's own documentation."""
    for cooperative in range(3):
        market.lot(40, cooperative=cooperative)
    market.history(37 * PACK_GRAMS + 100, cooperative=0)
    market.history(11 * PACK_GRAMS + 2_400, cooperative=1)
    rules = ["nearest", "lowest", "lowest_after"]
    differed = False
    with market.unchanged():
        for boxes in (1, 10, 31, 55, 80):
            body = {"asked": asked(market, boxes), "rules": rules}
            response = asking.post(COMPARISONS, json=body)
            assert response.status_code == 200, response.json
            found = response.json
            assert found["rules"] == rules
            by_rule = [packs(split) for split in found["splits"]]
            assert by_rule == [packs(quoted(market, asking, boxes, rule=rule)["split"]) for rule in rules]
            assert found["differences"] == [
                {"id": code, "packs": [each[code] for each in by_rule]}
                for code in sorted(by_rule[0])
                if len({each[code] for each in by_rule}) > 1
            ]
            differed = differed or bool(found["differences"])
    assert differed


@pytest.mark.parametrize(
    "rules",
    [
        [],
        ["nearest"],
        ["nearest", "fairest"],
        ["nearest", "nearest"],
        ["nearest", "lowest"] * 2,
        "nearest",
        None,
    ],
)
def test_what_cannot_be_compared_is_refused(stocked: Market, asking: Caller, rules: Any) -> None:
    body = {"asked": asked(stocked, 5), "rules": rules}
    assert_refused(asking.post(COMPARISONS, json=body), 422, "invalid")
