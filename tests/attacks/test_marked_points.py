"""A process that ends at a marked point and is started again leaves the same books as if nothing had happened."""

import pytest

from marketplace import points
from marketplace.points import Point
from tests.attacks import marked
from tests.attacks.dumps import differences
from tests.attacks.marked import Outcome, Spot

FEW = (
    Spot(point=Point.ASKED, role="web", nth=3),
    Spot(point=Point.ENTRY_PAID, role="worker", nth=2),
    Spot(point=Point.CALL_ANSWERED, role="worker", nth=2),
)
"""Of the whole list, which `make attack-money` goes through."""


@pytest.fixture(scope="module")
def undisturbed() -> Outcome:
    return marked.played()


def test_the_script_passes_every_point(undisturbed: Outcome) -> None:
    assert undisturbed.was_lost == 0
    assert undisturbed.broken == []
    passed = set().union(*undisturbed.passed.values())
    assert passed == {str(point) for point in Point}
    assert len(passed) >= 20
    states = {(row[0], row[2]) for row in undisturbed.told["orders"]}
    assert {("A", "balance_paid"), ("H", "withdrawn"), ("L", "balance_defaulted")} <= states


@pytest.mark.parametrize("spot", FEW, ids=lambda spot: f"{spot.role} {spot.point}")
def test_a_process_that_ends_there_leaves_the_same_books(undisturbed: Outcome, spot: Spot) -> None:
    found = marked.played(spot)
    assert found.was_lost == 1
    assert found.broken == []
    assert differences(found.told, undisturbed.told) == []


def test_a_line_too_much_or_too_few_is_a_difference(undisturbed: Outcome) -> None:
    assert differences(undisturbed.told, undisturbed.told) == []
    first, *rest = undisturbed.told["transfers"]
    fewer = undisturbed.told | {"transfers": rest}
    assert differences(fewer, undisturbed.told) == [f"transfers: not there {first!r}"]
    twice = undisturbed.told | {"transfers": [first, first, *rest]}
    assert differences(twice, undisturbed.told) == [f"transfers: more {first!r}"]


def test_without_a_listener_a_point_is_nothing() -> None:
    assert points._listeners == []
    points.passed(Point.WORKED)
