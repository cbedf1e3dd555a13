"""Which identifiers a list of identifiers, classes and patterns asks for. Pure.

A query names objects in four ways: by the object itself, as a URN or as a link; by its class, which asks for all
boxes and lots of it (`…/01/09521234000013`, the same as `urn:epc:idpat:sgtin:9521234.000001.*`); by a pattern that
leaves more open (`urn:epc:idpat:sgtin:9521234.*.*`); by a URI that is no GS1 key, which asks for that very text.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final
from urllib.parse import unquote

from inventory.epcis.identifiers import PREFIX_LENGTHS, SCHEMES, Key, Scheme, key_in, read_urn
from marketplace import errors
from marketplace.language import Text

_REMEMBERED_MAX: Final = 20_000
_PATTERN: Final = re.compile(r"urn:epc:(id|idpat|class):([a-z]+):(.+)")
_DIGITS: Final = re.compile(r"[0-9]+")
_CLASS_LENGTHS: Final = {"8003": 14, "253": 13, "255": 13}
"""How long a value is that names a kind of asset, document or coupon; a longer one names one of the kind."""
_CLASSED: Final = frozenset({"01", "8006", "8010"})
"""Keys that name a class of objects when nothing follows; others name one thing, with or without what follows."""
_FINEST: Final = ("21", "235")
"""What names one object alone: the lot beside it makes no difference."""
_NOT_A_PATTERN: Final = Text(
    en="In an EPC pattern * stands for whole parts, the last ones, after digits of a GS1 key.",
    zh="EPC 模式中 * 须代表末尾的完整部分，其前为 GS1 编码的数字。",
)


class Finder:
    """Identifiers, classes and patterns, put in order so that looking for one costs the same however many there are."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Raises Invalid for an EPC pattern that is none."""
        self._texts: set[str] = set()
        self._keys: dict[tuple[str, str], list[frozenset[tuple[str, str]]]] = {}
        self._open: list[tuple[str, re.Pattern[str], frozenset[str]]] = []
        for text in texts:
            self._add(text)

    def finds(self, text: str) -> bool:
        """Whether this is one of them, or of a class that is."""
        if text in self._texts:
            return True
        if not self._keys and not self._open:
            return False
        key = _key_of(text)
        if key is None:
            return False
        main, *rest = key.parts
        asked = self._keys.get(main)
        if asked is not None:
            has = frozenset(rest)
            if any(wanted <= has if main[0] in _CLASSED else wanted == has for wanted in asked):
                return True
        return any(
            main[0] == identifier and form.fullmatch(main[1]) and needed.issubset(name for name, _ in rest)
            for identifier, form, needed in self._open
        )

    def _add(self, text: str) -> None:
        self._texts.add(text)
        if is_pattern(text):
            self._open.append(_opened(text))
            return
        key = key_in(text)
        if key is None:
            return
        main, *rest = key.parts
        if len(main[1]) == _CLASS_LENGTHS.get(main[0]) and not rest:
            self._open.append((main[0], re.compile(re.escape(main[1]) + ".*"), frozenset()))
            return
        single = [part for part in rest if part[0] in _FINEST]
        self._keys.setdefault(main, []).append(frozenset(single or rest))


def is_pattern(text: str) -> bool:
    """Whether it leaves parts of an EPC open; a class of objects, which ends with one `*`, is a key of its own."""
    found = _PATTERN.fullmatch(text) if "*" in text else None
    if found is None:
        return False
    if found[1] == "class" and text.endswith(".*"):
        return True
    try:
        read_urn(text)
    except errors.Invalid:
        return True
    return False


@lru_cache(maxsize=_REMEMBERED_MAX)
def _key_of(text: str) -> Key | None:
    return key_in(text)


def _opened(text: str) -> tuple[str, re.Pattern[str], frozenset[str]]:
    """The identifier, the form of its value, and which qualifiers must be there."""
    found = _PATTERN.fullmatch(text)
    names = (f"{found[1]}:{found[2]}", f"id:{found[2]}") if found else ()
    scheme = next((SCHEMES[name] for name in names if name in SCHEMES), None)
    if found is None or scheme is None:
        raise _refused()
    fields = [unquote(field) for field in found[3].split(".", 1 + len(scheme.rest))]
    closed = [field for field in fields if field != "*"]
    if len(fields) != 2 + len(scheme.rest) or fields[: len(closed)] != closed:
        raise _refused()
    needed = frozenset({"10"} if found[1] == "class" else ())
    return scheme.identifier, re.compile(_value_form(scheme, closed)), needed


def _value_form(scheme: Scheme, closed: list[str]) -> str:
    """What the main value looks like when only these parts are known, prefix first."""
    if not closed:
        return ".+"
    prefix, *rest = closed
    if not _DIGITS.fullmatch(prefix) or len(prefix) not in PREFIX_LENGTHS:
        raise _refused()
    if not scheme.digits:
        reference = re.escape(rest[0]) if rest else ".+"
        return prefix + reference
    if not rest:
        left = scheme.digits - len(prefix)
        lead, open_digits = (r"[0-9]", left - 1) if scheme.split else (scheme.lead, left)
        return f"{lead}{prefix}[0-9]{{{open_digits}}}[0-9].*"
    reference, *serial = rest
    if len(prefix + reference) != scheme.digits or (reference and not _DIGITS.fullmatch(reference)):
        raise _refused()
    body = reference[:1] + prefix + reference[1:] if scheme.split else prefix + reference
    within = "".join(map(re.escape, serial))
    return f"{scheme.lead}{body}[0-9]{within}.*"


def _refused() -> errors.Invalid:
    return errors.Invalid(_NOT_A_PATTERN)
