"""How often somebody may call: counted in Redis over all processes, or in this process when there is none.

A limit protects, it must never break: while Redis is away each process counts for itself.
"""

import math
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, Final, Literal, TypeVar, cast

import limits as counting
from flask import Flask, current_app, request
from limits.errors import StorageError
from limits.storage import MemoryStorage, Storage, storage_from_string
from limits.strategies import SlidingWindowCounterRateLimiter

from marketplace import context, errors, redis_link
from marketplace.context import ANONYMOUS
from marketplace.logs import log
from marketplace.settings import Settings

View = TypeVar("View", bound=Callable[..., Any])
Per = Literal["address", "actor"] | Callable[..., str]

GENERAL: Final = "600 per minute"
"""For one address, over the whole API."""
EXEMPT: Final = frozenset({"shell.healthz", "shell.readyz", "shell.metrics_page"})
REDIS_PATIENCE_MS: Final = 250
REDIS_PAUSE_SECONDS: Final = 5.0
"""After a failure Redis is left alone for so long, so that not every request waits for it."""


class Counts:
    """Takes from the limits of everybody; falls back to this process's own memory without Redis."""

    def __init__(self, redis_url: str | None) -> None:
        self._own = SlidingWindowCounterRateLimiter(cast(Any, MemoryStorage()))
        self._shared = SlidingWindowCounterRateLimiter(cast(Any, _redis(redis_url))) if redis_url else None
        self._shared_again_at = 0.0

    def take(self, limit: counting.RateLimitItem, *who: str) -> int | None:
        """Count one call; answers the seconds to wait when it is one too many."""
        if self._shared is not None and time.monotonic() >= self._shared_again_at:
            try:
                return _take(self._shared, limit, *who)
            except StorageError as problem:
                self._shared_again_at = time.monotonic() + REDIS_PAUSE_SECONDS
                log.warning("limits are counted in this process: Redis is away", problem=str(problem))
        return _take(self._own, limit, *who)


def configure(app: Flask, settings: Settings) -> None:
    """Opens no connection."""
    app.extensions["limits"] = Counts(settings.redis_url) if settings.rate_limits_enabled else None
    app.extensions["limits_general"] = counting.parse(GENERAL)
    app.before_request(check_general)


def check_general() -> None:
    """The limit of every address over the whole API; watchers of the process are free of it."""
    if request.endpoint not in EXEMPT:
        _check(current_app.extensions["limits_general"], "general", _address())


def limited(rate: str, *, per: Per = "address") -> Callable[[View], View]:
    """Refuse a view's calls beyond `rate` ("10 per minute") with TooMany.

    `per`: the caller's address, the actor (the address for who is not logged in), or what a function answers for
    the view's own arguments. Stands below the route and above `writes`; with a function that looks at the body
    below `arguments`.
    """
    limit = counting.parse(rate)

    def decorate(view: View) -> View:
        @wraps(view)
        def edge(*args: Any, **kwargs: Any) -> Any:
            if per == "address":
                who = _address()
            elif per == "actor":
                who = _actor()
            else:
                who = per(*args, **kwargs)
            _check(limit, request.endpoint or view.__name__, who)
            return view(*args, **kwargs)

        return cast(View, edge)

    return decorate


def _check(limit: counting.RateLimitItem, *who: str) -> None:
    counts: Counts | None = current_app.extensions["limits"]
    seconds = counts.take(limit, *who) if counts is not None else None
    if seconds is not None:
        raise errors.TooMany(retry_after_seconds=seconds)


def _take(strategy: SlidingWindowCounterRateLimiter, limit: counting.RateLimitItem, *who: str) -> int | None:
    if strategy.hit(limit, *who):
        return None
    return max(1, math.ceil(strategy.get_window_stats(limit, *who).reset_time - time.time()))


def _redis(url: str) -> Storage:
    made = storage_from_string(
        url.replace("unix://", "redis+unix://", 1),
        wrap_exceptions=True,
        **redis_link.socket_options(REDIS_PATIENCE_MS),
    )
    return cast(Storage, made)


def _address() -> str:
    return request.remote_addr or "unknown"


def _actor() -> str:
    actor = context.current().actor
    return _address() if actor is ANONYMOUS else actor.label
