"""The season's accounts: the ledger everybody may see, newcomers at the line, the bound of catching up."""

import uuid
from fractions import Fraction

import pytest

from marketplace.access import Role
from orders.allocation.season_policy import catch_up_bound
from tests.builders import HOUSEHOLDS, PACK_GRAMS, SEASON, assert_refused

URL = "/v1/season-accounts"


def accounts_of(caller, market):
    answer = caller.get(URL, query_string={"county_id": str(market.county_id), "season": SEASON})
    assert answer.status_code == 200, answer.json
    return answer.json


def test_the_ledger_shows_who_is_behind_first_and_is_marked(market, operator):
    market.history(100 * 1_000, cooperative=0)
    market.history(600 * 1_000, cooperative=2)

    found = accounts_of(operator, market)

    assert found["is_demo"] is True
    assert found["line"] == str(Fraction(700_000, sum(HOUSEHOLDS)))
    assert [each["cooperative"] for each in found["accounts"]] == ["YJ02", "YJ01", "YJ03"]
    assert sum(Fraction(each["credit_grams"]) for each in found["accounts"]) == 0
    assert found["accounts"][0]["sold_grams"] == 0


def test_members_and_buyers_see_it_and_shoppers_do_not(market, as_role, buyer, shopper):
    member = as_role(Role.COOPERATIVE, cooperative_ids=(market.cooperative_ids[0],))

    assert accounts_of(member, market)["accounts"]
    assert accounts_of(buyer, market)["accounts"]
    assert_refused(
        shopper.get(URL, query_string={"county_id": str(market.county_id), "season": SEASON}),
        403,
        "forbidden",
    )


def test_an_unknown_county_has_no_ledger(market, operator):
    answer = operator.get(URL, query_string={"county_id": str(uuid.uuid4()), "season": SEASON})

    assert_refused(answer, 404, "county_not_found")


def test_an_account_opens_once_with_what_was_sold_before(market, operator):
    body = {"cooperative_id": str(market.cooperative_ids[0]), "season": SEASON, "grams": 5_000}

    made = operator.post(URL, json=body)

    assert made.status_code == 201
    assert made.json["grams"] == 5_000
    with market.unchanged():
        assert_refused(operator.post(URL, json={**body, "grams": 1}), 409, "account_open")


def test_a_newcomer_enters_at_the_line_of_the_others(market, operator):
    market.history(200 * 1_000, cooperative=1)
    market.history(300 * 1_000, cooperative=2)

    made = operator.post(URL, json={"cooperative_id": str(market.cooperative_ids[0]), "season": SEASON})

    assert made.json["grams"] == HOUSEHOLDS[0] * 500_000 // (HOUSEHOLDS[1] + HOUSEHOLDS[2])


def test_an_unknown_cooperative_has_no_account(market, operator):
    answer = operator.post(URL, json={"cooperative_id": str(uuid.uuid4()), "season": SEASON})

    assert_refused(answer, 404, "cooperative_not_found")


@pytest.mark.parametrize("rounds", [1, 3])
def test_a_split_counts_two_average_orders_behind_the_median_at_most(market, buyer, rounds):
    for cooperative in range(3):
        market.lot(200, cooperative=cooperative)
    sizes = [12, 24, 6][:rounds]
    for boxes in sizes:
        _, run = market.bulk(buyer, boxes)

    bound = run.problem["policy"]["catch_up_grams_per_weight"]

    assert bound == catch_up_bound([boxes * PACK_GRAMS for boxes in sizes], sum(HOUSEHOLDS))
