"""A statement in words and as a file: every row, both languages, sums that add up, cells that no spreadsheet runs."""

import csv
import io
import re
from dataclasses import replace
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from marketplace.csv_cells import file_of, unguarded
from marketplace.language import Text
from orders.settlements.account import Account
from orders.settlements.facts import Claim, OwnDiscount, Remedy
from orders.settlements.rules import LineKind, settle
from orders.settlements.statement_csv import HEADER, csv_of
from orders.settlements.statement_text import LABELS, Heading, Weight, heads, rows
from tests.orders.settlements.cases import (
    CURRENCIES,
    SEASON_END,
    TODAY,
    accounts,
    delivery,
    facts,
    random_facts,
)
from tests.orders.settlements.test_formulas import SUM, typed

HEADING = Heading(
    number="2026-11-YJ01-1",
    campaign=Text(en="Yijun apples 2026", zh="宜君苹果 2026"),
    cooperative_code="YJ01",
    cooperative=Text(en="Hongqi cooperative", zh="红旗苹果专业合作社"),
    settled_on=TODAY,
    objections_until=SEASON_END,
)
EMPTY = Account(currency="CNY")


def example():
    claim = Claim(reference="C2", remedy=Remedy.REFUND, amount_minor=5_200, at_fault=False)
    return settle(facts(delivery(2), permille=50, claims=(claim,)), EMPTY)


def read(data):
    assert data.startswith(b"\xef\xbb\xbf")
    assert data.count(b"\n") == data.count(b"\r\n")
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_the_rows_of_the_example():
    found = [
        (row.weight.value, row.label.zh, row.label.en, row.formula.zh, row.amount) for row in rows(example())
    ]

    assert found == [
        ("line", "交付：fuji-5kg A", "Boxes delivered: fuji-5kg A", "2 × 52.00 = 104.00", "104.00"),
        ("line", "售后退款：C2", "Refund of a claim: C2", "52.00 不由贵社承担：0", "0.00"),
        (
            "line",
            "平台佣金（按以上合计）",
            "Commission on the sum of the above",
            "104.00 × 400 / 10000 = 4.16",
            "-4.16",
        ),
        ("subtotal", "售果所得", "Earned by boxes", "104.00 − 4.16 = 99.84", "99.84"),
        (
            "line",
            "留存质保金至 2027-05-31",
            "Retention kept until 2027-05-31",
            "99.84 × 50 / 1000 = 4.992，舍去零头：4.99",
            "-4.99",
        ),
        ("total", "应付金额", "Payout", "99.84 − 4.99 = 94.85", "94.85"),
        ("after", "留存质保金余额", "Retention held", "", "4.99"),
    ]


def test_commission_is_of_the_sum_that_stands_above_it():
    claims = tuple(
        Claim(reference=name, remedy=Remedy.REFUND, amount_minor=5_200, at_fault=at_fault)
        for name, at_fault in (("C1", True), ("C2", False))
    )
    own = OwnDiscount(reference="EARLY", amount_minor=401)
    found = rows(settle(facts(delivery(4), claims=claims, own_discounts=(own,)), EMPTY))
    place = next(n for n, row in enumerate(found) if row.kind == "commission")

    above = sum(Fraction(row.amount) for row in found[:place])
    assert above == Fraction("151.99")
    assert found[place].formula.en == "151.99 × 400 / 10000 = 6.0796, rounded down: 6.07"


def test_what_stands_above_them():
    told = [(name.zh, value.zh) for name, value in heads(HEADING, "CNY")]

    assert told == [
        ("编号", "2026-11-YJ01-1"),
        ("活动", "宜君苹果 2026"),
        ("合作社", "YJ01 红旗苹果专业合作社"),
        ("结算日期", "2026-11-26"),
        ("异议截止", "2027-05-31"),
        ("币种", "CNY"),
    ]
    assert len(heads(replace(HEADING, objections_until=None), "CNY")) == 5


def test_every_kind_of_line_has_words_in_both_languages():
    assert set(LABELS) == set(LineKind)
    for label in LABELS.values():
        assert re.search("[a-z]", label.en)
        assert re.search("[\u4e00-\u9fff]", label.zh)


@given(st.data(), st.sampled_from(CURRENCIES))
def test_what_is_printed_adds_up(data, currency):
    told = data.draw(random_facts(currency=currency))
    statement = settle(told, data.draw(accounts(currency=currency)))
    found = rows(statement)

    lines = [row for row in found if row.weight == Weight.LINE]
    payout = next(row for row in found if row.weight == Weight.TOTAL)
    assert sum(Fraction(row.amount) for row in lines) == Fraction(payout.amount)
    assert payout.amount_minor == statement.payout_minor >= 0
    for row in found:
        if row.weight != Weight.AFTER:
            for asked, answer in SUM.findall(row.formula.en):
                assert answer.endswith("…") or typed(asked) == Fraction(answer)
    for row in found:
        if row.weight in (Weight.SUBTOTAL, Weight.TOTAL) and "=" in row.formula.en:
            assert row.formula.en.endswith(f"= {row.amount}")


def test_a_sum_of_many_is_told_by_their_number():
    statement = settle(facts(*(delivery(1, 1_000 + n) for n in range(20))), EMPTY)
    subtotal = next(row for row in rows(statement) if row.kind == "earned")

    assert subtotal.formula.en == "the sum of the 21 amounts above"
    assert subtotal.formula.zh == "以上 21 项之和"


def test_the_file_of_the_example():
    found = read(csv_of(example(), HEADING))

    assert tuple(found[0]) == HEADER
    assert found[0] == {
        "number": "2026-11-YJ01-1",
        "cooperative_code": "YJ01",
        "settled_on": "2026-11-26",
        "row": "line",
        "kind": "goods",
        "reference": "fuji-5kg",
        "label_zh": "交付：fuji-5kg A",
        "label_en": "Boxes delivered: fuji-5kg A",
        "formula_zh": "2 × 52.00 = 104.00",
        "formula_en": "2 × 52.00 = 104.00",
        "amount": "104.00",
        "amount_minor": "10400",
        "currency": "CNY",
    }
    assert [each["amount"] for each in found] == [
        "104.00",
        "0.00",
        "-4.16",
        "99.84",
        "-4.99",
        "94.85",
        "4.99",
    ]


def test_no_cell_runs_as_a_formula_and_numbers_stay_numbers():
    wicked = OwnDiscount(reference='=HYPERLINK("x")', amount_minor=1)
    found = read(csv_of(settle(facts(delivery(2), own_discounts=(wicked,)), EMPTY), HEADING))

    assert found[1]["reference"] == '\'=HYPERLINK("x")'
    assert found[1]["amount"] == "-0.01"
    for row in found:
        for name, value in row.items():
            is_number = re.fullmatch(r"-?\d+(\.\d+)?", value) is not None
            assert is_number or not value.startswith(("=", "+", "-", "@", "\t", "\r")), name


@given(
    st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), min_size=2, max_size=2))
)
def test_what_is_written_reads_back(table):
    data = file_of(("a", "b"), table)
    back = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))[1:]

    number = re.compile(r"-?[0-9]+(\.[0-9]+)?")
    assert [[each if number.fullmatch(each) else unguarded(each) for each in row] for row in back] == [
        list(row) for row in table
    ]
