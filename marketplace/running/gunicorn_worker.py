"""gunicorn's threaded worker with five promises more: its own refusals are problem+json, a broken chunk is the
client's fault, nobody reads for ever, connections are shared out among the workers, and plain requests that come at
once are served in one thread.

The default worker answers in HTML, lets the app fail, gives a thread to a client that sends a byte and waits, takes
all the connections that it is quick enough to get, and hands every request from thread to thread.
"""

import contextlib
import json
import socket
import threading
import time
from http import HTTPStatus
from typing import Any, Final

from gunicorn import util
from gunicorn.http import errors as http_errors
from gunicorn.workers.gthread import ThreadWorker

from marketplace import leaving, problems
from marketplace.language import DEFAULT
from marketplace.running.balance import Share
from marketplace.running.parties import Parties
from marketplace.values import new_id

READ_SECONDS_MAX: Final = 10
"""From the first byte of a request to the last of its body; the answer may take longer."""
STEP_BACK_SECONDS: Final = 0.001
"""Longer than another worker, woken for the same connection, needs to take it."""

_STATUS: Final[tuple[tuple[type[Exception], int], ...]] = (
    (http_errors.InvalidResponseHeader, 500),
    (http_errors.InvalidResponseHeaderName, 500),
    (http_errors.ConfigurationProblem, 500),
    (http_errors.LimitRequestLine, 414),
    (http_errors.LimitRequestHeaders, 431),
    (http_errors.ForbiddenProxyRequest, 403),
    (http_errors.ParseException, 400),
)


class Worker(ThreadWorker):
    """See the module's docstring."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._since: dict[Any, float] = {}
        self._since_lock = threading.Lock()
        self._share = Share(self.age)

    def init_process(self) -> None:
        """What answers for minutes ends when this worker is told to."""
        leaving.watch(lambda: not self.alive)
        super().init_process()

    def accept(self, listener: Any) -> None:
        """Who is ahead steps back for a moment; nobody else took the connection by then: it is served here."""
        self._share.tell(self.nr_conns)
        if self._share.is_ahead():
            time.sleep(STEP_BACK_SECONDS)
        super().accept(listener)
        self._share.tell(self.nr_conns)

    def load_wsgi(self) -> None:
        super().load_wsgi()
        self._parties = Parties(self)

    def on_client_socket_readable(self, conn: Any, client: Any) -> None:
        """The next request of a kept connection: a plain one joins a party, any other gets a thread of its own."""
        if not self._parties.take(conn):
            super().on_client_socket_readable(conn, client)

    def wait_for_and_dispatch_events(self, *args: Any, **named: Any) -> None:
        self._share.tell(self.nr_conns)
        super().wait_for_and_dispatch_events(*args, **named)
        self._parties.send_off()

    def handle(self, conn: Any) -> Any:
        with self._since_lock:
            self._since[conn] = time.monotonic()
        try:
            return super().handle(conn)
        finally:
            with self._since_lock:
                del self._since[conn]

    def handle_request(self, req: Any, conn: Any) -> Any:
        if req.body is not None:
            req.body.reader = _Reader(req.body.reader)
        return super().handle_request(req, conn)

    def notify(self) -> None:
        """Called about once a second: what reads too long reads the end of its request now."""
        super().notify()
        before = time.monotonic() - READ_SECONDS_MAX
        with self._since_lock:
            for conn, since in self._since.items():
                if since < before:
                    with contextlib.suppress(OSError):
                        conn.sock.shutdown(socket.SHUT_RD)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        status = next((status for kind, status in _STATUS if isinstance(exc, kind)), 500)
        if status == HTTPStatus.INTERNAL_SERVER_ERROR:
            self.log.error("Error handling a request", exc_info=exc)
        else:
            self.log.warning("Refused a request: %s", type(exc).__name__)
        with contextlib.suppress(OSError):
            util.write_nonblock(client, answer(status))


class _Reader:
    """A body's reader whose broken chunks are what a broken connection is to the app: the client's fault, a 400."""

    def __init__(self, reader: Any) -> None:
        self._reader = reader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reader, name)

    def read(self, size: int) -> bytes:
        try:
            data: bytes = self._reader.read(size)
        except http_errors.ParseException as problem:
            raise OSError(f"the body cannot be read: {type(problem).__name__}") from problem
        return data


def answer(status: int) -> bytes:
    """A whole problem document on the wire, after which the connection is closed."""
    code, title = problems.PLAIN[status]
    request_id = str(new_id())
    text = title.pick(DEFAULT)
    document = {
        "type": "about:blank",
        "title": text,
        "status": status,
        "detail": text,
        "code": code,
        "instance": f"urn:request:{request_id}",
        "request_id": request_id,
    }
    body = json.dumps(document).encode()
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "Connection: close",
        f"Content-Type: {problems.MEDIA_TYPE}",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        f"X-Request-Id: {request_id}",
    )
    return "\r\n".join((*head, "", "")).encode() + body
