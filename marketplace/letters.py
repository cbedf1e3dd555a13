"""Codes that people read and type: of letters and digits that are not taken for each other."""

import secrets
from typing import Final

LETTERS: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""32, so that five bits of a random byte are one."""


def drawn(length: int) -> str:
    """So many of them by chance, of five bits each."""
    return "".join(LETTERS[byte % len(LETTERS)] for byte in secrets.token_bytes(length))
