"""What is read at a glance is what the full readers read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.epcis import quick_keys
from inventory.epcis.identifiers import Key, canonical, check_digit, read_link, read_urn
from marketplace import errors

DIGITS = "0123456789"
PLAIN = st.text("abcXYZ019-_", min_size=1, max_size=22)
ODD = st.text("aZ09-_.%*/!", min_size=1, max_size=6)
TAILS = PLAIN | ODD


def _digits(least: int, most: int) -> st.SearchStrategy[str]:
    return st.text(DIGITS, min_size=least, max_size=most)


def _checked(length: int) -> st.SearchStrategy[str]:
    return _digits(length - 1, length - 1).map(lambda body: body + check_digit(body))


LINKS = st.one_of(
    st.builds("https://id.example.org/01/{}".format, _checked(14) | _digits(13, 15)),
    st.builds(
        "http://x.cn/01/{}/{}/{}".format, _checked(14), st.sampled_from(["10", "21", "22", "235"]), TAILS
    ),
    st.builds("https://id.gs1.org/00/{}".format, _checked(18) | _digits(17, 19)),
    st.builds("https://id.gs1.org/414/{}".format, _checked(13)),
    st.builds("https://id.gs1.org/414/{}/254/{}".format, _checked(13), TAILS),
    st.builds("https://id.gs1.org/41{}/{}".format, st.sampled_from("0457"), _checked(13) | _digits(12, 14)),
)
URNS = st.one_of(
    st.builds("urn:epc:id:sgtin:{}.{}.{}".format, _digits(5, 13), _digits(0, 8), TAILS),
    st.builds("urn:epc:id:sgtin:952123{}.{}.{}".format, _digits(1, 1), _digits(6, 6), TAILS),
    st.builds("urn:epc:class:lgtin:952123{}.{}.{}".format, _digits(1, 1), _digits(6, 6), TAILS),
    st.builds("urn:epc:idpat:sgtin:952123{}.{}.*".format, _digits(1, 1), _digits(5, 6)),
    st.builds("urn:epc:id:sscc:952123{}.{}".format, _digits(1, 1), _digits(9, 11)),
    st.builds("urn:epc:id:sgln:952123{}.{}.{}".format, _digits(1, 1), _digits(4, 6), TAILS | st.just("0")),
    st.builds("urn:epc:id:pgln:952123{}.{}".format, _digits(1, 1), _digits(4, 6)),
)


@given(LINKS | URNS)
def test_a_glance_and_a_full_look_agree(text):
    glance = quick_keys.parts(text)

    if glance is not None:
        assert Key(glance) == (read_urn if text.startswith("urn:") else read_link)(text)


@given(LINKS | URNS)
def test_a_canonical_text_is_the_same_with_and_without_the_glance(text):
    try:
        full = (read_urn if text.startswith("urn:") else read_link)(text).link()
    except errors.Invalid:
        full = text

    assert canonical(text) == full


@pytest.mark.parametrize(
    "text",
    [
        "https://id.example.org/01/09521234000013/21/K7Q2M9XW4T",
        "https://id.example.org/01/09521234000013/10/YJ26-0417-A3",
        "https://id.example.org/01/09521234000013",
        "https://id.example.org/00/095212340000000013",
        "https://id.example.org/414/9521234001003/254/R07",
        "https://id.example.org/417/9521234002000",
        "urn:epc:id:sgtin:9521234.000001.K7Q2M9XW4T",
        "urn:epc:class:lgtin:9521234.000001.YJ26-0417-A3",
        "urn:epc:idpat:sgtin:9521234.000001.*",
        "urn:epc:id:sscc:9521234.0000000001",
        "urn:epc:id:sgln:9521234.00100.R07",
        "urn:epc:id:sgln:9521234.00100.0",
        "urn:epc:id:pgln:9521234.00200",
    ],
)
def test_what_the_county_uses_is_read_at_a_glance(text):
    assert quick_keys.parts(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://id.example.org/01/09521234000014",
        "https://id.example.org/01/09521234000013/21/%31",
        "https://id.example.org/stem/01/09521234000013",
        "https://id.example.org/01/09521234000013?15=270131",
        "urn:epc:id:sgtin:9521234.00001.K7",
        "urn:epc:id:gsrn:9521234.0000000001",
        "urn:yijun:order:77",
        "",
    ],
)
def test_anything_else_is_left_to_a_full_look(text):
    assert quick_keys.parts(text) is None
