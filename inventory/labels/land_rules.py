"""Land as rings of points: what is a ring, how large it is, and how much land two of them share. Pure.

A point is longitude and latitude in ten-millionths of a degree, about a centimetre; so all but square metres is
reckoned in whole numbers and fractions. No credit comes of these numbers: they only say whether what was certified can
be true.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import combinations, pairwise
from math import cos, radians
from typing import Final

Point = tuple[int, int]
Ring = tuple[Point, ...]
"""A simple polygon without holes; its last point is joined to the first."""
Edge = tuple[Point, Point]

PARTS: Final = 10_000_000
"""Of a degree."""
RADIUS_METRES: Final = 6_371_007
"""Of the sphere with the surface of the Earth (GRS 80); land is at most half a percent larger or smaller than on it."""
SURVEY_PERMILLE: Final = 20
"""By so much may surveys of one line differ."""
_PERMILLE: Final = 1_000


class NoRing(Exception):
    """The points make no ring; its text says why, in both languages."""


def ring_of(points: Sequence[Point]) -> Ring:
    """The ring of points of which the last is the first again. Raises NoRing."""
    if len(points) < 4 or points[0] != points[-1]:
        raise NoRing("At least four points, of which the last is the first again. 至少四点，且首尾两点相同。")
    ring = tuple(points[:-1])
    if any(abs(x) > 180 * PARTS or abs(y) > 90 * PARTS for x, y in ring):
        raise NoRing(
            "Longitudes up to 180, latitudes up to 90 degrees. 经度不超过 180 度，纬度不超过 90 度。"
        )
    if len(set(ring)) < len(ring):
        raise NoRing("A point stands there twice. 有重复的点。")
    edges = list(_edges(ring))
    for (at, one), (other_at, other) in combinations(enumerate(edges), 2):
        is_next = other_at - at in (1, len(edges) - 1)
        if _folds(one, other) if is_next else _meet(one, other):
            raise NoRing("Its edges cross or touch each other. 边界自相交。")
    return ring


def extent(ring: Ring) -> Fraction:
    """How large it is, in square parts of a degree."""
    return abs(Fraction(sum(a[0] * b[1] - b[0] * a[1] for a, b in _edges(ring)), 2))


def square_metres(ring: Ring) -> int:
    """How large it is on the Earth, on a sphere and at its middle latitude: for plots, not for continents."""
    latitudes = [y for _, y in ring]
    metres = radians(1) * RADIUS_METRES / PARTS
    middle = (min(latitudes) + max(latitudes)) / (2 * PARTS)
    return round(extent(ring) * metres**2 * cos(radians(middle)))


def common(one: Ring, other: Ring) -> Fraction:
    """How much land both have, in square parts of a degree.

    The land is cut into slabs at each height where an edge begins, ends or meets one of the other ring. No edges
    cross inside of a slab, so its width in the middle, times its height, is all of it.
    """
    sides = _sides(one), _sides(other)
    heights = sorted({y for side in sides for edge in side for _, y in edge} | set(_crossings(*sides)))
    total = Fraction(0)
    for low, high in pairwise(heights):
        middle = Fraction(low + high) / 2
        spans = [
            sorted(_x_at(edge, middle) for edge in side if edge[0][1] <= low and edge[1][1] >= high)
            for side in sides
        ]
        total += (high - low) * _shared(*spans)
    return total


def is_inside(plot: Ring, area: Ring) -> bool:
    """Whether the plot lies in the area, but for what surveys may differ."""
    size = extent(plot)
    return (size - common(plot, area)) * _PERMILLE <= size * SURVEY_PERMILLE


def is_same_land(one: Ring, other: Ring) -> bool:
    """Whether they share more than surveys of neighbours may differ, measured by the smaller."""
    return common(one, other) * _PERMILLE > min(extent(one), extent(other)) * SURVEY_PERMILLE


def can_be(said_square_metres: int, ring: Ring) -> bool:
    """Whether so much land may lie within the ring."""
    return said_square_metres * _PERMILLE <= square_metres(ring) * (_PERMILLE + SURVEY_PERMILLE)


def _edges(ring: Ring) -> Iterator[Edge]:
    return zip(ring, (*ring[1:], ring[0]), strict=True)


def _sides(ring: Ring) -> list[Edge]:
    """Its edges from below to above; those that lie flat bound no width."""
    return [(a, b) if a[1] < b[1] else (b, a) for a, b in _edges(ring) if a[1] != b[1]]


def _x_at(edge: Edge, y: Fraction) -> Fraction:
    (x1, y1), (x2, y2) = edge
    return x1 + (y - y1) * Fraction(x2 - x1, y2 - y1)


def _shared(one: Sequence[Fraction], other: Sequence[Fraction]) -> Fraction:
    """How much of one line lies in both: each is the places where a ring begins and ends in turn."""
    shared = Fraction(0)
    for low, high in zip(one[::2], one[1::2], strict=True):
        for other_low, other_high in zip(other[::2], other[1::2], strict=True):
            shared += max(Fraction(0), min(high, other_high) - max(low, other_low))
    return shared


def _crossings(one: Sequence[Edge], other: Sequence[Edge]) -> Iterator[Fraction]:
    """The heights at which sides of the two meet."""
    for a in one:
        for b in other:
            low, high = max(a[0][1], b[0][1]), min(a[1][1], b[1][1])
            if low >= high or max(a[0][0], a[1][0]) < min(b[0][0], b[1][0]):
                continue
            lean_a = Fraction(a[1][0] - a[0][0], a[1][1] - a[0][1])
            lean_b = Fraction(b[1][0] - b[0][0], b[1][1] - b[0][1])
            if lean_a == lean_b:
                continue
            y = (b[0][0] - a[0][0] + lean_a * a[0][1] - lean_b * b[0][1]) / (lean_a - lean_b)
            if low <= y <= high:
                yield y


def _turn(a: Point, b: Point, c: Point) -> int:
    """Above zero to the left, below zero to the right, zero on one line."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _lies_on(edge: Edge, point: Point) -> bool:
    """Of a point on the edge's line."""
    (x1, y1), (x2, y2) = edge
    return min(x1, x2) <= point[0] <= max(x1, x2) and min(y1, y2) <= point[1] <= max(y1, y2)


def _meet(one: Edge, other: Edge) -> bool:
    turns = (_turn(*one, other[0]), _turn(*one, other[1]), _turn(*other, one[0]), _turn(*other, one[1]))
    if all(turns):
        return (turns[0] > 0) != (turns[1] > 0) and (turns[2] > 0) != (turns[3] > 0)
    points = ((one, other[0]), (one, other[1]), (other, one[0]), (other, one[1]))
    return any(turn == 0 and _lies_on(*each) for turn, each in zip(turns, points, strict=True))


def _folds(one: Edge, other: Edge) -> bool:
    """Whether an edge goes back upon the one that it begins or ends at."""
    (shared,) = set(one) & set(other)
    (before,), (after,) = set(one) - {shared}, set(other) - {shared}
    if _turn(before, shared, after):
        return False
    return (before[0] - shared[0]) * (after[0] - shared[0]) + (before[1] - shared[1]) * (
        after[1] - shared[1]
    ) > 0
