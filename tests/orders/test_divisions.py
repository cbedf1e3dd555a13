"""A confirmed share over the cooperative's growers: what its manager is answered, and who is refused."""

import uuid
from typing import Any

import pytest

from marketplace.access import Role
from orders import allocation
from orders.allocation import json_form
from tests.builders import PACK_GRAMS, Market, assert_refused
from tests.house import Caller
from tests.orders.life import Life, Quiet, members_of, place

GROWERS: list[dict[str, Any]] = [
    {"id": "Li", "delivered_grams": 60_000},
    {"id": "Wang", "delivered_grams": 30_000},
    {"id": "Zhao", "delivered_grams": 30_000, "sold_grams": 10_000},
]


@pytest.fixture
def life(market: Market, buyer: Caller, operator: Caller) -> Life:
    """Twelve boxes over 20 and 20: approved, the first share confirmed."""
    for cooperative in (0, 1):
        market.lot(20, cooperative=cooperative)
    made = place(market, buyer, operator, members_of(market), 12).approved()
    return made.done(made.confirm("YJ01"))


def divided(
    life: Life, members: list[Any] | None = None, *, who: Caller | None = None, **changes: Any
) -> Any:
    caller = Quiet.of(who or life.member("YJ01"))
    body = {"members": GROWERS if members is None else members, **changes}
    return caller.post(f"{life.share_url('YJ01')}/divisions", json=body)


def test_a_manager_divides_a_confirmed_share_and_nothing_is_stored(market: Market, life: Life) -> None:
    kept, pack_grams = life.shares()[1, "YJ01"]["boxes_kept"], PACK_GRAMS
    with market.unchanged():
        answer = divided(life)

    assert answer.status_code == 200, answer.json
    assert answer.json["share"] == {
        "id": life.shares()[1, "YJ01"]["id"],
        "packs": kept,
        "pack_grams": pack_grams,
    }
    assert sum(each["packs"] for each in answer.json["members"]) == kept
    assert [each["level_before"] for each in answer.json["members"]] == ["0", "0", "1/3"]
    for each in answer.json["members"]:
        assert len(each["sentences_en"]) == len(each["sentences_zh"]) > 1
    problem = json_form.problem_from_json(answer.json["problem"])
    assert allocation.verify(problem, json_form.allocation_from_json(answer.json["result"])) == ()


def test_what_was_taken_back_is_not_divided(life: Life) -> None:
    before = divided(life).json["share"]["packs"]
    life.done(life.reduce("YJ01", 1))

    assert divided(life).json["share"]["packs"] == before - 1


def test_boxes_that_no_grower_has_are_named(life: Life) -> None:
    kept = life.shares()[1, "YJ01"]["boxes_kept"]
    answer = divided(life, [{"id": "Li", "delivered_grams": 5_000}])

    assert answer.json["unfilled_packs"] == kept - 1
    assert divided(life, []).json["unfilled_packs"] == kept


def test_an_operator_may_divide_it_too(life: Life) -> None:
    assert divided(life, who=life.operator).json == divided(life).json


def test_only_a_confirmed_share_is_divided(life: Life) -> None:
    url = f"{life.share_url('YJ02')}/divisions"
    refusal = assert_refused(life.member("YJ02").post(url, json={"members": GROWERS}), 409, "share_state")
    assert refusal["state"] == "offered"


def test_foreign_and_missing_shares_look_alike(life: Life, anyone: Caller, as_role: Any) -> None:
    assert_refused(divided(life, who=life.member("YJ02")), 404, "share_not_found")
    missing = f"/v1/shares/{uuid.uuid4()}/divisions"
    assert_refused(life.member("YJ01").post(missing, json={"members": []}), 404, "share_not_found")
    assert_refused(divided(life, who=anyone), 401, "unauthenticated")
    for role in (Role.BUYER, Role.SHOPPER, Role.AUDITOR):
        assert_refused(divided(life, who=as_role(role)), 403, "forbidden")


@pytest.mark.parametrize(
    ("grower", "pointer"),
    [
        ({"id": "Li"}, "/members/1/delivered_grams"),
        ({"id": "Li", "delivered_grams": -1}, "/members/1/delivered_grams"),
        ({"id": "Li", "delivered_grams": 10**13}, "/members/1/delivered_grams"),
        ({"id": "Wang", "delivered_grams": 1.5}, "/members/1/delivered_grams"),
        ({"id": "Zhao", "delivered_grams": 1}, "/members/1/id"),
        ({"id": "Li", "delivered_grams": 1, "sold_grams": -1}, "/members/1/sold_grams"),
        ({"id": "Li", "delivered_grams": 1, "weight": 3}, "/members/1/weight"),
    ],
)
def test_every_fault_is_a_pointer_into_the_body(life: Life, grower: dict[str, Any], pointer: str) -> None:
    refusal = assert_refused(divided(life, [GROWERS[2], grower]), 422, "invalid")
    assert [error["pointer"] for error in refusal["errors"]] == [pointer]
    assert any("一" <= sign <= "鿿" for sign in refusal["errors"][0]["detail"])


@pytest.mark.parametrize("body", [{}, {"members": None}, {"members": ["Li"]}, {"members": [], "share": {}}])
def test_a_body_without_growers_is_refused(life: Life, body: dict[str, Any]) -> None:
    response = life.member("YJ01").post(f"{life.share_url('YJ01')}/divisions", json=body)
    assert_refused(response, 422, "invalid")
