"""The fast path: the few doors that a rush goes through are served in front of Flask, when a request is plain.

Plain is what phones send: a known address, a small body in its usual form, a bearer token. Such a request passes the
same stations and the same use case and gets the same answer, without the many small objects in between. Whatever else
comes (another media type, a body that might be refused, a method that nobody expects) goes to Flask as it is, where
the door's own view reads it and says what is wrong with it. So the fast path never refuses a request for its form.
"""

import io
import re
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from flask import Flask, g

from marketplace import door, errors, idempotency, limits, problems, stations
from marketplace.context import Context
from marketplace.idempotency import Answer, Claim

Environ = dict[str, Any]
StartResponse = Callable[..., Any]

ID: Final = "{id}"
BODY_BYTES_MAX: Final = 4_096
"""A plain body is small; it is read before anybody knows whose it is."""
JSON: Final = "application/json"
ID_FORM: Final = "([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
"""An id as phones send it, in an address or a body."""
_BEARER: Final = re.compile(r"Bearer ([A-Za-z0-9._~+/-]+)")
_STATUS_LINES: Final = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """A request of the plain form; `environ` is WSGI's."""

    method: str
    path: str
    query: str
    ids: tuple[uuid.UUID, ...]
    body: bytes
    token: str | None
    environ: Environ

    def header(self, name: str) -> str | None:
        """The value of a header field by its WSGI name, such as HTTP_IF_NONE_MATCH."""
        value = self.environ.get(name)
        return None if value is None else str(value)

    @property
    def key(self) -> str | None:
        """The Idempotency-Key, if it is one."""
        key = self.header("HTTP_IDEMPOTENCY_KEY") or ""
        return key if idempotency.is_well_formed(key) else None

    def claim_of(self, ctx: Context, key: str) -> Claim:
        """What this request claims, now that it is known who asks."""
        return idempotency.claim_of(
            ctx, key, method=self.method, address=f"{self.path}?{self.query}", body=self.body
        )


Serve = Callable[[Context], Answer]


@dataclass(frozen=True, slots=True, kw_only=True)
class FastDoor:
    """A door that is served here as well: `endpoint` is the view that serves it otherwise."""

    method: str
    path: str
    """With `{id}` for each id in it."""
    endpoint: str
    read: Callable[[Plain], Serve | None]
    """What serves this request; None when it is not plain enough. Pure: nobody was asked yet who calls."""
    lets_in_itself: bool = False
    """What serves is given nobody's context, and finds out by the token who calls: for many callers at once."""
    takes_body: bool = True
    """Only for what is not a GET: without, a request is plain when it has neither a body nor says of what type."""


class FastPath:
    """WSGI in front of Flask's own: `app.wsgi_app = FastPath(app, doors)`."""

    def __init__(self, app: Flask, doors: Iterable[FastDoor]) -> None:
        self._app = app
        self._usual = app.wsgi_app
        self._doors: dict[tuple[str, int], list[tuple[re.Pattern[str], FastDoor]]] = {}
        for each in doors:
            form = re.compile(re.escape(each.path).replace(re.escape(ID), ID_FORM))
            self._doors.setdefault((each.method, each.path.count("/")), []).append((form, each))

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        for form, each in self._doors.get((environ["REQUEST_METHOD"], environ["PATH_INFO"].count("/")), ()):
            plain = _plain(form, environ, takes_body=each.takes_body)
            serve = plain and each.read(plain)
            if plain and serve:
                with self._app.app_context():
                    return _answered(each, plain, serve, start_response)
        return self._usual(environ, start_response)


def _plain(form: re.Pattern[str], environ: Environ, *, takes_body: bool) -> Plain | None:
    """The request, if it asks for an address of this form, and is plain so far."""
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    found = form.fullmatch(path)
    if found is None or environ.get("SCRIPT_NAME"):
        return None
    authorization = environ.get("HTTP_AUTHORIZATION")
    bearer = None if authorization is None else _BEARER.fullmatch(authorization)
    if authorization is not None and bearer is None:
        return None
    body = b"" if method == "GET" else _body(environ) if takes_body else _no_body(environ)
    if body is None:
        return None
    return Plain(
        method=method,
        path=path,
        query=environ.get("QUERY_STRING", ""),
        ids=tuple(map(uuid.UUID, found.groups())),
        body=body,
        token=bearer and bearer[1],
        environ=environ,
    )


def _body(environ: Environ) -> bytes | None:
    """A small JSON body of a told length; whoever serves the request can read it again."""
    length = environ.get("CONTENT_LENGTH") or ""
    if (
        environ.get("CONTENT_TYPE") != JSON
        or "HTTP_CONTENT_ENCODING" in environ
        or "HTTP_TRANSFER_ENCODING" in environ
        or not (length.isascii() and length.isdecimal() and len(length) < 5)
        or not 0 < int(length) <= BODY_BYTES_MAX
    ):
        return None
    try:
        body = bytes(environ["wsgi.input"].read(int(length)))
    except OSError:
        body = b""
    environ["wsgi.input"] = io.BytesIO(body)
    return body if len(body) == int(length) else None


def _no_body(environ: Environ) -> bytes | None:
    """What a request without a body has in it."""
    is_empty = environ.get("CONTENT_LENGTH", "") in ("", "0") and not environ.get("CONTENT_TYPE")
    is_told = "HTTP_CONTENT_ENCODING" in environ or "HTTP_TRANSFER_ENCODING" in environ
    return b"" if is_empty and not is_told else None


def _answered(fast: FastDoor, plain: Plain, serve: Serve, start_response: StartResponse) -> list[bytes]:
    started = time.perf_counter_ns()
    environ = plain.environ
    ctx = g.context = stations.arrived(
        request_id=environ.get("HTTP_X_REQUEST_ID", ""),
        language=environ.get("HTTP_ACCEPT_LANGUAGE", ""),
        address=environ.get("REMOTE_ADDR"),
    )
    request_id = g.request_id = ctx.request_id
    try:
        limits.check_address(ctx.address)
        if not fast.lets_in_itself:
            ctx = stations.let_in(ctx, plain.token, endpoint=fast.endpoint)
        answer = serve(ctx)
    except errors.Refusal as refusal:
        answer = door.refused(refusal, g.context)
    except Exception as failure:  # noqa: BLE001 (what Flask would hand to the same function)
        answer = _unforeseen(failure)
    ctx = g.context
    body = answer.body.encode()
    headers = _headers(answer, body)
    given = {name.lower() for name, _ in headers}
    if answer.status == HTTPStatus.NOT_MODIFIED:
        given.add("content-language")  # without a body there is nothing in a language
    headers += stations.more_headers(given, ctx, request_id)
    stations.told(
        method=plain.method,
        endpoint=fast.endpoint,
        path=plain.path,
        status=answer.status,
        ctx=ctx,
        request_id=request_id,
        started=started,
    )
    start_response(_STATUS_LINES[answer.status], headers)
    return [body]


def _unforeseen(failure: Exception) -> Answer:
    response = problems.unforeseen_response(failure)
    headers = {name: value for name, value in response.headers.items() if name != "Content-Length"}
    return Answer(status=response.status_code, body=response.get_data(as_text=True), headers=headers)


def _headers(answer: Answer, body: bytes) -> list[tuple[str, str]]:
    headers = dict(answer.headers)
    if answer.status != HTTPStatus.NOT_MODIFIED:
        headers.setdefault("Content-Type", JSON)
        headers["Content-Length"] = str(len(body))
    if answer.replayed:
        headers["Idempotent-Replayed"] = "true"
    return list(headers.items())
