"""Laws of land: what two rings share is exact, alike from both sides, and never more than either has."""

from fractions import Fraction
from math import cos, radians

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from inventory.labels import land_rules
from inventory.labels.land_rules import (
    PARTS,
    NoRing,
    Ring,
    can_be,
    common,
    extent,
    is_inside,
    is_same_land,
    ring_of,
    square_metres,
)

SMALL = st.integers(-12, 12)


def box(x: int, y: int, width: int, height: int) -> Ring:
    return ((x, y), (x + width, y), (x + width, y + height), (x, y + height))


@st.composite
def rings(draw: st.DrawFn) -> Ring:
    """Any ring of few points of a small grid: most have edges on one line, corners on edges, and dents."""
    points = draw(st.lists(st.tuples(SMALL, SMALL), min_size=3, max_size=7, unique=True))
    try:
        return ring_of([*points, points[0]])
    except NoRing:
        assume(False)
        raise


@st.composite
def boxes(draw: st.DrawFn) -> Ring:
    return box(draw(SMALL), draw(SMALL), draw(st.integers(1, 9)), draw(st.integers(1, 9)))


@given(rings(), rings())
@example(box(0, 0, 4, 4), box(4, 0, 4, 4))
@example(box(0, 0, 4, 4), box(0, 0, 4, 4))
def test_what_is_shared_is_alike_from_both_sides_and_no_more_than_either_has(one: Ring, other: Ring) -> None:
    shared = common(one, other)
    assert shared == common(other, one) == common(one[::-1], other[1:] + other[:1])
    assert 0 <= shared <= min(extent(one), extent(other))
    assert common(one, one) == extent(one) > 0


@given(rings(), SMALL, SMALL)
def test_moving_both_or_turning_both_changes_nothing(one: Ring, right: int, up: int) -> None:
    other = box(0, 0, 7, 5)
    shared = common(one, other)
    moved = [tuple((x + right, y + up) for x, y in ring) for ring in (one, other)]
    turned = [tuple((-y, x) for x, y in ring) for ring in (one, other)]
    assert common(*moved) == common(*turned) == shared


@given(boxes(), boxes())
def test_boxes_share_what_their_sides_share(one: Ring, other: Ring) -> None:
    width = min(one[2][0], other[2][0]) - max(one[0][0], other[0][0])
    height = min(one[2][1], other[2][1]) - max(one[0][1], other[0][1])
    assert common(one, other) == max(0, width) * max(0, height)


@given(rings(), st.integers(-12, 12))
def test_land_that_is_parted_adds_up(ring: Ring, at: int) -> None:
    west, east = box(-20, -20, 20 + at, 40), box(at, -20, 20 - at + 1, 40)
    assert common(ring, west) + common(ring, east) == extent(ring)


def test_a_dented_ring_shares_only_what_it_holds() -> None:
    comb = ring_of([(0, 0), (9, 0), (9, 6), (6, 6), (6, 2), (3, 2), (3, 6), (0, 6), (0, 0)])
    assert (extent(comb), common(comb, box(0, 3, 9, 2)), common(comb, box(3, 2, 3, 4))) == (42, 12, 0)
    assert common(comb, ((0, 6), (9, 6), (9, 0))) == extent(comb) - common(comb, ((0, 0), (9, 0), (0, 6)))


@pytest.mark.parametrize(
    ("points", "says"),
    [
        ([(0, 0), (1, 0), (0, 0)], "four points"),
        ([(0, 0), (4, 0), (4, 4), (0, 4)], "four points"),
        ([(0, 0), (4, 4), (4, 0), (0, 4), (0, 0)], "cross"),
        ([(0, 0), (4, 0), (2, 0), (0, 0)], "cross"),
        ([(0, 0), (4, 0), (4, 4), (2, 0), (0, 4), (0, 0)], "cross"),
        ([(0, 0), (4, 0), (4, 4), (4, 2), (0, 4), (0, 0)], "cross"),
        ([(0, 0), (4, 0), (4, 4), (4, 0), (0, 0)], "twice"),
        ([(0, 0), (181 * PARTS, 0), (0, 5), (0, 0)], "180"),
        ([(0, 0), (5, 0), (0, 91 * PARTS), (0, 0)], "90"),
    ],
)
def test_what_is_no_ring_is_told_why(points: list[land_rules.Point], says: str) -> None:
    with pytest.raises(NoRing, match=says):
        ring_of(points)


def test_a_hectare_in_the_county_is_a_hectare() -> None:
    """A hundred metres are 1/1,111.95 of a degree of latitude, and of longitude more by the cosine of 35.4°."""
    up = round(PARTS * 100 / 111_195)
    right = round(up / cos(radians(35.4)))
    hectare = box(1_091_000_000, 354_000_000, right, up)
    assert square_metres(hectare) == pytest.approx(10_000, abs=5)
    assert can_be(10_190, hectare)
    assert not can_be(10_210, hectare)


def test_surveys_may_differ_a_little() -> None:
    area, inch = box(0, 0, 1_000, 1_000), box(990, 0, 500, 1_000)
    assert is_inside(box(0, 0, 1_020, 1_000), area)
    assert not is_inside(box(0, 0, 1_021, 1_000), area)
    assert common(area, inch) == Fraction(10_000)
    assert not is_same_land(area, inch)
    assert is_same_land(area, box(989, 0, 500, 1_000))
    assert is_same_land(area, box(10, 10, 5, 5)), "a plot within another is the same land"
