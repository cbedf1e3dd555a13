"""How often somebody may call: counted in Redis over all processes, or in this process when there is none.

A limit protects, it must never break: while Redis is away each process counts for itself. The general limit is
for crowds: a process tells Redis of every few calls of an address at once, so that most calls need no round trip.
"""

import math
import threading
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, Final, Literal, TypeVar, cast

import limits as counting
from flask import Flask, current_app, request
from limits.errors import StorageError
from limits.storage import Storage, storage_from_string
from limits.strategies import SlidingWindowCounterRateLimiter

from marketplace import context, errors, redis_link
from marketplace.context import ANONYMOUS
from marketplace.logs import log
from marketplace.settings import Settings
from marketplace.window import CALLERS_MAX, Calls

View = TypeVar("View", bound=Callable[..., Any])
Per = Literal["address", "actor"] | Callable[..., str]

GENERAL: Final = "600 per minute"
"""For one address, over the whole API."""
EXEMPT: Final = frozenset({"shell.healthz", "shell.readyz", "shell.metrics_page", "provider_events.take_in"})
"""Watchers of the process, and a door with a limit of its own."""
REDIS_PATIENCE_MS: Final = 250
REDIS_PAUSE_NANOSECONDS: Final = 5_000_000_000
"""After a failure Redis is left alone for so long, so that not every request waits for it."""


UNKNOWN: Final = "unknown"
"""The address of who has none, such as a peer on a socket of this machine."""

TELLS_IN_A_LIMIT: Final = 60
"""How often a process tells Redis of a caller until its limit is used up: of 600 calls, every tenth time."""


class Counts:
    """Takes from the limits of everybody; falls back to this process's own memory without Redis."""

    def __init__(self, redis_url: str | None) -> None:
        self._own: dict[counting.RateLimitItem, Calls] = {}
        self._shared = SlidingWindowCounterRateLimiter(cast(Any, _redis(redis_url))) if redis_url else None
        self._shared_lock = threading.Lock()
        self._shared_again_at: int | None = None
        """When one call may try Redis again, while it is away; in nanoseconds of this process's clock."""
        self._untold = _Untold()

    def take(self, limit: counting.RateLimitItem, *who: str) -> int | None:
        """Count one call; answers the seconds to wait when it is one too many."""
        return self._take_shared(limit, who, calls=1) if self._is_shared() else self._take_own(limit, who)

    def take_roughly(self, limit: counting.RateLimitItem, *who: str) -> int | None:
        """The same; of each process a few calls may not be known yet to the others."""
        if not self._is_shared():
            return self._take_own(limit, who)
        calls = self._untold.add(who, enough=_enough(limit))
        if calls is None:
            return None
        wait = self._take_shared(limit, who, calls=calls)
        if wait is not None:
            self._untold.keep(who, calls - 1)
        return wait

    def must_tell(self, limit: counting.RateLimitItem, *who: str) -> bool:
        """Whether `take_roughly` has to tell Redis of this caller's next call."""
        return self._is_shared() and self._untold.calls_of(who) + 1 >= _enough(limit)

    def _is_shared(self) -> bool:
        again_at = self._shared_again_at
        return self._shared is not None and (again_at is None or time.monotonic_ns() >= again_at)

    def _may_try_shared(self) -> bool:
        """While Redis is away one call tries after each pause; the others go on without, however long that takes."""
        if self._shared_again_at is None:
            return True
        with self._shared_lock:
            now = time.monotonic_ns()
            if self._shared_again_at is not None and now < self._shared_again_at:
                return False
            self._shared_again_at = now + REDIS_PAUSE_NANOSECONDS
            return True

    def _take_shared(self, limit: counting.RateLimitItem, who: tuple[str, ...], *, calls: int) -> int | None:
        assert self._shared is not None
        if not self._may_try_shared():
            return self._take_own(limit, who)
        try:
            wait = _take(self._shared, limit, who, calls)
        except StorageError as problem:
            self._shared_again_at = time.monotonic_ns() + REDIS_PAUSE_NANOSECONDS
            log.warning("limits are counted in this process: Redis is away", problem=str(problem))
            return self._take_own(limit, who)
        self._shared_again_at = None
        return wait

    def _take_own(self, limit: counting.RateLimitItem, who: tuple[str, ...]) -> int | None:
        calls = self._own.get(limit) or self._own.setdefault(limit, Calls(limit.amount, limit.get_expiry()))
        return calls.take("\0".join(who))


def _enough(limit: counting.RateLimitItem) -> int:
    """After so many calls of one caller Redis is told of them."""
    return max(1, limit.amount // TELLS_IN_A_LIMIT)


class _Untold:
    """Calls that Redis does not know of yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: dict[tuple[str, ...], int] = {}

    def add(self, who: tuple[str, ...], *, enough: int) -> int | None:
        """One more; answers how many to tell of when they are enough, and forgets them."""
        with self._lock:
            calls = self._calls.pop(who, 0) + 1
            if calls >= enough:
                return calls
            if len(self._calls) >= CALLERS_MAX:
                self._calls.clear()
            self._calls[who] = calls
            return None

    def calls_of(self, who: tuple[str, ...]) -> int:
        return self._calls.get(who, 0)

    def keep(self, who: tuple[str, ...], calls: int) -> None:
        """They were too many: the next call asks again."""
        with self._lock:
            self._calls[who] = calls


def configure(app: Flask, settings: Settings) -> None:
    """Opens no connection."""
    app.extensions["limits"] = Counts(settings.redis_url) if settings.rate_limits_enabled else None
    app.extensions["limits_general"] = counting.parse(GENERAL)
    app.before_request(check_general)


def check_general() -> None:
    """The limit of every address over the whole API; watchers of the process are free of it."""
    if request.endpoint not in EXEMPT:
        check_address(request.remote_addr)


def check_address(address: str | None) -> None:
    """Count one call of the address over the whole API; raises TooMany."""
    counts: Counts | None = current_app.extensions["limits"]
    if counts is not None:
        limit = current_app.extensions["limits_general"]
        _refuse_if(counts.take_roughly(limit, "general", address or UNKNOWN))


def must_tell(app: Flask, address: str | None) -> bool:
    """Whether `check_address` would have to wait for Redis, unless the address calls elsewhere in between."""
    counts: Counts | None = app.extensions["limits"]
    return counts is not None and counts.must_tell(
        app.extensions["limits_general"], "general", address or UNKNOWN
    )


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


def count(limit: counting.RateLimitItem, *who: str) -> None:
    """Count one call that only the view knows of. Raises TooMany."""
    _check(limit, *who)


def _check(limit: counting.RateLimitItem, *who: str) -> None:
    counts: Counts | None = current_app.extensions["limits"]
    if counts is not None:
        _refuse_if(counts.take(limit, *who))


def _refuse_if(seconds: int | None) -> None:
    if seconds is not None:
        raise errors.TooMany(retry_after_seconds=seconds)


def _take(
    strategy: SlidingWindowCounterRateLimiter, limit: counting.RateLimitItem, who: tuple[str, ...], calls: int
) -> int | None:
    if strategy.hit(limit, *who, cost=calls):
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
    return request.remote_addr or UNKNOWN


def _actor() -> str:
    actor = context.current().actor
    return _address() if actor is ANONYMOUS else actor.label
