"""Redis, asked with little patience: it may speed things up, so nobody waits for it and nothing fails with it.

Whatever goes wrong is None to the caller. After a failure Redis is left alone for a while, so that not every request
waits for it; what must be told all the same says how long it leaves it alone.
"""

import math
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from marketplace import metrics
from marketplace.logs import log

T = TypeVar("T")

PAUSE_MS: Final = 3_000
"""After a failure Redis is asked nothing for so long."""


def socket_options(patience_ms: int) -> dict[str, Any]:
    """How every client of ours connects: a bounded wait, and no second try of its own."""
    return {
        "socket_timeout": patience_ms / 1_000,
        "socket_connect_timeout": patience_ms / 1_000,
        "retry": Retry(NoBackoff(), 0),
    }


class Link:
    """One process's way to Redis, for any number of threads. Opens no connection before it is used."""

    def __init__(self, url: str, *, patience_ms: int) -> None:
        self._client = redis.Redis.from_url(url, decode_responses=True, **socket_options(patience_ms))
        self._failed_at = -math.inf

    def script(self, text: str) -> Callable[..., Any]:
        """A script that is called with `keys` and `args`, and loaded where it is missing; only within `run`."""
        return cast(Callable[..., Any], self._client.register_script(text))

    def run(self, work: Callable[[redis.Redis], T], *, pause_ms: int = PAUSE_MS) -> T | None:
        """The result of `work`; None when Redis failed, or did so within the last `pause_ms`."""
        if time.monotonic() < self._failed_at + pause_ms / 1_000:
            return None
        try:
            return work(self._client)
        except redis.ResponseError as problem:
            metrics.observe_redis_failure()
            log.warning("Redis refused a command", problem=str(problem))
        except Exception as problem:  # noqa: BLE001 (what answers there may answer anything; it is not the caller's trouble)
            self._failed_at = time.monotonic()
            metrics.observe_redis_failure()
            self.close()
            log.warning("Redis is left alone for a while", problem=f"{type(problem).__name__}: {problem}")
        return None

    def close(self) -> None:
        """Close the connections that nobody is using."""
        self._client.connection_pool.disconnect(inuse_connections=False)
