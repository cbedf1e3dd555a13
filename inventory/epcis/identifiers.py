"""GS1 keys in the two forms that events write: Digital Links and EPC URNs. Pure; biip knows the grammar of links.

A key is a list of application identifiers with their values: `01` a GTIN, `10` a lot, `21` a serial, `00` a pallet or
parcel, `414` a place with `254` inside it, `417` a party. GS1's schema takes any URI where an object, a place or a
party is named, and so do ours: these readers are for what we name ourselves, and for knowing that two texts mean one
thing. biip checks the shape of values, not their check digits, and takes digits of other scripts; we do better.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote

from biip import ParseError
from biip.checksums import gs1_standard_check_digit
from biip.gs1_digital_link_uris import GS1DigitalLinkURI

from inventory.epcis import quick_keys
from inventory.epcis.uris import is_uri
from marketplace import errors
from marketplace.language import Text

CANONICAL: Final = "https://id.gs1.org"
PREFIX_LENGTHS: Final = range(6, 13)
"""Digits that a company prefix may have."""
_CHECKED: Final = {
    "00": 18, "01": 14, "253": 13, "255": 13, "402": 17, "414": 13, "415": 13, "417": 13, "8003": 14, "8006": 14,
    "8017": 18, "8018": 18,
}  # fmt: skip
"""How many digits at the beginning of a value end with their check digit."""
SHORT: Final = 200
"""Longer texts are read anew each time: nobody fills the memory with them."""
_ASCII: Final = re.compile(r"[\x21-\x7e]+")
_DIGITS: Final = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class Key:
    """A GS1 key with its qualifiers, in the order of a Digital Link."""

    parts: tuple[tuple[str, str], ...]

    def __getitem__(self, identifier: str) -> str:
        """The value of an application identifier; raises KeyError."""
        return dict(self.parts)[identifier]

    def __contains__(self, identifier: str) -> bool:
        return identifier in dict(self.parts)

    def link(self, base: str = CANONICAL) -> str:
        """The Digital Link below `base`, without a query; at id.gs1.org it is the key's canonical form."""
        path = "".join(
            f"/{identifier}/{value if value.isalnum() and value.isascii() else quote(value, safe='')}"
            for identifier, value in self.parts
        )
        return base.rstrip("/") + path


def check_digit(digits: str) -> str:
    """The digit that ends a GTIN, GLN, SSCC and the like after these digits."""
    return str(gs1_standard_check_digit(digits))


def of_parts(*parts: tuple[str, str]) -> Key:
    """The key of these identifiers and values, primary key first; raises Invalid with the reason."""
    link = Key(parts).link()
    plain = quick_keys.parts(link)
    return read_link(link) if plain is None else Key(plain)


def read_link(text: str) -> Key:
    """The key in a Digital Link of any host; what stands in its query is left out. Raises Invalid with the reason."""
    if not is_uri(text):
        raise _refused("it is no URI", "不是 URI")
    try:
        link = GS1DigitalLinkURI.parse(text.partition("?")[0].partition("#")[0])
    except ParseError:
        raise _refused("it is no GS1 Digital Link", "不是 GS1 Digital Link") from None
    key = Key(tuple((each.ai.ai, each.value) for each in link.element_strings))
    for identifier, value in key.parts:
        length = _CHECKED.get(identifier, 0)
        if not _ASCII.fullmatch(value) or (length and not _DIGITS.fullmatch(value[:length])):
            raise _refused("it holds characters that no key has", "含有不允许的字符")
        if length and check_digit(value[: length - 1]) != value[length - 1]:
            digit = check_digit(value[: length - 1])
            raise _refused(
                f"the check digit of ({identifier}) should be {digit}", f"({identifier}) 的校验码应为 {digit}"
            )
    return key


def is_link(text: str) -> bool:
    """Whether it is a Digital Link with right check digits."""
    try:
        read_link(text)
    except errors.Invalid:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Scheme:
    """One scheme of EPC URNs: the key's identifier, the digits of prefix and reference, what follows in the URN.

    With `split`, the first digit of the reference stands before the prefix in the key. `rest` names what follows:
    an identifier of its own, or "" for what ends the key itself. `digits` is 0 where the reference is any text.
    """

    identifier: str
    digits: int
    rest: tuple[str, ...] = ()
    split: bool = False
    lead: str = ""


SCHEMES: Final[dict[str, Scheme]] = {
    "id:sgtin": Scheme("01", 13, ("21",), split=True),
    "class:lgtin": Scheme("01", 13, ("10",), split=True),
    "idpat:sgtin": Scheme("01", 13, ("*",), split=True),
    "id:upui": Scheme("01", 13, ("235",), split=True),
    "idpat:upui": Scheme("01", 13, ("*",), split=True),
    "id:itip": Scheme("8006", 13, ("", "", "21"), split=True),
    "idpat:itip": Scheme("8006", 13, ("", "", "*"), split=True),
    "id:sscc": Scheme("00", 17, split=True),
    "id:sgln": Scheme("414", 12, ("254",)),
    "id:pgln": Scheme("417", 12),
    "id:grai": Scheme("8003", 12, ("",), lead="0"),
    "idpat:grai": Scheme("8003", 12, ("*",), lead="0"),
    "id:gdti": Scheme("253", 12, ("",)),
    "idpat:gdti": Scheme("253", 12, ("*",)),
    "id:sgcn": Scheme("255", 12, ("",)),
    "idpat:sgcn": Scheme("255", 12, ("*",)),
    "id:gsrn": Scheme("8018", 17),
    "id:gsrnp": Scheme("8017", 17),
    "id:gsin": Scheme("402", 16),
    "id:giai": Scheme("8004", 0),
    "id:ginc": Scheme("401", 0),
    "id:cpi": Scheme("8010", 0, ("8011",)),
    "idpat:cpi": Scheme("8010", 0, ("*",)),
}
_URN: Final = re.compile(r"urn:epc:((?:id|idpat|class):[a-z]+):(.+)")


