"""The form of codes, in letters and digits that are not taken for each other, and how one is kept. Pure."""

import hmac
from typing import Final

from marketplace import letters

LENGTH: Final = 16
"""80 bits: nobody finds one by trying."""
GROUP: Final = 4


def drawn() -> str:
    """A new code, as it is shown: `7KQ2-M9XA-…`."""
    word = letters.drawn(LENGTH)
    return "-".join(word[place : place + GROUP] for place in range(0, LENGTH, GROUP))


def normal(code: str) -> str:
    """The same for a code however it is typed: with or without hyphens and blanks, in small letters or large ones."""
    return "".join(letter for letter in code if letter.isalnum()).upper()


def digest_of(code: str, *, secret: str) -> bytes:
    """What is kept of it."""
    return hmac.digest(secret.encode(), f"promotion-code:{normal(code)}".encode(), "sha256")
