"""The fast path: the few doors that a rush goes through are served in front of Flask, when a request is plain.

Plain is what phones send: a known address, a small body in its usual form, a bearer token. Such a request passes the
same stations and the same use case and gets the same answer, without the many small objects in between. Whatever else
comes (another media type, a body that might be refused, a method that nobody expects) goes to Flask as it is, where
the door's own view reads it and says what is wrong with it. So the fast path never refuses a request for its form.

Requests are served in steps (`marketplace.steps`), so that a server may take many through in one thread (`pass_all`).
"""

import io
import re
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, cast

from flask import Flask, Response, g

from marketplace import door, errors, idempotency, limits, pages, problems, stations, steps
from marketplace.context import Context
from marketplace.idempotency import Answer, Claim
from marketplace.steps import Joining, Step, Steps
from marketplace.together import Outcome

Environ = dict[str, Any]
StartResponse = Callable[..., Any]

ID: Final = "{id}"
BODY_BYTES_MAX: Final = 4_096
"""A plain body is small; it is read before anybody knows whose it is."""
JSON: Final = "application/json"
TEXT: Final = "{text}"
TEXT_FORM: Final = "([A-Za-z0-9_-]{1,40})"
"""A number or a name in an address; its door looks at it more closely."""
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
    texts: tuple[str, ...]
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


Serve = Callable[[Context], Steps[Answer]]
PASSAGES: Final = "virtual_orchard.passages"
"""Of an environ: a list. Whoever put it there takes the passage of a plain request out of it and drives it on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FastDoor:
    """A door that is served here as well: `endpoint` is the view that serves it otherwise."""

    method: str
    path: str
    """With `{id}` for each id in it, or `{text}` for each plain text."""
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
            form = re.compile(
                re.escape(each.path).replace(re.escape(ID), ID_FORM).replace(re.escape(TEXT), TEXT_FORM)
            )
            self._doors.setdefault((each.method, each.path.count("/")), []).append((form, each))
        app.extensions["fast_path"] = self

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        passages: list[Passage] | None = environ.pop(PASSAGES, None)
        for form, each in self._doors.get((environ["REQUEST_METHOD"], environ["PATH_INFO"].count("/")), ()):
            plain = _plain(form, environ, each)
            serve = plain and each.read(plain)
            if plain and serve:
                passage = Passage(self._app, each, plain, serve)
                if passages is not None:
                    passages.append(passage)
                    return ()
                return _answered(passage, start_response)
        return () if passages is not None else self._usual(environ, start_response)

    def knows(self, method: str, path: str) -> bool:
        """Whether there is a fast door of this address."""
        return any(form.fullmatch(path) for form, _ in self._doors.get((method, path.count("/")), ()))


class Passage:
    """A plain request on its way through the stations to its answer: started, driven step by step, finished.

    Each call stands in an application context, which many passages may share; another thread may make the next one.
    """

    def __init__(self, app: Flask, fast: FastDoor, plain: Plain, serve: Serve) -> None:
        self.app = app
        self.fast = fast
        self.waits_for: Step | None = None
        """What it waits for before it can go on; None before its start and once it has its answer."""
        self._plain = plain
        self._serve = serve
        self.is_started = False
        self._started = 0
        self._ctx: Context
        self._steps: Steps[Answer]
        self._answer: Answer
        self._asked = (plain.path, plain.header("HTTP_ACCEPT") or "")

    @property
    def asks_nobody_first(self) -> bool:
        """Whether its start needs nobody's answer: it neither says who calls, nor must Redis be told of its caller."""
        address = self._plain.environ.get("REMOTE_ADDR")
        return self._plain.token is None and not limits.must_tell(self.app, address)

    def start(self) -> None:
        """Passes the stations before the view and takes its first steps, up to where it must wait."""
        self.is_started, self._started = True, time.perf_counter_ns()
        environ = self._plain.environ
        g.asked = self._asked
        self._ctx = g.context = stations.arrived(
            request_id=environ.get("HTTP_X_REQUEST_ID", ""),
            language=environ.get("HTTP_ACCEPT_LANGUAGE", ""),
            address=environ.get("REMOTE_ADDR"),
        )
        self._steps = self._way()
        self.go_on(None)

    def _way(self) -> Steps[Answer]:
        ctx = self._ctx
        limits.check_address(ctx.address)
        if not self.fast.lets_in_itself:
            ctx = stations.let_in(ctx, self._plain.token, endpoint=self.fast.endpoint)
        return (yield from self._serve(ctx))

    def go_on(self, outcome: Outcome[Any] | None) -> None:
        """Its next steps, after what it waited for."""
        g.context, g.request_id, g.asked = self._ctx, self._ctx.request_id, self._asked
        self.waits_for = None
        try:
            self.waits_for = steps.go_on(self._steps, outcome)
        except StopIteration as end:
            self._answer = end.value
        except errors.Refusal as refusal:
            self._answer = _refused(refusal)
        except Exception as failure:  # noqa: BLE001 (what Flask would hand to the same function)
            self._answer = _unforeseen(failure)
        self._ctx = g.context

    def wait_alone(self) -> None:
        """Goes on as long as it has to wait for something, in this thread."""
        while (step := self.waits_for) is not None:
            g.context, g.request_id = self._ctx, self._ctx.request_id
            outcome = step.run()
            self._ctx = g.context
            self.go_on(outcome)

    def finish(self) -> tuple[str, list[tuple[str, str]], bytes]:
        """Passes the stations after the view: the status line, header fields and body of its answer."""
        ctx, answer = self._ctx, self._answer
        body = answer.body.encode()
        headers = _headers(answer, body)
        given = {name.lower() for name, _ in headers}
        if answer.status == HTTPStatus.NOT_MODIFIED:
            given.add("content-language")  # without a body there is nothing in a language
        headers += stations.more_headers(given, ctx, ctx.request_id)
        stations.told(
            method=self._plain.method,
            endpoint=self.fast.endpoint,
            path=self._plain.path,
            status=answer.status,
            ctx=ctx,
            request_id=ctx.request_id,
            started=self._started,
        )
        return _STATUS_LINES[answer.status], headers, body


