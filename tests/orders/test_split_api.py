"""Split runs at the door: report, picture, explanation; and splits that are only tried out."""

import copy
import hashlib
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from flask import Flask

from marketplace.access import Role
from marketplace.catalogue.models import County
from marketplace.limits import Counts
from orders import allocation, split_api
from orders.allocation import json_form
from orders.models import AllocationRun
from tests.builders import Market, assert_refused
from tests.house import Caller
from tests.orders.life import Quiet, as_owner

URL = "/v1/allocation-simulations"


@pytest.fixture
def run(market: Market, buyer: Caller) -> AllocationRun:
    """Twenty boxes over 20, 20 and 5."""
    for cooperative, boxes in enumerate((20, 20, 5)):
        market.lot(boxes, cooperative=cooperative)
    _, made = market.bulk(buyer, 20)
    return made


@pytest.fixture
def run_url(run: AllocationRun) -> str:
    return f"/v1/allocation-runs/{run.id}"


@pytest.fixture
def trying(buyer: Caller) -> Caller:
    return Quiet.of(buyer)


# Runs


def test_a_run_says_that_its_roster_is_made_up(run_url: str, buyer: Caller) -> None:
    found = buyer.get(run_url).json
    assert (found["is_demo"], found["number"]) == (True, 1)
    assert [share["state"] for share in found["shares"]] == ["proposed"] * 3


def test_a_report_says_how_fair_the_run_is(run_url: str, buyer: Caller) -> None:
    found = buyer.get(f"{run_url}/report").json
    figures = found["report"]
    assert found["digest"] == figures["digest"]
    assert [segment["limited_by"] for segment in found["result"]["sellers"]] == [
        "nothing",
        "nothing",
        "stock",
    ]
    assert figures["everyone"]["sellers"] == 3
    assert figures["free"]["sellers"] == 2
    assert 0 < Fraction(figures["everyone"]["jain"]) <= 1
    assert figures["envy_packs"] == 0


def test_a_run_can_be_tried_out_again_with_the_same_end(run_url: str, buyer: Caller, trying: Caller) -> None:
    stored = buyer.get(f"{run_url}/report").json
    assert trying.post(URL, json={"problem": stored["problem"]}).json == stored


def test_the_report_is_for_those_who_see_the_run(
    market: Market, run_url: str, buyer: Caller, as_role: Any
) -> None:
    member = as_role(Role.COOPERATIVE, cooperative_ids=(market.cooperative_ids[2],))
    for caller in (buyer, member, as_role(Role.AUDITOR), as_role(Role.OPERATOR)):
        assert caller.get(f"{run_url}/report").status_code == 200
    for caller in (as_role(Role.BUYER), as_role(Role.COOPERATIVE)):
        assert_refused(caller.get(f"{run_url}/report"), 404, "run_not_found")
    assert_refused(as_role(Role.SHOPPER).get(f"{run_url}/report"), 403, "forbidden")


def said(response: Any) -> str:
    return " ".join("".join(ET.fromstring(response.get_data()).itertext()).split())


def test_the_picture_names_the_cooperatives_and_says_in_both_languages_what_is_made_up(
    run_url: str, buyer: Caller
) -> None:
    words = said(buyer.get(f"{run_url}/picture.svg"))
    for part in ("Yijun: 20 boxes", "宜君：20 箱", "Cooperative 1", "第1合作社", "made up", "名册为虚构"):
        assert part in words


def test_the_picture_of_a_real_county_claims_nothing_of_the_kind(
    market: Market, run_url: str, buyer: Caller
) -> None:
    as_owner(market, "UPDATE county SET is_demo = false")
    words = said(buyer.get(f"{run_url}/picture.svg"))
    assert "made up" not in words
    assert "虚构" not in words
    assert market.stored(County, market.county_id).is_demo is False
    assert buyer.get(run_url).json["is_demo"] is False


def test_names_are_written_into_the_picture_as_words_never_as_markup(
    market: Market, run_url: str, buyer: Caller
) -> None:
    as_owner(market, "UPDATE cooperative SET name_en = '<script>alert(1)</script>&' WHERE code = 'YJ01'")
    response = buyer.get(f"{run_url}/picture.svg")
    root = ET.fromstring(response.get_data())
    assert not [each for each in root.iter() if each.tag.endswith("script")]
    assert b"<script" not in response.get_data()


@pytest.mark.parametrize("code", ["YJ01", "YJ02", "YJ03"])
def test_each_share_is_explained_and_marked(run_url: str, buyer: Caller, code: str) -> None:
    told = buyer.get(f"{run_url}/explanations/{code}").json
    assert (told["cooperative"], told["is_demo"]) == (code, True)
    assert len(told["sentences_en"]) == len(told["sentences_zh"]) > 1


