"""Bulk orders and their runs at the door: split, proved, held lot by lot; who sees them; every refusal."""

import uuid
import xml.etree.ElementTree as ET
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from inventory.models import Hold, Lot
from marketplace import database
from marketplace.access import Role
from marketplace.catalogue import counties
from marketplace.values import UNIT_PRICE_MINOR_MAX
from orders import allocation, bulk
from orders.models import AllocationRun, SeasonEntry
from tests.builders import PACK_GRAMS, PRICE_MINOR, SEASON, Market, assert_refused, ordered
from tests.house import Caller

URL = "/v1/bulk-orders"


def body(market: Market, boxes: int = 6, **changes: Any) -> dict[str, Any]:
    return {
        "county_id": str(market.county_id),
        "pack_id": str(market.pack_id),
        "quantity": boxes * PACK_GRAMS,
        "season": SEASON,
        **changes,
    }


@pytest.fixture
def stocked(market: Market) -> Market:
    """The cooperatives (100, 200, 300 households) have 20, 20 and 5 boxes."""
    for cooperative, boxes in enumerate((20, 20, 5)):
        market.lot(boxes, cooperative=cooperative)
    return market


def shares(run: dict[str, Any]) -> dict[str, int]:
    return {share["code"]: share["boxes"] for share in run["shares"]}


def test_a_bulk_order_is_split_by_households_within_stock(stocked: Market, buyer: Caller) -> None:
    response = buyer.post(URL, json=body(stocked, 20))
    assert response.status_code == 201
    order, [run] = response.json["order"], response.json["runs"]
    assert response.headers["Location"] == f"{URL}/{order['id']}"
    assert (order["kind"], order["state"], order["boxes"]) == ("sponsor_bulk", "proposed", 20)
    assert (order["buyer_id"], order["total_minor"]) == (str(buyer.account_id), 20 * PRICE_MINOR)
    assert shares(run) == {"YJ01": 5, "YJ02": 10, "YJ03": 5}
    assert [share["limited_by"] for share in run["shares"]] == ["nothing", "nothing", "stock"]
    assert buyer.get(response.headers["Location"]).json["runs"] == [run]
    assert {"bulk_order.place", "hold.place"} <= stocked.actions(response)


def test_every_share_is_held_and_booked_to_the_gram(stocked: Market, buyer: Caller) -> None:
    [run] = buyer.post(URL, json=body(stocked, 20)).json["runs"]
    with database.reading() as session:
        held = sum(session.scalars(select(Hold.quantity_grams).where(Hold.kind == "allocation")))
        booked = session.scalars(select(SeasonEntry.grams).where(SeasonEntry.season == SEASON)).all()
        in_store = sum(lot.held_grams for lot in session.scalars(select(Lot)))
    grams = [share["quantity_grams"] for share in run["shares"]]
    assert held == in_store == sum(grams) == 20 * PACK_GRAMS
    assert sorted(booked) == sorted(grams)


def test_the_stored_run_is_proved_again_from_what_is_stored(stocked: Market, buyer: Caller) -> None:
    [run] = buyer.post(URL, json=body(stocked, 7)).json["runs"]
    problem, result = bulk.stored(stocked.stored(AllocationRun, run["id"]))
    assert allocation.verify(problem, result) == ()
    assert allocation.allocate(problem) == result
    assert result.digest == run["digest"]


def test_who_sold_before_gets_less_until_the_others_caught_up(stocked: Market, buyer: Caller) -> None:
    stocked.history(100 * PACK_GRAMS, cooperative=1)
    [run] = buyer.post(URL, json=body(stocked, 8)).json["runs"]
    assert shares(run) == {"YJ01": 3, "YJ02": 0, "YJ03": 5}
    [again] = buyer.post(URL, json=body(stocked, 8, season="2027-28")).json["runs"]
    assert shares(again)["YJ02"] > shares(again)["YJ01"]


@pytest.mark.parametrize(
    "quantity", [{"value": 60, "unit": "jin"}, {"value": "30", "unit": "kg"}, {"value": "0.03", "unit": "t"}]
)
def test_quantities_are_taken_in_the_units_people_use(stocked: Market, buyer: Caller, quantity) -> None:
    response = buyer.post(URL, json=body(stocked, quantity=quantity))
    assert response.json["order"]["boxes"] == 6


def test_a_repeated_request_buys_once(stocked: Market, buyer: Caller) -> None:
    key = str(uuid.uuid4())
    first, second = (buyer.post(URL, json=body(stocked), key=key) for _ in range(2))
    assert first.json == second.json
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(buyer.get("/v1/orders").json["items"]) == 1


def test_everything_there_is_can_be_bought_and_then_nothing(stocked: Market, buyer: Caller) -> None:
    [run] = buyer.post(URL, json=body(stocked, 45)).json["runs"]
    assert shares(run) == {"YJ01": 20, "YJ02": 20, "YJ03": 5}
    with stocked.unchanged():
        refusal = assert_refused(buyer.post(URL, json=body(stocked, 1)), 409, "sold_out")
    assert (refusal["requested_boxes"], refusal["available_boxes"]) == (1, 0)


