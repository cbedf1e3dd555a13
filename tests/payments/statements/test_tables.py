"""CSV files of banks: encodings, headings, directions, days; every bad line by its number, every bad file refused."""

from datetime import date

import pytest

from marketplace.payments.statements import tables
from marketplace.payments.statements.lines import BadLine, StatementRefused
from marketplace.payments.statements.states import Direction, StatementFormat
from tests.payments.statements.files import HEADING, line, table

GENERIC, CHINESE = StatementFormat.GENERIC_CSV, StatementFormat.CHINESE_CSV
CHINESE_FILE = """某某银行账户明细
账号,6222,币种,人民币
交易日期,交易流水号,收入金额,支出金额,余额,对方户名,对方账号,摘要,附言
20261120,T001,52.00,,152.00,李四,'6222020000001234,转账,ABCD2345XY
2026-11-21,T002,0.00,20.00,132.00,电力公司,6222,缴费,
2026/11/22,T003,0.00,0.00,132.00,,,结息,
"""


def faults(data: bytes, statement_format: StatementFormat = GENERIC) -> list[tuple[int, str, str]]:
    return [(bad.line, bad.cell, str(bad.fault)) for bad in tables.read(data, statement_format).bad]


def refusal(data: bytes, statement_format: StatementFormat = GENERIC) -> tuple[str, int]:
    with pytest.raises(StatementRefused) as refused:
        tables.read(data, statement_format)
    [found] = refused.value.facts["errors"]
    return found["fault"], found["line"]


def test_a_line_is_read_with_all_it_says() -> None:
    reading = tables.read(table(line("B1", minor=5_250, remittance="for  apples\tABCD")), GENERIC)
    [entry] = reading.entries
    assert reading.bad == []
    assert (entry.line, entry.key, entry.direction) == (2, "B1", Direction.CREDIT)
    assert (entry.amount_minor, entry.currency) == (5_250, "CNY")
    assert (entry.booked_on, entry.remittance) == (date(2026, 11, 20), "for apples ABCD")
    assert (entry.counterparty_name, entry.counterparty_account) == ("李四", "6222020000001234")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk"])
def test_the_encodings_that_banks_use_are_read(encoding: str) -> None:
    [entry] = tables.read(table(line(remittance="苹果")).decode().encode(encoding), GENERIC).entries
    assert (entry.counterparty_name, entry.remittance) == ("李四", "苹果")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_all_line_ends_are_read(end: str) -> None:
    data = table(line("B1"), line("B2")).decode().replace("\n", end).encode()
    assert [each.key for each in tables.read(data, GENERIC).entries] == ["B1", "B2"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_delimiter_is_the_headings(delimiter: str) -> None:
    data = table(line("B1")).decode().replace(",", delimiter).encode()
    assert [each.key for each in tables.read(data, GENERIC).entries] == ["B1"]


def test_a_chinese_statement_is_read_below_its_own_lines() -> None:
    reading = tables.read(CHINESE_FILE.encode("gb18030"), CHINESE)
    came, went = reading.entries
    assert (came.key, came.direction, came.amount_minor, came.currency) == ("T001", "credit", 5_200, "CNY")
    assert (came.remittance, came.counterparty_account) == ("ABCD2345XY | 转账", "6222020000001234")
    assert (went.key, went.direction, went.amount_minor) == ("T002", "debit", 2_000)
    assert reading.bad == [BadLine(line=6, cell="收入金额", value="0.00", fault=reading.bad[0].fault)]
    assert reading.bad[0].fault == "amount_missing"


def test_both_columns_filled_is_no_movement() -> None:
    data = CHINESE_FILE.replace("T001,52.00,,", "T001,52.00,3.00,").encode()
    assert faults(data, CHINESE)[0] == (4, "收入金额", "amount_twice")


@pytest.mark.parametrize(
    ("changes", "cell", "fault"),
    [
        ({"entry_key": ""}, "entry_key", "key_missing"),
        ({"entry_key": "=1+1"}, "entry_key", "key_unreadable"),
        ({"booked_on": "20.11.2026"}, "booked_on", "day_unreadable"),
        ({"booked_on": "2026-02-30"}, "booked_on", "day_unreadable"),
        ({"booked_on": "2026-1-2"}, "booked_on", "day_unreadable"),
        ({"booked_on": "1926-01-02"}, "booked_on", "day_unreadable"),
        ({"direction": "in"}, "direction", "direction_unknown"),
        ({"currency": "XAU", "amount": "1.00"}, "currency", "currency_unknown"),
        ({"currency": "cny", "amount": "1.00"}, "currency", "currency_unknown"),
        ({"amount": "1,000.00"}, "amount", "amount_separated"),
        ({"amount": "-5.00"}, "amount", "amount_negative"),
        ({"amount": "=SUM(A1)"}, "amount", "amount_formula"),
        ({"amount": "1.005"}, "amount", "amount_decimals"),
        ({"amount": "5.00", "currency": "JPY"}, "amount", "amount_decimals"),
        ({"remittance": "x" * 2_001}, "remittance", "text_too_long"),
        ({"counterparty_name": "x" * 201}, "counterparty_name", "text_too_long"),
        ({"counterparty_account": "1" * 61}, "counterparty_account", "text_too_long"),
    ],
)
def test_a_bad_cell_is_named_and_the_other_lines_are_read(changes: dict, cell: str, fault: str) -> None:
    bad = {**line("B2"), **changes}
    reading = tables.read(table(line("B1"), bad, line("B3")), GENERIC)
    assert [each.key for each in reading.entries] == ["B1", "B3"]
    assert [(each.line, each.cell, each.fault) for each in reading.bad] == [(3, cell, fault)]


def test_formulas_in_words_are_words() -> None:
    [entry] = tables.read(table(line(remittance='=HYPERLINK("x")')), GENERIC).entries
    assert entry.remittance == '=HYPERLINK("x")'


def test_a_line_with_other_cells_than_the_heading_is_bad() -> None:
    data = table(line("B1")) + b"B2,2026-11-20\n" + b"\n" + b",,,,,,,\n"
    assert faults(data) == [(3, "", "cells_differ")]


def test_a_text_over_two_lines_counts_both() -> None:
    data = table(line("B1", remittance="two\nlines"), {**line("B2"), "amount": "x"})
    reading = tables.read(data, GENERIC)
    assert reading.entries[0].remittance == "two lines"
    assert [bad.line for bad in reading.bad] == [4]


@pytest.mark.parametrize(
    ("data", "fault", "at"),
    [
        (b"", "empty", 1),
        (b" \r\n ", "empty", 1),
        (table(line("B1")) + b"\n\0", "nul", 4),
        ("entry_key".encode("utf-16"), "nul", 1),
        (b"a,b,c\n1,2,3\n", "no_heading", 1),
        (b"\xff\xff\xff", "encoding", 1),
        (table(line("B1")) + b'"B2,2026\n', "not_csv", 3),
        (table(heading=(*HEADING, "amount")), "heading_twice", 1),
    ],
)
def test_a_file_that_is_no_statement_is_refused_as_a_whole(data: bytes, fault: str, at: int) -> None:
    assert refusal(data) == (fault, at)


def test_a_heading_alone_is_a_day_without_movement() -> None:
    reading = tables.read(table(), GENERIC)
    assert (reading.entries, reading.bad) == ([], [])


def test_columns_that_nobody_asked_for_do_not_matter() -> None:
    data = table({**line("B1"), "balance": "1,000.00"}, heading=(*HEADING, "balance"))
    assert len(tables.read(data, GENERIC).entries) == 1
