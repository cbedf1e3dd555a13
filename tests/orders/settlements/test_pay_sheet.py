"""A payout over the growers of a cooperative: to the unit, by what each brought, only for settled boxes."""

import csv
import io
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.allocation.members import Member, divide_share
from orders.settlements.account import Account
from orders.settlements.facts import Delivery
from orders.settlements.pay_sheet import (
    GROWERS_MAX,
    Grower,
    GrowersDoNotMatch,
    GrowersNotAllowed,
    csv_of,
    sheet,
)
from orders.settlements.rules import settle
from tests.orders.settlements.cases import accounts, delivery, facts

EMPTY = Account(currency="CNY")


def grower(name, *brought):
    return Grower(id=name, name=f"{name}家", brought=brought)


def amounts(made):
    return {each.grower.id: each.amount_minor for each in made.pays}


def test_three_households_share_the_payout_by_what_they_brought():
    statement = settle(facts(delivery(7), delivery(3, 4_000, grade="B")), EMPTY)
    assert statement.payout_minor == 46_464

    made = sheet(
        statement,
        [
            grower("Wang", delivery(2), delivery(3, 4_000, grade="B")),
            grower("Li", delivery(4)),
            grower("Zhao", delivery(1)),
        ],
    )

    assert amounts(made) == {"Li": 19_968, "Wang": 21_504, "Zhao": 4_992}
    assert made.parted_minor == made.payout_minor == 46_464
    assert made.pays[0].formula.text("CNY").en == "464.64 × 208.00 / 484.00 = 199.68"


def test_what_the_cooperative_keeps_is_not_parted():
    statement = settle(facts(delivery(3)), EMPTY)
    made = sheet(statement, [grower("Li", delivery(2)), grower("Wang", delivery(1))], kept_minor=976)

    assert made.parted_minor == statement.payout_minor - 976 == 14_000
    assert amounts(made) == {"Li": 9_333, "Wang": 4_667}


def test_a_share_that_was_divided_over_its_growers_can_be_paid():
    """The second level of the split says whose boxes they are; the sheet pays for them."""
    members = [Member(id="Li", delivered_grams=60_000), Member(id="Wang", delivered_grams=30_000)]
    _, division = divide_share(members, share_id="S", packs=9, pack_grams=5_000)
    statement = settle(facts(delivery(9)), EMPTY)

    made = sheet(
        statement,
        [grower(each.id, delivery(each.packs)) for each in division.sellers if each.packs],
    )

    assert amounts(made) == {"Li": 6 * 4_992, "Wang": 3 * 4_992}


def test_boxes_that_were_given_away_are_paid_by_number():
    """A payout without a price: a released retention, say, over boxes that cost nothing."""
    statement = settle(facts(delivery(4, 0)), EMPTY)
    made = sheet(statement, [grower("Li", delivery(1, 0)), grower("Wang", delivery(3, 0))])

    assert amounts(made) == {"Li": 0, "Wang": 0}
    assert [each.formula.weight for each in made.pays] == [1, 3]


@pytest.mark.parametrize(
    ("growers", "told", "settled"),
    [
        ([grower("Li", delivery(2))], 2, 3),
        ([grower("Li", delivery(4))], 4, 3),
        ([grower("Li", delivery(3, 5_100))], 3, 0),
        ([grower("Li", delivery(3)), grower("Wang", delivery(1, grade="B"))], 1, 0),
        ([grower("Li")], 0, 3),
    ],
)
def test_growers_whose_boxes_were_not_settled(growers, told, settled):
    with pytest.raises(GrowersDoNotMatch) as refused:
        sheet(settle(facts(delivery(3)), EMPTY), growers)
    assert refused.value.facts["boxes_told"] == told
    assert refused.value.facts["boxes_settled"] == settled


def test_a_statement_without_boxes_has_no_sheet():
    with pytest.raises(GrowersDoNotMatch):
        sheet(settle(facts(), EMPTY), [grower("Li")])


@pytest.mark.parametrize(
    ("growers", "kept"),
    [
        ([], 0),
        ([grower("Li", delivery(1)), grower("Li", delivery(2))], 0),
        ([grower(str(n)) for n in range(GROWERS_MAX + 1)], 0),
        ([grower("Li", delivery(3))], -1),
        ([grower("Li", delivery(3))], 3 * 4_992 + 1),
    ],
)
def test_growers_of_whom_no_sheet_is_made(growers, kept):
    with pytest.raises(GrowersNotAllowed):
        sheet(settle(facts(delivery(3)), EMPTY), growers, kept_minor=kept)


@st.composite
def households(draw):
    prices = draw(st.lists(st.integers(0, 10_000), min_size=1, max_size=3, unique=True))
    found = []
    for n in range(draw(st.integers(1, 6))):
        brought = tuple(
            Delivery(item="fuji", grade="A", unit_price_minor=price, boxes=draw(st.integers(1, 50)))
            for price in prices
            if draw(st.booleans())
        )
        found.append(grower(f"G{n}", *brought))
    return found


def settled_with(growers, before):
    brought = tuple(each for one in growers for each in one.brought)
    return settle(facts(*brought, permille=50), before)


@given(households(), accounts(), st.data())
def test_the_sheet_is_the_payout_to_the_unit(growers, before, data):
    statement = settled_with(growers, before)
    if not statement.facts.deliveries:
        return
    kept = data.draw(st.integers(0, statement.payout_minor))
    made = sheet(statement, growers, kept_minor=kept)

    assert made.parted_minor + made.kept_minor == statement.payout_minor
    assert all(each.amount_minor >= 0 for each in made.pays)
    by_value = sorted(made.pays, key=lambda pay: pay.grower.value_minor)
    for less, more in pairwise(by_value):
        assert more.amount_minor - less.amount_minor >= (
            0 if more.grower.value_minor > less.grower.value_minor else -1
        )
    assert amounts(made) == amounts(sheet(statement, growers[::-1], kept_minor=kept))


def test_the_file_can_be_signed_and_adds_up():
    statement = settle(facts(delivery(3)), EMPTY)
    wicked = replace(grower("Li", delivery(2)), name="=1+1")
    data = csv_of(sheet(statement, [wicked, grower("Wang", delivery(1))], kept_minor=976))

    found = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert [each["name"] for each in found] == [
        "'=1+1",
        "Wang家",
        "合作社留存 kept by the cooperative",
        "合计 total",
    ]
    assert [each["amount"] for each in found] == ["93.33", "46.67", "9.76", "149.76"]
    assert found[0]["formula_zh"] == "140.00 × 104.00 / 156.00 = 93.333333…，各份合计不变：93.33"
    assert {each["signature"] for each in found} == {""}
    assert found[-1]["boxes"] == "3"
