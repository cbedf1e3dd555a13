"""How a label's serial is written, and what it says when it is scanned. Pure, but for the dice of the system."""

import re
import secrets
from typing import Final

ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
"""Digits and capitals that nobody takes for one another; all of them may stand in GS1's AI 21 as they are."""
LENGTH: Final = 12
"""31¹² are 7.8 × 10¹⁷: who guesses a million serials a second meets one of a million printed after nine days."""
SERIAL_MAX: Final = 20
GROUP: Final = 4
_GS1: Final = re.compile(r"[!\"%&'()*+,\-./0-9:;<=>?A-Z_a-z]{1,20}", re.ASCII)


def drawn() -> str:
    """A new serial that nobody can guess."""
    return "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))


def is_of_gs1(text: str) -> bool:
    """Whether the text may stand behind AI 21: at most 20 characters of the set 82."""
    return _GS1.fullmatch(text) is not None


def grouped(serial: str) -> str:
    """In fours, as it is printed and read out."""
    return " ".join(serial[start : start + GROUP] for start in range(0, len(serial), GROUP))
