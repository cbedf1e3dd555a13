"""Where a call to a foreign address may go: which URLs are read at all, and which addresses are outside. Pure.

Two gates, each enough by itself: a URL must name a host of the public kind, never an address in any spelling; and
every address that the name has must be global unicast. Who connects uses the very address that was looked at.
"""

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

import idna

from marketplace import errors
from marketplace.language import Text

Address = IPv4Address | IPv6Address

URL_LENGTH_MAX: Final = 500
HOST_LENGTH_MAX: Final = 253
HTTPS_PORT: Final = 443

_URL: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<path>/[^?#]*)?(?P<query>\?[^#]*)?(?P<rest>#.*)?"
)
_PATH: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*")
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_PORT: Final = re.compile(r"[1-9][0-9]{0,4}")
_INSIDE_NAMES: Final = frozenset(
    {
        "localhost", "localdomain", "local", "internal", "intranet", "private", "lan", "home", "corp", "host",
        "onion", "arpa", "invalid", "cluster", "consul", "kubernetes", "svc",
    }
)  # fmt: skip
"""Last labels that no public name has, and that resolvers inside of networks answer."""

INSIDE_V4: Final = tuple(
    IPv4Network(each)
    for each in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by carriers
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a cloud's host agent, on an address that looks public
        "169.254.0.0/16",  # link-local, instance metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
OUTSIDE_V6: Final = IPv6Network("2000::/3")
"""All of global unicast; loopback, mapped, NAT64, unique-local, link-local and multicast are not in it."""
INSIDE_V6: Final = tuple(
    IPv6Network(each)
    for each in (
        "2001::/23",  # protocol assignments: Teredo, benchmarking, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
_ISATAP: Final = frozenset({0x00005EFE, 0x02005EFE})
"""The first half of an interface id whose second half is an IPv4 address to tunnel to."""


class Outcome(StrEnum):
    """How one call went."""

    ACCEPTED = "accepted"
    """Answered with 2xx, in time."""
    REFUSED = "refused"
    """Answered with another status."""
    REDIRECTED = "redirected"
    """Answered with 3xx, which is not followed."""
    URL_NOT_ALLOWED = "url_not_allowed"
    NAME_UNKNOWN = "name_unknown"
    ADDRESS_NOT_ALLOWED = "address_not_allowed"
    """An address of the name is not outside; nothing was connected to."""
    NOT_CONNECTED = "not_connected"
    TLS_FAILED = "tls_failed"
    """No TLS, or a certificate that is not of that name."""
    TOO_SLOW = "too_slow"
    ANSWER_TOO_LONG = "answer_too_long"
    ANSWER_BROKEN = "answer_broken"


class UrlNotAllowed(errors.Invalid):
    """The address must be https, with a public name, without user and password, on an allowed port."""

    title = Text(en="This address may not be called.", zh="不允许使用该地址。")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A URL that may be called: its name in ASCII, its port, and what is asked for there."""

    host: str
    port: int
    path: str
    """With the query."""

    @property
    def authority(self) -> str:
        return self.host if self.port == HTTPS_PORT else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"https://{self.authority}{self.path}"


def read_url(url: str, *, ports: AbstractSet[int] = frozenset({HTTPS_PORT})) -> Target:
    """The URL's parts, the name in punycode. Raises UrlNotAllowed, which says what is wrong."""
    if len(url) > URL_LENGTH_MAX:
        raise _not_allowed("is too long", "过长")
    found = _URL.fullmatch(url)
    if found is None or found["scheme"].lower() != "https":
        raise _not_allowed("must begin with https://", "必须以 https:// 开头")
    if found["rest"]:
        raise _not_allowed("must not have a fragment", "不能包含片段")
    authority = found["authority"]
    if "@" in authority:
        raise _not_allowed("must not hold user or password", "不能包含用户名或密码")
    host, has_port, port_text = authority.partition(":")
    if "[" in authority or ":" in port_text:
        raise _not_allowed("must name a host, not an address", "必须使用域名而非 IP 地址")
    port = HTTPS_PORT
    if has_port:
        port = int(port_text) if _PORT.fullmatch(port_text) else 0
    if port not in ports:
        raise _not_allowed("is on a port that is not allowed", "端口不被允许")
    path = (found["path"] or "/") + (found["query"] or "")
    if not _PATH.fullmatch(path):
        raise _not_allowed("holds characters that must be percent-encoded", "包含须百分号编码的字符")
    return Target(host=_ascii_name(host), port=port, path=path)


def is_allowed(address: Address) -> bool:
    """Whether it is global unicast: outside, and not a way back in."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in INSIDE_V4)
    if address not in OUTSIDE_V6 or any(address in network for network in INSIDE_V6):
        return False
    return (int(address) >> 32) & 0xFFFFFFFF not in _ISATAP


def read_addresses(texts: list[str]) -> list[Address]:
    """What a resolver answered; raises ValueError for what is no address."""
    return [ip_address(text) for text in texts]


def _ascii_name(host: str) -> str:
    """The name as resolvers and certificates know it; raises UrlNotAllowed."""
    if len(host) > HOST_LENGTH_MAX:
        raise _not_allowed("has a name that is too long", "域名过长")
    try:
        name = idna.encode(host, uts46=True, std3_rules=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        raise _not_allowed("has a name that is not one", "域名不合规") from None
    labels = name.split(".")
    if len(name) > HOST_LENGTH_MAX or not all(_LABEL.fullmatch(label) for label in labels):
        raise _not_allowed("has a name that is not one", "域名不合规")
    if not labels[-1][0].isalpha():  # 127.1, 0x7f000001, 2130706433: numbers are addresses to some
        raise _not_allowed("must name a host, not an address", "必须使用域名而非 IP 地址")
    if len(labels) < 2 or labels[-1] in _INSIDE_NAMES:
        raise _not_allowed("must have a public name", "必须使用公共域名")
    return name


def _not_allowed(en: str, zh: str) -> UrlNotAllowed:
    return UrlNotAllowed(
        Text(en=f"The address {en}.", zh=f"地址{zh}。"), errors=[{"pointer": "/url", "detail": f"{en} {zh}"}]
    )
