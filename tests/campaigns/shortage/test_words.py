"""Each reason has every number that redoes it by hand, in both languages, and stays as it is on file."""

import json
import re
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.shortage import rules, words
from campaigns.shortage.rules import Cause, Choice, Demand, Neighbour, Standing

GOLDEN = Path(__file__).parent / "golden" / "reasons.json"
PAID = 5_200
"""For one box."""


def demands(*boxes):
    return [Demand(order_id=f"o{number}", boxes=each) for number, each in enumerate(boxes, start=1)]


CASES = {
    "equal awards": (demands(1, 2, 5, 10), 12, "equal_awards", Cause.FORCE_MAJEURE),
    "fault": (demands(1, 2, 5, 10), 12, "equal_awards", Cause.FAULT),
    "proportional": (demands(1, 2, 5, 10), 12, "proportional", Cause.FORCE_MAJEURE),
    "proportional tie": (demands(3, 3, 3), 8, "proportional", Cause.FORCE_MAJEURE),
    "fewer than orders": (demands(1, 2, 5, 10), 3, "equal_awards", Cause.FORCE_MAJEURE),
    "nothing": (demands(2, 3), 0, "equal_awards", Cause.FORCE_MAJEURE),
    "elections": (
        [
            Demand(order_id="o1", boxes=4, choice=Choice.REFUND),
            Demand(order_id="o2", boxes=6, choice=Choice.FEWER, wanted=2),
            Demand(order_id="o3", boxes=5, choice=Choice.WAIT),
            Demand(order_id="o4", boxes=3, choice=Choice.OTHER_GRADE),
            Demand(order_id="o5", boxes=8),
        ],
        7,
        "equal_awards",
        Cause.FORCE_MAJEURE,
    ),
}


def reasons(name):
    asked, supply, policy, cause = CASES[name]
    cut = rules.cut(asked, supply, policy=policy, seed="apple", batch="campaign/item")
    writer = words.BuyerWords(cut, policy, cause=cause, currency="CNY")
    told = {}
    for demand, outcome in zip(asked, cut.outcomes, strict=True):
        paid = PAID * demand.boxes
        due = rules.due(outcome, paid_minor=paid, cause=cause, earnest_permille=200)
        text = writer.reason(demand, outcome, due, paid_minor=paid)
        told[demand.order_id] = {"kept": outcome.kept, "en": text.en, "zh": text.zh}
    return told


def neighbour_reasons():
    cover = rules.cover(
        30,
        [
            Neighbour(code="YJ02", weight=100, history_grams=100_000, spare=40),
            Neighbour(code="YJ03", weight=300, history_grams=600_000, spare=5),
        ],
        pack_grams=5_000,
        seed="apple",
        batch="campaign/item",
    )
    return cover, {code: words.for_neighbour(cover, code, gap=30) for code in ("YJ02", "YJ03")}


def test_the_words_are_those_on_file():
    cooperative = words.for_cooperative(
        Standing(code="YJ01", pledged=60, there=35),
        committed=90,
        supply=70,
        covered=12,
        carries=20,
        cause=Cause.FAULT,
    )
    found = {
        **{name: reasons(name) for name in CASES},
        "neighbours": {code: {"en": each.en, "zh": each.zh} for code, each in neighbour_reasons()[1].items()},
        "cooperative": {"en": cooperative.en, "zh": cooperative.zh},
    }
    assert found == json.loads(GOLDEN.read_text(encoding="utf-8"))


UP_TO = {"en": re.compile(r"up to ([\d,]+) box"), "zh": re.compile(r"至多得 ([\d,]+) 箱")}
DRAWN = {
    "en": re.compile(r"([\d,]+) box\S* more .* among ([\d,]+) orders .* number ([\d,]+)\."),
    "zh": re.compile(r"余下 ([\d,]+) 箱在 ([\d,]+) 个订单间.*第 ([\d,]+) 位"),
}


def _numbers(found):
    return [int(each.replace(",", "")) for each in found.groups()]


@pytest.mark.parametrize("language", ["en", "zh"])
@given(boxes=st.lists(st.integers(1, 40), min_size=1, max_size=15), short=st.integers(1, 60))
def test_equal_awards_can_be_redone_by_hand(language, boxes, short):
    """min(ordered, full), and one more for who was drawn early enough."""
    asked, supply = demands(*boxes), max(0, sum(boxes) - short)
    cut = rules.cut(asked, supply, seed="apple", batch="b")
    writer = words.BuyerWords(cut, "equal_awards", cause=Cause.FORCE_MAJEURE, currency="CNY")
    for demand, outcome in zip(asked, cut.outcomes, strict=True):
        due = rules.due(outcome, paid_minor=900, cause=Cause.FORCE_MAJEURE, earnest_permille=0)
        text = getattr(writer.reason(demand, outcome, due, paid_minor=900), language)
        full = UP_TO[language].search(text)
        got = min(demand.boxes, _numbers(full)[0]) if full else 0
        if drawn := DRAWN[language].search(text):
            left, _, place = _numbers(drawn)
            got += place <= left
        assert got == outcome.kept, text


@pytest.mark.parametrize("language", ["en", "zh"])
@given(boxes=st.lists(st.integers(1, 40), min_size=1, max_size=15), short=st.integers(1, 60))
def test_proportional_awards_can_be_redone_by_hand(language, boxes, short):
    asked, supply = demands(*boxes), max(0, sum(boxes) - short)
    cut = rules.cut(asked, supply, policy="proportional", seed="apple", batch="b")
    writer = words.BuyerWords(cut, "proportional", cause=Cause.FORCE_MAJEURE, currency="CNY")
    for demand, outcome in zip(asked, cut.outcomes, strict=True):
        due = rules.due(outcome, paid_minor=900, cause=Cause.FORCE_MAJEURE, earnest_permille=0)
        text = getattr(writer.reason(demand, outcome, due, paid_minor=900), language)
        if found := re.search(r"([\d,]+) × ([\d.,/]+) = ([\d.,/]+?)[.。](?:\D|$)", text):
            claim, line, product = (Fraction(each.replace(",", "")) for each in found.groups())
            assert claim * line == product
            if (product * 2).denominator == 1 and (product * 2) % 2:
                assert abs(product - outcome.kept) == Fraction(1, 2) or outcome.kept == 1
                continue
            assert max(1, round(product)) == outcome.kept, text


PAID_BACK = re.compile(r"([\d.,]+) × ([\d,]+) ÷ ([\d,]+) = ([\d.,]+)")


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_refund_can_be_redone_by_hand(name, language):
    checked = 0
    for told in reasons(name).values():
        for found in PAID_BACK.finditer(told[language]):
            paid, back, ordered, refund = (Fraction(each.replace(",", "")) for each in found.groups())
            assert paid * back / ordered == refund
            checked += 1
    assert checked


def test_a_neighbours_boxes_can_be_redone_by_hand():
    cover, told = neighbour_reasons()
    found = re.search(r"\(([\d.,]+) × ([\d.,]+) − ([\d.,]+)\) / ([\d.,]+) = ", told["YJ02"].en)
    assert found
    line, households, sold, pack = (Fraction(each.replace(",", "")) for each in found.groups())
    assert round((line * households - sold) / pack) == cover.boxes["YJ02"]
