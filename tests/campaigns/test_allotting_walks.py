"""Allocations in which cooperatives answer at random: each ends, and whatever was accepted stays as it was.

The market's fixture checks every invariant of every module when a test ends.
"""

from random import Random

import pytest

from marketplace.jobs import queue, worker
from tests.builders import Market
from tests.campaigns.allotted import Allotted, sold
from tests.house import Caller
from tests.orders import life as lives

STEPS_MAX = 40


@pytest.mark.parametrize("seed", range(8))
def test_however_cooperatives_answer_it_ends_and_what_is_accepted_is_frozen(
    market: Market, operator: Caller, seed: int
):
    random = Random(seed)
    pledged = [random.randint(5, 25) for _ in range(3)]
    orders = [random.randint(1, 5) for _ in range(random.randint(1, 4))]
    life = sold(market, operator, pledged=pledged, orders=[min(each, sum(pledged)) for each in orders])
    life.start(strict=random.random() < 0.3, rule=random.choice(["nearest", "lowest", "lowest_after"]))
    accepted: dict[object, int] = {}
    for _ in range(STEPS_MAX):
        offered = [each for each in life.commitments() if each.state == "offered"]
        if not offered:
            break
        one = random.choice(offered)
        step(life, random, one.code, one.boxes_kept)
        now = {each.id: each.boxes_kept for each in life.commitments() if each.state == "confirmed"}
        if life.state != "failed":
            assert accepted.items() <= now.items()
        accepted = now
    ended = life.state
    kept = dict.fromkeys(("YJ01", "YJ02", "YJ03"), 0)
    for code, _, boxes in life.told():
        kept[code] += boxes
    assert ended in ("harvested", "failed")
    assert sum(kept.values()) == (sum(orders) if ended == "harvested" else 0)
    assert sum(boxes for *_, boxes in life.supplies()) == sum(kept.values())
    if ended == "harvested":
        assert life.pledges() == kept
    else:
        assert life.pledges() == dict(zip(kept, pledged, strict=True))


def step(life: Allotted, random: Random, code: str, boxes: int) -> None:
    dice = random.random()
    if dice < 0.15:
        life.let_time_pass()
        life.lapse()
    elif dice < 0.35:
        life.done(life.decline(code))
    elif dice < 0.5:
        life.done(life.confirm(code, boxes=random.randint(1, boxes)))
    else:
        life.done(life.confirm(code))


def test_the_job_of_every_minute_looks_after_each_campaign_in_a_job_of_its_own(
    market: Market, operator: Caller
):
    first, second = (sold(market, operator).start() for _ in range(2))
    first.let_time_pass()
    third = sold(market, operator).start()
    third.done(third.confirm("YJ03"))
    lives.enqueue(market, "campaigns.lapse_commitments")
    while worker.run_next(market.app, market.app.extensions["jobs"]):
        pass
    assert [each.state for each in (first, second, third)] == ["closed", "closed", "allocating"]
    assert third.latest("YJ01").state == "offered"
    assert queue.known("campaigns.go_on_allotting").cron is None
