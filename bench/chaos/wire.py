"""HTTP as a shopper's phone speaks it: one connection for each caller, an address of its own, and no second try."""

import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

PATIENCE_SECONDS: Final = 15
IDLE_SECONDS_MAX: Final = 3.0
"""The server closes a line that was idle for 5 s; who would speak just then is not one of our faults."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back; `status` is None when nothing did, and `error` says why."""

    sent: float
    answered: float
    status: int | None
    headers: Mapping[str, str]
    body: dict[str, Any] | None
    error: str | None = None


class Line:
    """One connection to the server, made anew whenever it broke. For one thread."""

    def __init__(self, host: str, port: int) -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=PATIENCE_SECONDS)
        self._used_at = 0.0

    def get(self, path: str, *, token: str, address: str) -> Answer:
        """Look once."""
        return self._send("GET", path, {"Authorization": f"Bearer {token}", "X-Forwarded-For": address})

    def post(
        self,
        path: str,
        *,
        token: str,
        key: str,
        address: str,
        body: Any = None,
        hang_up_after: float | None = None,
    ) -> Answer:
        """Send once. With `hang_up_after` the caller leaves so many seconds later, whatever is on its way."""
        headers = {
            "Authorization": f"Bearer {token}",
            "Idempotency-Key": key,
            "X-Forwarded-For": address,
            **({} if body is None else {"Content-Type": "application/json"}),
        }
        text = None if body is None else json.dumps(body)
        return self._send("POST", path, headers, text, hang_up_after)

    def _send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        text: str | None = None,
        hang_up_after: float | None = None,
    ) -> Answer:
        if time.time() - self._used_at > IDLE_SECONDS_MAX:
            self.close()
        sent = time.time()
        try:
            self._connection.request(method, path, body=text, headers=headers)
            if hang_up_after is not None:
                time.sleep(hang_up_after)
                self.close()
                return _nothing(sent, "hung up")
            response = self._connection.getresponse()
            raw = response.read()
        except (OSError, http.client.HTTPException) as problem:
            self.close()
            return _nothing(sent, type(problem).__name__)
        answered = self._used_at = time.time()
        return Answer(
            sent=sent,
            answered=answered,
            status=response.status,
            headers={name.lower(): value for name, value in response.getheaders()},
            body=_parsed(raw),
        )

    def close(self) -> None:
        self._connection.close()


def address_of(number: int) -> str:
    """A private address for each caller, so that limits for one address do not meet all of them."""
    return f"10.{number // 65_536 % 256}.{number // 256 % 256}.{number % 256}"


def _nothing(sent: float, error: str) -> Answer:
    return Answer(sent=sent, answered=time.time(), status=None, headers={}, body=None, error=error)


def _parsed(raw: bytes) -> dict[str, Any] | None:
    try:
        body = json.loads(raw)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None