def test_more_than_is_there_is_refused(stocked: Market, buyer: Caller) -> None:
    with stocked.unchanged():
        refusal = assert_refused(buyer.post(URL, json=body(stocked, 46)), 409, "sold_out")
    assert (refusal["requested_boxes"], refusal["available_boxes"]) == (46, 45)


@pytest.mark.parametrize(("grams", "rest"), [(1, 1), (4_999, 4_999), (5_001, 1), (12_345, 2_345)])
def test_broken_boxes_are_refused(stocked: Market, buyer: Caller, grams: int, rest: int) -> None:
    with stocked.unchanged():
        refusal = assert_refused(buyer.post(URL, json=body(stocked, quantity=grams)), 409, "not_whole_boxes")
    assert (refusal["pack_grams"], refusal["rest_grams"]) == (PACK_GRAMS, rest)


def test_more_boxes_than_one_order_may_ask_for_are_refused(stocked: Market, buyer: Caller) -> None:
    with stocked.unchanged():
        refusal = assert_refused(buyer.post(URL, json=body(stocked, 1_000_001)), 409, "too_many_boxes")
    assert refusal["boxes_max"] == 1_000_000


def test_an_order_that_costs_more_than_one_may_is_refused(market: Market, buyer: Caller) -> None:
    pack = market.pack("gold", net_grams=1, price_minor=UNIT_PRICE_MINOR_MAX)
    market.lot(variety="gold", quantity_grams=20_000)
    wanted = body(market, pack_id=str(pack.id), quantity=10_001)
    with market.unchanged():
        assert_refused(buyer.post(URL, json=wanted), 409, "total_too_high")
    assert buyer.post(URL, json={**wanted, "quantity": 10_000}).status_code == 201


def test_more_boxes_in_store_than_a_split_counts_do_no_harm(market: Market, buyer: Caller) -> None:
    pack = market.pack("dust", net_grams=1)
    market.lot(variety="dust", quantity_grams=10**13)
    response = buyer.post(URL, json=body(market, pack_id=str(pack.id), quantity=1_000))
    assert response.status_code == 201
    assert shares(response.json["runs"][0]) == {"YJ01": 1_000, "YJ02": 0, "YJ03": 0}


def test_an_unknown_county_or_pack_is_not_found(stocked: Market, buyer: Caller) -> None:
    nobody = str(uuid.uuid4())
    with stocked.unchanged():
        assert_refused(buyer.post(URL, json=body(stocked, county_id=nobody)), 404, "county_not_found")
        assert_refused(buyer.post(URL, json=body(stocked, pack_id=nobody)), 404, "pack_not_found")


def test_a_county_without_cooperatives_has_no_fruit(stocked: Market, buyer: Caller) -> None:
    """And the fruit of another county's cooperatives does not count."""
    other = database.transact(
        lambda session: counties.create(session, stocked.ctx, code="LC", name_en="Luochuan", name_zh="洛川")
    )
    with stocked.unchanged():
        refusal = assert_refused(
            buyer.post(URL, json=body(stocked, county_id=str(other.id))), 409, "sold_out"
        )
    assert refusal["available_boxes"] == 0


def test_only_fruit_that_is_good_on_the_day_of_delivery_is_split(market: Market, buyer: Caller) -> None:
    market.lot(10, cooperative=0, best_before_on=market.today + timedelta(days=5))
    market.lot(10, cooperative=1)
    later = str(market.today + timedelta(days=6))
    [run] = buyer.post(URL, json=body(market, 6, delivered_on=later)).json["runs"]
    assert shares(run) == {"YJ01": 0, "YJ02": 6, "YJ03": 0}
    with market.unchanged():
        refusal = assert_refused(buyer.post(URL, json=body(market, 5, delivered_on=later)), 409, "sold_out")
    assert refusal["available_boxes"] == 4
    assert buyer.post(URL, json=body(market, 14)).status_code == 201


def test_a_delivery_in_the_past_is_refused(stocked: Market, buyer: Caller) -> None:
    yesterday = str(stocked.today - timedelta(days=1))
    with stocked.unchanged():
        assert_refused(
            buyer.post(URL, json=body(stocked, delivered_on=yesterday)), 422, "delivery_in_the_past"
        )


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": 0},
        {"quantity": -5_000},
        {"quantity": 5_000.0},
        {"quantity": "5000"},
        {"quantity": {"value": "0.0001", "unit": "g"}},
        {"quantity": {"value": 1, "unit": "pound"}},
        {"quantity": 10**14},
        {"season": ""},
        {"season": "x" * 21},
        {"delivered_on": "tomorrow"},
        {"delivered_on": "1999-01-01"},
        {"county_id": "YJ"},
        {"crates": 3},
    ],
)
def test_a_malformed_bulk_order_is_refused(stocked: Market, buyer: Caller, changes) -> None:
    with stocked.unchanged():
        assert buyer.post(URL, json=body(stocked, **changes)).status_code == 422


