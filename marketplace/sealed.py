"""What is stored so that who reads the database alone cannot read it: AES-256-GCM under keys made from SECRET_KEY.

A sealed text is one byte of version, four that tell which key, twelve of nonce, then the ciphertext with its tag. Its
`context` says whose and what it is: moved to another row or column, it does not open.
"""

import secrets
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import current_app

from marketplace.settings import Settings

_VERSION: Final = b"\x01"
_MARK_BYTES: Final = 4
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_HEAD_BYTES: Final = len(_VERSION) + _MARK_BYTES + _NONCE_BYTES
OVERHEAD_BYTES: Final = _HEAD_BYTES + _TAG_BYTES
"""By so much a sealed text is longer than the plain one."""


class SealBroken(Exception):
    """It was changed, belongs elsewhere, or was sealed under a key that is not known any more."""


def seal(plain: bytes, *, context: str) -> bytes:
    """Never the same twice, for a nonce is drawn each time."""
    mark, key = _keys()[0]
    head = _VERSION + mark + secrets.token_bytes(_NONCE_BYTES)
    return head + AESGCM(key).encrypt(head[-_NONCE_BYTES:], plain, _bound(head, context))


def unseal(sealed: bytes, *, context: str) -> bytes:
    """What was sealed under this context, with today's key or the one before. Raises SealBroken."""
    head, rest = sealed[:_HEAD_BYTES], sealed[_HEAD_BYTES:]
    if len(sealed) < OVERHEAD_BYTES or not head.startswith(_VERSION):
        raise SealBroken
    for mark, key in _keys():
        if mark == _mark_of(sealed):
            try:
                return AESGCM(key).decrypt(head[-_NONCE_BYTES:], rest, _bound(head, context))
            except InvalidTag:
                continue
    raise SealBroken


def is_current(sealed: bytes) -> bool:
    """Whether it was sealed under today's key."""
    return _mark_of(sealed) == _keys()[0][0]


def _mark_of(sealed: bytes) -> bytes:
    return sealed[len(_VERSION) : len(_VERSION) + _MARK_BYTES]


def _bound(head: bytes, context: str) -> bytes:
    """What is not hidden and must not be changed either."""
    return head[:-_NONCE_BYTES] + context.encode()


def _keys() -> list[tuple[bytes, bytes]]:
    """Today's key first."""
    settings: Settings = current_app.config["SETTINGS"]
    return [_key_of(secret) for secret in (settings.secret_key, settings.secret_key_before) if secret]


@lru_cache(maxsize=8)
def _key_of(secret: str) -> tuple[bytes, bytes]:
    """A mark that tells nothing of the key, and the key."""
    derive = HKDF(algorithm=SHA256(), length=_MARK_BYTES + 32, salt=None, info=b"virtual-orchard/sealed/1")
    made = derive.derive(secret.encode())
    return made[:_MARK_BYTES], made[_MARK_BYTES:]
