"""Laws of where a call may go."""

import ipaddress
import json
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.outbound import rules
from marketplace.outbound.rules import Target, UrlNotAllowed, is_allowed, read_url

CASES = json.loads((Path(__file__).parents[1] / "corpus" / "outbound" / "urls.json").read_text())
v4 = st.integers(0, 2**32 - 1).map(IPv4Address)
v6 = st.integers(0, 2**128 - 1).map(IPv6Address)
outside_v6 = st.integers(0x2000 << 112, (0x4000 << 112) - 1).map(IPv6Address)
inside = st.sampled_from(rules.INSIDE_V4).flatmap(
    lambda net: st.integers(int(net.network_address), int(net.broadcast_address)).map(IPv4Address)
)
label = st.from_regex(r"[a-z]([a-z0-9]{0,10}[a-z0-9])?", fullmatch=True)


@given(inside)
def test_nothing_inside_is_allowed(address):
    assert not is_allowed(address)


@given(st.one_of(v4, v6, outside_v6))
def test_what_is_allowed_is_global_unicast_for_the_standard_library_too(address):
    if is_allowed(address):
        assert address.is_global
        assert not (
            address.is_multicast or address.is_reserved or address.is_loopback or address.is_link_local
        )


@given(v4)
def test_most_of_the_internet_is_allowed(address):
    """What the standard library calls global and plain, but for the few nets that are listed on purpose."""
    extra = [net for net in rules.INSIDE_V4 if net.network_address.is_global]
    if address.is_global and not address.is_multicast and not any(address in net for net in extra):
        assert is_allowed(address)


@given(v4)
def test_no_way_of_writing_an_ipv4_address_into_an_ipv6_one_is_allowed(address):
    number = int(address)
    for hidden in (
        number,
        0xFFFF << 32 | number,
        0xFFFF << 48 | number,
        0x64FF9B << 96 | number,
        0x64FF9B0001 << 80 | number,
        0x2002 << 112 | number << 80,
        0x20010000 << 96 | number << 64,
        0x20010000 << 96 | (number ^ 0xFFFFFFFF),
        0x26062800 << 96 | 0x5EFE << 32 | number,
    ):
        assert not is_allowed(IPv6Address(hidden)), IPv6Address(hidden)


@pytest.mark.parametrize(
    "text", ["8.8.8.8", "93.184.216.34", "223.5.5.5", "2606:4700:4700::1111", "2400:3200::1"]
)
def test_public_addresses_are_allowed(text):
    assert is_allowed(ipaddress.ip_address(text))


@given(st.lists(label, min_size=2, max_size=4), st.sampled_from(["", "/", "/a/b", "/a?b=c%20d", "?x=1"]))
def test_a_public_name_is_read_and_read_again_alike(labels, path):
    if labels[-1] in rules._INSIDE_NAMES or any(part[2:4] == "--" for part in labels):
        return
    host = ".".join(labels)
    found = read_url(f"https://{host}{path}")
    expected = path if path.startswith("/") else f"/{path}"
    assert found == Target(host=host, port=443, path=expected)
    assert read_url(found.url) == found
    assert read_url(f"HTTPS://{host.upper()}:443{path}") == found


@given(st.one_of(st.text(max_size=60), st.text(max_size=40).map(lambda text: f"https://{text}")))
def test_any_text_is_read_as_a_public_name_in_ascii_or_refused(text):
    try:
        found = read_url(text)
    except UrlNotAllowed:
        return
    assert found.host.isascii()
    assert "." in found.host
    assert found.host.split(".")[-1][0].isalpha()
    assert found.path.isascii()
    assert not set(found.path) & set("\r\n \t\\\x00")
    with pytest.raises(ValueError, match="does not appear"):
        ipaddress.ip_address(found.host)


@given(st.integers(1, 65_535))
def test_only_listed_ports_are_read(port):
    assert read_url(f"https://a.example:{port}/", ports={port}).port == port
    if port != 443:
        with pytest.raises(UrlNotAllowed):
            read_url(f"https://a.example:{port}/")


def test_a_chinese_name_becomes_punycode():
    assert read_url("https://苹果.example.com/").host == "xn--gtvz22d.example.com"


def test_the_corpus_is_large_and_every_case_is_named_once():
    assert len(CASES) >= 120
    assert len({case["name"] for case in CASES}) == len(CASES)
    assert sum("addresses_then" in case for case in CASES) >= 3


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_url_of_the_corpus_is_read_or_refused_as_written_there(case):
    url = case["url"].replace("$PORT", "8443")
    if case["outcome"] == "url_not_allowed":
        with pytest.raises(UrlNotAllowed) as caught:
            read_url(url, ports={443, 8443})
        assert caught.value.detail is not None
    else:
        assert read_url(url, ports={443, 8443}).port == 8443
