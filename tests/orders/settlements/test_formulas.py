"""Every formula typed into a calculator gives what it says, in every currency and both languages."""

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.values import MINOR_DIGITS, amount_text
from orders.settlements.formulas import (
    AtMost,
    Booked,
    BorneByOthers,
    Difference,
    FairPart,
    FormulaIsWrong,
    Lesser,
    Part,
    Rate,
    Times,
)
from orders.settlements.rules import settle
from tests.orders.settlements.cases import CURRENCIES, accounts, random_facts

NUMBER = r"-?[0-9]+(?:\.[0-9]+)?"
SUM = re.compile(rf"({NUMBER}(?: [×/−+] {NUMBER})+) = ({NUMBER}…?)")


def typed(text):
    """A sum as a pocket calculator does it: from left to right."""
    numbers = [Fraction(each) for each in re.findall(NUMBER, text)]
    value = numbers[0]
    for sign, number in zip(re.findall(r" ([×/−+]) ", text), numbers[1:], strict=True):
        value = {
            "×": value * number,
            "/": value / number if number else value,
            "−": value - number,
            "+": value + number,
        }[sign]
    return value


def check(formula, currency):
    """Each sum in the text is right, and the last number is the value."""
    for text in (formula.text(currency).en, formula.text(currency).zh):
        for asked, answer in SUM.findall(text):
            exact, told = typed(asked), Fraction(answer.rstrip("…"))
            least = Fraction(1, 10 ** (MINOR_DIGITS[currency] + 4))
            assert 0 <= exact - told < least if answer.endswith("…") else exact == told, text
        assert re.findall(NUMBER, text.rstrip("…"))[-1] == amount_text(
            formula.value_minor, currency
        ) or isinstance(formula, BorneByOthers | AtMost), text


@pytest.mark.parametrize(
    ("formula", "en", "zh"),
    [
        (Times(count=2, each_minor=5_200), "2 × 52.00 = 104.00", "2 × 52.00 = 104.00"),
        (
            Rate(base_minor=10_400, rate=400, whole=10_000),
            "104.00 × 400 / 10000 = 4.16",
            "104.00 × 400 / 10000 = 4.16",
        ),
        (
            Rate(base_minor=10_399, rate=400, whole=10_000),
            "103.99 × 400 / 10000 = 4.1596, rounded down: 4.15",
            "103.99 × 400 / 10000 = 4.1596，舍去零头：4.15",
        ),
        (
            Part(total_minor=1_000, weight=2, weights=3, value_minor=667),
            "10.00 × 2 / 3 = 6.666666…, all parts adding up: 6.67",
            "10.00 × 2 / 3 = 6.666666…，各份合计不变：6.67",
        ),
        (
            Part(total_minor=1_000, weight=200, weights=400, value_minor=500, by_amounts=True),
            "10.00 × 2.00 / 4.00 = 5.00",
            "10.00 × 2.00 / 4.00 = 5.00",
        ),
        (
            Lesser(asked_minor=900, there_minor=400),
            "the lesser of 9.00 and 4.00 = 4.00",
            "9.00 与 4.00 中较小者 = 4.00",
        ),
        (
            AtMost(asked=Rate(base_minor=10_000, rate=50, whole=1_000), there_minor=400),
            "100.00 × 50 / 1000 = 5.00; only 4.00 is left",
            "100.00 × 50 / 1000 = 5.00；仅余 4.00",
        ),
        (Booked(value_minor=5), "as booked: 0.05", "按入账：0.05"),
        (BorneByOthers(borne_minor=5_200), "52.00 is not at your cost: 0", "52.00 不由贵社承担：0"),
        (Difference(from_minor=300, less_minor=100), "3.00 − 1.00 = 2.00", "3.00 − 1.00 = 2.00"),
    ],
)
def test_as_it_is_written(formula, en, zh):
    text = formula.text("CNY")
    assert (text.en, text.zh) == (en, zh)


def test_without_and_with_three_decimals():
    rate = Rate(base_minor=1_039, rate=400, whole=10_000)
    assert rate.text("JPY").en == "1039 × 400 / 10000 = 41.56, rounded down: 41"
    assert rate.text("KWD").en == "1.039 × 400 / 10000 = 0.04156, rounded down: 0.041"


def test_a_part_that_is_not_one_is_refused():
    for wrong in ({"weight": 4}, {"value_minor": 668}, {"value_minor": 665}, {"weight": -1}, {"weights": 0}):
        with pytest.raises(FormulaIsWrong):
            Part(**{"total_minor": 1_000, "weight": 2, "weights": 3, "value_minor": 667, **wrong})


FAIR = {"total_minor": 1_000, "weight": 2, "weights": 3, "value_minor": 667, "sharers": 2}


def test_a_fair_part_may_be_as_far_away_as_its_level_and_no_farther():
    """Two share: 1/2 of its own, and 2/3 of the unit by which the level may be off."""
    assert {FairPart(**{**FAIR, "value_minor": near}).value_minor for near in (666, 667)} == {666, 667}
    assert FairPart(**FAIR).text("CNY").en == "10.00 × 2 / 3 = 6.666666…, fairly in whole units: 6.67"
    assert (
        FairPart(**{**FAIR, "value_minor": 664, "sums": 3}).text("CNY").zh
        == "10.00 × 2 / 3 = 6.666666…，共 3 笔，逐笔按公平分配取整：6.64"
    )
    for wrong in ({"value_minor": 665}, {"value_minor": 668}, {"weight": 4}, {"sharers": 0}, {"sums": 0}):
        with pytest.raises(FormulaIsWrong):
            FairPart(**{**FAIR, **wrong})


@given(st.data(), st.sampled_from(CURRENCIES))
def test_every_line_of_a_statement_can_be_typed(data, currency):
    told = data.draw(random_facts(currency=currency))
    statement = settle(told, data.draw(accounts(currency=currency)))
    for line in statement.lines:
        check(line.formula, currency)
