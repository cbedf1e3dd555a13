"""Nothing gets inside: the corpus against a canary on loopback; servers that are slow, endless or somebody else."""

import socket
import threading
import time
from itertools import chain

import pytest

from marketplace.outbound import client as outbound
from marketplace.outbound.client import Client
from marketplace.outbound.rules import Outcome
from tests.outbound.conftest import NAME, OK, dripping, pouring, saying
from tests.outbound.test_rules import CASES


class Canary:
    """Listens on every loopback address, IPv4 and IPv6, and counts who comes."""

    def __init__(self) -> None:
        self.connections = 0
        first = socket.create_server(("0.0.0.0", 0))
        self.port = first.getsockname()[1]
        self._listeners = [first]
        if socket.has_ipv6:
            self._listeners.append(socket.create_server(("::1", self.port), family=socket.AF_INET6))
        for each in self._listeners:
            threading.Thread(target=self._count, args=(each,), daemon=True).start()

    def _count(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            connection.close()

    def close(self) -> None:
        for each in self._listeners:
            each.shutdown(socket.SHUT_RDWR)
            each.close()


@pytest.fixture
def canary():
    listening = Canary()
    yield listening
    listening.close()


class Resolver:
    """Answers a case's addresses, others the second time; literals and their odd spellings as the system reads them."""

    def __init__(self, case):
        self.case, self.asked = case, 0

    def __call__(self, host, port):
        self.asked += 1
        if "addresses" not in self.case:
            return outbound.resolve_by_system(host, port)
        later = self.case.get("addresses_then", self.case["addresses"])
        return self.case["addresses"] if self.asked == 1 else later


def guarded_dial(address, port, milliseconds):
    """Loopback is really called, so that the canary would hear it; the world is not."""
    if address.startswith(("127.", "0.", "::ffff:")) or address in ("::1", "::"):
        return outbound.dial_directly(address, port, milliseconds)
    dialled.append(address)
    raise ConnectionRefusedError


dialled: list[str] = []


def test_no_url_of_the_corpus_reaches_the_canary(canary):
    wrong = []
    for case in CASES:
        dialled.clear()
        resolver = Resolver(case)
        client = Client(
            ports=frozenset({443, canary.port}), resolve=resolver, dial=guarded_dial, total_ms=1_000
        )
        answer = client.post(case["url"].replace("$PORT", str(canary.port)), headers={}, body=b"{}")
        if answer.outcome != case["outcome"] or answer.status is not None or resolver.asked > 1:
            wrong.append((case["name"], answer, resolver.asked))
        if case["outcome"] == "not_connected" and dialled != case["addresses"]:
            wrong.append((case["name"], dialled))
    time.sleep(0.2)
    assert not wrong
    assert canary.connections == 0


def test_the_canary_is_heard_when_it_is_allowed(canary):
    client = Client(
        ports=frozenset({canary.port}),
        resolve=lambda host, port: ["127.0.0.1"],
        permits=lambda address: True,
        total_ms=1_000,
    )
    assert client.post(f"https://{NAME}:{canary.port}/", headers={}, body=b"").outcome == Outcome.TLS_FAILED
    assert canary.connections == 1


def test_a_call_carries_what_it_should_and_its_answer_is_a_status(serve, client_of):
    server = serve(saying(OK))
    answer = client_of(server).post(
        f"https://{NAME}:{server.port}/a?b=c", headers={"webhook-id": "x"}, body=b'{"n":1}'
    )
    assert (answer.outcome, answer.status) == (Outcome.ACCEPTED, 204)
    [request] = server.requests
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /a?b=c HTTP/1.1"
    assert f"Host: {NAME}:{server.port}".encode() in lines
    assert b"webhook-id: x" in lines
    assert body == b'{"n":1}'


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(serve, client_of, canary, status):
    to = f"https://127.0.0.1:{canary.port}/"
    server = serve(saying(f"HTTP/1.1 {status} Go\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n"))
    answer = client_of(server).post(f"https://{NAME}:{server.port}/", headers={}, body=b"")
    assert (answer.outcome, answer.status) == (Outcome.REDIRECTED, status)
    assert (server.connections, canary.connections) == (1, 0)


@pytest.mark.parametrize(
    ("say", "outcome"),
    [
        (saying("HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno"), Outcome.REFUSED),
        (saying("HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"), Outcome.REFUSED),
        (saying("HTTP/1.1 200 OK\r\n\r\nuntil the end"), Outcome.ACCEPTED),
        (
            saying("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"),
            Outcome.ACCEPTED,
        ),
        (pouring("HTTP/1.1 200 OK\r\nContent-Length: 2147483648\r\n\r\n", 10**6), Outcome.ANSWER_TOO_LONG),
        (pouring("HTTP/1.1 200 OK\r\n\r\n", 2**31), Outcome.ANSWER_TOO_LONG),
        (
            pouring("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffff\r\n", 2**31),
            Outcome.ANSWER_TOO_LONG,
        ),
        (pouring("HTTP/1.1 200 OK\r\nX: ", 10**6), Outcome.ANSWER_TOO_LONG),
        (saying("SSH-2.0-something\r\n"), Outcome.ANSWER_BROKEN),
        (saying("HTTP/1.1 two hundred\r\n\r\n"), Outcome.ANSWER_BROKEN),
        (saying(""), Outcome.ANSWER_BROKEN),
    ],
    ids=[
        "500",
        "410",
        "to the end",
        "chunked",
        "says 2 GB",
        "2 GB",
        "2 GB in chunks",
        "endless head",
        "ssh",
        "words",
        "nothing",
    ],
)
def test_an_answer_is_read_to_its_end_or_its_limit(serve, client_of, say, outcome):
    server = serve(say)
    began = time.monotonic()
    answer = client_of(server).post(f"https://{NAME}:{server.port}/", headers={}, body=b"{}")
    assert answer.outcome == outcome
    assert time.monotonic() - began < 4


@pytest.mark.parametrize(
    "say",
    [
        dripping("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + "x" * 100),
        dripping("x" * 60, seconds=0.3),
        lambda wire: time.sleep(20),
    ],
    ids=["a byte a second", "no head", "silence"],
)
def test_a_slow_answer_ends_in_time(serve, client_of, say):
    server = serve(say)
    began = time.monotonic()
    answer = client_of(server, total_ms=1_500).post(f"https://{NAME}:{server.port}/", headers={}, body=b"{}")
    assert answer.outcome == Outcome.TOO_SLOW
    assert answer.status is None
    assert 1.4 < time.monotonic() - began < 2.5


def test_five_seconds_are_the_default_for_all_of_it():
    assert (Client().total_ms, Client().answer_bytes_max, Client().ports) == (5_000, 65_536, {443})


def test_a_slow_look_up_and_a_slow_handshake_end_in_time(serve, client_of):
    silent = serve(lambda wire: time.sleep(5), plain=True)
    url = f"https://{NAME}:{silent.port}/"
    began = time.monotonic()
    handshake = client_of(silent, total_ms=500).post(url, headers={}, body=b"")
    look_up = client_of(silent, total_ms=500, resolve=lambda host, port: time.sleep(3) or []).post(
        url, headers={}, body=b""
    )
    assert (handshake.outcome, look_up.outcome) == (Outcome.TOO_SLOW, Outcome.TOO_SLOW)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("bad", [{"name": "other.example.com"}, {"days": -1}, {"plain": True}], ids=str)
def test_no_tls_a_wrong_name_and_an_old_certificate_are_refused(serve, client_of, bad):
    server = serve(saying(OK), **bad)
    answer = client_of(server).post(f"https://{NAME}:{server.port}/", headers={}, body=b"secret")
    assert answer.outcome == Outcome.TLS_FAILED
    assert all(b"secret" not in request for request in server.requests)


def test_an_authority_of_nobody_is_refused(serve, client_of):
    server = serve(saying(OK))
    answer = client_of(server, tls=outbound.strict_tls).post(
        f"https://{NAME}:{server.port}/", headers={}, body=b""
    )
    assert answer.outcome == Outcome.TLS_FAILED


def test_proxies_of_the_environment_are_not_asked(serve, client_of, canary, monkeypatch):
    for name in chain.from_iterable(
        (each, each.upper()) for each in ("http_proxy", "https_proxy", "all_proxy")
    ):
        monkeypatch.setenv(name, f"http://127.0.0.1:{canary.port}")
    server = serve(saying(OK))
    answer = client_of(server).post(f"https://{NAME}:{server.port}/", headers={}, body=b"")
    assert answer.outcome == Outcome.ACCEPTED
    assert canary.connections == 0


def test_a_second_address_is_tried_when_the_first_is_closed(serve, client_of):
    server = serve(saying(OK))
    client = client_of(server, resolve=lambda host, port: ["127.0.0.2", "127.0.0.1"])
    assert client.post(f"https://{NAME}:{server.port}/", headers={}, body=b"").outcome == Outcome.ACCEPTED


def test_a_header_field_of_two_lines_is_never_sent(serve, client_of):
    server = serve(saying(OK))
    answer = client_of(server).post(f"https://{NAME}:{server.port}/", headers={"a": "b\r\nc: d"}, body=b"")
    assert answer.outcome == Outcome.ANSWER_BROKEN
    assert not server.requests or all(b"c: d" not in each for each in server.requests)


@pytest.mark.parametrize(
    "spelling",
    ["127.0.0.1", "127.1", "0177.0.0.1", "017700000001", "0x7f000001", "0x7f.1", "2130706433", "0", "0.0.0.0", "::1",
     "::", "::ffff:127.0.0.1", "0:0:0:0:0:ffff:7f00:1", "::127.0.0.1", "64:ff9b::127.0.0.1", "2002:7f00:1::",
     "2852039166", "169.254.43518", "fe80::1", "fd00::1", "10.1", "255.255.255.255"],
)  # fmt: skip
def test_the_second_gate_holds_alone_against_addresses_in_any_spelling(canary, spelling):
    """A public name, and a resolver that reads the spelling as the system does."""
    client = Client(
        ports=frozenset({canary.port}),
        resolve=lambda host, port: outbound.resolve_by_system(spelling, port),
        dial=guarded_dial,
    )
    answer = client.post(f"https://{NAME}:{canary.port}/", headers={}, body=b"")
    assert answer.outcome == Outcome.ADDRESS_NOT_ALLOWED
    assert canary.connections == 0
