"""What identifiers, classes and patterns find."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.epcis.identifiers import canonical, check_digit
from inventory.epcis.patterns import Finder, is_pattern
from marketplace import errors

BOX = "https://id.example.org/01/09521234000013/21/K7Q2M9XW4T"
BOX_URN = "urn:epc:id:sgtin:9521234.000001.K7Q2M9XW4T"
BOX_WITH_LOT = "https://id.example.org/01/09521234000013/10/YJ26/21/K7Q2M9XW4T"
LOT = "https://id.example.org/01/09521234000013/10/YJ26"
LOT_URN = "urn:epc:class:lgtin:9521234.000001.YJ26"
PRODUCT = "https://other.example.org/01/09521234000013"
PRODUCT_URN = "urn:epc:idpat:sgtin:9521234.000001.*"
PALLET = "urn:epc:id:sscc:9521234.0000000001"
ROOM = "https://id.example.org/414/9521234001003/254/R07"
HOUSE = "https://id.example.org/414/9521234001003"
CRATE = "urn:epc:id:grai:9521234.00007.S1"
CRATES = "urn:epc:idpat:grai:9521234.00007.*"
LOGGER = "urn:epc:id:giai:9521234.LOG-7"
ORDER = "urn:yijun:order:77"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (BOX, {BOX, BOX_URN, BOX_WITH_LOT}),
        (BOX_URN, {BOX, BOX_URN, BOX_WITH_LOT}),
        (BOX_WITH_LOT, {BOX, BOX_URN, BOX_WITH_LOT}),
        (LOT, {LOT, LOT_URN, BOX_WITH_LOT}),
        (LOT_URN, {LOT, LOT_URN, BOX_WITH_LOT}),
        (PRODUCT, {PRODUCT, PRODUCT_URN, BOX, BOX_URN, BOX_WITH_LOT, LOT, LOT_URN}),
        (PRODUCT_URN, {PRODUCT, PRODUCT_URN, BOX, BOX_URN, BOX_WITH_LOT, LOT, LOT_URN}),
        ("urn:epc:idpat:sgtin:9521234.*.*", {PRODUCT, PRODUCT_URN, BOX, BOX_URN, BOX_WITH_LOT, LOT, LOT_URN}),
        ("urn:epc:idpat:sgtin:*.*.*", {PRODUCT, PRODUCT_URN, BOX, BOX_URN, BOX_WITH_LOT, LOT, LOT_URN}),
        ("urn:epc:idpat:sgtin:952123.*.*", {PRODUCT, PRODUCT_URN, BOX, BOX_URN, BOX_WITH_LOT, LOT, LOT_URN}),
        ("urn:epc:idpat:sgtin:9521235.*.*", set()),
        ("urn:epc:class:lgtin:9521234.000001.*", {LOT, LOT_URN, BOX_WITH_LOT}),
        ("urn:epc:class:lgtin:9521234.*.*", {LOT, LOT_URN, BOX_WITH_LOT}),
        (PALLET, {PALLET}),
        ("urn:epc:idpat:sscc:9521234.*", {PALLET}),
        ("urn:epc:idpat:sscc:*.*", {PALLET}),
        (HOUSE, {HOUSE}),
        (ROOM, {ROOM}),
        ("urn:epc:idpat:sgln:9521234.00100.*", {HOUSE, ROOM}),
        ("urn:epc:idpat:sgln:9521234.*.*", {HOUSE, ROOM}),
        (CRATE, {CRATE}),
        (CRATES, {CRATE, CRATES}),
        ("urn:epc:idpat:grai:9521234.*.*", {CRATE, CRATES}),
        (LOGGER, {LOGGER}),
        ("urn:epc:idpat:giai:9521234.*", {LOGGER}),
        (ORDER, {ORDER}),
        ("urn:yijun:order:*", set()),
    ],
)
def test_what_is_asked_for_finds(asked, found):
    every = {BOX, BOX_URN, BOX_WITH_LOT, LOT, LOT_URN, PRODUCT, PRODUCT_URN, PALLET, HOUSE, ROOM, CRATE}
    every |= {CRATES, LOGGER, ORDER}
    finder = Finder([asked])

    assert {text for text in every if finder.finds(text)} == found


@pytest.mark.parametrize(
    "text",
    [
        "urn:epc:idpat:sgtin:*.000001.*",
        "urn:epc:idpat:sgtin:9521234.*.K7",
        "urn:epc:idpat:sgtin:95a1234.*.*",
        "urn:epc:idpat:sgtin:95212.*.*",
        "urn:epc:idpat:sgtin:9521234.*",
        "urn:epc:idpat:nothing:9521234.*.*",
        "urn:epc:idpat:sscc:9521234.*.*",
        "urn:epc:idpat:grai:9521234.1.*",
        "urn:epc:class:lgtin:9521234.1.*",
        "urn:epc:class:lgtin:9521234.00x001.*",
    ],
)
def test_a_pattern_that_is_none_is_refused(text):
    with pytest.raises(errors.Invalid) as refused:
        Finder([text])

    assert refused.value.detail is not None


def test_a_star_elsewhere_is_a_letter():
    serial = "urn:epc:id:sgtin:9521234.000001.K*7"

    assert not is_pattern(serial)
    assert Finder([serial]).finds("https://id.gs1.org/01/09521234000013/21/K*7")
    assert not Finder([serial]).finds("https://id.gs1.org/01/09521234000013/21/KA7")


SERIALS = st.text("ABC123-/*.%", min_size=1, max_size=8)
GTINS = st.text("0123456789", min_size=13, max_size=13).map(lambda body: body + check_digit(body))


@given(GTINS, SERIALS, GTINS, SERIALS)
def test_a_box_finds_itself_and_nothing_else(gtin, serial, other_gtin, other_serial):
    box = canonical_of(gtin, serial)
    other = canonical_of(other_gtin, other_serial)

    assert Finder([box]).finds(box)
    assert Finder([box]).finds(box.replace("id.gs1.org", "id.example.org"))
    assert Finder([box]).finds(other) == ((gtin, serial) == (other_gtin, other_serial))
    assert Finder([f"https://id.gs1.org/01/{gtin}"]).finds(other) == (gtin == other_gtin)


def canonical_of(gtin: str, serial: str) -> str:
    quoted = "".join(f"%{ord(letter):02X}" if letter in "/%" else letter for letter in serial)
    return canonical(f"https://id.gs1.org/01/{gtin}/21/{quoted}")


@given(st.lists(st.sampled_from([BOX, LOT_URN, PALLET, ORDER, CRATES, "urn:epc:idpat:sscc:9521234.*"])))
def test_a_list_finds_what_one_of_it_finds(asked):
    for text in (BOX_URN, LOT, PALLET, ORDER, CRATE, ROOM):
        assert Finder(asked).finds(text) == any(Finder([each]).finds(text) for each in asked)
