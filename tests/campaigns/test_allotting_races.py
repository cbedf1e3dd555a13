"""Steps of one allocation at once, on the real database: each has one winner, nothing is lost, all adds up.

The market's fixture checks every invariant of every module when a test ends.
"""

from typing import Any

import pytest

from campaigns.allotting import allotting
from marketplace import database
from tests.builders import Market, at_once, confirmed, receipt
from tests.campaigns.allotted import WHY, Allotted, sold
from tests.house import Caller

ROUNDS = range(4)


@pytest.fixture
def life(market: Market, operator: Caller) -> Allotted:
    return sold(market, operator, orders=(5, 4, 3)).start()


def answering(life: Allotted, code: str, ending: str) -> Any:
    url = f"/v1/commitments/{life.latest(code).id}/{ending}"
    body = WHY if ending == "refusal" else {}
    return lambda: life.member(code).post(url, json=body).status_code


def lapsing(life: Allotted) -> Any:
    def work() -> int:
        return database.transact(
            lambda session: allotting.go_on(session, life.market.ctx, campaign_id=life.sale.campaign_id)
        )

    return work


@pytest.mark.parametrize("round_", ROUNDS)
def test_two_answers_to_one_commitment_have_one_winner(life: Allotted, round_: int):
    works = [answering(life, "YJ01", "confirmation"), answering(life, "YJ01", "refusal")]
    assert sorted(at_once(life.market.app, works[:: 1 - 2 * (round_ % 2)])) == [200, 409]


@pytest.mark.parametrize("round_", ROUNDS)
def test_all_answer_at_once_and_the_campaign_is_harvested(life: Allotted, round_: int):
    works = [answering(life, code, "confirmation") for code in ("YJ01", "YJ02", "YJ03")]
    assert at_once(life.market.app, works) == [200] * 3
    assert life.state == "harvested"
    assert sum(boxes for *_, boxes in life.supplies()) == 12


@pytest.mark.parametrize("round_", ROUNDS)
def test_two_last_answers_split_the_rest_once(life: Allotted, round_: int):
    life.done(life.confirm("YJ01"))
    works = [answering(life, "YJ02", "confirmation"), answering(life, "YJ03", "refusal")]
    assert at_once(life.market.app, works[:: 1 - 2 * (round_ % 2)]) == [200, 200]
    assert life.told()[3:] == [("YJ01", "offered", 2), ("YJ02", "offered", 4)]


@pytest.mark.parametrize("round_", ROUNDS)
def test_a_decline_against_the_end_of_silence_has_one_winner(life: Allotted, round_: int):
    """The member's request came in time; the job's clock is past it."""
    late = life.market.later(minutes=3)

    def lapse() -> int:
        return database.transact(
            lambda session: allotting.go_on(session, late, campaign_id=life.sale.campaign_id)
        )

    life.done(life.confirm("YJ01"), life.confirm("YJ02"))
    life.let_answers_be_due(life.market.later(minutes=2).now)
    works = [answering(life, "YJ03", "refusal"), lapse]
    found = at_once(life.market.app, works[:: 1 - 2 * (round_ % 2)])[:: 1 - 2 * (round_ % 2)]
    ended = life.latest("YJ03").state
    assert (found, ended) in (([200, 0], "declined"), ([409, 1], "lapsed"))
    assert life.told()[3:5] == [("YJ01", "offered", 2), ("YJ02", "offered", 4)]


@pytest.mark.parametrize("round_", ROUNDS)
def test_money_that_comes_with_the_last_answer_is_supplied_too(
    market: Market, operator: Caller, shopper: Caller, round_: int
):
    life = sold(market, operator)
    late = confirmed(shopper, life.sale, 6)
    life.start()
    life.done(life.confirm("YJ01"), life.confirm("YJ02"))
    works = [
        answering(life, "YJ03", "confirmation"),
        lambda: operator.post(f"/v1/payments/{late['payment_id']}/receipts", json=receipt(late)).status_code,
    ]
    assert at_once(life.market.app, works[:: 1 - 2 * (round_ % 2)]) == [200, 200]
    life.lapse()
    while offered := [code for code, state, _ in life.told() if state == "offered"]:
        life.done(life.confirm(offered[0]))
    assert life.state == "harvested"
    assert sum(boxes for *_, boxes in life.supplies()) == 18


@pytest.mark.parametrize("round_", ROUNDS)
def test_the_job_twice_at_once_splits_once(life: Allotted, round_: int):
    life.done(life.confirm("YJ01"), life.confirm("YJ02"))
    life.let_time_pass()
    assert sorted(at_once(life.market.app, [lapsing(life), lapsing(life)])) == [0, 1]
    assert len(life.overview()["items"][0]["run_ids"]) == 2
