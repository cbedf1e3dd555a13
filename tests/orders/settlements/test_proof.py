"""Every way in which a statement could be wrong is told."""

from dataclasses import replace

import pytest

from orders.settlements.account import Account, Advance, Held
from orders.settlements.facts import Claim, Remedy
from orders.settlements.formulas import Booked, Lesser, Times
from orders.settlements.proof import faults
from orders.settlements.rules import Line, LineKind, settle
from tests.orders.settlements.cases import SEASON_END, TODAY, delivery, facts

BEFORE = Account(
    currency="CNY",
    owed_minor=10,
    held=(Held(reference="S0", amount_minor=100, until=TODAY),),
    advances=(Advance(reference="V", paid_on=TODAY, outstanding_minor=1_000),),
)
CLAIMS = (Claim(reference="C", remedy=Remedy.REFUND, amount_minor=5, at_fault=True),)
GOOD = settle(facts(delivery(3), permille=50, claims=CLAIMS), BEFORE)


def other_lines(*, without=None, more=()):
    kept = tuple(line for line in GOOD.lines if line.kind != without)
    return replace(GOOD, lines=(*kept, *more))


def line(kind, minor, reference="x"):
    return Line(kind=kind, reference=reference, formula=Booked(value_minor=minor))


def test_a_good_one_has_no_fault():
    assert faults(GOOD) == ()
    assert {each.kind for each in GOOD.lines} >= {LineKind.OWED, LineKind.ADVANCE, LineKind.RETAINED}


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (lambda: other_lines(without=LineKind.COMMISSION), "commission"),
        (lambda: other_lines(without=LineKind.GOODS), "boxes"),
        (lambda: other_lines(without=LineKind.OWED), "what was owed"),
        (lambda: other_lines(without=LineKind.ADVANCE), "advances"),
        (lambda: other_lines(without=LineKind.RETAINED), "retention"),
        (lambda: other_lines(without=LineKind.RELEASED), "retention"),
        (lambda: other_lines(without=LineKind.REFUND), "claims"),
        (lambda: other_lines(more=(line(LineKind.FORFEIT, 1),)), "forfeits"),
        (lambda: other_lines(more=(line(LineKind.STORAGE, 1),)), "storage"),
        (lambda: other_lines(more=(line(LineKind.OWN_DISCOUNT, 1),)), "discounts"),
        (lambda: other_lines(more=(line(LineKind.FEE, 1),)), "fees"),
        (lambda: replace(GOOD, after=replace(GOOD.after, advances=BEFORE.advances)), "from nowhere"),
        (lambda: other_lines(more=(line(LineKind.STORAGE, 10**6),)), "negative"),
        (lambda: other_lines(more=(line(LineKind.MISSING, 7),)), "owed next"),
        (lambda: replace(GOOD, after=GOOD.after.owing(1)), "while something is owed"),
        (lambda: replace(GOOD, after=replace(GOOD.after, held=())), "retention"),
        (
            lambda: replace(
                GOOD, after=GOOD.after.holding(Held(reference="S9", amount_minor=1, until=SEASON_END))
            ),
            "retention",
        ),
    ],
)
def test_each_fault_is_found(broken, said):
    found = faults(broken())
    assert any(said in each for each in found), found


def test_a_line_that_is_not_its_formula():
    class Wrong(Times):
        @property
        def value_minor(self):
            return self.count * self.each_minor + 1

    wrong = Line(kind=LineKind.GOODS, reference="x", formula=Wrong(count=2, each_minor=3))
    assert "a line is not what its formula gives" in faults(other_lines(more=(wrong,)))
    lesser = Lesser(asked_minor=3, there_minor=2)
    assert lesser.value_minor == 2
