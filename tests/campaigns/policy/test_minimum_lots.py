"""A policy with minimum lots: so many boxes for a cooperative, or none; sold boxes go before it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.allotting.asking_rules import Pledger, answered, problem_of
from campaigns.policy.rules import Weight
from orders import allocation
from tests import house
from tests.builders import Market, Sale, assert_refused, broken
from tests.campaigns.allotted import Allotted, sold
from tests.campaigns.policy.test_doors import put, read, schedule, sign
from tests.campaigns.policy.test_trying import boxes, pledged, simulate
from tests.house import Caller

PLEDGERS = st.lists(
    st.builds(
        Pledger,
        code=st.uuids().map(str),
        households=st.integers(1, 50),
        members=st.integers(1, 100),
        history_grams=st.integers(0, 10**6),
        free_boxes=st.integers(0, 40),
        kept_boxes=st.sampled_from([0, 0, 5]),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda each: each.code,
)


def asked(pledgers: list[Pledger], *, sold_boxes: int, minimum_boxes: int) -> allocation.Problem:
    return problem_of(
        pledgers,
        boxes=sold_boxes,
        pack_grams=5_000,
        weight=Weight.HOUSEHOLDS,
        rule="nearest",
        strict=False,
        tie_seed="seed",
        earlier_grams=(),
        minimum_boxes=minimum_boxes,
    )


@given(PLEDGERS, st.integers(0, 120), st.integers(2, 30))
def test_everybody_has_the_minimum_or_none_unless_boxes_would_be_nobodys(
    pledgers: list[Pledger], sold_boxes: int, minimum_boxes: int
) -> None:
    problem, result = answered(
        asked(pledgers, sold_boxes=sold_boxes, minimum_boxes=minimum_boxes), allocation.allocate
    )
    given_boxes = {share.id: share.packs for share in result.sellers}
    assert allocation.verify(problem, result) == ()
    assert sum(given_boxes.values()) == min(sold_boxes, sum(each.free_boxes for each in pledgers))
    has_minimum = any(seller.min_packs for seller in problem.sellers)
    for each in pledgers:
        got = given_boxes[each.code]
        assert not has_minimum or got == 0 or got >= minimum_boxes or each.kept_boxes
    with_it = allocation.allocate(asked(pledgers, sold_boxes=sold_boxes, minimum_boxes=minimum_boxes))
    if with_it.unfilled_packs == sold_boxes - sum(given_boxes.values()):
        assert result == with_it, "it counts wherever it leaves nothing to nobody"


@given(PLEDGERS, st.integers(0, 120))
def test_without_one_the_question_is_the_one_it_always_was(pledgers: list[Pledger], sold_boxes: int) -> None:
    problem = asked(pledgers, sold_boxes=sold_boxes, minimum_boxes=1)
    assert not any(seller.min_packs for seller in problem.sellers)
    assert answered(problem, allocation.allocate) == (problem, allocation.allocate(problem))


def why(life: Allotted, code: str) -> tuple[str, str]:
    run_id = life.latest(code).run_id
    told = life.operator.get(f"/v1/allotment-runs/{run_id}/explanations/{code}").json
    return " ".join(told["sentences_en"]), "".join(told["sentences_zh"])


def test_an_allocation_goes_by_it_and_says_so(market: Market, operator: Caller) -> None:
    life = sold(market, operator, orders=(5, 4, 3)).start(minimum_boxes=5)
    assert life.overview()["minimum_boxes"] == 5
    told = {code: kept for code, _, kept in life.told()}
    assert told == {"YJ02": 5, "YJ03": 7}, "without it two, four and six"
    left_out = why(life, "YJ01")
    assert "it sells at least 5 boxes or none" in left_out[0].lower()
    assert "does not make its minimum lot" in left_out[0]
    assert "不足其最低箱数" in left_out[1]
    assert life.latest("YJ01").limited_by == "minimum_lot"
    life.done(life.confirm("YJ02"), life.confirm("YJ03"))
    assert life.state == "harvested"


def test_what_is_given_back_goes_to_those_that_supply_in_any_number(market: Market, operator: Caller) -> None:
    life = sold(market, operator, orders=(5, 4, 3)).start(minimum_boxes=5)
    life.done(life.confirm("YJ02"), life.confirm("YJ03", boxes=6))
    assert life.told()[-1] == ("YJ02", "offered", 1), "one more for it, and no new cooperative for one box"
    assert life.latest("YJ01").boxes == 0
    life.done(life.confirm("YJ02"))
    assert life.state == "harvested"


def test_where_it_would_leave_boxes_to_nobody_it_does_not_count(market: Market, operator: Caller) -> None:
    life = sold(market, operator, orders=(3,)).start(minimum_boxes=5)
    assert sum(kept for _, _, kept in life.told()) == 3
    english, chinese = why(life, "YJ03")
    assert "The minimum lot of 5 boxes does not count in this run" in english
    assert "本次不适用最低 5 箱的限制" in chinese
    assert broken(market.app) == []


@pytest.fixture
def sale(market: Market) -> Sale:
    return pledged(market, goal_boxes=12)


def test_it_is_set_signed_and_frozen(market: Market, operator: Caller, sale: Sale) -> None:
    before = read(operator, sale)
    told = put(operator, sale, {"minimum_boxes": 5}).json
    assert (told["policy"]["minimum_boxes"], told["needs_signature"]) == (5, True)
    assert told["digest"] != before["digest"]
    assert '"minimum_boxes":5' in told["canonical"]
    assert '"form":2' in told["canonical"]
    assert "minimum_boxes" not in before["canonical"]
    assert_refused(schedule(operator, sale), 409, "not_ready")
    assert sign(operator, sale).status_code == 201
    assert schedule(operator, sale).status_code == 200
    assert operator.get(sale.url).json["campaign"]["policy_digest"] == told["digest"]
    assert broken(market.app) == []


@pytest.mark.parametrize("minimum", [0, -1, 1_000_001, "5", 1.5])
def test_what_is_no_minimum_is_refused(market: Market, operator: Caller, sale: Sale, minimum: Any) -> None:
    with market.unchanged():
        assert put(operator, sale, {"minimum_boxes": minimum}).status_code == 422


def test_it_does_not_go_with_strict(market: Market, operator: Caller, sale: Sale) -> None:
    both = {"minimum_boxes": 5, "strict": True}
    with market.unchanged():
        refused = put(operator, sale, both)
        assert refused.status_code == 422
        assert "/minimum_boxes" in str(refused.json)
        body = {"second": both}
        assert operator.post(f"{sale.url}/policy-simulations", json=body).status_code == 422


def test_it_is_tried_out_beside_the_houses(operator: Caller, sale: Sale) -> None:
    goal = simulate(operator, sale, second={"minimum_boxes": 5})["scenarios"][0]
    assert boxes(goal["first"]) == {"YJ01": 2, "YJ02": 4, "YJ03": 6}
    assert boxes(goal["second"]) == {"YJ01": 0, "YJ02": 5, "YJ03": 7}
    shares = {each["code"]: each for each in goal["second"]["items"][0]["shares"]}
    assert shares["YJ01"]["limited_by"] == "minimum_lot"
    assert "at least 5 boxes or none" in shares["YJ01"]["reason"]["en"]


def test_the_command_tries_it_out(market: Market, sale: Sale) -> None:
    code = market.campaign(sale).code
    run = market.app.test_cli_runner().invoke
    result = run(args=["campaigns", "simulate", code, "--minimum", "5"])
    assert result.exit_code == 0, result.output
    assert "minimum_boxes" in result.output
    refused = run(args=["campaigns", "simulate", code, "--minimum", "5", "--strict"])
    assert refused.exit_code == 1
    assert "do not go together" in refused.output


def test_members_read_it(market: Market, operator: Caller, sale: Sale) -> None:
    put(operator, sale, {"minimum_boxes": 5})
    member = house.caller(market.app, house.Role.COOPERATIVE, cooperative_ids=market.cooperative_ids[:1])
    assert read(member, sale)["policy"]["minimum_boxes"] == 5
