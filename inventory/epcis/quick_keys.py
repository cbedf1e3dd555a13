"""The plainest texts of GS1 keys, read at a glance. Pure.

A query looks at thousands of identifiers, nearly all of them links and URNs of boxes, lots, pallets, places and parties
without an escape in them. `parts` reads those, with the same answer as the full readers in `identifiers`, and leaves
all others to them.
"""

import re
from typing import Final

Parts = tuple[tuple[str, str], ...]

_PLAIN: Final = r"([A-Za-z0-9_-]{1,20})"
_LINK: Final = re.compile(
    rf"https?://[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*/"
    rf"(?:(01)/([0-9]{{14}})(?:/(10|21)/{_PLAIN})?|(00)/([0-9]{{18}})|(417)/([0-9]{{13}})|(414)/([0-9]{{13}})(?:/(254)/{_PLAIN})?)"
)
_URN: Final = re.compile(
    rf"urn:epc:(?:(?:id:sgtin|class:lgtin):([0-9]{{6,12}})\.([0-9])([0-9]{{0,6}})\.{_PLAIN}"
    rf"|idpat:sgtin:([0-9]{{6,12}})\.([0-9])([0-9]{{0,6}})\.\*"
    rf"|id:sscc:([0-9]{{6,12}})\.([0-9])([0-9]{{4,10}})"
    rf"|id:sgln:([0-9]{{6,12}})\.([0-9]{{0,6}})\.{_PLAIN}"
    rf"|id:pgln:([0-9]{{6,12}})\.([0-9]{{0,6}}))"
)
_MAY_BE_KEY: Final = re.compile(r"urn:epc:|[hH][tT][tT][pP][sS]?:.*/[0-9]{2,4}/")
_GTIN_BODY: Final = 13
_GLN_BODY: Final = 12
_SSCC_BODY: Final = 17


def parts(text: str) -> Parts | None:
    """The identifiers and values of the key, in the order of a link; None for what a longer look is needed for."""
    return _of_urn(text) if text.startswith("urn:") else _of_link(text)


def may_be_key(text: str) -> bool:
    """Whether a longer look could find a key at all."""
    return _MAY_BE_KEY.match(text) is not None


def _of_link(text: str) -> Parts | None:
    found = _LINK.fullmatch(text)
    if found is None:
        return None
    if found[9]:
        main, value, rest, tail = found[9], found[10], found[11], found[12]
    elif found[1]:
        main, value, rest, tail = found[1], found[2], found[3], found[4]
    else:
        main, value, rest, tail = found[5] or found[7], found[6] or found[8], "", ""
    if _check_digit(value[:-1]) != value[-1]:
        return None
    return ((main, value), (rest, tail or "")) if rest else ((main, value),)


def _of_urn(text: str) -> Parts | None:
    found = _URN.fullmatch(text)
    if found is None:
        return None
    trade, head, item, tail, pattern, pattern_head, pattern_item = found.group(1, 2, 3, 4, 5, 6, 7)
    if trade:
        return _keyed("01", head + trade + item, _GTIN_BODY, "10" if text[8] == "c" else "21", tail)
    if pattern:
        return _keyed("01", pattern_head + pattern + pattern_item, _GTIN_BODY)
    company, extension, serial, place, location, room, party, number = found.group(
        8, 9, 10, 11, 12, 13, 14, 15
    )
    if company:
        return _keyed("00", extension + company + serial, _SSCC_BODY)
    if place:
        return _keyed("414", place + location, _GLN_BODY, "" if room == "0" else "254", room)
    return _keyed("417", party + number, _GLN_BODY)


def _keyed(main: str, body: str, length: int, rest: str = "", tail: str = "") -> Parts | None:
    if len(body) != length:
        return None
    value = body + _check_digit(body)
    return ((main, value), (rest, tail)) if rest else ((main, value),)


def _check_digit(body: str) -> str:
    total = 3 * sum(map(int, body[-1::-2])) + sum(map(int, body[-2::-2]))
    return str(-total % 10)
