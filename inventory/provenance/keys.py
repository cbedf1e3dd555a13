"""GS1 keys of things that this marketplace numbers itself, below its company prefix. Pure.

A class of fruit is a GTIN of variable measure (indicator 9), a place or a party a GLN, a parcel an SSCC. Which number
is whose is kept by `numbering.py`; here only digits are put together (GS1 General Specifications).
"""

import re
from typing import Final

from inventory.epcis.identifiers import CANONICAL, Key, check_digit

EXTENSION_DIGIT: Final = "0"
"""Of a parcel's SSCC."""
PALLET_DIGIT: Final = "1"
"""Of a pallet's: whoever reads one knows by its first digit what stands before him."""
VARIABLE_MEASURE: Final = "9"
"""The indicator of a GTIN whose content is weighed."""
LOT_LENGTH_MAX: Final = 20
_LOT: Final = re.compile(r"[A-Za-z0-9!\"%&'()*+,\-./:;<=>?_]+")
"""Characters that a lot number may have (GS1 character set 82)."""


class PrefixUsedUp(ValueError):
    """The company prefix leaves no digits for so high a number."""


def bulk_gtin(prefix: str, reference: int) -> str:
    """The GTIN of a kind of fruit that is weighed; raises PrefixUsedUp."""
    digits = VARIABLE_MEASURE + prefix + _reference(reference, 12 - len(prefix))
    return digits + check_digit(digits)


def gln(prefix: str, reference: int) -> str:
    """The number of a place or a party; raises PrefixUsedUp."""
    digits = prefix + _reference(reference, 12 - len(prefix))
    return digits + check_digit(digits)


def sscc(prefix: str, reference: int, *, digit: str = EXTENSION_DIGIT) -> str:
    """The number of a parcel, or with its own first digit of a pallet; raises PrefixUsedUp."""
    digits = digit + prefix + _reference(reference, 16 - len(prefix))
    return digits + check_digit(digits)


def is_lot_number(code: str) -> bool:
    """Whether it can stand in a key as it is: as a lot's number, or as the extension of a place's."""
    return len(code) <= LOT_LENGTH_MAX and _LOT.fullmatch(code) is not None


def lot_number(code: str, reference: int) -> str:
    """The cooperative's own code where it can be a lot number; else one of ours, behind a letter that says so."""
    return code if is_lot_number(code) else f"L-{reference}"


def lot_class(gtin: str, lot: str) -> str:
    """The link of a lot, as events name it."""
    return Key((("01", gtin), ("10", lot))).link()


def box(gtin: str, serial: str, *, base: str = CANONICAL) -> str:
    """The link of a box: its label's serial is its own. Its QR says the one below the `base` that resolves it."""
    return Key((("01", gtin), ("21", serial))).link(base)


def place(gln_: str, room: str | None = None) -> str:
    """The link of a cold store, or of a room in it."""
    inside = () if room is None else (("254", room),)
    return Key((("414", gln_), *inside)).link()


def party(gln_: str) -> str:
    """The link of a cooperative."""
    return Key((("417", gln_),)).link()


def parcel(sscc_: str) -> str:
    """The link of a parcel or a pallet."""
    return Key((("00", sscc_),)).link()


def _reference(number: int, width: int) -> str:
    digits = f"{number:0{width}}"
    if number < 1 or len(digits) > width:
        raise PrefixUsedUp(f"{number} in {width} digits")
    return digits