def read_urn(text: str) -> Key:
    """The key in an EPC URN of an instance, a lot or a class (`idpat` with `*`); raises Invalid with the reason."""
    found = _URN.fullmatch(text) if is_uri(text) else None
    scheme = SCHEMES.get(found[1]) if found else None
    if found is None or scheme is None:
        raise _refused("it is no EPC URN of a GS1 key", "不是 GS1 编码的 EPC URN")
    prefix, *values = [unquote(value) for value in found[2].split(".", 1 + len(scheme.rest))]
    if len(values) != 1 + len(scheme.rest):
        raise _refused("it has another number of parts", "组成部分的数目不符")
    reference, *rest = values
    if not _DIGITS.fullmatch(prefix) or len(prefix) not in PREFIX_LENGTHS:
        raise _refused("a company prefix has 6 to 12 digits", "厂商识别代码须为 6 至 12 位数字")
    main = _main_value(scheme, prefix, reference)
    qualifiers = []
    for identifier, value in zip(scheme.rest, rest, strict=True):
        if identifier == "*":
            if value != "*":
                raise _refused("a class of objects ends with *", "类别须以 * 结尾")
        elif identifier == "":
            main += value
        elif not (identifier == "254" and value == "0"):
            qualifiers.append((identifier, value))
    return of_parts((scheme.identifier, main), *qualifiers)


def _main_value(scheme: Scheme, prefix: str, reference: str) -> str:
    """The key's value up to its check digit, of prefix and reference."""
    if not scheme.digits:
        return prefix + reference
    digits = prefix + reference
    if len(digits) != scheme.digits or (reference and not _DIGITS.fullmatch(reference)):
        raise _refused(
            f"prefix and reference have {scheme.digits} digits together",
            f"厂商识别代码与编号合计须为 {scheme.digits} 位数字",
        )
    if scheme.split:
        digits = reference[:1] + prefix + reference[1:]
    return scheme.lead + digits + check_digit(digits)


_TO_URN: Final = {
    ("01", "21"): "id:sgtin",
    ("01", "10"): "class:lgtin",
    ("01",): "idpat:sgtin",
    ("00",): "id:sscc",
    ("414",): "id:sgln",
    ("414", "254"): "id:sgln",
    ("417",): "id:pgln",
}
_KEPT_IN_URN: Final = "!'()*+,-.:;=_"


def urn_of(key: Key, prefix_digits: int) -> str:
    """The EPC URN of a box, lot, product, pallet, place or party; raises Invalid for other keys.

    `prefix_digits` is how long the company prefix is: a key does not say so itself.
    """
    kind = _TO_URN.get(tuple(identifier for identifier, _ in key.parts))
    if kind is None or prefix_digits not in PREFIX_LENGTHS:
        raise _refused("it has no EPC URN here", "此处没有对应的 EPC URN")
    scheme = SCHEMES[kind]
    body = key[scheme.identifier][:-1]
    if scheme.split:
        head, body = body[0], body[1:]
        reference = head + body[prefix_digits:]
    else:
        reference = body[prefix_digits:]
    rest = "".join(f".{_rest(identifier, key)}" for identifier in scheme.rest)
    return f"urn:epc:{kind}:{body[:prefix_digits]}.{reference}{rest}"


def _rest(identifier: str, key: Key) -> str:
    if identifier == "*":
        return "*"
    return quote(key[identifier], safe=_KEPT_IN_URN) if identifier in key else "0"


def canonical(text: str) -> str:
    """One text for one thing: the canonical Digital Link of a GS1 key in either form; any other text as it is."""
    return _short_canonical(text) if len(text) <= SHORT else _canonical(text)


def _canonical(text: str) -> str:
    key = key_in(text)
    return text if key is None else key.link()


def key_in(text: str) -> Key | None:
    """The key that a link or a URN means; None for any other text."""
    return _short_key_in(text) if len(text) <= SHORT else _key_in(text)


def _key_in(text: str) -> Key | None:
    plain = quick_keys.parts(text)
    if plain is not None:
        return Key(plain)
    if not quick_keys.may_be_key(text):
        return None
    try:
        return (read_urn if text.startswith("urn:epc:") else read_link)(text)
    except errors.Invalid:
        return None


_short_key_in: Final = lru_cache(maxsize=8_192)(_key_in)
_short_canonical: Final = lru_cache(maxsize=8_192)(_canonical)
"""Places, parties and papers stand in thousands of events, and each box is read for its hash and for its mentions."""


def _refused(en: str, zh: str) -> errors.Invalid:
    return errors.Invalid(Text(en=f"The identifier was not read: {en}.", zh=f"无法读取标识：{zh}。"))
