"""Two policies tried out on the pledges of a campaign: by the door, by the command, and as the allocation does it."""

import uuid
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from campaigns.policy import shapes
from campaigns.policy.printing import BAR, bar
from campaigns.policy.trial_rules import Difference
from marketplace.access import Role
from tests import house
from tests.builders import SEASON, Market, Sale, assert_refused, paid
from tests.campaigns.allotted import begin, pledge
from tests.house import Caller
from tests.orders.life import Quiet

EQUAL = {"second": {"weight": "equal"}}


@pytest.fixture
def sale(market: Market) -> Sale:
    """Each of three cooperatives has pledged twenty boxes; the goal is twelve."""
    return pledged(market, goal_boxes=12)


def pledged(market: Market, **options: Any) -> Sale:
    sale = market.draft(per_buyer=100, **options)
    for number in range(3):
        market.lot(20, cooperative=number)
        pledge(market, sale, number, 20)
    return sale


def simulate(who: Caller, sale: Sale, **body: Any) -> dict[str, Any]:
    response = Quiet.of(who).post(f"{sale.url}/policy-simulations", json={**EQUAL, **body})
    assert response.status_code == 200, response.json
    told: dict[str, Any] = response.json
    return told


def boxes(policy: dict[str, Any]) -> dict[str, int]:
    [item] = policy["items"]
    return {each["code"]: each["boxes"] for each in item["shares"]}


def test_the_goal_and_all_that_is_pledged_are_parted_under_both(market: Market, operator: Caller, sale: Sale):
    with market.unchanged():
        told = simulate(operator, sale)
    goal, everything = told["scenarios"]
    assert (goal["name"], goal["boxes"], everything["name"], everything["boxes"]) == (
        "goal",
        12,
        "pledged",
        60,
    )
    assert boxes(goal["first"]) == {"YJ01": 2, "YJ02": 4, "YJ03": 6}
    assert boxes(goal["second"]) == {"YJ01": 4, "YJ02": 4, "YJ03": 4}
    assert goal["differences"] == [
        {"code": "YJ01", "first": 2, "second": 4, "gain": 2},
        {"code": "YJ02", "first": 4, "second": 4, "gain": 0},
        {"code": "YJ03", "first": 6, "second": 4, "gain": -2},
    ]
    assert (
        boxes(everything["first"])
        == boxes(everything["second"])
        == dict.fromkeys(("YJ01", "YJ02", "YJ03"), 20)
    )
    assert told["first"] == operator.get(f"{sale.url}/policy").json["policy"], "its own unless told"
    assert told["second"]["weight"] == "equal"
    assert told["is_demo"]


def test_it_tells_how_unequal_both_leave_the_households_and_why_each_gets_so_much(
    operator: Caller, sale: Sale
):
    goal = simulate(operator, sale)["scenarios"][0]
    assert goal["first"]["by_household"]["gini"] == "0"
    assert goal["first"]["by_household"]["gap"] == "0"
    assert Fraction(goal["second"]["by_household"]["gini"]) > 0
    assert Fraction(goal["second"]["by_household"]["gap"]) == Fraction(20_000, 100) - Fraction(20_000, 300)
    assert goal["second"]["fairness"]["gini"] == "0", "by its own weight it is as even"
    assert (
        "1 cooperative gets more boxes and 1 cooperative gets fewer: 2 more, 2 fewer" in goal["summary"]["en"]
    )
    assert "1 社增加、1 社减少" in goal["summary"]["zh"]
    [first], [second] = goal["first"]["items"], goal["second"]["items"]
    assert "per household" in first["shares"][0]["reason"]["en"]
    assert "each cooperative counts as one" in second["shares"][0]["reason"]["en"]
    assert second["shares"][0]["reason"]["zh"]
    assert [each["weight"] for each in second["shares"]] == [1, 1, 1]
    assert all(each["pledged_boxes"] == 20 for each in first["shares"])
    assert Fraction(first["line"]) > 0


def test_without_a_goal_only_what_is_pledged_is_tried(market: Market, operator: Caller):
    told = simulate(operator, pledged(market))
    assert [each["name"] for each in told["scenarios"]] == ["pledged"]


def test_boxes_may_be_assumed(operator: Caller, sale: Sale):
    told = simulate(operator, sale, assumed=[{"item_id": str(sale.item_id), "boxes": 70}])
    [scenario] = told["scenarios"]
    assert (scenario["name"], scenario["boxes"]) == ("asked", 70)
    [item] = scenario["first"]["items"]
    assert (item["boxes"], item["unfilled_boxes"]) == (70, 10)


def test_two_policies_may_be_told(operator: Caller, sale: Sale):
    told = simulate(operator, sale, first={"weight": "equal"}, second={"weight": "members"})
    goal = told["scenarios"][0]
    assert boxes(goal["first"]) == {"YJ01": 4, "YJ02": 4, "YJ03": 4}
    assert boxes(goal["second"]) == {"YJ01": 2, "YJ02": 4, "YJ03": 6}
    assert "with 200 members that is" in goal["second"]["items"][0]["shares"][0]["reason"]["en"]


def test_each_policy_counts_the_season_that_it_names(market: Market, operator: Caller, sale: Sale):
    market.history(1_000_000, cooperative=0)
    other = simulate(operator, sale, first={"season": "2031-32"}, second={"season": SEASON})
    goal = other["scenarios"][0]
    assert boxes(goal["first"]) == {"YJ01": 2, "YJ02": 4, "YJ03": 6}
    assert boxes(goal["second"])["YJ01"] == 0, "it has sold enough"


