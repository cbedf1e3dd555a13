"""One guarded HTTPS call: resolved once, connected to the very address that was looked at, never redirected.

All of it, the look-up of the name included, takes no longer than `total_ms`, however slowly the other side drips; of
the answer no more than `answer_bytes_max` are read and none is kept. No proxy is asked, whatever the environment says.
"""

import http.client
import io
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from flask import Flask, current_app

from marketplace.outbound import rules
from marketplace.outbound.rules import HTTPS_PORT, Address, Outcome, Target, UrlNotAllowed

TOTAL_MS: Final = 5_000
ANSWER_BYTES_MAX: Final = 64 * 1_024
ADDRESSES_TRIED_MAX: Final = 4
_CHUNK: Final = 8_192

Resolve = Callable[[str, int], Sequence[str]]
"""All addresses of a name, as text. Raises OSError."""
Dial = Callable[[str, int, int], socket.socket]
"""A connection to an address and port, within so many milliseconds. Raises OSError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a call; never what the other side said."""

    outcome: Outcome
    status: int | None = None
    duration_ms: int = 0


class _EndedError(Exception):
    """The call is over before it had a status."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(str(outcome))
        self.outcome = outcome


def resolve_by_system(host: str, port: int) -> Sequence[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def dial_directly(address: str, port: int, milliseconds: int) -> socket.socket:
    return socket.create_connection((address, port), timeout=milliseconds / 1_000)


@lru_cache(maxsize=1)
def strict_tls() -> ssl.SSLContext:
    """Certificates of the system's authorities, for that very name, TLS 1.2 or newer."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """Every part that touches the world is a parameter, for tests; settings reach `ports` alone."""

    ports: frozenset[int] = frozenset({HTTPS_PORT})
    resolve: Resolve = resolve_by_system
    permits: Callable[[Address], bool] = rules.is_allowed
    dial: Dial = dial_directly
    tls: Callable[[], ssl.SSLContext] = strict_tls
    total_ms: int = TOTAL_MS
    answer_bytes_max: int = ANSWER_BYTES_MAX

    def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        """POST the body; never raises for what the other side, its name or the network does."""
        began, status = time.monotonic_ns(), None
        try:
            status = self._status(url, headers, body, _Deadline(self.total_ms))
            outcome = _outcome_of(status)
        except _EndedError as end:
            outcome = end.outcome
        return Answer(outcome=outcome, status=status, duration_ms=(time.monotonic_ns() - began) // 1_000_000)

    def _status(self, url: str, headers: Mapping[str, str], body: bytes, deadline: "_Deadline") -> int:
        """What the other side answered with; raises _EndedError when it did not get that far."""
        with _ending_as(Outcome.URL_NOT_ALLOWED, UrlNotAllowed):
            target = rules.read_url(url, ports=self.ports)
        with _ending_as(Outcome.NAME_UNKNOWN, OSError, ValueError):
            addresses = rules.read_addresses(list(_resolved(self.resolve, target, deadline)))
        if not addresses:
            raise _EndedError(Outcome.NAME_UNKNOWN)
        if not all(self.permits(address) for address in addresses):
            raise _EndedError(Outcome.ADDRESS_NOT_ALLOWED)
        with _ending_as(Outcome.NOT_CONNECTED, OSError):
            plain = self._connected(addresses, target.port, deadline)
        with plain:
            with _ending_as(Outcome.TLS_FAILED, OSError, ValueError):
                plain.settimeout(deadline.left_ms() / 1_000)
                wire = self.tls().wrap_socket(plain, server_hostname=target.host)
            with wire, _ending_as(Outcome.ANSWER_BROKEN, http.client.HTTPException, OSError, ValueError):
                wire.settimeout(deadline.left_ms() / 1_000)
                wire.sendall(_request(target, headers, body))
                return _status(_Bounded(wire, deadline, self.answer_bytes_max), self.answer_bytes_max)

    def _connected(self, addresses: Sequence[Address], port: int, deadline: "_Deadline") -> socket.socket:
        """To one of the very addresses that were looked at: the name is not asked about again."""
        problem = OSError("no address")
        for address in addresses[:ADDRESSES_TRIED_MAX]:
            try:
                return self.dial(str(address), port, deadline.left_ms())
            except TimeoutError:
                raise
            except OSError as refused:
                problem = refused
        raise problem


def configure(app: Flask, client: Client | None = None) -> None:
    """Give the app another client; an app that never calls this has the guarded one of its settings."""
    app.extensions["outbound"] = client


def client() -> Client:
    """The app's client."""
    chosen: Client | None = current_app.extensions.get("outbound")
    return chosen or Client(ports=allowed_ports())


def allowed_ports() -> frozenset[int]:
    chosen: Client | None = current_app.extensions.get("outbound")
    if chosen is not None:
        return chosen.ports
    return frozenset(int(port) for port in current_app.config["SETTINGS"].webhook_ports.split(","))


@contextmanager
def _ending_as(outcome: Outcome, *problems: type[Exception]) -> Iterator[None]:
    """One of these problems ends the call with the outcome; being late ends it as too slow."""
    try:
        yield
    except TimeoutError as late:
        raise _EndedError(Outcome.TOO_SLOW) from late
    except problems as problem:
        raise _EndedError(outcome) from problem


def _outcome_of(status: int) -> Outcome:
    if 200 <= status < 300:
        return Outcome.ACCEPTED
    return Outcome.REDIRECTED if 300 <= status < 400 else Outcome.REFUSED


class _Deadline:
    """One end for all steps of a call."""

    def __init__(self, milliseconds: int) -> None:
        self._end_ns = time.monotonic_ns() + milliseconds * 1_000_000

    def left_ms(self) -> int:
        """At least 1; raises TimeoutError when nothing is left."""
        left = (self._end_ns - time.monotonic_ns()) // 1_000_000
        if left <= 0:
            raise TimeoutError
        return left


class _Bounded(io.RawIOBase):
    """What comes over the wire, up to the deadline and so many bytes."""

    def __init__(self, wire: ssl.SSLSocket, deadline: _Deadline, bytes_max: int) -> None:
        super().__init__()
        self._wire, self._deadline, self._left = wire, deadline, bytes_max

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._wire.settimeout(self._deadline.left_ms() / 1_000)
        count = self._wire.recv_into(memoryview(buffer)[: self._left + 1])
        self._left -= count
        if self._left < 0:
            raise _EndedError(Outcome.ANSWER_TOO_LONG)
        return count


class _Wire:
    """As much of a socket as http.client asks for."""

    def __init__(self, raw: _Bounded) -> None:
        self._raw = raw

    def makefile(self, *_args: Any, **_options: Any) -> io.BufferedReader:
        return io.BufferedReader(self._raw, _CHUNK)


def _status(raw: _Bounded, bytes_max: int) -> int:
    """The status of an answer that was read to its end, and thrown away."""
    answer = http.client.HTTPResponse(_Wire(raw), method="POST")  # type: ignore[arg-type]
    with answer:
        answer.begin()
        if answer.length is not None and answer.length > bytes_max:
            raise _EndedError(Outcome.ANSWER_TOO_LONG)
        while answer.read(_CHUNK):
            pass
        return answer.status


def _request(target: Target, headers: Mapping[str, str], body: bytes) -> bytes:
    fields = {
        "Host": target.authority,
        "User-Agent": "virtual-orchard-webhooks/1",
        "Accept": "*/*",
        "Content-Length": str(len(body)),
        "Connection": "close",
        **headers,
    }
    lines = [f"POST {target.path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a header field of more than one line")
    return "\r\n".join([*lines, "", ""]).encode("ascii") + body


def _resolved(resolve: Resolve, target: Target, deadline: _Deadline) -> Sequence[str]:
    """The look-up in a thread of its own, for it knows no deadline; left to its end when it is too slow."""
    answers: queue.SimpleQueue[Sequence[str] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(resolve(target.host, target.port))
        except Exception as problem:  # noqa: BLE001 (told to who waits)
            answers.put(problem)

    threading.Thread(target=ask, name="look-up", daemon=True).start()
    try:
        found = answers.get(timeout=deadline.left_ms() / 1_000)
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(found, Exception):
        raise found
    return found