# Simulations


def seller(name: str, *, weight: int = 1, cap: int = 10, **changes: Any) -> dict[str, Any]:
    return {
        "id": name,
        "weight": weight,
        "history_grams": 0,
        "cap_packs": cap,
        "pack_grams": 5_000,
        **changes,
    }


SMALL: dict[str, Any] = {
    "sellers": [seller("a"), seller("b", weight=2)],
    "orders": [{"id": "x", "packs": 9}],
}

PROBLEMS: dict[str, dict[str, Any]] = {
    "one order": SMALL,
    "in grams": {**SMALL, "orders": [{"id": "x", "grams": 31_000}]},
    "by history": {**SMALL, "sellers": [seller("a", history_grams=20_000), seller("b", weight=2)]},
    "minimum lots": {**SMALL, "sellers": [seller("a", min_packs=4), seller("b", min_packs=6)]},
    "a limit on sellers": {**SMALL, "orders": [{"id": "x", "packs": 9, "max_sellers": 1}]},
    "several orders": {
        **SMALL,
        "orders": [{"id": "x", "packs": 9}, {"id": "y", "packs": 20, "weight": 3}],
    },
    "links": {
        **SMALL,
        "orders": [{"id": "x", "packs": 9}, {"id": "y", "packs": 5}],
        "links": [
            {"seller": "a", "order": "x"},
            {"seller": "b", "order": "y", "cap_packs": 3},
            {"seller": "b", "order": "x"},
        ],
    },
    "tiers": {**SMALL, "sellers": [seller("a", tier=1), seller("b")]},
    "a household cap": {**SMALL, "sellers": [seller("a", household_cap_packs=3), seller("b", weight=2)]},
    "the rule lowest": {**SMALL, "policy": {"rule": "lowest"}},
    "the rule lowest after": {**SMALL, "policy": {"rule": "lowest_after", "tie_seed": "x"}},
    "strict": {**SMALL, "policy": {"strict": True}},
    "catching up": {**SMALL, "policy": {"catch_up_grams_per_weight": 5_000}},
    "equal awards": {
        **SMALL,
        "orders": [{"id": "x", "packs": 9}, {"id": "y", "packs": 30}],
        "policy": {"buyers": "equal_awards"},
    },
    "mixed packs": {
        "sellers": [seller("a"), seller("b", pack_grams=2_500)],
        "orders": [{"id": "x", "grams": 40_000}],
    },
    "nobody": {"sellers": [], "orders": []},
    "no order": {"sellers": [seller("a")], "orders": []},
    "more than there is": {**SMALL, "orders": [{"id": "x", "packs": 10**9}]},
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_any_problem_is_split_and_proved_and_nothing_is_stored(
    market: Market, trying: Caller, name: str
) -> None:
    with market.unchanged():
        response = trying.call("POST", URL, json={"problem": PROBLEMS[name]}, key=None)
    assert response.status_code == 200, response.json
    problem = json_form.problem_from_json(response.json["problem"])
    result = json_form.allocation_from_json(response.json["result"])
    assert allocation.verify(problem, result) == ()
    assert response.json["report"]["digest"] == response.json["digest"] == result.digest


def broken_problem(path: str, value: Any) -> dict[str, Any]:
    """The small problem with one member replaced; "…" removes it."""
    problem = copy.deepcopy(
        {**SMALL, "policy": {"rule": "nearest"}, "links": [{"seller": "a", "order": "x"}]}
    )
    *steps, last = [int(step) if step.isdigit() else step for step in path.split("/")[1:]]
    node: Any = problem
    for step in steps:
        node = node[step]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return problem


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/sellers", ...),
        ("/sellers", {}),
        ("/sellers", None),
        ("/orders", ...),
        ("/orders", "x"),
        ("/sellers/0", 7),
        ("/sellers/0/id", ...),
        ("/sellers/0/id", ""),
        ("/sellers/0/id", "x" * 201),
        ("/sellers/0/id", "b\u0000"),
        ("/sellers/0/weight", 0),
        ("/sellers/0/weight", -1),
        ("/sellers/0/weight", 1.5),
        ("/sellers/0/weight", True),
        ("/sellers/0/weight", "1"),
        ("/sellers/0/weight", 10**30),
        ("/sellers/0/cap_packs", -1),
        ("/sellers/0/cap_packs", None),
        ("/sellers/0/pack_grams", 0),
        ("/sellers/0/history_grams", [1]),
        ("/sellers/0/a~b", 1),
        ("/sellers/1/min_packs", -3),
        ("/orders/0/packs", -1),
        ("/orders/0/packs", {}),
        ("/orders/0/grams", 5_000),
        ("/orders/0/max_sellers", 0),
        ("/links/0/seller", "nobody"),
        ("/links/0/order", "nothing"),
        ("/links/0/cap_packs", -1),
        ("/links", {}),
        ("/policy/rule", "fairest"),
        ("/policy/strict", "yes"),
        ("/policy/tie_seed", "x" * 1_001),
        ("/policy/catch_up_grams_per_weight", -1),
        ("/policy", []),
        ("/more", 1),
    ],
)
def test_every_fault_is_a_pointer_into_the_body(
    market: Market, trying: Caller, path: str, value: Any
) -> None:
    with market.unchanged():
        response = trying.post(URL, json={"problem": broken_problem(path, value)})
    refusal = assert_refused(response, 422, "invalid")
    for error in refusal["errors"]:
        assert error["pointer"].startswith("/problem")
        assert any("一" <= sign <= "鿿" for sign in error["detail"])
    named = "/problem" + path.replace("a~b", "a~0b")
    assert any(named.startswith(error["pointer"]) for error in refusal["errors"])