def _answered(passage: Passage, start_response: StartResponse) -> list[bytes]:
    with passage.app.app_context():
        passage.start()
        passage.wait_alone()
        status, headers, body = passage.finish()
    start_response(status, headers)
    return [body]


def pass_all(
    passages: Sequence[Passage],
    *,
    done: Callable[[Passage], None],
    alone: Callable[[Passage], None],
) -> None:
    """Take requests of one app to their answers in this thread: who waits for the same is asked for at once.

    `done` is called with each that has its answer, `alone` with each that needs long by itself: it is to be driven on
    elsewhere, by `pass_alone`.
    """
    waiting = list(passages)
    with waiting[0].app.app_context():
        for each in waiting:
            if not each.is_started:
                each.start()
        while waiting:
            asking: dict[int, list[Passage]] = {}
            for each in waiting:
                step = each.waits_for
                if step is None:
                    done(each)
                elif isinstance(step, Joining):
                    asking.setdefault(id(step.together), []).append(each)
                else:
                    alone(each)
            waiting = [each for together in asking.values() for each in together]
            for together in asking.values():
                _ask_all(together)


def _ask_all(passages: Sequence[Passage]) -> None:
    asked = [cast(Joining, each.waits_for) for each in passages]
    outcomes = asked[0].together.ask_all([each.asked for each in asked])
    for each, outcome in zip(passages, outcomes, strict=True):
        each.go_on(outcome)


def pass_alone(passage: Passage, done: Callable[[Passage], None]) -> None:
    """Take a request that was started to its answer, in this thread."""
    with passage.app.app_context():
        passage.wait_alone()
        done(passage)


def _plain(form: re.Pattern[str], environ: Environ, fast: FastDoor) -> Plain | None:
    """The request, if it asks for an address of this form, and is plain so far."""
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    found = form.fullmatch(path)
    if found is None or environ.get("SCRIPT_NAME"):
        return None
    authorization = environ.get("HTTP_AUTHORIZATION")
    bearer = None if authorization is None else _BEARER.fullmatch(authorization)
    if authorization is not None and bearer is None:
        return None
    body = b"" if method == "GET" else _body(environ) if fast.takes_body else _no_body(environ)
    if body is None:
        return None
    return Plain(
        method=method,
        path=path,
        query=environ.get("QUERY_STRING", ""),
        ids=() if TEXT in fast.path else tuple(map(uuid.UUID, found.groups())),
        texts=found.groups() if TEXT in fast.path else (),
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


def _refused(refusal: errors.Refusal) -> Answer:
    if pages.is_asked_for():
        return _answer_of(problems.refusal_response(refusal))
    return door.refused(refusal, g.context)


def _unforeseen(failure: Exception) -> Answer:
    return _answer_of(problems.unforeseen_response(failure))


def _answer_of(response: Response) -> Answer:
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
