"""Sealed: small things that are kept encrypted, because they are needed back. AES-256-GCM under the app's secret.

The key comes from SECRET_KEY by HKDF. A sealed value is a version byte, a random nonce and the cipher text with its
tag; `context` says what it is and whose, so that a value copied to another row or column does not open there.
"""

import os
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import current_app

VERSION: Final = 1
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_INFO: Final = b"marketplace.sealed/1"


class CannotUnseal(ValueError):
    """Changed, of another context, or sealed under another SECRET_KEY."""


def seal(plain: bytes, *, context: str) -> bytes:
    """The same bytes never look the same twice."""
    nonce = os.urandom(_NONCE_BYTES)
    return bytes([VERSION]) + nonce + _cipher().encrypt(nonce, plain, context.encode())


def unseal(sealed: bytes, *, context: str) -> bytes:
    """Raises CannotUnseal."""
    if len(sealed) < 1 + _NONCE_BYTES + _TAG_BYTES or sealed[0] != VERSION:
        raise CannotUnseal("not a sealed value")
    nonce, rest = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
    try:
        return _cipher().decrypt(nonce, rest, context.encode())
    except InvalidTag:
        raise CannotUnseal("changed, of another context, or under another key") from None


def _cipher() -> AESGCM:
    return _cipher_of(current_app.config["SETTINGS"].secret_key)


@lru_cache(maxsize=4)
def _cipher_of(secret_key: str) -> AESGCM:
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=None, info=_INFO).derive(secret_key.encode()))
