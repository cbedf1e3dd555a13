"""Explanations: a manager who follows the printed calculation arrives at the allotted packs."""

import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orders.allocation import allocate, explain
from orders.allocation.explain import shortest_between
from orders.allocation.text import decimal, exact_decimal, render
from tests.orders.allocation import cases
from tests.orders.allocation.cases import a_problem, a_seller, problems
from tests.thorough import many


def explained(problem, seller, language="en", **options):
    return render(explain(problem, allocate(problem), seller), language, **options)


def test_the_worked_example_is_explained_with_the_line_771_06():
    sentences = explained(cases.the_worked_example(), "Hongqi")

    assert sentences[0] == "Hongqi had sold 96,000 jin; with 320 households that is 300.00 jin per household."
    assert "brought up to 771.06 jin per household" in sentences[1]
    assert "at 771.056, the first one not given stood at 771.071" in sentences[1]
    assert sentences[2] == "(771.06 × 320 − 96,000) / 20 = 7,536.96, rounded to the nearest box: 7,537 boxes."
    assert sentences[3] == "It sells 7,537 boxes and stands at 771.06 jin per household afterwards."


def test_the_worked_example_is_explained_in_chinese():
    sentences = explained(cases.the_worked_example(), "Nanshan", "zh", name="南山")

    assert sentences[0] == "南山本季此前已售 0 斤，共 260 户，合每户 0.00 斤。"
    assert "补到每户 771.06 斤" in sentences[1]
    assert sentences[2:] == (
        "(771.06 × 260 − 0) / 20 = 10,023.78，四舍五入为 10,024 箱。",
        "库存仅 2,500 箱，全部供出。",
        "本次供 2,500 箱，之后合每户 192.31 斤。",
    )


def test_the_line_is_shortest_in_the_unit_that_is_shown():
    problem = cases.the_worked_example()

    assert "385.53 kg per household" in explained(problem, "Hongqi", unit="kg")[1]
    assert "385,530 g per household" in explained(problem, "Hongqi", unit="g")[1]


@pytest.mark.parametrize(
    ("sellers", "packs", "policy", "words"),
    [
        ([a_seller("A")], 0, {}, "Nothing was ordered"),
        ([a_seller("A", cap=0), a_seller("B")], 4, {}, "It has no fruit in store."),
        ([a_seller("A", cap=2)], 4, {}, "takes all the boxes"),
        ([a_seller("A", history=9), a_seller("B")], 4, {}, "already sold more per household than the line"),
        (
            [a_seller("A", household_cap_packs=1), a_seller("B")],
            9,
            {},
            "may sell 1 box a season, which leaves 1 box.",
        ),
        ([a_seller("A", tie=1), a_seller("B", tie=2)], 1, {}, "its box was drawn"),
        ([a_seller("A", tie=2), a_seller("B", tie=1)], 1, {}, "its box was not drawn"),
        (
            [a_seller("A", 1), a_seller("B", 2)],
            1,
            {"rule": "lowest"},
            "second key decides; its box was given",
        ),
        (
            [a_seller("A", 2), a_seller("B", 1)],
            1,
            {"rule": "lowest"},
            "second key decides; its box was not given",
        ),
        ([a_seller("A", 3), a_seller("B", 2)], 4, {"rule": "lowest"}, "rounded up"),
        ([a_seller("A", 3), a_seller("B", 2)], 3, {"rule": "lowest_after"}, "rounded down"),
        ([a_seller("A", 3), a_seller("B", 2)], 4, {"strict": True}, "It may get 2 or 3 boxes"),
        ([a_seller("A", 1), a_seller("B", 1)], 4, {"strict": True}, "a whole number"),
    ],
)
def test_every_outcome_has_its_sentence_in_both_languages(sellers, packs, policy, words):
    problem = a_problem(sellers, packs, **policy)

    assert words in " ".join(explained(problem, "A"))
    assert all(sentence.endswith("。") for sentence in explained(problem, "A", "zh"))
    assert len(explained(problem, "A")) == len(explained(problem, "A", "zh"))


def test_an_unknown_seller_has_no_explanation():
    problem = a_problem([a_seller("A")], 1)

    with pytest.raises(KeyError):
        explain(problem, allocate(problem), "B")


@settings(max_examples=many(800), deadline=None)
@given(problems(strict=False))
def test_the_short_line_reproduces_everybodys_packs(problem):
    allocation = allocate(problem)
    for seller, share in zip(problem.sellers, allocation.sellers, strict=True):
        explanation = explain(problem, allocation, seller.id)
        line = explanation.short_line
        if line is None:
            continue
        rounded = explanation.rounded(explanation.packs_at(line))
        assert min(explanation.stock_packs, max(0, rounded)) == share.packs


@settings(max_examples=many(400), deadline=None)
@given(problems(strict=False), st.sampled_from(["g", "kg", "jin"]), st.sampled_from(["en", "zh"]))
def test_the_printed_calculation_gives_the_allotted_packs(problem, unit, language):
    """Read back from the text itself: the number of boxes printed, capped by stock, is the share."""
    allocation = allocate(problem)
    for share in allocation.sellers:
        explanation = explain(problem, allocation, share.id)
        sentences = render(explanation, language, unit=unit)
        sums = [sentence for sentence in sentences if "×" in sentence]
        rounding = ("rounded", "四舍五入", "取整")
        if sums and any(word in sums[0] for word in rounding):
            printed = sums[0].rpartition("：")[2].rpartition(": ")[2].rpartition("为 ")[2]
            boxes = int("".join(letter for letter in printed if letter.isdigit()))
            assert min(boxes, explanation.stock_packs) == share.packs
        elif sums and not explanation.is_at_shared_line:
            assert share.packs == 0


@settings(max_examples=many(500), deadline=None)
@given(st.fractions(0, 10**7), st.fractions(0, 10**7))
def test_the_shortest_decimal_lies_between_and_none_is_shorter(one, other):
    low, high = sorted([one, other])
    found = shortest_between(low, high)
    if low == high:
        assert found is None
        return

    assert low < found < high
    step = Fraction(10) ** 8
    while (found / step).denominator != 1:
        assert math.floor(low / step) + 1 >= high / step
        step /= 10


def test_decimals_are_rounded_for_show_and_exact_where_they_must_be():
    assert decimal(Fraction(7_536_956, 1_000)) == "7,536.96"
    assert decimal(Fraction(-1, 3)) == "-0.33"
    assert decimal(Fraction(2), 0) == "2"
    assert exact_decimal(Fraction(3_085, 2)) == "1,542.5"
    assert exact_decimal(Fraction(1, 3)) == "1/3"
