"""Our references in what payers write: found through blanks, small and wide letters; a slip is near, never the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.letters import LETTERS
from marketplace.payments.statements import references
from marketplace.payments.statements.references import LENGTH, named, near

REFERENCE = "ABCD2345XY"
ours = st.text(LETTERS, min_size=LENGTH, max_size=LENGTH)


@pytest.mark.parametrize(
    "text",
    [
        REFERENCE,
        "abcd2345xy",
        "ABCD 2345 XY",
        "ABCD-2345-XY",
        "订单 ABCD2345XY 谢谢",
        "订单ABCD2345XY谢谢",
        "ＡＢＣＤ２３４５ＸＹ",
        "ref:abcd2345xy.",
        "pay ABCD2345XY for apples",
        "(ABCD2345\nXY)",
        "A B C D 2 3 4 5 X Y",
    ],
)
def test_a_reference_is_found_however_it_is_written(text: str) -> None:
    assert REFERENCE in named(text)


@pytest.mark.parametrize("text", ["", "ABCD2345X", "ABCD 2345 | XY", "ABCD2345中XY", "0BCD2345XY"])
def test_what_is_not_all_there_is_not_found(text: str) -> None:
    assert REFERENCE not in named(text)


@given(ours, st.text(max_size=40), st.text(max_size=40))
def test_words_around_it_do_not_hide_it(reference: str, before: str, after: str) -> None:
    assert reference in named(f"{before}，{reference.lower()}，{after}")


@given(st.text(max_size=200))
def test_only_letters_of_ours_are_named_and_nothing_is_both(text: str) -> None:
    for found in (named(text), near(text)):
        assert all(len(each) == LENGTH and set(each) <= set(LETTERS) for each in found)
    assert not named(text) & near(text)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ABCD2345XV", "ABCD2345XY"),
        ("A8CD2345XY", "ABCD2345XY"),
        ("ABCD234SXY", "ABCD2345XY"),
        ("ABC02345XY", "ABCD2345XY"),
        ("abcdz345xy", "ABCD2345XY"),
        ("1BCD2345XY", "LBCD2345XY"),
    ],
)
def test_one_letter_that_is_taken_for_another_is_near(typed: str, meant: str) -> None:
    assert meant in near(typed)
    assert meant not in named(typed)


def test_two_slips_are_not_near() -> None:
    assert "ABCD2345XY" not in near("A8CD234SXY")


def test_a_long_text_is_not_guessed_at_for_ever() -> None:
    assert len(near("BSZ2G6" * 333)) <= references.NEAR_MAX + 200
