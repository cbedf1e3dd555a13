"""The Yijun, USDA and worked cases, answer by answer. Their files change only with the rule itself."""

import json
import math
import re
from fractions import Fraction

import pytest

from orders.allocation import allocate, explain, report, verify
from orders.allocation.json_form import allocation_from_json, allocation_to_json
from orders.allocation.text import render
from tests.orders.allocation import cases

GOLDEN_CASES = {
    "worked_example": cases.the_worked_example,
    "made_up_yijun": cases.the_made_up_yijun,
    "usda_week": cases.the_usda_week,
}


@pytest.mark.parametrize("name", GOLDEN_CASES)
def test_the_answer_is_the_one_on_file(name):
    problem = GOLDEN_CASES[name]()
    on_file = json.loads((cases.GOLDEN / f"{name}.json").read_text(encoding="utf-8"))

    assert allocation_to_json(allocate(problem)) == on_file
    assert verify(problem, allocation_from_json(on_file)) == ()


# (line × weight − sold before) / pack = boxes before rounding: what a manager types into a pocket calculator.
SUM = re.compile(r"\(([\d.,]+) × ([\d.,]+) − ([\d.,]+)\) / ([\d.,]+) = ")


@pytest.mark.parametrize("name", GOLDEN_CASES)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_share_can_be_redone_by_hand_from_its_explanation(name, language):
    problem = GOLDEN_CASES[name]()
    allocation = allocate(problem)
    for seller, share in zip(problem.sellers, allocation.sellers, strict=True):
        words = "".join(render(explain(problem, allocation, seller.id), language))
        found = SUM.search(words)
        assert found, words
        line, weight, sold, pack = (Fraction(each.replace(",", "")) for each in found.groups())
        boxes = math.floor((line * weight - sold) / pack + Fraction(1, 2))
        assert min(max(0, boxes), seller.cap_packs) == share.packs


def test_yijun_sells_42_000_boxes_and_nobody_more_than_it_has():
    problem = cases.the_made_up_yijun()
    allocation = allocate(problem)

    assert len(problem.sellers) == 57
    assert sum(seller.weight for seller in problem.sellers) == 4_075
    assert sum(share.packs for share in allocation.sellers) == 42_000
    assert all(
        share.packs <= seller.cap_packs
        for seller, share in zip(problem.sellers, allocation.sellers, strict=True)
    )
    assert [len(ids) for _, ids in report(problem, allocation).limited] == [40, 17]
    assert report(problem, allocation).deviation_worst_packs < 1


def test_the_usda_week_leaves_out_the_origins_that_are_ahead_of_last_season():
    problem = cases.the_usda_week()
    shares = {share.id: share for share in allocate(problem).sellers}

    assert problem.orders[0].packs == 9_962 * 250
    assert sum(share.packs for share in shares.values()) == 9_962 * 250
    assert {name for name, share in shares.items() if share.limited_by == "history"} == {
        "Appalachia",
        "California-Central",
        "North Carolina",
        "New England",
    }
    assert (shares["Oregon"].packs, shares["Oregon"].limited_by) == (0, "stock")
    assert (shares["Idaho"].packs, shares["Idaho"].limited_by) == (7_500, "stock")
