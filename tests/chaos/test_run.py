"""The runner's own parts: what it can be asked for, and what it writes."""

import random
from dataclasses import replace

import pytest

from bench.chaos import tables, wire
from bench.chaos.__main__ import PROOF, SCENARIOS, USUAL
from bench.chaos.broken import DEFECTS
from bench.chaos.findings import SENTENCES, Report
from bench.chaos.nemesis import EVERY_SECONDS, FAULTS, NOT_BY_DEFAULT
from bench.chaos.plan import Item, Plan, Shopper
from bench.chaos.run import Result, Scenario, shortened
from bench.chaos.timing import Waiting

NONE = Waiting(count=0, p50=0.0, p99=0.0)


def a_result(scenario: Scenario, *broken: str, problems: tuple[str, ...] = ()) -> Result:
    report = Report()
    for check in broken:
        report.expect(check, False, "something")
    return Result(
        scenario=scenario,
        seed=1,
        operations=10,
        attempts=20,
        replayed=5,
        sold_out=1,
        faults=[],
        report=report,
        outages=[],
        quiet=NONE,
        without_redis=NONE,
        has_journal=False,
        workers_kept=True,
        problems=list(problems),
    )


def test_each_defect_is_meant_for_a_check_and_each_fault_has_its_time():
    assert {each.found_by for each in DEFECTS.values()} <= set(SENTENCES)
    assert set(EVERY_SECONDS) == {*FAULTS, *NOT_BY_DEFAULT}
    assert all(set(SCENARIOS[name].faults) <= set(FAULTS) for name in USUAL)


def test_a_run_is_good_when_it_is_clean_and_nothing_kept_the_nemesis_from_its_work():
    scenario = SCENARIOS["everything"]

    assert a_result(scenario).is_good
    assert not a_result(scenario, "lost").is_good
    assert not a_result(scenario, problems=("workers: none was found",)).is_good


@pytest.mark.parametrize("defect", DEFECTS.values(), ids=lambda each: each.name)
def test_a_broken_build_is_good_only_when_the_check_meant_for_it_is_red(defect):
    scenario = replace(PROOF, broken=defect.name)
    other = next(name for name in SENTENCES if name != defect.found_by)

    assert a_result(scenario, defect.found_by, other).is_good
    assert not a_result(scenario, other).is_good
    assert not a_result(scenario).is_good


def test_the_page_tells_of_every_run_and_every_proof():
    proof = a_result(replace(PROOF, broken="unguarded"), "lost")
    page = tables.page(
        [a_result(SCENARIOS["everything"]), a_result(SCENARIOS["redis"], "lost", "lost"), proof],
        command="make chaos",
    )

    assert "| everything | 1 | 60 | 10 | 20 | 5 | 1 | none | clean |" in page
    assert "**red**: lost × 2" in page
    assert "| oversold | lost × 1 | **no** |" in page


def test_a_smaller_run_sells_out_like_the_large_one():
    small = shortened(SCENARIOS["everything"], seconds=5, operations=200)

    assert (small.seconds, small.operations, small.boxes) == (5, 200, SCENARIOS["everything"].boxes // 10)


def test_callers_have_different_addresses():
    dice = random.Random(1)
    numbers = {dice.randrange(1 << 24) for _ in range(1_000)}

    assert len({wire.address_of(number) for number in numbers}) == len(numbers)


def test_a_plan_is_read_as_it_was_written(tmp_path):
    plan = Plan(
        host="127.0.0.1",
        port=1,
        history="h",
        seed=1,
        seconds=1.5,
        operations=1,
        connections=1,
        copies_share=1,
        repeats_share=1,
        hang_up_share=1,
        settle_seconds=1.0,
        items=[Item(campaign_id="c", item_id="i", weight=1)],
        shoppers=[Shopper(account_id="a", token="t")],
        operator_token="o",
    )
    plan.write(tmp_path / "plan.json")

    assert Plan.read(tmp_path / "plan.json") == plan
    assert (tmp_path / "plan.json").stat().st_mode & 0o077 == 0
