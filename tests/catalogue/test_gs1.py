"""GTIN and GLN: read to one form, or refused with the reason."""

import pytest

from marketplace.catalogue import gs1


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("09521234000013", "09521234000013"),
        ("9521234000013", "09521234000013"),
        ("614141007349", "00614141007349"),
        ("96385074", "00000096385074"),
        ("19521234000010", "19521234000010"),
    ],
)
def test_every_length_of_gtin_is_stored_in_fourteen_digits(text, stored):
    assert gs1.read_gtin(text) == stored


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "123456789",
        "952123400001x",
        " 9521234000013",
        "９５２１２３４００００１３",
        "9521234000013\n",
    ],
)
def test_a_gtin_of_another_shape_is_refused_with_the_lengths(text):
    with pytest.raises(gs1.GtinRefused) as caught:
        gs1.read_gtin(text)
    assert "8, 12, 13 or 14" in caught.value.detail.en


def test_a_wrong_check_digit_is_named_in_both_languages():
    with pytest.raises(gs1.GtinRefused) as caught:
        gs1.read_gtin("9521234000014")
    assert caught.value.detail.en.endswith("should be 3.")
    assert caught.value.detail.zh.endswith("应为 3。")
    with pytest.raises(gs1.GlnRefused) as caught:
        gs1.read_gln("9521234001004")
    assert caught.value.detail.en.endswith("should be 3.")


@pytest.mark.parametrize("text", ["", "09521234001003", "952123400100", "９５２１２３４００１００３"])
def test_a_gln_has_thirteen_plain_digits(text):
    assert gs1.read_gln("9521234001003") == "9521234001003"
    with pytest.raises(gs1.GlnRefused):
        gs1.read_gln(text)
