"""URIs by RFC 3986, moments by RFC 3339: tables of what is one and what is not."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.epcis.times import instant, is_offset, is_timestamp
from inventory.epcis.uris import is_uri
from tests.epcis.faults import NO_OFFSETS, NO_TIMES, NO_URIS

URIS = (
    "a:", "a:b", "a:b:c", "yj:crew", "A+-.:x", "a:/", "a://", "a:///x", "a:?", "a:#", "a:?a/?b#c/?d", "a:%41%5a",
    "urn:epc:id:sgtin:0614141.107346.2017", "urn:epc:idpat:sgtin:9521234.000001.*",
    "urn:epc:id:sgln:9521234.00100.a%2Fb",
    "ni:///sha-256;0f?ver=CBV2.0", "mailto:a@example.org", "http://", "http://a:/",
    "http://a:99999/", "http://1.2.3.999/",
    "http://user:word@h.example:1/p;q?r#s", "http://[::1]/", "http://[::]", "http://[1:2:3:4:5:6:7:8]", "http://[1::8]",
    "http://[1:2:3:4:5:6:7::]", "http://[::2:3:4:5:6:7:8]", "http://[1:2:3:4:5:6:1.2.3.4]", "http://[::ffff:1.2.3.4]:80",
    "http://[v1.a:b]/", "https://id.example.org/01/09521234000013/21/K%2F7?15=270131",
)  # fmt: skip
OTHERS = (
    "", ":", "a", "1a:b", "-a:b", "é:b", "a:é", "a b:c", "a:b c", " a:b", "a:b ", "a:b\n", "a:\x00", "a:\x7f", "/a/b",
    "//a/b", "a/b:c", "a:%", "a:%4", "a:%zz", "a:b#c#d", "a:[b]", "a:b?[c]", "a:b|c", 'a:"', "a:<b>", "a:^", "a:`",
    "a:{b}",
    "a:\\", "http://a b/", "http://a:x/", "http://u@@h/", "http://[::1", "http://[]", "http://[1]", "http://[1::2::3]",
    "http://[1:2:3:4:5:6:7:8:9]", "http://[1:2:3:4:5:6:7:1.2.3.4]", "http://[12345::]", "http://[::1.2.3.256]",
    "http://[::01.2.3.4]", "http://[fe80::1%25en0]/", "http://[v.a]/", "http://[::1]a",
)  # fmt: skip
TIMES = (
    "2026-10-19T14:15:00Z", "2026-10-19t14:15:00z", "2026-10-19T14:15:00.1+08:00", "2026-10-19T14:15:00-00:00",
    "2026-10-19T14:15:00.123456789012345678901234567890+23:59", "2024-02-29T00:00:00Z", "2000-02-29T00:00:00Z",
    "0000-02-29T00:00:00Z", "9999-12-31T23:59:59Z", "2016-12-31T23:59:60Z", "2016-12-31T15:59:60.5-08:00",
    "2017-01-01T07:59:60+08:00",
)  # fmt: skip


@pytest.mark.parametrize("text", URIS)
def test_this_is_a_uri(text):
    assert is_uri(text)


@pytest.mark.parametrize("text", [*OTHERS, *(each for each in NO_URIS if isinstance(each, str))])
def test_this_is_no_uri(text):
    assert not is_uri(text)


def test_a_long_text_is_read_once():
    """An expression that looked back would never end here."""
    assert not is_uri("a://" + "a" * 100_000 + "@" * 2)
    assert not is_uri("a:" + "%41" * 50_000 + "%")


@pytest.mark.parametrize("text", TIMES)
def test_this_is_a_moment(text):
    assert is_timestamp(text)


@pytest.mark.parametrize(
    "text",
    [
        *(each for each in NO_TIMES if isinstance(each, str)),
        "1900-02-29T00:00:00Z",
        "2017-01-01T23:59:60+08:00",
    ],
)
def test_this_is_no_moment(text):
    assert not is_timestamp(text)
    with pytest.raises(ValueError):
        instant(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-10-19T14:15:00.1234567+08:00", datetime(2026, 10, 19, 6, 15, 0, 123456, tzinfo=UTC)),
        ("2026-10-19t23:30:00.5-00:30", datetime(2026, 10, 20, 0, 0, 0, 500_000, tzinfo=UTC)),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
    ],
)
def test_the_same_moment_in_utc(text, moment):
    assert instant(text) == moment


@given(st.datetimes(), st.sampled_from(["", ".125", ".999999", ".1"]))
def test_a_moment_that_is_written_as_nearly_everybody_does_is_read_alike(moment, fraction):
    text = f"{moment:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + fraction
    assert instant(f"{text}Z") == instant(f"{text}+00:00")


@pytest.mark.parametrize(
    "text", ["0000-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:60Z"]
)
def test_a_moment_outside_the_years_that_we_count(text):
    assert is_timestamp(text)
    with pytest.raises(ValueError):
        instant(text)


def test_offsets():
    assert all(is_offset(text) for text in ("+00:00", "-00:00", "+13:59", "+14:00", "-14:00"))
    assert not any(is_offset(text) for text in NO_OFFSETS if isinstance(text, str))