def test_only_buyers_and_operators_buy_in_bulk(stocked: Market, anyone: Caller, as_role) -> None:
    others = [as_role(role) for role in (Role.SHOPPER, Role.COOPERATIVE, Role.AUDITOR)]
    with stocked.unchanged():
        assert_refused(anyone.post(URL, json=body(stocked)), 401, "unauthenticated")
        for caller in others:
            assert_refused(caller.post(URL, json=body(stocked)), 403, "forbidden")
    assert as_role(Role.OPERATOR).post(URL, json=body(stocked)).status_code == 201


def test_a_bulk_order_is_seen_by_its_buyer_and_staff(stocked: Market, buyer: Caller, as_role) -> None:
    order, _ = stocked.bulk(buyer, 6)
    for caller in (buyer, as_role(Role.OPERATOR), as_role(Role.AUDITOR)):
        assert caller.get(f"{URL}/{order.id}").json["order"]["id"] == str(order.id)
    assert_refused(as_role(Role.BUYER).get(f"{URL}/{order.id}"), 404, "order_not_found")
    assert_refused(buyer.get(f"{URL}/{uuid.uuid4()}"), 404, "order_not_found")
    assert_refused(as_role(Role.SHOPPER).get(f"{URL}/{order.id}"), 403, "forbidden")


def test_a_shoppers_order_is_no_bulk_order(market: Market, shopper: Caller, operator: Caller) -> None:
    order = ordered(shopper, market.on_sale())
    assert_refused(operator.get(f"{URL}/{order['id']}"), 404, "order_not_found")


@pytest.fixture
def run_url(stocked: Market, buyer: Caller) -> str:
    _, run = stocked.bulk(buyer, 20)
    return f"/v1/allocation-runs/{run.id}"


ENDINGS = ("", "/picture.svg", "/explanations/YJ01")


def test_a_run_is_seen_by_buyer_staff_and_its_cooperatives(
    stocked: Market, buyer: Caller, run_url: str, as_role
) -> None:
    seeing = [buyer, as_role(Role.OPERATOR), as_role(Role.AUDITOR)]
    seeing += [as_role(Role.COOPERATIVE, cooperative_ids=(each,)) for each in stocked.cooperative_ids]
    for caller in seeing:
        assert [caller.get(run_url + ending).status_code for ending in ENDINGS] == [200, 200, 200]
    for caller in (as_role(Role.BUYER), as_role(Role.COOPERATIVE)):
        for ending in ENDINGS:
            assert_refused(caller.get(run_url + ending), 404, "run_not_found")


def test_runs_are_not_for_shoppers_and_passers_by(run_url: str, shopper: Caller, anyone: Caller) -> None:
    for ending in ENDINGS:
        assert_refused(shopper.get(run_url + ending), 403, "forbidden")
        assert_refused(anyone.get(run_url + ending), 401, "unauthenticated")


def test_a_missing_run_is_not_found(market: Market, operator: Caller) -> None:
    for ending in ENDINGS:
        assert_refused(operator.get(f"/v1/allocation-runs/{uuid.uuid4()}{ending}"), 404, "run_not_found")


def test_a_run_tells_its_inputs_and_its_certificate(run_url: str, buyer: Caller) -> None:
    run = buyer.get(run_url).json
    assert [seller["id"] for seller in run["problem"]["sellers"]] == ["YJ01", "YJ02", "YJ03"]
    assert [seller["weight"] for seller in run["problem"]["sellers"]] == [100, 200, 300]
    assert [seller["cap_packs"] for seller in run["problem"]["sellers"]] == [20, 20, 5]
    assert run["result"]["digest"] == run["digest"]


def test_a_share_is_explained_in_both_languages(run_url: str, buyer: Caller) -> None:
    told = buyer.get(f"{run_url}/explanations/YJ03").json
    assert told["cooperative"] == "YJ03"
    assert len(told["sentences_en"]) == len(told["sentences_zh"]) > 1
    assert any("5" in sentence for sentence in told["sentences_en"])
    assert any("一" <= sign <= "鿿" for sign in told["sentences_zh"][0])


@pytest.mark.parametrize("code", ["YJ04", "yj01", "YJ01 ", "%00", "..", "a" * 300])
def test_who_is_not_in_the_run_has_nothing_to_explain(run_url: str, buyer: Caller, code: str) -> None:
    response = buyer.get(f"{run_url}/explanations/{code}")
    assert response.status_code == 404


def test_the_picture_is_svg_and_says_the_shares(run_url: str, buyer: Caller) -> None:
    response = buyer.get(f"{run_url}/picture.svg")
    assert response.mimetype == "image/svg+xml"
    root = ET.fromstring(response.get_data())
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    said = " ".join("".join(root.itertext()).split())
    for code, boxes in (("YJ01", 5), ("YJ02", 10), ("YJ03", 5)):
        assert code in said
        assert str(boxes) in said
