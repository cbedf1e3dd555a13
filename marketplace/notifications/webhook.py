"""A message as a JSON POST to one address that the operator has set. Follows no redirect, reads no answer's body."""

import http.client
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from marketplace.notifications.failing import Uncertain, Undelivered

SECONDS: Final = 5

Post = Callable[[str, bytes, Mapping[str, str]], int]
"""Sends the body to the URL and answers the status. Raises Undelivered, Uncertain."""


def post_plainly(url: str, body: bytes, headers: Mapping[str, str]) -> int:
    """By http or https, with time-outs."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=SECONDS)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        try:
            connection.connect()
        except OSError as problem:
            raise Undelivered(f"webhook: {type(problem).__name__}") from None
        try:
            connection.request("POST", path, body=body, headers=dict(headers))
            return connection.getresponse().status
        except (OSError, http.client.HTTPException) as problem:
            raise Uncertain(f"webhook: {type(problem).__name__}") from None
    finally:
        connection.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    url: str
    token: str
    send: Post = post_plainly

    def post(self, document: dict[str, Any], *, key: str) -> None:
        """Raises Undelivered; Uncertain when no answer came. The key is the message's: who takes it may use it once."""
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": key,
            "User-Agent": "virtual-orchard",
        }
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        status = self.send(self.url, json.dumps(document, ensure_ascii=False).encode(), headers)
        if 200 <= status < 300:
            return
        raise Undelivered(f"webhook: {status}", is_final=400 <= status < 500 and status not in _TRY_AGAIN)


_TRY_AGAIN: Final = frozenset({408, 425, 429})