@pytest.mark.parametrize("weight", ["households", "equal"])
def test_what_is_tried_is_what_the_allocation_does_to_the_digest(
    market: Market, operator: Caller, weight: str
):
    sale = pledged(market)
    assumed = [{"item_id": str(sale.item_id), "boxes": 13}]
    tried = simulate(operator, sale, second={"weight": weight, "rule": "lowest"}, assumed=assumed)
    expected = tried["scenarios"][0]["second"]["items"][0]["digest"]
    url = f"{sale.url}/policy"
    made = operator.put(url, json={"weight": weight, "rule": "lowest"}, headers={"If-Match": '"1"'}).json
    assert made["digest"] == tried["second_digest"]
    operator.post(f"{url}/signatures", json={"digest": made["digest"]})
    assert operator.post(f"{sale.url}/scheduling").status_code == 200
    paid(house.caller(market.app, Role.SHOPPER), operator, sale, 13)
    begin(market, sale)
    [run_id] = operator.get(f"{sale.url}/allocation").json["items"][0]["run_ids"]
    assert operator.get(f"/v1/allotment-runs/{run_id}").json["digest"] == expected


def test_what_cannot_be_tried_is_refused(
    market: Market, operator: Caller, sale: Sale, as_role: Callable[..., Caller]
):
    url = f"{sale.url}/policy-simulations"
    bare = market.draft()
    member = as_role(Role.COOPERATIVE, cooperative_ids=market.cooperative_ids[:1])
    auditor = as_role(Role.AUDITOR)
    twice = [{"item_id": str(sale.item_id), "boxes": 1}] * 2
    with market.unchanged():
        assert_refused(operator.post(f"{bare.url}/policy-simulations", json=EQUAL), 409, "nothing_pledged")
        unknown = {**EQUAL, "assumed": [{"item_id": str(uuid.uuid4()), "boxes": 1}]}
        assert_refused(operator.post(url, json=unknown), 404, "item_not_found")
        assert_refused(operator.post(url, json={**EQUAL, "assumed": twice}), 422, "item_twice")
        assert operator.post(url, json={}).status_code == 422
        assert operator.post(url, json={"second": {}}).status_code == 422, "it says nothing"
        assert operator.post(url, json={"second": {"rule": "oldest"}}).status_code == 422
        gone = operator.post(f"/v1/campaigns/{uuid.uuid4()}/policy-simulations", json=EQUAL)
        assert_refused(gone, 404, "campaign_not_found")
        assert_refused(member.post(url, json=EQUAL), 403, "forbidden")
        assert simulate(auditor, sale)["scenarios"]


def test_what_is_sold_already_is_not_tried_any_more(market: Market, operator: Caller):
    sale = market.on_sale()
    assert simulate(operator, sale)["scenarios"]
    assert operator.post(f"{sale.url}/pause", json={"reason": "rain"}).status_code == 200
    assert_refused(operator.post(f"{sale.url}/policy-simulations", json=EQUAL), 409, "state")


def test_those_whose_boxes_differ_most_are_told_why():
    found = tuple(Difference(code=f"{n:02}", first=0, second=n % 30 - 15) for n in range(60))
    told = shapes.explained(found)
    assert len(told) == shapes.EXPLAINED_MAX
    least = min(abs(each.gain) for each in found if each.code in told)
    assert all(abs(each.gain) <= least for each in found if each.code not in told)


# The command


@pytest.fixture
def run(market: Market) -> Callable[..., Any]:
    def invoke(*arguments: object) -> Any:
        told = market.app.test_cli_runner().invoke(args=["campaigns", "simulate", *map(str, arguments)])
        assert told.exception is None or isinstance(told.exception, SystemExit), told.exception
        return told

    return invoke


def test_the_command_shows_both_side_by_side_in_both_languages(market: Market, run: Any, sale: Sale):
    code = market.campaign(sale).code
    with market.unchanged():
        told = run(code, "--weight", "equal")
    assert told.exit_code == 0, told.output
    lines = told.output.splitlines()
    assert any("the goal: 12 boxes · 目标：12 箱" in line for line in lines)
    assert any("all that is pledged: 60 boxes · 全部承诺货源：60 箱" in line for line in lines)
    row = next(line for line in lines if "YJ01" in line).split("│")
    assert [cell.strip() for cell in row[1:7]] == ["YJ01", "第1合作社", "100", "2", "4", "+2"]
    assert row[10].strip() == "█" * BAR, "the highest of all levels"
    assert any(line.startswith("Under the second policy 1 cooperative") for line in lines)
    assert any(line.startswith("采用第二种政策") for line in lines)
    assert any("weight" in line and "households" in line and "equal" in line for line in lines)
    assert "The roster is made up." in told.output


def test_the_command_takes_boxes_and_every_other_term(market: Market, run: Any, sale: Sale):
    code = market.campaign(sale).code
    told = run(code, "--rule", "lowest", "--strict", "--season", "2031-32", "--boxes", 7)
    assert told.exit_code == 0, told.output
    assert "as assumed: 7 boxes · 假定数量：7 箱" in told.output
    assert "2031-32" in told.output


def test_the_command_says_what_it_cannot_do(market: Market, run: Any, sale: Sale):
    assert "There is no campaign nowhere." in run("nowhere").output
    code = market.campaign(sale).code
    assert "has 1 items" in run(code, "--boxes", 1, "--boxes", 2).output
    bare = market.campaign(market.draft()).code
    refused = run(bare)
    assert refused.exit_code == 1
    assert "Nobody has pledged anything yet. 尚无合作社承诺货源。" in refused.output


@pytest.mark.parametrize(("level", "blocks"), [(0, 0), (1, 1), (500, BAR // 2), (1_000, BAR)])
def test_a_level_is_drawn_by_the_highest(level: int, blocks: int):
    assert bar(Fraction(level), Fraction(1_000)) == "█" * blocks
    assert bar(Fraction(0), Fraction(0)) == ""
