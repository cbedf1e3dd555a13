"""Amounts, numbers of the bank and repeated lines: exact, or refused with the reason."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.payments.statements.lines import (
    CellRefused,
    Entry,
    Reading,
    StatementRefused,
    clean,
    key_of,
    minor_of,
    weed,
)
from marketplace.payments.statements.states import (
    FAULTS,
    LINES_MAX,
    REASONS,
    ClosedReason,
    Direction,
    LineFault,
    OpenReason,
    StatementFault,
)
from marketplace.values import MINOR_DIGITS, TOTAL_MINOR_MAX, amount_text

ENTRY = Entry(
    line=2,
    key="B1",
    direction=Direction.CREDIT,
    amount_minor=100,
    currency="CNY",
    booked_on=date(2026, 11, 20),
)


@given(st.integers(1, TOTAL_MINOR_MAX), st.sampled_from(sorted(MINOR_DIGITS)))
def test_what_is_written_is_read_back_to_the_last_unit(minor: int, currency: str) -> None:
    assert minor_of(amount_text(minor, currency), currency) == minor


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("52.00", "CNY", 5_200),
        ("52", "CNY", 5_200),
        ("52.5", "CNY", 5_250),
        ("0052.50", "CNY", 5_250),
        (" 52.50\t", "CNY", 5_250),
        ("0.01", "CNY", 1),
        ("300", "JPY", 300),
        ("1.250", "KWD", 1_250),
        ("0.001", "KWD", 1),
        ("1.2", "KWD", 1_200),
        ("100000000000.00", "CNY", TOTAL_MINOR_MAX),
    ],
)
def test_amounts_are_read_by_the_decimals_of_their_currency(text: str, currency: str, minor: int) -> None:
    assert minor_of(text, currency) == minor


@pytest.mark.parametrize(
    ("text", "currency", "fault"),
    [
        ("", "CNY", "amount_missing"),
        ("  ", "CNY", "amount_missing"),
        ("-52.00", "CNY", "amount_negative"),
        ("−52.00", "CNY", "amount_negative"),
        ("52.00-", "CNY", "amount_negative"),
        ("(52.00)", "CNY", "amount_negative"),
        ("=52", "CNY", "amount_formula"),
        ("+52", "CNY", "amount_formula"),
        ("@52", "CNY", "amount_formula"),
        ("1,234.56", "CNY", "amount_separated"),
        ("1，234.56", "CNY", "amount_separated"),
        ("1'234.56", "CNY", "amount_separated"),
        ("1 234.56", "CNY", "amount_separated"),
        ("1\u00a0234", "CNY", "amount_separated"),
        ("1.234", "CNY", "amount_decimals"),
        ("52.000", "CNY", "amount_decimals"),
        ("100.0", "JPY", "amount_decimals"),
        ("1.2345", "KWD", "amount_decimals"),
        ("0", "CNY", "amount_zero"),
        ("0.00", "CNY", "amount_zero"),
        ("100000000000.01", "CNY", "amount_too_large"),
        ("9" * 400, "CNY", "amount_too_large"),
        ("52.", "CNY", "amount_unreadable"),
        (".52", "CNY", "amount_unreadable"),
        ("5e2", "CNY", "amount_unreadable"),
        ("1.234.56", "CNY", "amount_unreadable"),
        ("５２", "CNY", "amount_unreadable"),
        ("٥٢", "CNY", "amount_unreadable"),
        ("NaN", "CNY", "amount_unreadable"),
        ("¥52", "CNY", "amount_unreadable"),
    ],
)
def test_what_could_be_misread_is_refused_with_its_reason(text: str, currency: str, fault: str) -> None:
    with pytest.raises(CellRefused) as refused:
        minor_of(text, currency)
    assert refused.value.fault == fault


def test_zeros_after_a_sure_point_do_not_count() -> None:
    assert minor_of("52.00000", "CNY", may_end_in_zeros=True) == 5_200
    assert minor_of("300.00", "JPY", may_end_in_zeros=True) == 300
    with pytest.raises(CellRefused):
        minor_of("52.001", "CNY", may_end_in_zeros=True)


@given(st.text(max_size=30))
def test_no_text_is_an_amount_by_accident(text: str) -> None:
    try:
        minor = minor_of(text, "CNY")
    except CellRefused:
        return
    assert 0 < minor <= TOTAL_MINOR_MAX
    assert set(clean(text)) <= set("0123456789.")


@pytest.mark.parametrize("text", ["B1", " 2026-11/20:1 ", "'00012345", "A.b_c*d+e"])
def test_numbers_of_banks_are_taken_as_they_are(text: str) -> None:
    assert key_of(text) == text.strip().removeprefix("'")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "key_missing"),
        ("\u3000", "key_missing"),
        ("=1+1", "key_unreadable"),
        ('="123"', "key_unreadable"),
        ("-1", "key_unreadable"),
        ("流水1", "key_unreadable"),
        ("x" * 57, "key_unreadable"),
    ],
)
def test_other_numbers_are_refused(text: str, fault: str) -> None:
    with pytest.raises(CellRefused) as refused:
        key_of(text)
    assert refused.value.fault == fault


def test_a_known_number_with_other_facts_is_a_bad_line_and_never_dropped() -> None:
    known = {"B1": ("credit", 100, "CNY"), "B2": ("credit", 100, "CNY")}
    lines = [ENTRY, replace(ENTRY, line=3, key="B2", amount_minor=101), replace(ENTRY, line=4, key="B3")]
    weeded = weed(Reading(entries=lines), known)
    assert (weeded.duplicates, [each.key for each in weeded.new]) == (1, ["B3"])
    assert [(bad.line, bad.fault) for bad in weeded.bad] == [(3, LineFault.KEY_DIFFERS)]


def test_in_one_file_only_the_very_same_line_is_a_repetition() -> None:
    lines = [ENTRY, replace(ENTRY, line=3), replace(ENTRY, line=4, remittance="other money")]
    weeded = weed(Reading(entries=lines), {})
    assert (len(weeded.new), weeded.duplicates) == (1, 1)
    assert [(bad.line, bad.fault) for bad in weeded.bad] == [(4, LineFault.KEY_DIFFERS)]


entries = st.builds(
    replace,
    st.just(ENTRY),
    line=st.integers(2, 9),
    key=st.sampled_from(["B1", "B2", "B3"]),
    amount_minor=st.integers(1, 2),
    remittance=st.sampled_from(["", "x"]),
)


@given(
    st.lists(entries, max_size=8),
    st.dictionaries(st.sampled_from(["B1", "B2"]), st.just(("credit", 1, "CNY"))),
)
def test_every_line_is_new_known_or_bad(lines: list[Entry], known: dict) -> None:
    weeded = weed(Reading(entries=lines), known)
    assert len(weeded.new) + weeded.duplicates + len(weeded.bad) == len(lines)
    keys = [each.key for each in weeded.new]
    assert len(set(keys)) == len(keys)
    assert not set(keys) & set(known)
    again = weed(Reading(entries=lines), known | {each.key: each.facts for each in weeded.new})
    assert again.new == []


def test_a_file_has_so_many_lines_and_no_more() -> None:
    reading = Reading(entries=[ENTRY] * (LINES_MAX - 1))
    reading.count(5)
    reading.entries.append(ENTRY)
    with pytest.raises(StatementRefused):
        reading.count(6)


def test_every_reason_and_fault_is_said_in_both_languages() -> None:
    assert set(REASONS) == {*OpenReason, *ClosedReason}
    assert set(FAULTS) == {*LineFault, *StatementFault}
    for said in (*REASONS.values(), *FAULTS.values()):
        assert said.en.endswith(".")
        assert said.zh.endswith("。")