def test_all_faults_are_told_at_once(trying: Caller) -> None:
    problem = {"sellers": [seller("a", weight=0), seller("a", cap=-1)], "orders": [{"id": "x"}]}
    refusal = assert_refused(trying.post(URL, json={"problem": problem}), 422, "invalid")
    assert len(refusal["errors"]) >= 3


def test_thousands_of_faults_are_told_in_few(trying: Caller) -> None:
    problem = {"sellers": [seller(f"s{number}", weight=0) for number in range(1_000)], "orders": []}
    refusal = assert_refused(trying.post(URL, json={"problem": problem}), 422, "invalid")
    assert len(refusal["errors"]) == 50


@pytest.mark.parametrize("body", [{}, {"problem": None}, {"problem": []}, {"problem": SMALL, "store": True}])
def test_a_body_without_a_problem_is_refused(trying: Caller, body: dict[str, Any]) -> None:
    assert_refused(trying.post(URL, json=body), 422, "invalid")


@pytest.mark.parametrize(
    "problem",
    [
        {
            "sellers": [seller(f"s{number}", cap=10**6, min_packs=7) for number in range(30)],
            "orders": [{"id": "x", "packs": 10**6}],
        },
        {
            "sellers": [seller(f"s{number}", cap=10**9) for number in range(3)],
            "orders": [{"id": "x", "packs": 10**9, "max_sellers": 2}],
        },
        {
            "sellers": [seller(f"s{number}", cap=10**9, min_packs=1) for number in range(3)],
            "orders": [{"id": "x", "grams": 10**15}],
        },
    ],
)
def test_a_problem_that_would_take_too_long_is_refused_at_once(
    market: Market, trying: Caller, problem: dict[str, Any]
) -> None:
    began = time.monotonic()
    with market.unchanged():
        refusal = assert_refused(trying.post(URL, json={"problem": problem}), 409, "simulation_too_large")
    assert refusal["work"] > refusal["work_max"] == split_api.SIMULATION_WORK_MAX
    assert time.monotonic() - began < 5


