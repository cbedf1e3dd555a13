"""Hostile bytes on the socket of the real web server: refused in our own form, never executed, and it goes on."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from marketplace.running.gunicorn_worker import READ_SECONDS_MAX
from tests import house, servers, web_server
from tests.web_server import WebServer

GOOD = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
HOST = b"Host: a\r\n"
JSON = b"Content-Type: application/json\r\n"
THREADS = 2


@dataclass(frozen=True)
class Server:
    web: WebServer
    owner_url: str

    @property
    def output(self) -> Path:
        return self.web.output

    def connect(self) -> socket.socket:
        return self.web.connect()

    def ask(self, data: bytes, *, end: bool = True) -> bytes:
        """Everything that is answered to these bytes; `end` says that nothing more is sent."""
        with self.connect() as wire:
            try:
                wire.sendall(data)
                if end:
                    wire.shutdown(socket.SHUT_WR)
                return read_all(wire)
            except OSError:  # cut off before everything was sent
                return b""

    def works(self) -> bool:
        return statuses(self.ask(GOOD)) == [200]


def read_all(wire: socket.socket) -> bytes:
    found = b""
    try:
        while data := wire.recv(65_536):
            found += data
    except ConnectionResetError:
        pass
    return found


def statuses(answers: bytes) -> list[int]:
    """The status of every answer in these bytes."""
    found = []
    while answers:
        head, _, rest = answers.partition(b"\r\n\r\n")
        assert head.startswith((b"HTTP/1.1 ", b"HTTP/1.0 ")), answers[:200]
        found.append(int(head.split(b" ")[1]))
        length = next(
            (
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length")
            ),
            0,
        )
        answers = rest[length:]
    return found


@pytest.fixture(scope="module")
def server(database_urls, tmp_path_factory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("web")
    try:
        with web_server.started(database_urls, folder, WEB_THREADS=str(THREADS)) as web:
            yield Server(web, servers.plain(database_urls.owner_url))
    finally:
        house.empty(database_urls)


def post(*lines: bytes, body: bytes = b"", target: bytes = b"/v1/sessions") -> bytes:
    return (
        b"POST "
        + target
        + b" HTTP/1.1\r\n"
        + HOST
        + JSON
        + b"".join(line + b"\r\n" for line in lines)
        + b"\r\n"
        + body
    )


def get(*lines: bytes, target: bytes = b"/healthz", version: bytes = b"HTTP/1.1") -> bytes:
    return (
        b"GET "
        + target
        + b" "
        + version
        + b"\r\n"
        + HOST
        + b"".join(line + b"\r\n" for line in lines)
        + b"\r\n"
    )


CHUNKED = b"Transfer-Encoding: chunked"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

REFUSED = {
    "length and chunked": post(b"Content-Length: 5", CHUNKED, body=b"0\r\n\r\n" + SMUGGLED),
    "chunked and length": post(CHUNKED, b"Content-Length: 5", body=b"0\r\n\r\n" + SMUGGLED),
    "two lengths": post(b"Content-Length: 0", b"Content-Length: 36", body=SMUGGLED),
    "two equal lengths": post(b"Content-Length: 2", b"Content-Length: 2", body=b"{}" + SMUGGLED),
    "list of lengths": post(b"Content-Length: 2, 2", body=b"{}" + SMUGGLED),
    "minus length": post(b"Content-Length: -1", body=SMUGGLED),
    "plus length": post(b"Content-Length: +2", body=b"{}" + SMUGGLED),
    "length in hexadecimal": post(b"Content-Length: 0x2", body=b"{}" + SMUGGLED),
    "length with underscore": post(b"Content-Length: 1_0", body=b"{}" + SMUGGLED),
    "length of 5000 digits": post(b"Content-Length: " + b"9" * 5_000, body=SMUGGLED),
    "length in Arabic": post("Content-Length: ٣".encode(), body=SMUGGLED),
    "empty length": post(b"Content-Length:", body=SMUGGLED),
    "blank in length": post(b"Content-Length: 1 2", body=SMUGGLED),
    "twice chunked": post(CHUNKED, CHUNKED, body=b"0\r\n\r\n" + SMUGGLED),
    "chunked, chunked": post(b"Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n" + SMUGGLED),
    "xchunked": post(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n" + SMUGGLED),
    "chunked, identity": post(b"Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n" + SMUGGLED),
    "quoted chunked": post(b'Transfer-Encoding: "chunked"', body=b"0\r\n\r\n" + SMUGGLED),
    "chunked after vertical tab": post(b"Transfer-Encoding: \x0bchunked", body=b"0\r\n\r\n" + SMUGGLED),
    "chunked with NUL": post(b"Transfer-Encoding: chunked\x00", body=b"0\r\n\r\n" + SMUGGLED),
    "chunked in HTTP/1.0": post(CHUNKED, body=b"0\r\n\r\n" + SMUGGLED).replace(b"HTTP/1.1", b"HTTP/1.0", 1),
    "folded header": get(b"X-A: b", b" c: d"),
    "folded by tab": get(b"X-A: b", b"\tc"),
    "folded chunked": post(b"Transfer-Encoding:", b" chunked", body=b"0\r\n\r\n" + SMUGGLED),
    "blank before colon": post(b"Content-Length : 2", body=b"{}" + SMUGGLED),
    "tab before colon": post(b"Transfer-Encoding\t: chunked", body=b"0\r\n\r\n" + SMUGGLED),
    "blank before name": get(b" X-A: b"),
    "no colon": get(b"X-A"),
    "no name": get(b": b"),
    "NUL in a value": get(b"X-A: b\x00c"),
    "NUL in a name": get(b"X-\x00A: b"),
    "CR in a value": get(b"X-A: b\rContent-Length: 5"),
    "underscore in a name": get(b"X_Forwarded_For: 1.2.3.4"),
    "underscore in length": post(b"Content_Length: 2", body=b"{}"),
    "bracket in a name": get(b"X[A]: b"),
    "not ASCII in a name": get("X-É: b".encode()),
    "two hosts": get(b"Host: b"),
    "lines end in LF": b"GET /healthz HTTP/1.1\nHost: a\n\n",
    "one line ends in LF": b"GET /healthz HTTP/1.1\r\nHost: a\nX-A: b\r\n\r\n",
    "HTTP/0.9": b"GET /healthz\r\n\r\n",
    "HTTP/0.9 by name": get(version=b"HTTP/0.9"),
    "HTTP/3.0": get(version=b"HTTP/3.0"),
    "HTTP/1.10": get(version=b"HTTP/1.10"),
    "HTTP/1,1": get(version=b"HTTP/1,1"),
    "http in small letters": get(version=b"http/1.1"),
    "ICY": get(version=b"ICY/1.1"),
    "no version": get(version=b"HTTP/"),
    "two blanks": b"GET  /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
    "blank in the target": b"GET /health z HTTP/1.1\r\nHost: a\r\n\r\n",
    "tab for a blank": b"GET\t/healthz\tHTTP/1.1\r\nHost: a\r\n\r\n",
    "NUL in the target": get(target=b"/health\x00z"),
    "method with a bracket": b"GE[T] /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
    "method in small letters": b"get /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
    "method of 1000 letters": b"G" * 1_000 + b" /healthz HTTP/1.1\r\nHost: a\r\n\r\n",
    "request line too long": get(target=b"/" + b"a" * 5_000),
    "request line without an end": b"GET /" + b"a" * 100_000,
    "a field too long": get(b"X-A: " + b"b" * 9_000),
    "a name too long": get(b"X" * 9_000 + b": b"),
    "too many fields": get(*[b"X-%d: b" % number for number in range(101)]),
    "fields without an end": get(*[b"X-%d: %s" % (number, b"b" * 8_000) for number in range(90)])[:-2] * 2,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 32 + b"\r\n\r\n",
    "SSH": b"SSH-2.0-OpenSSH_9.0\r\n\r\n",
    "a proxy's line": b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + GOOD,
    "random bytes": bytes(range(256)) * 4 + b"\r\n\r\n",
    "bad chunk size": post(CHUNKED, body=b"xyz\r\n{}\r\n0\r\n\r\n"),
    "chunk size with a prefix": post(CHUNKED, body=b"0x2\r\n{}\r\n0\r\n\r\n"),
    "chunk size minus": post(CHUNKED, body=b"-2\r\n{}\r\n0\r\n\r\n"),
    "chunk size with underscore": post(CHUNKED, body=b"1_0\r\n{}\r\n0\r\n\r\n"),
    "chunk longer than told": post(CHUNKED, body=b"2\r\n{}xx\r\n0\r\n\r\n"),
    "chunk size without an end": post(CHUNKED, body=b"1" * 100_000),
    "chunk without its end": post(CHUNKED, body=b"5\r\n{}"),
    "no last chunk": post(CHUNKED, body=b"2\r\n{}\r\n"),
    "body shorter than told": post(b"Content-Length: 100", body=b'{"login": "a"'),
    "body longer than allowed": post(b"Content-Length: 1000001", body=b" " * 1_000_001),
    "chunks longer than allowed": post(CHUNKED, body=b"F4241\r\n" + b" " * 1_000_001 + b"\r\n0\r\n\r\n"),
    "length beyond everything": post(b"Content-Length: 99999999999999999999", body=b"{}"),
}
"""Must be answered with 4xx, or by closing the connection."""

READ = {
    "absolute form": (get(target=b"http://a/healthz"), {200, 404, 400}),
    "absolute form of another host": (get(target=b"http://evil.example/healthz"), {200, 404, 400}),
    "fragment": (get(target=b"/healthz#x"), {200, 404, 400}),
    "asterisk": (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", {200, 400, 404}),
    "CONNECT": (b"CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", {400, 404, 405}),
    "no host": (b"GET /healthz HTTP/1.1\r\n\r\n", {200, 400}),
    "no host in HTTP/1.0": (b"GET /healthz HTTP/1.0\r\n\r\n", {200}),
    "a strange host": (b"GET /healthz HTTP/1.1\r\nHost: <script>%00\r\n\r\n", {200, 400}),
    "a host with a bad port": (
        b"GET /v1/counties?limit=1 HTTP/1.1\r\nHost: a:99999999999\r\n\r\n",
        {200, 400},
    ),
    "TRACE": (b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", {405}),
    "percent NUL": (get(target=b"/%00"), {404}),
    "raw bytes in the target": (get(target=b"/\xff\xfe"), {400, 404}),
    "dots": (get(target=b"/../../etc/passwd"), {404}),
    "4000 digits": (get(target=b"/v1/jobs/" + b"9" * 4_000), {401, 404}),
    "expect something else": (post(b"Expect: pears", b"Content-Length: 2", body=b"{}"), {400, 417, 422}),
    "upgrade": (
        get(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk"),
        {200},
    ),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400}),
    "forwarded": (
        get(b"X-Forwarded-For: 1.2.3.4", b"X-Forwarded-Proto: https", b"Forwarded: for=1.2.3.4"),
        {200},
    ),
    "empty lines before": (b"\r\n\r\n" + GOOD, {200, 400}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_broken_requests_are_refused_and_what_follows_is_not_executed(server, name):
    answer = server.ask(REFUSED[name])
    found = statuses(answer)
    assert len(found) <= 1, answer
    assert all(400 <= status < 500 for status in found), answer
    assert b"Traceback" not in answer
    assert not answer or b"application/problem+json" in answer
    assert server.works()


@pytest.mark.parametrize("name", READ)
def test_strange_requests_get_a_sound_answer(server, name):
    data, allowed = READ[name]
    answer = server.ask(data)
    assert {*statuses(answer)} <= allowed, answer
    if statuses(answer) != [200]:
        assert b"application/problem+json" in answer or not answer
    assert server.works()


def test_what_the_server_itself_refuses_is_a_whole_problem_document(server):
    head, _, body = server.ask(get(b"X-A: b\x00")).partition(b"\r\n\r\n")
    document = json.loads(body)
    assert (document["status"], document["code"]) == (400, "malformed")
    assert f"X-Request-Id: {document['request_id']}".encode() in head
    for line in (b"Connection: close", b"Cache-Control: no-store", b"X-Content-Type-Options: nosniff"):
        assert line in head


def test_requests_in_a_row_are_answered_in_a_row(server):
    last = b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    assert statuses(server.ask(GOOD + b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n" + last, end=False)) == [
        200,
        404,
        200,
    ]


def test_a_body_nobody_reads_is_not_the_next_request(server):
    last = b"GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    data = post(b"Content-Length: %d" % len(SMUGGLED), body=SMUGGLED, target=b"/nothing") + last
    assert statuses(server.ask(data, end=False)) in ([404, 200], [404])


def test_good_chunks_are_read(server):
    body = b'{"login": "somebody", "password": "a-password-of-nobody"}'
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:10], body[10:]))
    answer = server.ask(post(CHUNKED, body=chunks + b"0\r\n\r\n"))
    assert statuses(answer) == [401], answer


def test_slow_clients_keep_nobody_out_for_long(server):
    """More of them than there are threads drip their heads and bodies, byte by byte."""
    is_over = threading.Event()

    def drip(beginning):
        with server.connect() as wire:
            try:
                wire.sendall(beginning)
                while not is_over.wait(0.5):
                    wire.sendall(b"a")
            except OSError:
                return "cut"
        return "still there"

    beginnings = [b"GET /healthz HTTP/1.1\r\nX-A: ", post(b"Content-Length: 1000", body=b'{"a')] * THREADS
    with ThreadPoolExecutor(len(beginnings)) as pool:
        slow = [pool.submit(drip, beginning) for beginning in beginnings]
        started = time.monotonic()
        while (
            sum(each.done() for each in slow) < THREADS and time.monotonic() - started < 3 * READ_SECONDS_MAX
        ):
            time.sleep(0.2)
        is_over.set()
        assert [each.result() for each in slow].count("cut") >= THREADS
    assert server.works()


def test_nothing_was_executed_and_nothing_unforeseen_was_logged(server):
    assert server.works()
    with psycopg.connect(server.owner_url) as connection:
        rows = connection.execute("SELECT count(*) FROM account").fetchone()
    assert rows == (0,)
    said = server.output.read_text()
    assert "unforeseen" not in said, said[-3_000:]
    assert "Traceback" not in said, said[-3_000:]
