"""Secrets and signatures by Standard Webhooks: HMAC-SHA256 over id, timestamp and body. Pure."""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Final

PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32
VERSION: Final = "v1"


def secret_text(key: bytes) -> str:
    """A secret as its owner is shown it."""
    return PREFIX + base64.b64encode(key).decode()


def headers(message_id: str, timestamp: int, body: bytes, keys: Iterable[bytes]) -> Mapping[str, str]:
    """The three fields; one signature for each key, separated by spaces."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    signatures = [f"{VERSION},{_signature(key, signed)}" for key in keys]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
        "Content-Type": "application/json",
    }


def _signature(key: bytes, signed: bytes) -> str:
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
