"""The goal: reached, missed, or not to be said yet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.goal_rules import Goal, Sold, Verdict, is_reached, verdict

LITTLE = st.integers(0, 50)
GOALS = st.builds(Goal, boxes=st.none() | st.integers(1, 50), grams=st.none() | st.integers(1, 50))
SALES = st.builds(Sold, boxes=LITTLE, grams=LITTLE, boxes_held=LITTLE, grams_held=LITTLE)


@pytest.mark.parametrize(
    ("goal", "sold", "said"),
    [
        (Goal(), Sold(boxes=0, grams=0), Verdict.MISSED),
        (Goal(), Sold(boxes=1, grams=5_000), Verdict.REACHED),
        (Goal(boxes=10), Sold(boxes=9, grams=45_000), Verdict.MISSED),
        (Goal(boxes=10), Sold(boxes=10, grams=50_000), Verdict.REACHED),
        (Goal(boxes=10), Sold(boxes=9, grams=45_000, boxes_held=1, grams_held=5_000), Verdict.WAIT),
        (Goal(boxes=10), Sold(boxes=8, grams=40_000, boxes_held=1, grams_held=5_000), Verdict.MISSED),
        (Goal(boxes=10), Sold(boxes=12, grams=60_000, boxes_held=1, grams_held=5_000), Verdict.WAIT),
        (Goal(boxes=10, grams=60_000), Sold(boxes=10, grams=50_000), Verdict.MISSED),
        (Goal(grams=50_000), Sold(boxes=10, grams=50_000), Verdict.REACHED),
    ],
)
def test_a_goal_is_boxes_and_kilograms(goal: Goal, sold: Sold, said: Verdict) -> None:
    assert verdict(goal, sold) == said


@given(GOALS, SALES, LITTLE, LITTLE)
def test_selling_more_never_unreaches_a_goal(goal: Goal, sold: Sold, boxes: int, grams: int) -> None:
    more = Sold(boxes=sold.boxes + boxes, grams=sold.grams + grams)
    assert is_reached(goal, more) or not is_reached(goal, sold)


@given(GOALS, SALES)
def test_what_is_said_stays_true_whoever_pays_and_whoever_lets_go(goal: Goal, sold: Sold) -> None:
    said = verdict(goal, sold)
    nobody = Sold(boxes=sold.boxes, grams=sold.grams)
    everybody = Sold(boxes=sold.boxes + sold.boxes_held, grams=sold.grams + sold.grams_held)
    ends = {verdict(goal, nobody), verdict(goal, everybody)}
    assert Verdict.WAIT not in ends
    if said != Verdict.WAIT:
        assert ends == {said}
    if said == Verdict.REACHED:
        assert sold.boxes_held == 0
