"""Passwords as argon2id hashes. Slow by intent: call outside of a transaction."""

import secrets
import unicodedata
from functools import cache
from typing import Final

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

LENGTH_MIN: Final = 12
LENGTH_MAX: Final = 128

_HASHER: Final = argon2.PasswordHasher()


def hash_of(password: str) -> str:
    return _HASHER.hash(_normal(password))


def verify(stored: str | None, password: str) -> bool:
    """Whether `password` belongs to `stored`; without a stored hash just as slow, and always False."""
    try:
        is_right = _HASHER.verify(stored or _nobodys(), _normal(password))
    except (VerificationError, InvalidHashError):
        return False
    return is_right and stored is not None


def is_dated(stored: str) -> bool:
    """Made with weaker parameters than today's: hash again when the password is at hand."""
    return _HASHER.check_needs_rehash(stored)


@cache
def _nobodys() -> str:
    """The hash that is verified when there is no account, so that the answer takes as long."""
    return _HASHER.hash(secrets.token_urlsafe())


def _normal(password: str) -> str:
    """Keyboards differ in how they compose characters; the password must not."""
    return unicodedata.normalize("NFC", password)
