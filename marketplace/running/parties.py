"""Plain requests that are readable in the same moment are served together: those of one door are a party.

A server that gives each request a thread hands it over twice, from the loop to the thread and back, and in a rush the
threads wait for each other's turn. Here the loop reads and starts plain requests itself (they are there as a whole, so
it waits for nobody). Whose answer is at hand gets it from the loop at once; the others of a door go to one thread
together, where all that they have to wait for is asked for at once.
"""

import threading
from functools import partial
from typing import Any

from gunicorn.http import wsgi

from marketplace import fast_path
from marketplace.fast_path import FastPath, Passage
from marketplace.running import plain_requests


class Guest:
    """A connection with the plain request that it sent: `conn` and `response` are gunicorn's."""

    __slots__ = ("conn", "is_kept", "passage", "response")

    def __init__(self, conn: Any, response: Any, passage: Passage) -> None:
        self.conn = conn
        self.response = response
        self.passage = passage
        self.is_kept = False

    def send(self) -> bytes:
        """Tell the answer, head and body in one; what the connection does not take at once is left."""
        status, headers, body = self.passage.finish()
        response = self.response
        response.start_response(status, headers)
        fields = [f"{name}: {value}\r\n" for name, value in response.headers]
        data = "".join([*response.default_headers(), *fields, "\r\n"]).encode("latin-1") + body
        self.is_kept = not response.should_close()
        try:
            return data[self.conn.sock.send(data) :]
        except BlockingIOError:
            return data
        except OSError:
            self.is_kept = False
            return b""


