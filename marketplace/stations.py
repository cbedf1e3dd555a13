"""The stations every request passes, in this order: request id, language, limits, credentials, access; the view.

After it: security header fields, the request id echoed, one log line, one metric. What each station does is said in
plain values, so that the fast path passes the very same ones.
"""

import re
import time
from functools import lru_cache
from typing import Final

from flask import Flask, Response, g, request
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from marketplace import context, errors, limits, logs, metrics
from marketplace.access import ACCESS
from marketplace.context import ANONYMOUS, Actor, Context
from marketplace.identity import arrivals
from marketplace.language import DEFAULT, LANGUAGES, Language
from marketplace.settings import Settings
from marketplace.values import new_id

REQUEST_ID_HEADER: Final = "X-Request-Id"
_REQUEST_ID_FORM: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")

FIXED_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
DEFAULT_HEADERS: Final = {"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"}
"""Unless a page says what it loads."""

USUAL_LENGTH_MAX: Final = 200
"""A longer Accept-Language is read afresh each time, so that nobody fills the memory with his own."""


def configure(app: Flask, settings: Settings) -> None:
    app.before_request(arrive)
    limits.configure(app, settings)
    app.before_request(check_access)
    app.after_request(leave)


def arrive() -> None:
    """Fix who, when, under which id and in which language, before anything else looks."""
    g.started = time.perf_counter_ns()
    headers = request.headers
    g.context = arrived(
        request_id=headers.get(REQUEST_ID_HEADER, ""),
        language=headers.get("Accept-Language", ""),
        address=request.remote_addr,
    )
    g.request_id = g.context.request_id


def arrived(*, request_id: str, language: str, address: str | None) -> Context:
    """The context of a request of nobody yet, from what it says of itself."""
    return Context(
        actor=ANONYMOUS,
        now=context.now_utc(),
        request_id=request_id if _REQUEST_ID_FORM.fullmatch(request_id) else str(new_id()),
        language=language_of(language),
        address=address,
    )


def check_access() -> None:
    """Find the actor, then ask the one table; an operation without an entry is refused for everybody."""
    if request.endpoint is None:
        return
    let_in(g.context, _token(), endpoint=request.endpoint)


def let_in(ctx: Context, token: str | None, *, endpoint: str) -> Context:
    """From here on the context has the actor that the token stands for; raises Unauthenticated, Forbidden."""
    if token is not None:
        ctx = g.context = known(ctx, arrivals.authenticate(token, now=ctx.now))
    check_entry(ctx, endpoint=endpoint)
    return ctx


def known(ctx: Context, actor: Actor) -> Context:
    """The context, now that it is known who acts."""
    return Context(
        actor=actor, now=ctx.now, request_id=ctx.request_id, language=ctx.language, address=ctx.address
    )


def check_entry(ctx: Context, *, endpoint: str) -> None:
    """Raises Unauthenticated, Forbidden: what has no entry in the access table is refused for everybody."""
    access = ACCESS.get(endpoint)
    if access is None or not access.allows(ctx.actor.roles, ctx.actor.scopes):
        raise errors.Unauthenticated if ctx.actor is ANONYMOUS else errors.Forbidden


def _token() -> str | None:
    if "Authorization" not in request.headers:
        return None
    credentials = request.authorization
    if credentials is None or credentials.type != "bearer" or not credentials.token:
        raise errors.Unauthenticated
    return credentials.token


def language_of(asked: str) -> Language:
    """The first of ours among what `Accept-Language` asks for, best first; a region (`en-GB`, `zh-TW`) counts as
    its language."""
    if not asked:
        return DEFAULT
    return _usual_language(asked) if len(asked) <= USUAL_LENGTH_MAX else _language(asked)


def _language(asked: str) -> Language:
    for tag, quality in parse_accept_header(asked, LanguageAccept):
        primary = tag.lower().partition("-")[0]
        for language in LANGUAGES:
            if quality > 0 and primary == language:
                return language
    return DEFAULT


_usual_language: Final = lru_cache(maxsize=1_000)(_language)
"""Phones of one kind all ask in the same words."""


def leave(response: Response) -> Response:
    ctx: Context | None = g.get("context")
    request_id: str = g.get("request_id", "")
    headers = response.headers
    headers.extend(more_headers({name.lower() for name in headers.keys()}, ctx, request_id))  # noqa: SIM118
    told(
        method=request.method,
        endpoint=request.endpoint,
        path=request.path,
        status=response.status_code,
        ctx=ctx,
        request_id=request_id,
        started=g.get("started"),
    )
    return response


def told(
    *,
    method: str,
    endpoint: str | None,
    path: str,
    status: int,
    ctx: Context | None,
    request_id: str,
    started: int | None,
) -> None:
    """One metric and one line in the log for a request that is answered; `started`: by `time.perf_counter_ns`."""
    seconds = 0 if started is None else (time.perf_counter_ns() - started) / 1_000_000_000
    metrics.observe_request(method, endpoint or "unknown", status, seconds)
    logs.request(
        method=method,
        route=endpoint,
        path=path,
        status=status,
        milliseconds=round(seconds * 1_000, 1),
        actor=ctx.actor.label if ctx is not None else None,
        request_id=request_id or None,
    )


def more_headers(given: set[str], ctx: Context | None, request_id: str) -> list[tuple[str, str]]:
    """What an answer carries beside the header fields that the view has `given` it, in lower case."""
    more = [*FIXED_HEADERS.items(), (REQUEST_ID_HEADER, request_id)]
    more += [(name, value) for name, value in DEFAULT_HEADERS.items() if name.lower() not in given]
    if ctx is not None:
        more.append(("Vary", "Accept-Language"))
        if "content-language" not in given:
            more.append(("Content-Language", ctx.language))
        if ctx.actor is not ANONYMOUS and "cache-control" not in given:
            more.append(("Cache-Control", "private, no-store"))
    return more