def test_the_largest_problem_that_is_taken_ends_in_time(trying: Caller) -> None:
    side = 3_162
    sellers = [seller(f"s{number}", cap=side // 10, min_packs=7, weight=number + 1) for number in range(10)]
    began = time.monotonic()
    response = trying.post(
        URL, json={"problem": {"sellers": sellers, "orders": [{"id": "x", "packs": side - 99}]}}
    )
    assert response.status_code == 200, response.json
    assert time.monotonic() - began < 30


def test_who_may_try_out_splits(market: Market, anyone: Caller, as_role: Callable[..., Caller]) -> None:
    body = {"problem": SMALL}
    for role in (Role.BUYER, Role.COOPERATIVE, Role.OPERATOR, Role.AUDITOR):
        assert Quiet.of(as_role(role)).post(URL, json=body).status_code == 200
    assert_refused(anyone.post(URL, json=body), 401, "unauthenticated")
    assert_refused(as_role(Role.SHOPPER).post(URL, json=body), 403, "forbidden")


def test_one_tries_out_sixty_splits_a_minute(
    app: Flask,
    market: Market,
    trying: Caller,
    as_role: Callable[..., Caller],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(app.extensions, "limits", Counts(None))
    body = {"problem": {"sellers": [], "orders": []}}
    assert {trying.post(URL, json=body).status_code for _ in range(60)} <= {200, 422}
    response = trying.post(URL, json=body)
    assert_refused(response, 429, "too_many")
    assert int(response.headers["Retry-After"]) > 0
    other = Quiet.of(as_role(Role.OPERATOR))
    assert other.post(URL, json=body).status_code in (200, 422)


def test_policies_are_compared_side_by_side(market: Market, trying: Caller) -> None:
    """A has one household, B two: the first of one box goes to the larger level step, or to the smaller."""
    problem = {
        "sellers": [seller("A", cap=5, weight=1), seller("B", cap=5, weight=2)],
        "orders": [{"id": "x", "packs": 1}],
    }
    policies = [{"rule": "nearest"}, {"rule": "lowest"}]

    with market.unchanged():
        answer = trying.post(f"{URL}/comparisons", json={"problem": problem, "policies": policies})

    assert answer.status_code == 200, answer.json
    assert [each["problem"]["policy"]["rule"] for each in answer.json["splits"]] == ["nearest", "lowest"]
    assert answer.json["differences"] == [{"id": "A", "packs": [0, 1]}, {"id": "B", "packs": [1, 0]}]


def test_equal_policies_differ_in_nothing_and_one_is_no_comparison(market: Market, trying: Caller) -> None:
    body = {"problem": SMALL, "policies": [{}, {}]}
    assert trying.post(f"{URL}/comparisons", json=body).json["differences"] == []
    assert_refused(trying.post(f"{URL}/comparisons", json={**body, "policies": [{}]}), 422, "invalid")


def test_a_faulty_policy_is_pointed_at(market: Market, trying: Caller) -> None:
    body = {"problem": SMALL, "policies": [{}, {"rule": "loudest"}]}

    refusal = assert_refused(trying.post(f"{URL}/comparisons", json=body), 422, "invalid")

    assert refusal["errors"][0]["pointer"] == "/problem/policy/rule"


# Rations


RATION: dict[str, Any] = {
    "batch": "spring",
    "boxes": 7,
    "seed": "s",
    "claims": [{"id": "a", "boxes": 5}, {"id": "b", "boxes": 9}, {"id": "c", "boxes": 1}],
}


@pytest.fixture
def cutting(as_role: Callable[..., Caller]) -> Caller:
    return Quiet.of(as_role(Role.OPERATOR))


def test_an_operator_sees_a_cut_under_both_policies_before_choosing(market: Market, cutting: Caller) -> None:
    with market.unchanged():
        response = cutting.call("POST", f"{URL}/rations", json={"ration": RATION}, key=None)
    assert response.status_code == 200, response.json
    assert {
        each["policy"]: [award["boxes"] for award in each["awards"]] for each in response.json["rations"]
    } == {"equal_awards": [3, 3, 1], "proportional": [2, 4, 1]}
    assert response.json["seed_hash"] == hashlib.sha256(b"s").hexdigest()
    assert {rank["id"] for rank in response.json["ranks"]} == {"a", "b", "c"}
    for each in response.json["rations"]:
        problem = json_form.problem_from_json(each["problem"])
        assert allocation.verify(problem, json_form.allocation_from_json(each["result"])) == ()


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"boxes": -1}, "/ration/boxes"),
        ({"seed": ""}, "/ration/seed"),
        ({"seed_hash": "0" * 64}, "/ration/seed_hash"),
        ({"policy": "loudest"}, "/ration/policy"),
        ({"claims": [{"id": "a", "boxes": 1}] * 2}, "/ration/claims/1/id"),
        ({"claims": None}, "/ration/claims"),
        ({"more": 1}, "/ration/more"),
    ],
)
def test_what_is_no_ration_is_refused_where_it_is_wrong(
    cutting: Caller, changes: dict[str, Any], pointer: str
) -> None:
    response = cutting.post(f"{URL}/rations", json={"ration": {**RATION, **changes}})
    refusal = assert_refused(response, 422, "invalid")
    assert [error["pointer"] for error in refusal["errors"]] == [pointer]


def test_cuts_are_tried_out_by_operators_and_seen_by_auditors(
    anyone: Caller, as_role: Callable[..., Caller]
) -> None:
    body = {"ration": RATION}
    for role in (Role.OPERATOR, Role.AUDITOR):
        assert Quiet.of(as_role(role)).post(f"{URL}/rations", json=body).status_code == 200
    for role in (Role.BUYER, Role.COOPERATIVE, Role.SHOPPER):
        assert_refused(as_role(role).post(f"{URL}/rations", json=body), 403, "forbidden")
    assert_refused(anyone.post(f"{URL}/rations", json=body), 401, "unauthenticated")