class Parties:
    """The parties of one worker. What is called `_in_thread` runs in one of its threads, all else in its loop."""

    def __init__(self, worker: Any) -> None:
        self._worker = worker
        path: FastPath | None = getattr(worker.wsgi, "extensions", {}).get("fast_path")
        self._knows = path.knows if path is not None and not worker.cfg.is_ssl else None
        self._waiting: dict[str, list[Guest]] = {}
        """By door, until a thread takes all who came."""
        self._without_thread: set[str] = set()
        self._lock = threading.Lock()

    def take(self, conn: Any) -> bool:
        """Read a connection's next request and serve it if it is plain; False when it was at most read ahead."""
        if self._knows is None or conn.is_http2:
            return False
        try:
            data = conn.sock.recv(plain_requests.BYTES_MAX)
        except BlockingIOError:
            return True
        except OSError:
            return False
        conn.parser.unreader.unread(data)
        if not plain_requests.is_whole(data, self._knows):
            return False
        self._enter(conn)
        return True

    def send_off(self) -> None:
        """Call a thread for each door at which people wait; whoever comes before it begins is served with them."""
        for door in self._without_thread:
            self._worker.tpool.submit(self._in_thread, door)
        self._without_thread.clear()

    def _enter(self, conn: Any) -> None:
        worker = self._worker
        try:
            request = next(conn.parser)
            response, environ = wsgi.create(request, conn.sock, conn.client, conn.server, worker.cfg)
        except Exception as problem:  # noqa: BLE001 (what the worker's threads do)
            self._leave_loop(conn)
            worker.handle_error(None, conn.sock, conn.client, problem)
            self._end_one(conn, is_kept=False)
            return
        self._count(response)
        passages: list[Passage] = []
        environ |= {"wsgi.multithread": True, fast_path.PASSAGES: passages}
        worker.wsgi(environ, response.start_response)
        if not passages:
            self._leave_loop(conn)
            worker.tpool.submit(self._usually_in_thread, conn, response, environ)
            return
        guest = Guest(conn, response, passages[0])
        if not self._is_answered_here(guest):
            self._leave_loop(conn)
            self._wait(guest)

    def _wait(self, guest: Guest) -> None:
        door = guest.passage.fast.endpoint
        with self._lock:
            if door not in self._waiting:
                self._waiting[door] = []
                self._without_thread.add(door)
            self._waiting[door].append(guest)

    def _count(self, response: Any) -> None:
        """What gunicorn does before each request: who has served enough, or is to end, closes its connections."""
        worker = self._worker
        worker.nr += 1
        if worker.nr >= worker.max_requests:
            worker.alive = False
        is_full = len(worker.keepalived_conns) >= worker.max_keepalived
        if not worker.alive or not worker.cfg.keepalive or is_full:
            response.force_close()

    def _is_answered_here(self, guest: Guest) -> bool:
        """Whether its answer was at hand. A connection that takes it and is kept need not leave the loop."""
        passage, worker, conn = guest.passage, self._worker, guest.conn
        if not passage.asks_nobody_first:
            return False
        with passage.app.app_context():
            passage.start()
            if passage.waits_for is not None:
                return False
            is_sent = self._is_sent(guest)
        if is_sent and guest.is_kept:
            worker.keepalived_conns.remove(conn)
            conn.set_timeout()
            worker.keepalived_conns.append(conn)
            return True
        self._leave_loop(conn)
        if is_sent:
            self._end([guest])
        return True

    def _is_sent(self, guest: Guest) -> bool:
        """Tells the answer. What its connection does not take at once is a thread's, which brings the guest back."""
        rest = guest.send()
        if rest:
            self._worker.tpool.submit(self._rest_in_thread, guest, rest)
        return not rest

    def _leave_loop(self, conn: Any) -> None:
        self._worker.poller.unregister(conn.sock)
        self._worker.keepalived_conns.remove(conn)

    def _end(self, guests: list[Guest]) -> None:
        for guest in guests:
            self._end_one(guest.conn, is_kept=guest.is_kept)

    def _end_one(self, conn: Any, *, is_kept: bool) -> None:
        """The connection comes back to the loop, or is closed."""
        self._worker.finish_request(conn, _Ended(is_kept=is_kept))

    def _in_thread(self, door: str) -> None:
        """All who wait at a door to their answers; those who have it go back to the loop together."""
        with self._lock:
            party = self._waiting.pop(door)
        guests = {guest.passage: guest for guest in party}
        ended: list[Guest] = []

        def done(passage: Passage) -> None:
            if self._is_sent(guests[passage]):
                ended.append(guests[passage])
            del guests[passage]

        def alone(passage: Passage) -> None:
            self._worker.tpool.submit(self._alone_in_thread, guests.pop(passage))

        try:
            fast_path.pass_all([guest.passage for guest in party], done=done, alone=alone)
        except Exception:
            self._worker.log.exception("Error handling requests")
            for guest in guests.values():
                guest.is_kept = False
                ended.append(guest)
        self._worker.method_queue.defer(self._end, ended)

    def _alone_in_thread(self, guest: Guest) -> None:
        """The rest of a request that needs long."""
        is_ended = True

        def done(_: Passage) -> None:
            nonlocal is_ended
            is_ended = self._is_sent(guest)

        try:
            fast_path.pass_alone(guest.passage, done)
        except Exception:
            self._worker.log.exception("Error handling a request")
            guest.is_kept = False
        if is_ended:
            self._worker.method_queue.defer(self._end, [guest])

    def _rest_in_thread(self, guest: Guest, rest: bytes) -> None:
        """A client that reads slowly keeps a thread, as with every server of threads, and not the others waiting."""
        sock = guest.conn.sock
        try:
            sock.setblocking(True)
            sock.sendall(rest)
        except OSError:
            guest.is_kept = False
        self._worker.method_queue.defer(self._end, [guest])

    def _usually_in_thread(self, conn: Any, response: Any, environ: dict[str, Any]) -> None:
        """What turned out not to be plain, by the way of all other requests."""
        is_kept = False
        try:
            conn.sock.setblocking(True)
            parts = self._worker.wsgi(environ, response.start_response)
            try:
                for part in parts:
                    response.write(part)
                response.close()
            finally:
                if hasattr(parts, "close"):
                    parts.close()
            is_kept = not response.should_close()
        except OSError:
            self._worker.log.debug("The client went away")
        except Exception:
            self._worker.log.exception("Error handling a request")
        self._worker.method_queue.defer(partial(self._end_one, conn, is_kept=is_kept))


class _Ended:
    """What gunicorn asks of a future: whether the connection is kept."""

    def __init__(self, *, is_kept: bool) -> None:
        self._is_kept = is_kept

    def cancelled(self) -> bool:
        return False

    def result(self) -> bool:
        return self._is_kept
