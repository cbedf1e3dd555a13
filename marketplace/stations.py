"""The stations every request passes, in this order: request id, language, limits, credentials, access; the view.

After it: security header fields, the request id echoed, one log line, one metric.
"""

import re
import time
from typing import Final

from flask import Flask, Response, g, request

from marketplace import context, errors, limits, metrics
from marketplace.access import ACCESS
from marketplace.context import ANONYMOUS, Actor, Context
from marketplace.identity import arrivals
from marketplace.language import DEFAULT, LANGUAGES, Language
from marketplace.logs import log
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


def configure(app: Flask, settings: Settings) -> None:
    app.before_request(arrive)
    limits.configure(app, settings)
    app.before_request(check_access)
    app.after_request(leave)


def arrive() -> None:
    """Fix who, when, under which id and in which language, before anything else looks."""
    g.started = time.perf_counter()
    given = request.headers.get(REQUEST_ID_HEADER, "")
    g.request_id = given if _REQUEST_ID_FORM.fullmatch(given) else str(new_id())
    g.context = Context(
        actor=ANONYMOUS,
        now=context.now_utc(),
        request_id=g.request_id,
        language=language_of_request(),
        address=request.remote_addr,
    )


def check_access() -> None:
    """Find the actor, then ask the one table; an operation without an entry is refused for everybody."""
    if request.endpoint is None:
        return
    access = ACCESS.get(request.endpoint)
    actor = _actor()
    if actor is not ANONYMOUS:
        before: Context = g.context
        g.context = Context(
            actor=actor,
            now=before.now,
            request_id=before.request_id,
            language=before.language,
            address=before.address,
        )
    if access is None or not access.allows(actor.roles, actor.scopes):
        raise errors.Unauthenticated if actor is ANONYMOUS else errors.Forbidden


def _actor() -> Actor:
    credentials = request.authorization
    if "Authorization" not in request.headers:
        return ANONYMOUS
    if credentials is None or credentials.type != "bearer" or not credentials.token:
        raise errors.Unauthenticated
    return arrivals.authenticate(credentials.token, now=context.current().now)


def language_of_request() -> Language:
    """The first of ours among what is asked for, best first; a region (`en-GB`, `zh-TW`) counts as its language."""
    for tag, quality in request.accept_languages:
        primary = tag.lower().partition("-")[0]
        for language in LANGUAGES:
            if quality > 0 and primary == language:
                return language
    return DEFAULT


def leave(response: Response) -> Response:
    headers = response.headers
    headers.extend(FIXED_HEADERS)
    for name, value in DEFAULT_HEADERS.items():
        headers.setdefault(name, value)
    headers.add(REQUEST_ID_HEADER, g.get("request_id", ""))
    ctx = g.get("context")
    if ctx is not None:
        headers.setdefault("Content-Language", ctx.language)
        headers.add("Vary", "Accept-Language")
    if ctx is not None and ctx.actor is not ANONYMOUS:
        headers.setdefault("Cache-Control", "private, no-store")
    seconds = time.perf_counter() - g.get("started", time.perf_counter())
    metrics.observe_request(request.method, request.endpoint or "unknown", response.status_code, seconds)
    log.info(
        "request",
        method=request.method,
        route=request.endpoint,
        path=request.path,
        status=response.status_code,
        milliseconds=round(seconds * 1_000, 1),
        actor=ctx.actor.label if ctx is not None else None,
        request_id=g.get("request_id"),
    )
    return response
