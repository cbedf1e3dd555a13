"""Laws of the line: drawn by the seed, nobody passes, nobody gets what is not there."""

import uuid
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.shortage import line_rules
from campaigns.shortage.later_lot_rules import LaterLotDay, check_day

ORDERS = st.dictionaries(st.uuids().map(str), st.integers(1, 20), max_size=12)


@given(ORDERS, st.text("abc", max_size=8), st.randoms())
def test_the_line_does_not_depend_on_arrival(boxes, seed, random):
    shuffled = list(boxes)
    random.shuffle(shuffled)
    assert line_rules.in_line(shuffled, seed=seed, batch="b") == line_rules.in_line(
        list(boxes), seed=seed, batch="b"
    )
    assert sorted(line_rules.in_line(shuffled, seed=seed, batch="b")) == sorted(boxes)


@given(ORDERS, st.integers(0, 100))
def test_who_is_served_is_the_front_of_the_line_and_no_more_than_is_there(boxes, free):
    line = line_rules.in_line(list(boxes), seed="s", batch="b")
    found = line_rules.served(boxes, line, free)
    assert found == line[: len(found)]
    assert sum(boxes[each] for each in found) <= free
    if found != line:
        assert sum(boxes[each] for each in line[: len(found) + 1]) > free


@given(ORDERS, st.integers(0, 100), st.integers(0, 20))
def test_more_fruit_serves_nobody_less(boxes, free, more):
    line = list(boxes)
    fewer, larger = (line_rules.served(boxes, line, each) for each in (free, free + more))
    assert larger[: len(fewer)] == fewer


def test_another_seed_draws_another_line():
    ids = [str(uuid.UUID(int=number)) for number in range(20)]
    assert line_rules.in_line(ids, seed="a", batch="b") != line_rules.in_line(ids, seed="c", batch="b")


@pytest.mark.parametrize(("days", "is_good"), [(0, False), (1, True), (60, True), (61, False), (-1, False)])
def test_the_day_of_a_later_lot(days, is_good):
    today = date(2026, 10, 1)
    if is_good:
        check_day(today + timedelta(days=days), today=today)
    else:
        with pytest.raises(LaterLotDay):
            check_day(today + timedelta(days=days), today=today)
    check_day(None, today=today)
