"""What an address must be, by country: the rule alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.addresses.rules import COUNTRIES, PROVINCES, Address, AddressNotValid, checked

EMPTY = {"province": "", "county": "", "postal_code": ""}
CHINESE = {
    "recipient": "王小明",
    "phone": "13800138000",
    "country": "CN",
    "province": "陕西",
    "city": "西安市",
    "county": "雁塔区",
    "street": "丈八东路",
    "postal_code": "710061",
}
ELSEWHERE = {**EMPTY, "recipient": "A", "phone": "+14155552671", "city": "C", "street": "S"}


def made(base=CHINESE, **changes):
    return Address(**{**base, **changes})


def wrong(address):
    with pytest.raises(AddressNotValid) as refused:
        checked(address)
    return {each["pointer"].strip("/") for each in refused.value.facts["errors"]}


@pytest.mark.parametrize("code", PROVINCES)
def test_a_province_is_known_by_each_of_its_names_and_codes(code):
    for name in (code, f"{code}0000", *PROVINCES[code], PROVINCES[code][-1].upper()):
        assert checked(made(province=name)).province == PROVINCES[code][0]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"postal_code": ""}, {"postal_code"}),
        ({"postal_code": "71006"}, {"postal_code"}),
        ({"postal_code": "000000"}, {"postal_code"}),
        ({"postal_code": "７１００６１"}, {"postal_code"}),
        ({"province": "California"}, {"province"}),
        ({"province": ""}, {"province"}),
        ({"county": ""}, {"county"}),
        ({"city": ""}, {"city"}),
        ({"phone": "12"}, {"phone"}),
        ({"phone": "13800138000 ext. 5"}, {"phone"}),
        ({"city": "110100"}, {"city"}),
        ({"city": "610113"}, {"city"}),
        ({"city": "610000"}, {"city"}),
        ({"city": "6101"}, {"city"}),
        ({"city": "610100", "county": "610200"}, {"county"}),
        ({"city": "610100", "county": "610222"}, {"county"}),
        ({"city": "６１０１００"}, {"city"}),
        ({"country": "XX"}, {"country"}),
        ({"country": "中国"}, {"country"}),
        ({"phone": "x", "postal_code": "x", "province": "x"}, {"phone", "postal_code", "province"}),
    ],
)
def test_everything_that_is_wrong_in_china_is_named(changes, named):
    assert wrong(made(**changes)) == named


def test_division_codes_that_lie_in_each_other_are_taken():
    assert checked(made(city="610100", county="610113")).county == "610113"
    assert checked(made(county="610222")).county == "610222"


@pytest.mark.parametrize(
    ("country", "good", "bad"),
    [
        ("AE", ["", "00000"], ["?", "-1"]),
        ("US", ["94103", "94103-1234"], ["", "9410", "94103-12"]),
        ("GB", ["sw1a 1aa", "M1 1AE"], ["", "SW1A1AA", "12345"]),
        ("JP", ["100-0001"], ["1000001", ""]),
        ("SG", ["018956"], ["18956"]),
        ("BR", ["01310-100", ""], ["01310_100"]),
    ],
)
def test_postal_codes_elsewhere(country, good, bad):
    for each in good:
        assert checked(made(ELSEWHERE, country=country, postal_code=each)).country == country
    for each in bad:
        assert wrong(made(ELSEWHERE, country=country, postal_code=each)) == {"postal_code"}


TEXTS = st.text(max_size=12)


@given(
    st.builds(
        Address,
        recipient=TEXTS,
        phone=st.one_of(TEXTS, st.sampled_from(["13800138000", "+14155552671", "02988888888"])),
        country=st.one_of(st.sampled_from(sorted(COUNTRIES)), st.sampled_from(["cn", "us"]), TEXTS),
        province=st.one_of(TEXTS, st.sampled_from(["陕西", "tibet", "610000"])),
        city=st.one_of(TEXTS, st.sampled_from(["西安", "610100"])),
        county=st.one_of(TEXTS, st.sampled_from(["雁塔区", "610113"])),
        street=TEXTS,
        postal_code=st.one_of(TEXTS, st.sampled_from(["710061", "94103"])),
    )
)
def test_any_address_is_refused_without_an_echo_or_brought_to_a_form_that_stays(address):
    try:
        found = checked(address)
    except AddressNotValid as refused:
        told = refused.facts["errors"]
        assert told
        assert all(set(each) == {"pointer", "detail"} for each in told)
        fixed = {each["detail"] for each in told}
        again = wrong_of(Address(**dict.fromkeys(address.facts(), "") | {"country": address.country}))
        assert fixed <= again
    else:
        assert checked(found) == found
        assert found.phone.startswith("+")


def wrong_of(address):
    """All the sentences there are, for they are the same whatever was typed."""
    sentences = set()
    for each in (
        address,
        made(province="x", county=""),
        made(city="1", county="1"),
        made(city=""),
        made(county=""),
    ):
        with pytest.raises(AddressNotValid) as refused:
            checked(each)
        sentences |= {told["detail"] for told in refused.value.facts["errors"]}
    return sentences | {
        "Is not a telephone number. 电话号码有误。",
        "Is not a postal code of this country. 邮政编码有误。",
    }
