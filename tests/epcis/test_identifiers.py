"""GS1 keys as Digital Links and as EPC URNs, one the same as the other."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.epcis.identifiers import (
    PREFIX_LENGTHS,
    canonical,
    check_digit,
    is_link,
    of_parts,
    read_link,
    read_urn,
    urn_of,
)
from inventory.epcis.uris import is_uri
from marketplace import errors

SAME = (
    ("urn:epc:id:sgtin:9521234.000001.K7Q2M9XW4T", "01/09521234000013/21/K7Q2M9XW4T"),
    ("urn:epc:id:sgtin:9521234.000001.a%2Fb", "01/09521234000013/21/a%2Fb"),
    ("urn:epc:id:sgtin:9521234.900001.1.2", "01/99521234000016/21/1.2"),
    ("urn:epc:class:lgtin:9521234.900001.YJ26-0417-A3", "01/99521234000016/10/YJ26-0417-A3"),
    ("urn:epc:idpat:sgtin:9521234.100001.*", "01/19521234000010"),
    ("urn:epc:id:sscc:9521234.0000000001", "00/095212340000000013"),
    ("urn:epc:id:sgln:9521234.00100.R07", "414/9521234001003/254/R07"),
    ("urn:epc:id:sgln:9521234.00100.0", "414/9521234001003"),
    ("urn:epc:id:pgln:9521234.00200", "417/9521234002000"),
)
ONE_WAY = (
    ("urn:epc:id:grai:9521234.00001.987", "8003/09521234000013987"),
    ("urn:epc:idpat:grai:9521234.00001.*", "8003/09521234000013"),
    ("urn:epc:id:giai:9521234.LOG-7", "8004/9521234LOG-7"),
    ("urn:epc:id:gdti:9521234.00100.A1", "253/9521234001003A1"),
    ("urn:epc:id:sgcn:9521234.00100.7", "255/95212340010037"),
    ("urn:epc:id:gsrn:9521234.0000000001", "8018/952123400000000017"),
    ("urn:epc:id:gsrnp:9521234.0000000001", "8017/952123400000000017"),
    ("urn:epc:id:gsin:9521234.000000001", "402/95212340000000013"),
    ("urn:epc:id:ginc:9521234.x7", "401/9521234x7"),
    ("urn:epc:id:cpi:9521234.AB.7", "8010/9521234AB/8011/7"),
    ("urn:epc:id:itip:9521234.000001.01.02.x", "8006/095212340000130102/21/x"),
    ("urn:epc:id:upui:9521234.000001.AB", "01/09521234000013/235/AB"),
)


def reason(read, text):
    with pytest.raises(errors.Invalid) as caught:
        read(text)
    assert caught.value.detail.zh
    return caught.value.detail.en


@pytest.mark.parametrize(("urn", "path"), [*SAME, *ONE_WAY])
def test_a_urn_and_its_link_are_one_key(urn, path):
    link = f"https://id.gs1.org/{path}"

    assert is_uri(urn) and is_uri(link)
    assert read_urn(urn) == read_link(link)
    assert canonical(urn) == canonical(f"http://shop.example/a/b/{path}?15=270131#x") == link


@pytest.mark.parametrize(("urn", "path"), SAME)
def test_a_key_is_written_as_a_urn_again(urn, path):
    assert urn_of(read_link(f"https://id.example.org/{path}"), 7) == urn


def test_a_key_knows_its_parts():
    box = of_parts(("01", "09521234000013"), ("21", "K7"))

    assert box["21"] == "K7" and "10" not in box
    assert box.link("https://id.example.org/") == "https://id.example.org/01/09521234000013/21/K7"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("https://x/01/09521234000014", "(01) should be 3"),
        ("https://x/00/095212340000000014", "(00) should be 3"),
        ("https://x/414/9521234001004", "(414) should be 3"),
        ("https://x/8003/09521234000014A", "(8003) should be 3"),
        ("https://x/253/9521234001004A", "(253) should be 3"),
        ("https://x/01/%D9%A09521234000013", "characters"),
        ("https://x/01/0952123400001x", "no GS1 Digital Link"),
        ("https://x/01/09521234000013/21/a/10/b", "no GS1 Digital Link"),
        ("https://x/01/09521234000013/21/123456789012345678901", "no GS1 Digital Link"),
        ("https://x/orchard/7", "no GS1 Digital Link"),
        ("ftp://x/01/09521234000013", "no GS1 Digital Link"),
        ("01/09521234000013", "no URI"),
        ("", "no URI"),
    ],
)
def test_what_is_no_link_is_told(text, told):
    assert told in reason(read_link, text)
    assert not is_link(text)
    assert canonical(text) == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("urn:epc:id:sgtin:9521234.00001.K7", "13 digits together"),
        ("urn:epc:id:sgtin:9521234.00000x.K7", "13 digits together"),
        ("urn:epc:id:sgtin:9521234.000001", "number of parts"),
        ("urn:epc:id:sgtin:95212.34000001.K7", "6 to 12 digits"),
        ("urn:epc:id:sgtin:9521234000001.0.K7", "6 to 12 digits"),
        ("urn:epc:id:sgtin:952123x.000001.K7", "6 to 12 digits"),
        ("urn:epc:idpat:sgtin:9521234.000001.7", "ends with *"),
        ("urn:epc:id:sgtin:9521234.000001.", "no GS1 Digital Link"),
        ("urn:epc:id:apple:9521234.000001.7", "no EPC URN"),
        ("urn:epc:raw:96.x311", "no EPC URN"),
        ("urn:yijun:order:77", "no EPC URN"),
    ],
)
def test_what_is_no_urn_is_told(text, told):
    assert told in reason(read_urn, text)
    assert canonical(text) == text


def test_a_key_without_a_urn_is_refused():
    assert "no EPC URN" in reason(lambda path: urn_of(read_link(path), 7), "https://x/8004/9521234LOG-7")
    assert "no EPC URN" in reason(lambda path: urn_of(read_link(path), 5), "https://x/00/095212340000000013")


serials = st.text("0123456789ABCxyz!%&'()*+,-./:;<=>?_\"", min_size=1, max_size=20)


@settings(deadline=None)
@given(st.integers(0, 10**13 - 1), serials, st.sampled_from(PREFIX_LENGTHS), st.sampled_from(["10", "21"]))
def test_any_box_and_lot_comes_back_from_both_forms(number, text, prefix_digits, qualifier):
    digits = f"{number:013d}"
    key = of_parts(("01", digits + check_digit(digits)), (qualifier, text))

    assert read_link(key.link("https://id.example.org/stem")) == key
    assert read_urn(urn_of(key, prefix_digits)) == key


@settings(deadline=None)
@given(st.integers(0, 10**13 - 1), st.integers(1, 9))
def test_any_other_check_digit_is_refused(number, off):
    digits = f"{number:013d}"
    wrong = (int(check_digit(digits)) + off) % 10

    assert not is_link(f"https://id.example.org/01/{digits}{wrong}")
