"""A process that ends at a marked point and is started again leaves the same books as if nothing had happened."""

import re
from collections.abc import Callable
from functools import cache

import pytest

from marketplace import points
from marketplace.points import Point
from marketplace.settings import PROJECT_ROOT
from tests.attacks import marked
from tests.attacks.dumps import differences
from tests.attacks.marked import MONEY, PAYING_OUT, Outcome, Spot

FEW = (
    Spot(point=Point.ASKED, role="web", nth=3),
    Spot(point=Point.ENTRY_PAID, role="worker", nth=2),
    Spot(point=Point.CALL_ANSWERED, role="worker", nth=2),
    Spot(season=PAYING_OUT, point=Point.ACCOUNT_OPENED_THERE, role="web", nth=1),
    Spot(season=PAYING_OUT, point=Point.SETTLEMENTS_LAPSED, role="worker", nth=1),
    Spot(season=PAYING_OUT, point=Point.PAYOUT_CALL_ANSWERED, role="worker", nth=2),
)
"""Of the whole list, which `make attack-money` goes through."""

Undisturbed = Callable[[str], Outcome]


@pytest.fixture(scope="module")
def undisturbed() -> Undisturbed:
    """Each season is played once."""
    return cache(lambda script: marked.played(script=script))


def test_the_scripts_pass_every_point(undisturbed: Undisturbed) -> None:
    outcomes = [undisturbed(script) for script in marked.SCRIPTS]
    assert [each.was_lost for each in outcomes] == [0, 0]
    assert [each.broken for each in outcomes] == [[], []]
    assert marked.never_passed(outcomes) == []
    assert marked.never_passed(outcomes[:1]), "the second season is there for points of its own"


def test_the_season_of_money_goes_its_ways(undisturbed: Undisturbed) -> None:
    states = {(row[0], row[2]) for row in undisturbed(MONEY).told["orders"]}
    assert {("A", "balance_paid"), ("H", "withdrawn"), ("L", "balance_defaulted")} <= states


def test_the_season_of_paying_out_goes_its_ways(undisturbed: Undisturbed) -> None:
    told = undisturbed(PAYING_OUT).told
    assert told["campaign"] == [("campaign", "settled")]
    assert [(row[1], row[2]) for row in told["settlements"]] == [
        (f"cooperative {number}", "paid") for number in range(3)
    ]
    events = {row[2] for row in told["settlement moves"]}
    assert events == {
        *("draft", "propose", "withdraw", "accept", "object", "revise", "dismiss", "lapse", "pay", "return")
    }
    ends = {(row[1], row[7], row[5]) for row in told["payouts"]}
    assert ends == {
        *(("settlement", method, state) for method in ("bank", "stripe") for state in ("paid", "returned")),
        *(("advance", "bank", state) for state in ("returned", "cancelled")),
        *(("advance", "stripe", state) for state in ("paid", "returned")),
    }
    assert {row[2] for row in told["advance lines"]} == {"paid", "repaid", "undone", "returned"}
    assert {(row[1], row[3], row[4]) for row in told["payout calls"]} == {
        ("transfer", "done", None),
        ("reverse", "done", None),
    }
    assert sorted(row[2] for row in told["transfers there"]) == [0, 0, 2_500, 25_955]
    assert {row[4] for row in told["late refunds"]} == {True, False}


@pytest.mark.parametrize("spot", FEW, ids=lambda spot: f"{spot.role} {spot.point}")
def test_a_process_that_ends_there_leaves_the_same_books(undisturbed: Undisturbed, spot: Spot) -> None:
    found = marked.played(spot)
    assert found.was_lost == 1
    assert found.broken == []
    assert differences(found.told, undisturbed(spot.season).told) == []


@pytest.mark.parametrize(
    ("script", "what"), [(MONEY, "transfers"), (PAYING_OUT, "payouts"), (PAYING_OUT, "transfers there")]
)
def test_a_line_too_much_or_too_few_is_a_difference(undisturbed: Undisturbed, script: str, what: str) -> None:
    told = undisturbed(script).told
    assert differences(told, told) == []
    first, *rest = told[what]
    assert differences(told | {what: rest}, told) == [f"{what}: not there {first!r}"]
    assert differences(told | {what: [first, first, *rest]}, told) == [f"{what}: more {first!r}"]


def test_without_a_listener_a_point_is_nothing() -> None:
    assert points._listeners == []
    points.passed(Point.WORKED)


def test_the_page_names_every_point_and_counts_them() -> None:
    page = (PROJECT_ROOT / "docs" / "payments.md").read_text()
    [said] = re.findall(r"(\d+) \*\*marked points\*\*", page)
    assert int(said) == len(Point)
    table = page[page.index("| left unfinished |") :].split("\n\n")[0]
    assert sorted(re.findall(r"`(\w+)`", table)) == sorted(Point)
