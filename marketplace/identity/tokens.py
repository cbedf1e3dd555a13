"""Opaque random tokens: the clear text is shown once, the database keeps a digest."""

import hashlib
import secrets
from typing import Final

SERVICE_PREFIX: Final = "svc_"
_BYTES: Final = 32


def new_session_token() -> str:
    return secrets.token_urlsafe(_BYTES)


def new_service_key() -> str:
    return SERVICE_PREFIX + secrets.token_urlsafe(_BYTES)


def is_service_key(token: str) -> bool:
    return token.startswith(SERVICE_PREFIX)


def digest(token: str) -> bytes:
    """Plain SHA-256 is enough for 256 random bits, and quick enough for every request."""
    return hashlib.sha256(token.encode()).digest()
